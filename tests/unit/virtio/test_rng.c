#include "virtio/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "fake/virtio_fixture.h"
#include "host/now.h"

#define RING_SIZE 64u
#define DATA	  VIRTIO_FIXTURE_DATA /* all zero until the device wrote there */

static int setup(void **state)
{
	struct virtio_fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	virtio_fixture_init(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	virtio_fixture_free(*state);
	free(*state);
	return 0;
}

/* A device that gives so many bytes a second (0: all), in use. */
static struct virtio_fixture *ready(void **state, uint64_t rate, uint64_t features)
{
	struct virtio_fixture *f = *state;
	const struct virtio_rng_config config = {
		.place = virtio_fixture_place(f),
		.rate_bytes_per_s = rate,
	};

	virtio_fixture_add(f, &virtio_rng_type, &config);
	virtio_fixture_start(f, features);
	return f;
}

/* Let the device see what was asked for, and have it all done. */
static void serve(struct virtio_fixture *f)
{
	virtio_fixture_kick(f, 0);
	virtio_fixture_run(f);
}

static int ask(struct virtio_fixture *f, gpa_t gpa, uint32_t len)
{
	const struct fake_buf buf = { gpa, len, true };

	return fake_driver_add(&f->queues[0], &buf, 1);
}

static unsigned zeros_in(const uint8_t *bytes, size_t len)
{
	unsigned count = 0;

	for (size_t i = 0; i < len; i++)
		count += bytes[i] == 0;
	return count;
}

/* Whether [at, at+len) of guest memory looks random: in 4096 bytes 16 zeros are to
 * be expected, and 64 come less often than once in the age of the world. */
static bool looks_random(const struct virtio_fixture *f, gpa_t at, size_t len)
{
	return zeros_in(f->ram + at, len) < len / 64 + 8;
}

static void fill_one(void **state, uint64_t features)
{
	struct virtio_fixture *f;
	uint16_t id;
	uint32_t len;
	int asked;

	teardown(state);
	setup(state);
	f = ready(state, 0, features);
	asked = ask(f, DATA, 4096);
	serve(f);
	assert_true(fake_driver_used(&f->queues[0], &id, &len));
	assert_int_equal(id, asked);
	assert_int_equal(len, 4096);
	assert_true(looks_random(f, DATA, 4096));
	assert_int_equal(zeros_in(f->ram + DATA + 4096, 4096), 4096);
	assert_int_equal(virtio_fixture_interrupts(f, 1), 1);
}

static void a_buffer_is_filled_to_its_end_and_no_further(void **state)
{
	fill_one(state, 0);
	fill_one(state, VIRTIO_F_EVENT_IDX);
	fill_one(state, VIRTIO_F_RING_PACKED);
	fill_one(state, VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER);
}

static void all_buffers_of_a_chain_are_filled(void **state)
{
	struct virtio_fixture *f = ready(state, 0, 0);
	const struct fake_buf bufs[] = {
		{ DATA, 100, true },
		{ DATA + 4096, 1000, true },
		{ DATA + 8192, 1, true },
	};
	uint16_t id;
	uint32_t len;

	fake_driver_add(&f->queues[0], bufs, 3);
	serve(f);
	assert_true(fake_driver_used(&f->queues[0], &id, &len));
	assert_int_equal(len, 1101);
	assert_true(looks_random(f, DATA, 100));
	assert_int_equal(zeros_in(f->ram + DATA + 100, 4096 - 100), 4096 - 100);
	assert_true(looks_random(f, DATA + 4096, 1000));
}

static void a_buffer_to_read_goes_back_untouched(void **state)
{
	struct virtio_fixture *f = ready(state, 0, 0);
	const struct fake_buf bufs[] = { { DATA, 64, false }, { DATA + 64, 64, true } };
	uint16_t id;
	uint32_t len;

	fake_driver_add(&f->queues[0], bufs, 1);
	fake_driver_add(&f->queues[0], bufs, 2);
	serve(f);
	assert_true(fake_driver_used(&f->queues[0], &id, &len));
	assert_int_equal(len, 0);
	assert_true(fake_driver_used(&f->queues[0], &id, &len));
	assert_int_equal(len, 64);
	assert_int_equal(zeros_in(f->ram + DATA, 64), 64);
}

static void a_round_gives_a_bounded_amount(void **state)
{
	struct virtio_fixture *f = ready(state, 0, 0);
	uint64_t total = 0;
	uint16_t id;
	uint32_t len;

	/* One that is larger than a round's worth gets less than it has room for. */
	ask(f, DATA, 200000);
	for (unsigned i = 0; i < 5; i++)
		ask(f, DATA + 200000 + i * 40000, 40000);
	virtio_fixture_kick(f, 0);
	ioloop_round(f->loop, 0);
	while (fake_driver_used(&f->queues[0], &id, &len))
		total += len;
	assert_in_range(total, KIB(64), KIB(128)); /* by the kick, by the look after it */
	virtio_fixture_run(f);
	while (fake_driver_used(&f->queues[0], &id, &len)) {
		assert_true(len >= 1);
		total += len;
	}
	assert_in_range(total, KIB(128), KIB(64) + 200000);
	assert_int_equal(f->queues[0].free_count, RING_SIZE); /* all are back */
}

static void a_rate_holds_over_time(void **state)
{
	struct virtio_fixture *f = ready(state, 10000, 0);
	const uint64_t begun_ns = host_now_ns();
	uint64_t total = 0;
	unsigned count = 0;
	uint16_t id;
	uint32_t len;

	/* A second's worth comes at once, what is beyond it as time goes. */
	for (unsigned i = 0; i < 12; i++)
		ask(f, DATA + i * 1000, 1000);
	virtio_fixture_kick(f, 0);
	for (unsigned n = 0; n < 1000 && total < 12000; n++) {
		ioloop_round(f->loop, 1000);
		count++;
		while (fake_driver_used(&f->queues[0], &id, &len))
			total += len;
	}
	assert_int_equal(total, 12000);
	assert_in_range(host_now_ns() - begun_ns, 95 * NS_PER_MS, 900 * NS_PER_MS);
	assert_in_range(count, 1, 100); /* it slept in between */
}

static void a_reset_does_not_wait_for_the_rate(void **state)
{
	struct virtio_fixture *f = ready(state, 1, 0);
	uint16_t id;
	uint32_t len;

	ask(f, DATA, 1);
	ask(f, DATA, 1);
	serve(f);
	assert_true(fake_driver_used(&f->queues[0], &id, &len));
	assert_false(fake_driver_used(&f->queues[0], &id, &len));
	assert_true(virtio_fixture_reset(f));
	assert_int_equal(ioloop_round(f->loop, 1200), 0); /* no timer is left */
}

static void a_driver_that_breaks_the_ring_is_told(void **state)
{
	struct virtio_fixture *f = ready(state, 0, 0);
	uint16_t id;
	uint32_t len;

	fake_driver_desc(&f->queues[0], f->queues[0].desc, 5, DATA, 4096, FAKE_NEXT | FAKE_WRITE, 5);
	fake_driver_offer(&f->queues[0], 5);
	serve(f);
	assert_true(status_read(f) & VIRTIO_NEEDS_RESET);
	assert_true(virtio_fixture_reset(f));
	virtio_fixture_start(f, 0);
	ask(f, DATA, 16);
	serve(f);
	assert_true(fake_driver_used(&f->queues[0], &id, &len));
	assert_int_equal(len, 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_buffer_is_filled_to_its_end_and_no_further),
		TEST(all_buffers_of_a_chain_are_filled),
		TEST(a_buffer_to_read_goes_back_untouched),
		TEST(a_round_gives_a_bounded_amount),
		TEST(a_rate_holds_over_time),
		TEST(a_reset_does_not_wait_for_the_rate),
		TEST(a_driver_that_breaks_the_ring_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
