/* Several ports: the handshake, who is at which end, sizes, names. */
#include "console_fixture.h"

static void ports_are_announced_when_the_driver_is_ready(void **state)
{
	struct bench *b = three_ports(state);

	rig_drive(&b->rig, F_MULTIPORT);
	assert_int_equal(rig_queue_count(&b->rig), 8);
	post_ctrl_rooms(b, 8);
	expect_no_message(b);
	say(b, UINT32_MAX, CONSOLE_DEVICE_READY, 1);
	for (unsigned i = 0; i < 3; i++)
		expect_message(b, i, CONSOLE_PORT_ADD, 1, NULL, 0);
	expect_no_message(b);
}

static void a_driver_that_failed_gets_no_ports(void **state)
{
	struct bench *b = three_ports(state);

	rig_drive(&b->rig, F_MULTIPORT);
	post_ctrl_rooms(b, 8);
	say(b, UINT32_MAX, CONSOLE_DEVICE_READY, 0);
	say(b, 1, CONSOLE_PORT_READY, 0);
	expect_no_message(b);
}

static void a_ready_terminal_learns_that_it_is_one_and_its_size(void **state)
{
	static const uint8_t size[] = { 132, 0, 50, 0 };
	struct bench *b = *state;

	b->config.cols = 132;
	b->config.rows = 50;
	three_ports(state);
	rig_drive(&b->rig, F_MULTIPORT | F_SIZE);
	post_ctrl_rooms(b, 8);
	say(b, 0, CONSOLE_PORT_READY, 1);
	expect_message(b, 0, CONSOLE_CONSOLE_PORT, 1, NULL, 0);
	expect_message(b, 0, CONSOLE_RESIZE, 0, size, 4);
	expect_message(b, 0, CONSOLE_PORT_OPEN, 1, NULL, 0);
	expect_no_message(b);
}

static void a_size_that_nobody_knows_is_not_told(void **state)
{
	struct bench *b = three_ports(state);

	rig_drive(&b->rig, F_MULTIPORT | F_SIZE);
	post_ctrl_rooms(b, 8);
	say(b, 0, CONSOLE_PORT_READY, 1);
	expect_message(b, 0, CONSOLE_CONSOLE_PORT, 1, NULL, 0);
	expect_message(b, 0, CONSOLE_PORT_OPEN, 1, NULL, 0);
	expect_no_message(b);
}

static void the_size_is_the_first_terminals_alone(void **state)
{
	struct bench *b = *state;

	b->config.cols = 132;
	three_ports(state);
	rig_drive(&b->rig, F_MULTIPORT | F_SIZE);
	post_ctrl_rooms(b, 8);
	say(b, 2, CONSOLE_PORT_READY, 1);
	expect_message(b, 2, CONSOLE_CONSOLE_PORT, 1, NULL, 0);
	expect_message(b, 2, CONSOLE_PORT_OPEN, 1, NULL, 0);
	expect_no_message(b);
}

static void a_named_port_learns_its_name(void **state)
{
	struct bench *b = three_ports(state);

	rig_drive(&b->rig, F_MULTIPORT);
	post_ctrl_rooms(b, 8);
	say(b, 1, CONSOLE_PORT_READY, 1);
	expect_message(b, 1, CONSOLE_PORT_NAME, 1, "agent", 5);
	expect_message(b, 1, CONSOLE_PORT_OPEN, 1, NULL, 0);
	expect_no_message(b);
}

static void messages_wait_for_buffers(void **state)
{
	struct bench *b = three_ports(state);

	rig_drive(&b->rig, F_MULTIPORT);
	say(b, UINT32_MAX, CONSOLE_DEVICE_READY, 1);
	expect_no_message(b);
	post_ctrl_rooms(b, 1);
	expect_message(b, 0, CONSOLE_PORT_ADD, 1, NULL, 0);
	expect_no_message(b);
	post_ctrl_rooms(b, 2);
	expect_message(b, 1, CONSOLE_PORT_ADD, 1, NULL, 0);
	expect_message(b, 2, CONSOLE_PORT_ADD, 1, NULL, 0);
}

static void each_port_has_its_own_stream(void **state)
{
	struct bench *b = three_ports(state);

	shake_hands(b);
	say(b, 1, CONSOLE_PORT_OPEN, 1);
	for (unsigned i = 0; i < 3; i++)
		post_room(b, IN(i), 0, 64);
	transmit(b, 0, 0, "zero");
	transmit(b, 1, 0, "one");
	transmit(b, 2, 0, "two");
	type(b, 0, "null");
	type(b, 1, "eins");
	type(b, 2, "zwei");
	expect_shown(b, 0, "zero");
	expect_shown(b, 1, "one");
	expect_shown(b, 2, "two");
	expect_received(b, 0, 0, "null");
	expect_received(b, 1, 0, "eins");
	expect_received(b, 2, 0, "zwei");
}

static void input_waits_until_the_guest_opens_the_port(void **state)
{
	struct bench *b = three_ports(state);

	shake_hands(b);
	post_room(b, IN(1), 0, 64);
	type(b, 1, "hello");
	assert_int_equal(rig_used(&b->rig, IN(1), NULL), -1);
	say(b, 1, CONSOLE_PORT_OPEN, 1);
	expect_received(b, 1, 0, "hello");
	say(b, 1, CONSOLE_PORT_OPEN, 0);
	post_room(b, IN(1), 1, 64);
	type(b, 1, "again");
	assert_int_equal(rig_used(&b->rig, IN(1), NULL), -1);
}

static void set_connected(struct bench *b, unsigned port, bool connected)
{
	atomic_store(&b->ends[port].chardev->connected, connected);
	end_ready(&b->ends[port]);
	rig_rounds(&b->rig);
}

static void a_peer_that_comes_or_goes_is_told(void **state)
{
	struct bench *b = three_ports(state);

	shake_hands(b);
	set_connected(b, 1, false);
	expect_message(b, 1, CONSOLE_PORT_OPEN, 0, NULL, 0);
	set_connected(b, 1, true);
	expect_message(b, 1, CONSOLE_PORT_OPEN, 1, NULL, 0);
	set_connected(b, 1, true);
	expect_no_message(b);
}

static void a_port_whose_peer_is_away_is_not_called_open(void **state)
{
	struct bench *b = three_ports(state);

	atomic_store(&b->ends[1].chardev->connected, false);
	rig_drive(&b->rig, F_MULTIPORT);
	post_ctrl_rooms(b, 8);
	say(b, 1, CONSOLE_PORT_READY, 1);
	expect_message(b, 1, CONSOLE_PORT_NAME, 1, "agent", 5);
	expect_no_message(b);
}

static void a_peer_is_not_told_of_before_the_port_is_ready(void **state)
{
	struct bench *b = three_ports(state);

	rig_drive(&b->rig, F_MULTIPORT);
	post_ctrl_rooms(b, 8);
	set_connected(b, 1, false);
	set_connected(b, 1, true);
	expect_no_message(b);
}

static void a_new_size_is_told_to_the_first_terminal(void **state)
{
	static const uint8_t size[] = { 100, 0, 40, 0 };
	struct bench *b = three_ports(state);

	shake_hands(b);
	virtio_console_resize(b->rig.f.dev, 100, 40);
	rig_rounds(&b->rig);
	expect_message(b, 0, CONSOLE_RESIZE, 0, size, 4);
	expect_no_message(b);
}

static void of_many_sizes_the_last_is_told(void **state)
{
	static const uint8_t size[] = { 99, 0, 24, 0 };
	struct bench *b = three_ports(state);

	shake_hands(b);
	for (uint16_t cols = 0; cols < 100; cols++)
		virtio_console_resize(b->rig.f.dev, cols, 24);
	rig_rounds(&b->rig);
	expect_message(b, 0, CONSOLE_RESIZE, 0, size, 4);
	expect_no_message(b);
}

static void a_driver_without_multiport_gets_port_0(void **state)
{
	struct bench *b = three_ports(state);

	rig_drive(&b->rig, 0);
	post_room(b, IN(0), 0, 64);
	transmit(b, 0, 0, "hello");
	type(b, 0, "ls");
	expect_shown(b, 0, "hello");
	expect_received(b, 0, 0, "ls");
}

static void a_new_driver_is_told_everything_anew(void **state)
{
	struct bench *b = three_ports(state);

	shake_hands(b);
	say(b, 1, CONSOLE_PORT_OPEN, 1);
	rig_reset(&b->rig);
	rig_drive(&b->rig, F_MULTIPORT);
	post_ctrl_rooms(b, 12);
	set_connected(b, 1, true); /* not ready: not told */
	expect_no_message(b);
	set_connected(b, 1, false);
	post_room(b, IN(1), 0, 64);
	type(b, 1, "for whom?"); /* not open: not given */
	assert_int_equal(rig_used(&b->rig, IN(1), NULL), -1);
	say(b, UINT32_MAX, CONSOLE_DEVICE_READY, 1);
	for (unsigned i = 0; i < 3; i++)
		expect_message(b, i, CONSOLE_PORT_ADD, 1, NULL, 0);
	say(b, 1, CONSOLE_PORT_READY, 1);
	expect_message(b, 1, CONSOLE_PORT_NAME, 1, "agent", 5);
	expect_no_message(b);
}

static void emergencies_go_to_the_first_terminal(void **state)
{
	struct bench *b = *state;

	b->config.ports[0].name = "log";
	three_ports(state);
	rig_set_config(&b->rig, 8, 4, '!');
	rig_rounds(&b->rig);
	expect_shown(b, 0, "");
	expect_shown(b, 2, "!");
}

static void unknown_ports_and_events_are_passed_over(void **state)
{
	static const uint32_t ids[] = { 3, 16, 0x80000000, UINT32_MAX };
	struct bench *b = three_ports(state);

	shake_hands(b);
	for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
		say(b, ids[i], CONSOLE_PORT_READY, 1);
		say(b, ids[i], CONSOLE_PORT_OPEN, 1);
	}
	say(b, 0, CONSOLE_RESIZE, 1);
	say(b, 0, (enum console_event)77, 1);
	expect_no_message(b);
	assert_false(rig_needs_reset(&b->rig));
}

static void a_short_control_message_is_a_fault(void **state)
{
	struct bench *b = three_ports(state);
	const struct fake_buf buf = { .gpa = RIG_DATA, .len = 7 };

	shake_hands(b);
	rig_offer(&b->rig, CTRL_OUT, &buf, 1);
	rig_rounds(&b->rig);
	assert_true(rig_needs_reset(&b->rig));
}

static void a_control_buffer_without_room_is_a_fault(void **state)
{
	struct bench *b = three_ports(state);

	rig_drive(&b->rig, F_MULTIPORT);
	post_room(b, CTRL_IN, 0, 7);
	say(b, UINT32_MAX, CONSOLE_DEVICE_READY, 1);
	assert_true(rig_needs_reset(&b->rig));
}

static void a_name_that_does_not_fit_is_cut(void **state)
{
	struct bench *b = three_ports(state);
	uint32_t len;

	rig_drive(&b->rig, F_MULTIPORT);
	post_room(b, CTRL_IN, 0, 8);
	say(b, 1, CONSOLE_PORT_READY, 1);
	assert_true(rig_used(&b->rig, CTRL_IN, &len) >= 0);
	assert_int_equal(len, 8);
	assert_int_equal(console_ctrl_decode(rig_at(&b->rig, room(CTRL_IN, 0))).event,
			 CONSOLE_PORT_NAME);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CONSOLE_TEST(ports_are_announced_when_the_driver_is_ready),
		CONSOLE_TEST(a_driver_that_failed_gets_no_ports),
		CONSOLE_TEST(a_ready_terminal_learns_that_it_is_one_and_its_size),
		CONSOLE_TEST(a_size_that_nobody_knows_is_not_told),
		CONSOLE_TEST(the_size_is_the_first_terminals_alone),
		CONSOLE_TEST(a_named_port_learns_its_name),
		CONSOLE_TEST(messages_wait_for_buffers),
		CONSOLE_TEST(each_port_has_its_own_stream),
		CONSOLE_TEST(input_waits_until_the_guest_opens_the_port),
		CONSOLE_TEST(a_peer_that_comes_or_goes_is_told),
		CONSOLE_TEST(a_port_whose_peer_is_away_is_not_called_open),
		CONSOLE_TEST(a_peer_is_not_told_of_before_the_port_is_ready),
		CONSOLE_TEST(a_new_size_is_told_to_the_first_terminal),
		CONSOLE_TEST(of_many_sizes_the_last_is_told),
		CONSOLE_TEST(a_driver_without_multiport_gets_port_0),
		CONSOLE_TEST(a_new_driver_is_told_everything_anew),
		CONSOLE_TEST(emergencies_go_to_the_first_terminal),
		CONSOLE_TEST(unknown_ports_and_events_are_passed_over),
		CONSOLE_TEST(a_short_control_message_is_a_fault),
		CONSOLE_TEST(a_control_buffer_without_room_is_a_fault),
		CONSOLE_TEST(a_name_that_does_not_fit_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
