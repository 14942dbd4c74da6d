#include "virtio/virtio.h"

#include <sched.h>
#include <unistd.h>

#include "echo_fixture.h"
#include "host/iothread.h"
#include "host/now.h"

#define ALL_STEPS (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK)
#define RINGS	  (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED | \
		   VIRTIO_F_IN_ORDER | VIRTIO_F_NOTIFICATION_DATA | VIRTIO_F_RING_RESET)

static void set_status(struct echo_fixture *t, unsigned status)
{
	common_write(&t->f, COMMON_STATUS, status);
}

static void accept_features(struct echo_fixture *t, uint64_t features)
{
	common_write(&t->f, COMMON_DRIVER_FEATURE_SELECT, 0);
	common_write(&t->f, COMMON_DRIVER_FEATURE, (uint32_t)features);
	common_write(&t->f, COMMON_DRIVER_FEATURE_SELECT, 1);
	common_write(&t->f, COMMON_DRIVER_FEATURE, features >> 32);
}

/* ---- status ---------------------------------------------------------------------------- */

static void a_new_device_has_status_0(void **state)
{
	struct echo_fixture *t = *state;

	assert_int_equal(status_read(&t->f), 0);
}

static void steps_come_one_after_the_other(void **state)
{
	struct echo_fixture *t = *state;

	set_status(t, VIRTIO_DRIVER);
	assert_int_equal(status_read(&t->f), 0);
	set_status(t, VIRTIO_ACKNOWLEDGE);
	assert_int_equal(status_read(&t->f), VIRTIO_ACKNOWLEDGE);
	accept_features(t, VIRTIO_F_VERSION_1);
	set_status(t, VIRTIO_ACKNOWLEDGE | VIRTIO_FEATURES_OK);
	assert_int_equal(status_read(&t->f), VIRTIO_ACKNOWLEDGE);
	set_status(t, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	set_status(t, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK);
	assert_int_equal(status_read(&t->f), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	assert_int_equal(t->e.driver_oks, 0);
	set_status(t, ALL_STEPS & ~VIRTIO_DRIVER_OK);
	set_status(t, VIRTIO_DRIVER_OK); /* without those that were there */
	assert_int_equal(t->e.driver_oks, 0);
	set_status(t, ALL_STEPS);
	assert_int_equal(status_read(&t->f), ALL_STEPS);
	assert_int_equal(t->e.driver_oks, 1);
}

static void steps_are_taken_back_by_a_reset_only(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_start(&t->f, 0);
	set_status(t, VIRTIO_ACKNOWLEDGE);
	assert_int_equal(status_read(&t->f), ALL_STEPS);
	set_status(t, ALL_STEPS | 0x30); /* what is no bit is none */
	assert_int_equal(status_read(&t->f), ALL_STEPS);
	set_status(t, ALL_STEPS | VIRTIO_FAILED);
	assert_int_equal(status_read(&t->f), ALL_STEPS | VIRTIO_FAILED);
	assert_true(virtio_fixture_reset(&t->f));
}

/* ---- features ---------------------------------------------------------------------------- */

static void every_ring_feature_is_offered_with_the_devices_own(void **state)
{
	struct echo_fixture *t = *state;

	assert_true(features_offered(&t->f) == (RINGS | VIRTIO_F_VERSION_1 | FAKE_ECHO_F_LOUD));
	common_write(&t->f, COMMON_DEVICE_FEATURE_SELECT, 2);
	assert_int_equal(common_read(&t->f, COMMON_DEVICE_FEATURE), 0);
	common_write(&t->f, COMMON_DEVICE_FEATURE_SELECT, UINT32_MAX);
	assert_int_equal(common_read(&t->f, COMMON_DEVICE_FEATURE), 0);
}

static void a_driver_without_version_1_is_refused(void **state)
{
	struct echo_fixture *t = *state;

	set_status(t, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	accept_features(t, VIRTIO_F_EVENT_IDX);
	set_status(t, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	assert_int_equal(status_read(&t->f), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	/* It may try again. */
	assert_true(virtio_fixture_negotiate(&t->f, 0));
}

static void features_that_were_not_offered_are_refused(void **state)
{
	struct echo_fixture *t = *state;

	assert_false(virtio_fixture_negotiate(&t->f, 1));
	assert_false(virtio_fixture_negotiate(&t->f, UINT64_C(1) << 63));
	assert_true(virtio_fixture_negotiate(&t->f, RINGS | FAKE_ECHO_F_LOUD));
}

static void features_beyond_64_are_refused(void **state)
{
	struct echo_fixture *t = *state;

	common_write(&t->f, COMMON_DRIVER_FEATURE_SELECT, 2);
	common_write(&t->f, COMMON_DRIVER_FEATURE, 0);
	assert_true(virtio_fixture_negotiate(&t->f, 0));
	assert_true(virtio_fixture_reset(&t->f));
	common_write(&t->f, COMMON_DRIVER_FEATURE_SELECT, 2);
	common_write(&t->f, COMMON_DRIVER_FEATURE, 1);
	assert_int_equal(common_read(&t->f, COMMON_DRIVER_FEATURE), 0);
	assert_false(virtio_fixture_negotiate(&t->f, 0));
}

static void the_device_itself_may_refuse(void **state)
{
	struct echo_fixture *t = *state;

	t->e.refuse_features = true;
	assert_false(virtio_fixture_negotiate(&t->f, 0));
	assert_true(t->e.vp.v.features == 0);
}

static void features_are_frozen_after_features_ok(void **state)
{
	struct echo_fixture *t = *state;

	assert_true(virtio_fixture_negotiate(&t->f, VIRTIO_F_EVENT_IDX));
	accept_features(t, VIRTIO_F_VERSION_1 | VIRTIO_F_RING_PACKED);
	assert_true(t->e.vp.v.features == (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX));
	common_write(&t->f, COMMON_DRIVER_FEATURE_SELECT, 1);
	assert_int_equal(common_read(&t->f, COMMON_DRIVER_FEATURE), VIRTIO_F_VERSION_1 >> 32);
}

/* ---- queues -------------------------------------------------------------------------------- */

static void a_queue_that_is_enabled_is_frozen(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_negotiate(&t->f, 0);
	virtio_fixture_queue(&t->f, 0, 8);
	const uint64_t desc = queue_read(&t->f, 0, COMMON_QUEUE_DESC);

	queue_write(&t->f, 0, COMMON_QUEUE_SIZE, 16);
	queue_write(&t->f, 0, COMMON_QUEUE_DESC, 0x4000);
	queue_write(&t->f, 0, COMMON_QUEUE_DRIVER, 0x4000);
	queue_write(&t->f, 0, COMMON_QUEUE_DEVICE, 0x4000);
	queue_write(&t->f, 0, COMMON_QUEUE_ENABLE, 0);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_SIZE), 8);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_DESC), desc);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_DRIVER), t->f.queues[0].setup.driver);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_DEVICE), t->f.queues[0].setup.device);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_ENABLE), 1);
	set_status(t, ALL_STEPS);
	virtio_fixture_run(&t->f);
	queue_write(&t->f, 0, COMMON_QUEUE_SIZE, 16); /* CVE-2026-5747 */
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_SIZE), 8);
	assert_echo(t, 0);
}

static void a_queue_is_not_enabled_before_features_ok(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_queue(&t->f, 0, 8);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_ENABLE), 0);
}

static void a_queue_that_breaks_a_rule_is_not_enabled_and_the_device_needs_reset(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_negotiate(&t->f, 0);
	queue_write(&t->f, 1, COMMON_QUEUE_DESC, FAKE_RAM_BYTES);
	queue_write(&t->f, 1, COMMON_QUEUE_ENABLE, 1);
	assert_int_equal(queue_read(&t->f, 1, COMMON_QUEUE_ENABLE), 0);
	assert_true(status_read(&t->f) & VIRTIO_NEEDS_RESET);
	assert_true(virtio_fixture_reset(&t->f));
}

static void a_queue_out_of_range_is_none(void **state)
{
	struct echo_fixture *t = *state;

	for (unsigned i = FAKE_ECHO_QUEUES; i < 0x10000; i = i * 3 + 1) {
		assert_int_equal(queue_read(&t->f, i, COMMON_QUEUE_SIZE), 0);
		queue_write(&t->f, i, COMMON_QUEUE_ENABLE, 1);
		queue_write(&t->f, i, COMMON_QUEUE_RESET, 1);
		assert_int_equal(queue_read(&t->f, i, COMMON_QUEUE_ENABLE), 0);
		assert_int_equal(queue_read(&t->f, i, COMMON_QUEUE_SELECT), i);
	}
}

static void a_queue_enabled_after_driver_ok_starts_at_once(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_negotiate(&t->f, 0);
	set_status(t, ALL_STEPS);
	virtio_fixture_run(&t->f);
	assert_int_equal(t->e.queues[0].starts, 0);
	virtio_fixture_queue(&t->f, 0, 0);
	virtio_fixture_run(&t->f);
	assert_int_equal(t->e.queues[0].starts, 1);
	assert_int_equal(t->e.queues[1].starts, 0);
	assert_echo(t, 0);
}

static void nothing_is_taken_before_driver_ok(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_negotiate(&t->f, 0);
	virtio_fixture_queue(&t->f, 0, 0);
	const uint16_t id = say(t, 0, "early");

	fake_mmio_write(&t->f.fb, t->f.bar + VIRTIO_PCI_NOTIFY, 2, 0);
	virtio_fixture_run(&t->f);
	assert_true(nothing_heard(t, 0));
	assert_int_equal(t->f.fb.doorbell_count, 0);
	set_status(t, ALL_STEPS);
	virtio_fixture_run(&t->f);
	assert_heard(t, 0, id, "early");
}

/* ---- serving ------------------------------------------------------------------------------- */

static void chains_are_answered_on_both_kinds_of_ring(void **state)
{
	struct echo_fixture *t = *state;
	static const uint64_t rings[] = { 0, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED,
					  VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX, RINGS };

	for (unsigned i = 0; i < ARRAY_LEN(rings); i++) {
		virtio_fixture_start(&t->f, rings[i]);
		for (unsigned n = 0; n < 100; n++)
			assert_echo(t, n & 1);
		assert_true(virtio_fixture_reset(&t->f));
	}
}

static void a_round_of_chains_makes_one_interrupt(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_start(&t->f, VIRTIO_F_EVENT_IDX);
	fake_driver_listen(&t->f.queues[0], 1);
	for (unsigned i = 0; i < 5; i++)
		say(t, 0, "x");
	virtio_fixture_kick(&t->f, 0);
	virtio_fixture_run(&t->f);
	assert_int_equal(virtio_fixture_interrupts(&t->f, 1), 1);
	assert_int_equal(virtio_fixture_interrupts(&t->f, 2), 0);
	assert_int_equal(t->e.vp.v.queues[0].interrupts, 1);
	assert_int_equal(t->e.vp.v.queues[0].chains, 5);
}

static void held_chains_are_answered_later_and_out_of_order(void **state)
{
	struct echo_fixture *t = *state;

	t->e.mode = ECHO_HOLD;
	virtio_fixture_start(&t->f, 0);
	const uint16_t a = say(t, 0, "a");

	virtio_fixture_kick(&t->f, 0);
	virtio_fixture_run(&t->f);
	const uint16_t b = say(t, 0, "b");

	virtio_fixture_kick(&t->f, 0);
	virtio_fixture_run(&t->f);
	assert_int_equal(t->e.queues[0].held_count, 2);
	assert_true(nothing_heard(t, 0));
	fake_echo_answer(&t->e, 0, 1);
	virtio_fixture_run(&t->f);
	assert_heard(t, 0, b, "b");
	fake_echo_answer(&t->e, 0, 0);
	virtio_fixture_run(&t->f);
	assert_int_equal(t->e.queues[0].held_count, 0);
	uint16_t id;
	uint32_t len;

	assert_true(fake_driver_used(&t->f.queues[0], &id, &len));
	assert_int_equal(id, a);
	assert_int_equal(virtio_fixture_interrupts(&t->f, 1), 2);
}

static void a_device_that_takes_none_lets_its_loop_sleep_until_it_asks(void **state)
{
	struct echo_fixture *t = *state;

	t->e.mode = ECHO_TAKE_NONE;
	virtio_fixture_start(&t->f, 0);
	const uint16_t id = say(t, 0, "wait");

	virtio_fixture_kick(&t->f, 0);
	virtio_fixture_run(&t->f);
	const unsigned kicks = t->e.queues[0].kicks;

	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(ioloop_round(t->f.loop, 1), 0); /* it slept */
	assert_int_equal(t->e.queues[0].kicks, kicks);
	t->e.mode = ECHO_AT_ONCE;
	virtio_again(&t->e.vp.v, 0);
	virtio_fixture_run(&t->f);
	assert_heard(t, 0, id, "wait");
}

static void a_device_that_empties_the_ring_of_its_own_accord_is_asked_again(void **state)
{
	struct echo_fixture *t = *state;
	struct iovec iov[FAKE_ECHO_SIZE];
	struct chain c = { .iov = iov, .iov_max = FAKE_ECHO_SIZE };

	t->e.mode = ECHO_TAKE_NONE;
	virtio_fixture_start(&t->f, 0);
	say(t, 0, "first");
	virtio_fixture_kick(&t->f, 0);
	virtio_fixture_run(&t->f);
	/* As a NIC does when a frame comes. */
	assert_int_equal(vq_pop(virtio_vq(&t->e.vp.v, 0), &c), 1);
	virtio_push(&t->e.vp.v, 0, &c, 0);
	assert_int_equal(vq_pop(virtio_vq(&t->e.vp.v, 0), &c), 0);
	t->e.mode = ECHO_AT_ONCE;
	const uint16_t id = say(t, 0, "second");

	ioloop_set_poll_ns(t->f.loop, 0);
	assert_true(ioloop_round(t->f.loop, 1000) > 0);
	virtio_fixture_run(&t->f);
	assert_true(fake_driver_used(&t->f.queues[0], &(uint16_t){ 0 }, &(uint32_t){ 0 }));
	assert_heard(t, 0, id, "second");
}

static void a_device_that_takes_some_is_asked_for_more(void **state)
{
	struct echo_fixture *t = *state;
	uint16_t ids[5];

	t->e.mode = ECHO_ONE_A_KICK;
	virtio_fixture_start(&t->f, 0);
	for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
		ids[i] = say(t, 0, "x");
	virtio_fixture_kick(&t->f, 0);
	virtio_fixture_run(&t->f);
	for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
		assert_heard(t, 0, ids[i], "x");
}

static void a_chain_that_comes_before_kicks_are_on_keeps_the_loop_awake(void **state)
{
	struct echo_fixture *t = *state;

	ioloop_set_poll_ns(t->f.loop, 0);
	virtio_fixture_start(&t->f, 0);
	assert_echo(t, 0);
	for (unsigned i = 0; i < 10; i++) {
		const uint16_t id = say(t, 0, "quick");

		assert_false(virtio_fixture_kick(&t->f, 0)); /* it is still being served */
		assert_true(ioloop_round(t->f.loop, 1000) > 0);
		assert_heard(t, 0, id, "quick");
	}
}

static void kicks_are_asked_for_when_the_loop_sleeps(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_start(&t->f, 0);
	for (unsigned i = 0; i < 20; i++) {
		ioloop_round(t->f.loop, 1);
		const uint16_t id = say(t, 0, "again");

		assert_true(virtio_fixture_kick(&t->f, 0));
		ioloop_round(t->f.loop, 1000);
		virtio_fixture_run(&t->f);
		assert_heard(t, 0, id, "again");
	}
}

/* ---- faults ----------------------------------------------------------------------------------- */

/* Offer queue i a head that does not exist. */
static void break_rule(struct echo_fixture *t, unsigned i)
{
	fake_driver_offer(&t->f.queues[i], 0x7fff);
	virtio_fixture_kick(&t->f, i);
	virtio_fixture_run(&t->f);
}

static void a_broken_rule_needs_a_reset_and_says_so_once(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_start(&t->f, 0);
	break_rule(t, 0);
	assert_int_equal(status_read(&t->f), ALL_STEPS | VIRTIO_NEEDS_RESET);
	assert_int_equal(virtio_fixture_interrupts(&t->f, 0), 1);
	break_rule(t, 1);
	virtio_fault(&t->e.vp.v, 1, "another rule"); /* by a thread that did not know */
	assert_int_equal(virtio_fixture_interrupts(&t->f, 0), 1);
	assert_int_equal(t->e.vp.v.queues[0].vq.fault, VQ_HEAD_OUT_OF_RANGE);
}

static void a_broken_device_hears_no_kicks_until_it_is_reset(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_start(&t->f, 0);
	break_rule(t, 0);
	const unsigned kicks = t->e.queues[1].kicks;

	say(t, 1, "anybody?");
	virtio_fixture_kick(&t->f, 1);
	virtio_fixture_run(&t->f);
	assert_int_equal(ioloop_round(t->f.loop, 1), 0); /* and its loop sleeps */
	assert_int_equal(t->e.queues[1].kicks, kicks);
	assert_true(nothing_heard(t, 1));
	assert_true(virtio_fixture_reset(&t->f));
	virtio_fixture_start(&t->f, 0);
	assert_echo(t, 1);
}

static void answer_queue_0(void *arg)
{
	fake_echo_answer_all(arg, 0);
}

static void what_a_broken_device_has_in_flight_comes_back(void **state)
{
	struct echo_fixture *t = *state;
	struct io_task answer = { .run = answer_queue_0, .arg = &t->e };

	t->e.mode = ECHO_HOLD;
	virtio_fixture_start(&t->f, 0);
	const uint16_t id = say(t, 0, "mine");

	virtio_fixture_kick(&t->f, 0);
	virtio_fixture_run(&t->f);
	break_rule(t, 0);
	ioloop_post(t->f.loop, &answer);
	virtio_fixture_run(&t->f);
	assert_heard(t, 0, id, "mine");
}

/* ---- reset ------------------------------------------------------------------------------------- */

static void a_reset_clears_what_the_driver_wrote(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_start(&t->f, VIRTIO_F_EVENT_IDX);
	assert_true(virtio_fixture_reset(&t->f));
	for (unsigned i = 0; i < FAKE_ECHO_QUEUES; i++) {
		assert_int_equal(queue_read(&t->f, i, COMMON_QUEUE_SIZE), FAKE_ECHO_SIZE);
		assert_int_equal(queue_read(&t->f, i, COMMON_QUEUE_ENABLE), 0);
		assert_int_equal(queue_read(&t->f, i, COMMON_QUEUE_DESC), 0);
		assert_int_equal(queue_read(&t->f, i, COMMON_QUEUE_VECTOR), MSIX_NO_VECTOR);
	}
	assert_int_equal(common_read(&t->f, COMMON_CONFIG_VECTOR), MSIX_NO_VECTOR);
	common_write(&t->f, COMMON_DRIVER_FEATURE_SELECT, 0);
	assert_int_equal(common_read(&t->f, COMMON_DRIVER_FEATURE), 0);
	assert_int_equal(t->e.resets, 1);
	assert_int_equal(t->f.fb.doorbell_count, 0);
	virtio_fixture_start(&t->f, VIRTIO_F_RING_PACKED);
	assert_echo(t, 0);
}

static void a_reset_with_chains_in_flight_is_over_when_they_are(void **state)
{
	struct echo_fixture *t = *state;

	t->e.mode = ECHO_HOLD;
	virtio_fixture_start(&t->f, 0);
	say(t, 0, "slow");
	virtio_fixture_kick(&t->f, 0);
	virtio_fixture_run(&t->f);
	assert_int_equal(t->e.queues[0].held_count, 1);
	assert_false(virtio_fixture_reset(&t->f));
	assert_int_equal(status_read(&t->f), ALL_STEPS);
	assert_int_equal(t->e.resets, 0);
	/* Meanwhile nothing that the driver does has an effect. */
	set_status(t, ALL_STEPS | VIRTIO_FAILED);
	assert_int_equal(status_read(&t->f), ALL_STEPS);
	set_status(t, 0);
	accept_features(t, VIRTIO_F_VERSION_1);
	queue_write(&t->f, 0, COMMON_QUEUE_SIZE, 2);
	queue_write(&t->f, 0, COMMON_QUEUE_ENABLE, 1);
	virtio_fixture_run(&t->f);
	assert_int_equal(t->e.queues[0].stops, 1);
	fake_echo_answer_all(&t->e, 0);
	assert_int_equal(status_read(&t->f), 0);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_SIZE), FAKE_ECHO_SIZE);
	assert_int_equal(t->e.resets, 1);
}

static void a_queue_does_not_come_up_during_a_reset(void **state)
{
	struct echo_fixture *t = *state;

	t->e.mode = ECHO_HOLD;
	virtio_fixture_negotiate(&t->f, 0);
	virtio_fixture_queue(&t->f, 0, 0);
	set_status(t, ALL_STEPS);
	virtio_fixture_run(&t->f);
	say(t, 0, "slow");
	virtio_fixture_kick(&t->f, 0);
	virtio_fixture_run(&t->f);
	assert_false(virtio_fixture_reset(&t->f));
	virtio_fixture_queue(&t->f, 1, 4);
	assert_int_equal(queue_read(&t->f, 1, COMMON_QUEUE_SIZE), FAKE_ECHO_SIZE);
	assert_int_equal(queue_read(&t->f, 1, COMMON_QUEUE_ENABLE), 0);
	virtio_fixture_run(&t->f);
	assert_int_equal(t->e.queues[1].starts, 0);
	fake_echo_answer_all(&t->e, 0);
	assert_int_equal(status_read(&t->f), 0);
}

static void a_reset_before_the_loop_looked_starts_nothing(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_negotiate(&t->f, 0);
	virtio_fixture_queue(&t->f, 0, 0);
	set_status(t, ALL_STEPS);
	set_status(t, 0);
	assert_int_equal(status_read(&t->f), ALL_STEPS); /* the loop did not say yet */
	virtio_fixture_run(&t->f);
	assert_int_equal(status_read(&t->f), 0);
	assert_int_equal(t->e.queues[0].starts, 0);
	virtio_fixture_start(&t->f, 0);
	assert_int_equal(t->e.queues[0].starts, 1);
	assert_echo(t, 0);
}

static void resets_in_a_row_are_one(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_start(&t->f, 0);
	for (unsigned i = 0; i < 5; i++)
		set_status(t, 0);
	virtio_fixture_run(&t->f);
	assert_int_equal(status_read(&t->f), 0);
	assert_int_equal(t->e.queues[0].stops, 1);
}

static void one_queue_is_reset_alone(void **state)
{
	struct echo_fixture *t = *state;

	t->e.mode = ECHO_HOLD;
	virtio_fixture_start(&t->f, VIRTIO_F_RING_RESET);
	say(t, 0, "slow");
	virtio_fixture_kick(&t->f, 0);
	virtio_fixture_run(&t->f);
	queue_write(&t->f, 0, COMMON_QUEUE_RESET, 1);
	virtio_fixture_run(&t->f);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_RESET), 1);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_ENABLE), 1);
	queue_write(&t->f, 0, COMMON_QUEUE_SIZE, 4);
	queue_write(&t->f, 0, COMMON_QUEUE_ENABLE, 1);
	/* The other one goes on. */
	t->e.mode = ECHO_AT_ONCE;
	assert_echo(t, 1);
	fake_echo_answer_all(&t->e, 0);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_RESET), 0);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_ENABLE), 0);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_SIZE), FAKE_ECHO_SIZE);
	assert_int_equal(t->e.resets, 0);
	virtio_fixture_queue(&t->f, 0, 4);
	virtio_fixture_run(&t->f);
	assert_echo(t, 0);
	assert_echo(t, 1);
}

static void one_queue_is_not_reset_without_the_feature(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_start(&t->f, 0);
	queue_write(&t->f, 0, COMMON_QUEUE_RESET, 1);
	virtio_fixture_run(&t->f);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_ENABLE), 1);
	assert_echo(t, 0);
}

static void a_reset_overtakes_the_reset_of_one_queue(void **state)
{
	struct echo_fixture *t = *state;

	t->e.mode = ECHO_HOLD;
	virtio_fixture_start(&t->f, VIRTIO_F_RING_RESET);
	say(t, 0, "slow");
	virtio_fixture_kick(&t->f, 0);
	virtio_fixture_run(&t->f);
	queue_write(&t->f, 0, COMMON_QUEUE_RESET, 1);
	assert_false(virtio_fixture_reset(&t->f));
	fake_echo_answer_all(&t->e, 0);
	assert_int_equal(status_read(&t->f), 0);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_RESET), 0);
	virtio_fixture_start(&t->f, 0);
	t->e.mode = ECHO_AT_ONCE;
	assert_echo(t, 0);
}

static void the_machines_reset_waits_for_what_is_in_flight(void **state)
{
	struct echo_fixture *t = *state;
	struct io_task answer = { .run = answer_queue_0, .arg = &t->e };

	t->e.mode = ECHO_HOLD;
	virtio_fixture_start(&t->f, 0);
	say(t, 0, "slow");
	virtio_fixture_kick(&t->f, 0);
	virtio_fixture_run(&t->f);
	assert_int_equal(t->e.queues[0].held_count, 1);
	/* This thread's own loop: the answer comes in a round of the reset's. */
	ioloop_post(t->f.loop, &answer);
	virtio_pci_reset(&t->e.vp);
	assert_int_equal(t->e.queues[0].held_count, 0);
	assert_int_equal(status_read(&t->f), 0);
	assert_int_equal(t->e.resets, 1);
}

#define ROUNDS 40u

/* Answers what queue 0 holds, from its start to its next stop. */
struct answerer {
	struct io_task task;
	struct ioloop *loop;
	struct fake_echo *e;
	unsigned stops; /* so far */
};

static void answer_or_look_again(void *arg)
{
	struct answerer *a = arg;

	fake_echo_answer_all(a->e, 0);
	if (a->e->queues[0].stops == a->stops)
		ioloop_post(a->loop, &a->task);
}

static void do_nothing(void *arg)
{
	(void)arg;
}

static void it_waits_for_another_threads_loop_as_well(void **state)
{
	struct echo_fixture *t = *state;
	struct virtio_pci_place place = virtio_fixture_place(&t->f);
	struct virtio_pci *own = t->f.vp;
	struct answerer answerers[ROUNDS];
	struct iothread *thread;
	struct ioloop *loop;
	struct fake_echo e;

	assert_int_equal(iothread_start(IO_ENGINE_AUTO, 0, &thread, NULL), 0);
	loop = iothread_loop(thread);
	place.loops = &loop;
	assert_int_equal(fake_echo_init(&e, &t->f.fb.board, &place, NULL), 0);
	e.mode = ECHO_HOLD;
	virtio_fixture_take(&t->f, &e.vp);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct answerer *a = &answerers[round];

		*a = (struct answerer){ .task = { .run = answer_or_look_again, .arg = a },
					.loop = loop,
					.e = &e,
					.stops = e.queues[0].stops };
		virtio_fixture_start(&t->f, 0);
		say(t, 0, "slow");
		virtio_fixture_kick(&t->f, 0);
		ioloop_post(loop, &a->task);
		usleep(round * 10); /* before it is taken, while it is held, after */
		virtio_pci_reset(&e.vp);
		assert_int_equal(status_read(&t->f), 0);
		assert_int_equal(e.resets, round + 1);
	}
	virtio_pci_free(&e.vp);
	iothread_call(thread, do_nothing, NULL); /* the last answerer has looked */
	iothread_stop(thread);
	virtio_fixture_take(&t->f, own);
}

/* ---- two threads ------------------------------------------------------------------------------- */

#define TURNS	     5000u
#define PATIENCE_NS (10 * NS_PER_S)

/* Take back what is used; how many. */
static unsigned hear(struct fake_driver *d)
{
	unsigned heard = 0;

	while (fake_driver_used(d, &(uint16_t){ 0 }, &(uint32_t){ 0 }))
		heard++;
	return heard;
}

/* As a driver that sleeps: ask for an interrupt, look once more, then wait for it. */
static unsigned sleep_and_hear(struct echo_fixture *t, const struct virtio_pci *vp)
{
	const uint64_t end_ns = host_now_ns() + PATIENCE_NS;
	const atomic_uint *sends = &t->f.fb.msis[vp->msix.vectors[1].line].sends;
	const unsigned before = atomic_load(sends);
	unsigned heard;

	fake_driver_listen(&t->f.queues[0], 1);
	heard = hear(&t->f.queues[0]);
	while (heard == 0 && atomic_load(sends) == before) {
		sched_yield();
		assert_true(host_now_ns() < end_ns); /* else it would sleep for ever */
	}
	return heard + hear(&t->f.queues[0]);
}

static void take_turns(struct echo_fixture *t, const struct virtio_pci *vp)
{
	unsigned out = 0;

	for (unsigned turn = 0; turn < TURNS; turn++) {
		for (unsigned i = 0; i <= turn % 3; i++, out++)
			say(t, 0, "x");
		virtio_fixture_kick(&t->f, 0);
		if (turn % 4 == 0)
			fake_driver_mute(&t->f.queues[0]);
		out -= hear(&t->f.queues[0]);
		while (out > 3)
			out -= sleep_and_hear(t, vp);
	}
	while (out > 0)
		out -= sleep_and_hear(t, vp);
}

static void between_threads_no_kick_and_no_interrupt_is_lost(void **state)
{
	struct echo_fixture *t = *state;
	static const uint64_t rings[] = { 0, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED,
					  VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX };
	struct virtio_pci_place place = virtio_fixture_place(&t->f);
	struct virtio_pci *own = t->f.vp;
	struct iothread *thread;
	struct ioloop *loop;
	struct fake_echo e;

	assert_int_equal(iothread_start(IO_ENGINE_AUTO, 0, &thread, NULL), 0);
	loop = iothread_loop(thread);
	place.loops = &loop;
	assert_int_equal(fake_echo_init(&e, &t->f.fb.board, &place, NULL), 0);
	virtio_fixture_take(&t->f, &e.vp);
	for (unsigned i = 0; i < ARRAY_LEN(rings); i++) {
		virtio_fixture_start(&t->f, rings[i]);
		take_turns(t, &e.vp);
		virtio_pci_reset(&e.vp);
	}
	virtio_pci_free(&e.vp);
	iothread_stop(thread);
	virtio_fixture_take(&t->f, own);
}

/* ---- configuration ------------------------------------------------------------------------------- */

static void a_changed_configuration_is_a_new_generation_and_an_interrupt(void **state)
{
	struct echo_fixture *t = *state;
	const uint64_t generation = common_read(&t->f, COMMON_GENERATION);

	virtio_config_changed(&t->e.vp.v); /* nobody is there yet */
	virtio_fixture_start(&t->f, 0);
	assert_int_equal(virtio_fixture_interrupts(&t->f, 0), 0);
	virtio_config_changed(&t->e.vp.v);
	assert_int_equal(virtio_fixture_interrupts(&t->f, 0), 1);
	assert_int_equal(common_read(&t->f, COMMON_GENERATION), (uint8_t)(generation + 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ECHO(a_new_device_has_status_0),
		ECHO(steps_come_one_after_the_other),
		ECHO(steps_are_taken_back_by_a_reset_only),
		ECHO(every_ring_feature_is_offered_with_the_devices_own),
		ECHO(a_driver_without_version_1_is_refused),
		ECHO(features_that_were_not_offered_are_refused),
		ECHO(features_beyond_64_are_refused),
		ECHO(the_device_itself_may_refuse),
		ECHO(features_are_frozen_after_features_ok),
		ECHO(a_queue_that_is_enabled_is_frozen),
		ECHO(a_queue_is_not_enabled_before_features_ok),
		ECHO(a_queue_that_breaks_a_rule_is_not_enabled_and_the_device_needs_reset),
		ECHO(a_queue_out_of_range_is_none),
		ECHO(a_queue_enabled_after_driver_ok_starts_at_once),
		ECHO(nothing_is_taken_before_driver_ok),
		ECHO(chains_are_answered_on_both_kinds_of_ring),
		ECHO(a_round_of_chains_makes_one_interrupt),
		ECHO(held_chains_are_answered_later_and_out_of_order),
		ECHO(a_device_that_takes_none_lets_its_loop_sleep_until_it_asks),
		ECHO(a_device_that_empties_the_ring_of_its_own_accord_is_asked_again),
		ECHO(a_device_that_takes_some_is_asked_for_more),
		ECHO(a_chain_that_comes_before_kicks_are_on_keeps_the_loop_awake),
		ECHO(kicks_are_asked_for_when_the_loop_sleeps),
		ECHO(a_broken_rule_needs_a_reset_and_says_so_once),
		ECHO(a_broken_device_hears_no_kicks_until_it_is_reset),
		ECHO(what_a_broken_device_has_in_flight_comes_back),
		ECHO(a_reset_clears_what_the_driver_wrote),
		ECHO(a_reset_with_chains_in_flight_is_over_when_they_are),
		ECHO(a_queue_does_not_come_up_during_a_reset),
		ECHO(a_reset_before_the_loop_looked_starts_nothing),
		ECHO(resets_in_a_row_are_one),
		ECHO(one_queue_is_reset_alone),
		ECHO(one_queue_is_not_reset_without_the_feature),
		ECHO(a_reset_overtakes_the_reset_of_one_queue),
		ECHO(the_machines_reset_waits_for_what_is_in_flight),
		ECHO(it_waits_for_another_threads_loop_as_well),
		ECHO(between_threads_no_kick_and_no_interrupt_is_lost),
		ECHO(a_changed_configuration_is_a_new_generation_and_an_interrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
