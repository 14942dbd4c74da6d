/* Data both ways, flow control, registers, and drivers that break rules; the control
 * messages are in test_console_ports.c. */
#include "console_fixture.h"

#include <errno.h>

static const uint64_t layouts[] = {
	0,
	VIRTIO_F_EVENT_IDX,
	VIRTIO_F_IN_ORDER,
	VIRTIO_F_RING_PACKED,
	VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX | VIRTIO_F_IN_ORDER,
};

static void over_all_rings(void **state, void (*test)(struct bench *b))
{
	for (unsigned i = 0; i < ARRAY_LEN(layouts); i++) {
		bench_teardown(state);
		bench_setup(state);
		test(terminal(state, layouts[i]));
	}
}

static void show_three(struct bench *b)
{
	uint32_t len = 1;

	transmit(b, 0, 0, "Hello, ");
	transmit(b, 0, 1, "wor");
	rig_rounds(&b->rig);
	transmit(b, 0, 2, "ld\n");
	rig_rounds(&b->rig);
	expect_shown(b, 0, "Hello, world\n");
	for (unsigned i = 0; i < 3; i++)
		assert_true(rig_used(&b->rig, OUT(0), &len) >= 0);
	assert_int_equal(len, 0);
	assert_int_equal(b->rig.f.vp->v.queues[OUT(0)].chains, 3);
}

static void what_the_guest_transmits_reaches_the_host(void **state)
{
	over_all_rings(state, show_three);
}

static void type_two(struct bench *b)
{
	post_room(b, IN(0), 0, 64);
	post_room(b, IN(0), 1, 64);
	rig_rounds(&b->rig);
	assert_int_equal(rig_used(&b->rig, IN(0), NULL), -1);
	type(b, 0, "ls");
	expect_received(b, 0, 0, "ls");
	type(b, 0, "\n");
	expect_received(b, 0, 1, "\n");
}

static void what_the_host_types_reaches_the_guest(void **state)
{
	over_all_rings(state, type_two);
}

static void type_ahead(struct bench *b)
{
	type(b, 0, "abcdefghij");
	post_room(b, IN(0), 0, 4);
	rig_rounds(&b->rig);
	expect_received(b, 0, 0, "abcd");
	assert_true(chardev_has_input(b->ends[0].chardev));
	post_room(b, IN(0), 1, 4);
	rig_rounds(&b->rig);
	expect_received(b, 0, 1, "efgh");
	post_room(b, IN(0), 2, 4);
	rig_rounds(&b->rig);
	expect_received(b, 0, 2, "ij");
	assert_false(chardev_has_input(b->ends[0].chardev));
}

static void input_waits_for_a_buffer(void **state)
{
	over_all_rings(state, type_ahead);
}

static void a_chain_of_several_buffers_is_one_run_of_bytes(void **state)
{
	struct bench *b = terminal(state, 0);
	const struct fake_buf out[] = { { .gpa = RIG_DATA, .len = 1 },
					{ .gpa = RIG_DATA + 10, .len = 3 },
					{ .gpa = RIG_DATA + 5, .len = 2 } };
	const struct fake_buf in[] = { { .gpa = RIG_DATA + 0x100, .len = 2, .writable = true },
				       { .gpa = RIG_DATA + 0x200, .len = 9, .writable = true } };
	uint32_t len;

	memcpy(rig_at(&b->rig, RIG_DATA), "0123456789abcdef", 16);
	rig_offer(&b->rig, OUT(0), out, 3);
	rig_rounds(&b->rig);
	expect_shown(b, 0, "0abc56");
	rig_offer(&b->rig, IN(0), in, 2);
	type(b, 0, "xyzzy");
	assert_true(rig_used(&b->rig, IN(0), &len) >= 0);
	assert_int_equal(len, 5);
	assert_memory_equal(rig_at(&b->rig, RIG_DATA + 0x100), "xy\0", 3);
	assert_memory_equal(rig_at(&b->rig, RIG_DATA + 0x200), "zzy\0", 4);
}

/* ---- flow control ------------------------------------------------------------------ */

static void fill_and_drain(struct bench *b)
{
	const struct fake_buf big = { .gpa = RIG_DATA, .len = 40000 };
	static uint8_t shown[50000];
	size_t n = 0;

	for (unsigned i = 0; i < big.len; i++)
		*rig_at(&b->rig, RIG_DATA + i) = (uint8_t)(i % 251);
	rig_offer(&b->rig, OUT(0), &big, 1);
	rig_rounds(&b->rig);
	assert_int_equal(rig_used(&b->rig, OUT(0), NULL), -1);
	transmit(b, 0, 0x10, "later");
	rig_rounds(&b->rig);
	for (unsigned i = 0; i < 10 && n < 40005; i++) {
		n += chardev_drain(b->ends[0].chardev, shown + n, 9000);
		rig_rounds(&b->rig);
	}
	assert_int_equal(n, 40005);
	for (unsigned i = 0; i < big.len; i++)
		if (shown[i] != i % 251)
			fail_msg("byte %u is %u", i, shown[i]);
	assert_memory_equal(shown + 40000, "later", 5);
	assert_true(rig_used(&b->rig, OUT(0), NULL) >= 0);
	assert_true(rig_used(&b->rig, OUT(0), NULL) >= 0);
	assert_int_equal(chardev_dropped(b->ends[0].chardev), 0);
	/* And kicks are wanted again. */
	transmit(b, 0, 0x11, "more");
	rig_rounds(&b->rig);
	expect_shown(b, 0, "more");
}

static void output_that_finds_no_room_waits_and_nothing_is_lost(void **state)
{
	over_all_rings(state, fill_and_drain);
}

static void a_device_that_waits_for_a_reader_is_at_rest(void **state)
{
	const struct fake_buf big = { .gpa = RIG_DATA, .len = 40000 };
	struct bench *b = terminal(state, 0);

	rig_offer(&b->rig, OUT(0), &big, 1);
	type(b, 0, "and nobody reads this");
	rig_rounds(&b->rig);
	assert_int_equal(ioloop_round(b->rig.f.loop, 0), 0);
}

static void a_reset_lets_go_of_output_that_waits(void **state)
{
	const struct fake_buf big = { .gpa = RIG_DATA, .len = 40000 };
	struct bench *b = terminal(state, 0);
	static uint8_t shown[50000];

	rig_offer(&b->rig, OUT(0), &big, 1);
	rig_rounds(&b->rig);
	rig_reset(&b->rig);
	assert_int_equal(chardev_drain(b->ends[0].chardev, shown, sizeof(shown)), 16384);
	rig_drive(&b->rig, 0);
	transmit(b, 0, 0x10, "new");
	rig_rounds(&b->rig);
	expect_shown(b, 0, "new");
}

static void input_typed_during_a_reset_is_for_the_next_driver(void **state)
{
	struct bench *b = terminal(state, 0);

	post_room(b, IN(0), 0, 64);
	rig_rounds(&b->rig);
	rig_reset(&b->rig);
	type(b, 0, "ls\n");
	rig_drive(&b->rig, 0);
	post_room(b, IN(0), 1, 64);
	rig_rounds(&b->rig);
	expect_received(b, 0, 1, "ls\n");
}

/* ---- registers --------------------------------------------------------------------- */

static void a_single_terminal_is_offered_without_multiport(void **state)
{
	struct bench *b = *state;

	b->config.cols = 132;
	b->config.rows = 50;
	terminal(state, 0);
	assert_int_equal(rig_queue_count(&b->rig), 2);
	assert_int_equal(features_offered(&b->rig.f) & 7, 5);
	assert_int_equal(rig_config(&b->rig, 0, 2), 132);
	assert_int_equal(rig_config(&b->rig, 2, 2), 50);
	assert_int_equal(rig_config(&b->rig, 4, 4), 1);
	assert_int_equal(rig_config(&b->rig, 8, 4), 0);
}

static void a_new_size_is_in_the_configuration(void **state)
{
	struct bench *b = terminal(state, F_SIZE);
	const unsigned before = rig_generation(&b->rig);

	virtio_console_resize(b->rig.f.dev, 100, 40);
	assert_int_equal(rig_config(&b->rig, 0, 2), 100);
	assert_int_equal(rig_config(&b->rig, 2, 2), 40);
	assert_int_not_equal(rig_generation(&b->rig), before);
}

static void the_same_size_changes_nothing(void **state)
{
	struct bench *b = terminal(state, F_SIZE);
	unsigned before;

	virtio_console_resize(b->rig.f.dev, 100, 40);
	before = rig_generation(&b->rig);
	virtio_console_resize(b->rig.f.dev, 100, 40);
	assert_int_equal(rig_generation(&b->rig), before);
}

static void write_emergency(struct bench *b, const char *text)
{
	for (; *text; text++)
		rig_set_config(&b->rig, 8, 4, 0x78787800u | (uint8_t)*text);
	rig_rounds(&b->rig);
}

static void an_emergency_needs_no_driver(void **state)
{
	struct bench *b = *state;

	b->config.port_count = 1;
	rig_plug(&b->rig, &virtio_console_type, &b->config);
	write_emergency(b, "early");
	expect_shown(b, 0, "early");
}

static void writes_beside_the_emergency_register_do_nothing(void **state)
{
	struct bench *b = terminal(state, 0);

	rig_set_config(&b->rig, 0, 8, UINT64_C(0x6867666564636261));
	rig_set_config(&b->rig, 9, 1, 'b');
	rig_set_config(&b->rig, 10, 2, 0x6463);
	rig_rounds(&b->rig);
	expect_shown(b, 0, "");
	/* A device sees any part of it that the transport lets through. */
	b->rig.f.vp->v.ops->config_write(&b->rig.f.vp->v, 6, "abcd", 4);
	rig_rounds(&b->rig);
	expect_shown(b, 0, "c");
}

static void an_emergency_without_room_waits_for_it(void **state)
{
	struct bench *b = terminal(state, 0);
	const struct fake_buf big = { .gpa = RIG_DATA, .len = 16384 };
	static uint8_t shown[16384];

	rig_offer(&b->rig, OUT(0), &big, 1);
	rig_rounds(&b->rig);
	write_emergency(b, "late");
	assert_int_equal(chardev_drain(b->ends[0].chardev, shown, sizeof(shown)), 16384);
	rig_rounds(&b->rig);
	expect_shown(b, 0, "late");
}

/* ---- rules ------------------------------------------------------------------------- */

static void a_receive_buffer_that_cannot_be_written_is_a_fault(void **state)
{
	struct bench *b = terminal(state, 0);
	const struct fake_buf buf = { .gpa = RIG_DATA, .len = 16 };

	rig_offer(&b->rig, IN(0), &buf, 1);
	rig_rounds(&b->rig);
	assert_false(rig_needs_reset(&b->rig));
	type(b, 0, "x");
	assert_true(rig_needs_reset(&b->rig));
	type(b, 0, "y"); /* nothing happens, nobody crashes */
	rig_reset(&b->rig);
	rig_drive(&b->rig, 0);
	post_room(b, IN(0), 0, 64);
	rig_rounds(&b->rig);
	expect_received(b, 0, 0, "xy");
}

static void a_broken_ring_is_a_fault(void **state)
{
	struct bench *b = terminal(state, 0);

	fake_driver_offer(&b->rig.f.queues[OUT(0)], 999);
	virtio_fixture_kick(&b->rig.f, OUT(0));
	rig_rounds(&b->rig);
	assert_true(rig_needs_reset(&b->rig));
}

static void check_refused(struct bench *b, int rc, const char *text)
{
	struct err err;
	struct device *dev;

	assert_int_equal(virtio_console_type.create(&b->rig.f.fb.board, &b->config, &dev, &err), rc);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" does not say \"%s\"", err.text, text);
}

static void ports_that_cannot_be_are_refused_by_name(void **state)
{
	struct bench *b = *state;

	check_refused(b, -EINVAL, "0 ports");
	b->config.port_count = VIRTIO_CONSOLE_PORTS_MAX + 1;
	check_refused(b, -EINVAL, "17 ports");
	b->config.port_count = 3;
	b->config.ports[1].name = "a/b";
	check_refused(b, -EINVAL, "\"a/b\"");
	b->config.ports[1].name = "agent";
	b->config.ports[2].name = "agent";
	check_refused(b, -EEXIST, "agent");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CONSOLE_TEST(what_the_guest_transmits_reaches_the_host),
		CONSOLE_TEST(what_the_host_types_reaches_the_guest),
		CONSOLE_TEST(input_waits_for_a_buffer),
		CONSOLE_TEST(a_chain_of_several_buffers_is_one_run_of_bytes),
		CONSOLE_TEST(output_that_finds_no_room_waits_and_nothing_is_lost),
		CONSOLE_TEST(a_device_that_waits_for_a_reader_is_at_rest),
		CONSOLE_TEST(a_reset_lets_go_of_output_that_waits),
		CONSOLE_TEST(input_typed_during_a_reset_is_for_the_next_driver),
		CONSOLE_TEST(a_single_terminal_is_offered_without_multiport),
		CONSOLE_TEST(a_new_size_is_in_the_configuration),
		CONSOLE_TEST(the_same_size_changes_nothing),
		CONSOLE_TEST(an_emergency_needs_no_driver),
		CONSOLE_TEST(writes_beside_the_emergency_register_do_nothing),
		CONSOLE_TEST(an_emergency_without_room_waits_for_it),
		CONSOLE_TEST(a_receive_buffer_that_cannot_be_written_is_a_fault),
		CONSOLE_TEST(a_broken_ring_is_a_fault),
		CONSOLE_TEST(ports_that_cannot_be_are_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
