#include "pit_fixture.h"

/* ---- ports -------------------------------------------------------------------------- */

static void a_latch_command_holds_the_count_of_its_channel(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 2, 0x1234);
	program(fb, 1, 2, 0x0100);
	fake_board_advance(fb, ns_of(5));
	fake_out8(fb, CONTROL, SELECT(0));
	fake_board_advance(fb, ns_of(50));
	assert_int_equal(fake_in8(fb, CHANNEL(0)), 0x30);
	assert_int_equal(fake_in8(fb, CHANNEL(0)), 0x12);
	/* The other channel's latch stayed open. */
	assert_int_equal(fake_in8(fb, CHANNEL(1)), 0xca);
}

static void read_back_latches_status_and_count_of_each_channel_named(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 2, 0x1234);
	program(fb, 1, 3, 0x4321);
	fake_board_advance(fb, ns_of(1));
	fake_out8(fb, CONTROL, 0xc0 | 0x02 | 0x04); /* both, channels 0 and 1 */
	fake_board_advance(fb, ns_of(100));
	assert_int_equal(fake_in8(fb, CHANNEL(0)), 0x80 | BOTH_MODE(2));
	assert_int_equal(fake_in8(fb, CHANNEL(0)), 0x34);
	assert_int_equal(fake_in8(fb, CHANNEL(0)), 0x12);
	assert_int_equal(fake_in8(fb, CHANNEL(1)), 0x80 | BOTH_MODE(3));
	assert_int_equal(fake_in8(fb, CHANNEL(1)), 0x20);
	assert_int_equal(fake_in8(fb, CHANNEL(1)), 0x43);
}

static void read_back_of_count_only_and_status_only(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 2, 0x1234);
	fake_board_advance(fb, ns_of(1));
	fake_out8(fb, CONTROL, 0xe0 | 0x02); /* status only */
	assert_int_equal(fake_in8(fb, CHANNEL(0)), 0x80 | BOTH_MODE(2));
	fake_out8(fb, CONTROL, 0xd0 | 0x02); /* count only */
	fake_board_advance(fb, ns_of(100));
	assert_int_equal(fake_in8(fb, CHANNEL(0)), 0x34);
	assert_int_equal(fake_in8(fb, CHANNEL(0)), 0x12);
}

static void the_control_register_reads_as_nothing(void **state)
{
	assert_int_equal(fake_in8(board_of(state), CONTROL), 0xff);
}

static void a_wide_write_is_a_write_to_each_port(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, CONTROL, 0x50 | 0x04); /* channel 1, LSB, mode 2 */
	fake_out8(fb, CONTROL, 0x90 | 0x04); /* channel 2 likewise */
	fake_out16(fb, CHANNEL(1), 0x2010);
	fake_board_advance(fb, ns_of(1));
	assert_int_equal(fake_in8(fb, CHANNEL(1)), 0x10);
	assert_int_equal(fake_in8(fb, CHANNEL(2)), 0x20);
}

static void port_61_remembers_its_low_four_bits(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_SYSTEM_B, 0xff);
	assert_int_equal(fake_in8(fb, PORT_SYSTEM_B) & 0xcf, 0x0f);
	fake_out8(fb, PORT_SYSTEM_B, 0x00);
	assert_int_equal(fake_in8(fb, PORT_SYSTEM_B) & 0xcf, 0x00);
}

static void port_61_refresh_bit_toggles_each_15_us(void **state)
{
	struct fake_board *fb = board_of(state);
	unsigned toggles = 0;
	uint8_t last = fake_in8(fb, PORT_SYSTEM_B) & 0x10;

	for (unsigned us = 0; us < 1500; us++) {
		uint8_t now;

		fake_board_advance(fb, NS_PER_US);
		now = fake_in8(fb, PORT_SYSTEM_B) & 0x10;
		toggles += now != last;
		last = now;
	}
	assert_in_range(toggles, 98, 100);
}

/* Linux pit_calibrate_tsc(): gate on, speaker off, mode 0, poll bit 5. */
static void channel_2_output_is_seen_at_port_61_as_linux_polls_it(void **state)
{
	struct fake_board *fb = board_of(state);
	const uint64_t latch = I8254_HZ / (1000 / 50);

	fake_out8(fb, PORT_SYSTEM_B, (fake_in8(fb, PORT_SYSTEM_B) & 0xfd) | 0x01);
	program(fb, 2, 0, (uint16_t)latch);
	assert_int_equal(fake_in8(fb, PORT_SYSTEM_B) & OUT2, 0);
	fake_board_advance(fb, ns_of(latch + 1) - 1);
	assert_int_equal(fake_in8(fb, PORT_SYSTEM_B) & OUT2, 0);
	fake_board_advance(fb, 1);
	assert_int_equal(fake_in8(fb, PORT_SYSTEM_B) & OUT2, OUT2);
}

/* Linux quick_pit_calibrate(): the MSB of 0xffff falls by 1 each 256 ticks. */
static void channel_2_counts_down_under_unlatched_reads(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_SYSTEM_B, 0x01);
	program(fb, 2, 0, 0xffff);
	fake_board_advance(fb, ns_of(1));
	for (unsigned msb = 0xff; msb > 0xf0; msb--) {
		fake_in8(fb, CHANNEL(2));
		assert_int_equal(fake_in8(fb, CHANNEL(2)), msb);
		fake_board_advance(fb, ns_of(256));
	}
}

static void channel_2_stands_still_with_its_gate_off(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 2, 0, 100);
	fake_board_advance(fb, NS_PER_S);
	assert_int_equal(fake_in8(fb, PORT_SYSTEM_B) & OUT2, 0);
	fake_out8(fb, PORT_SYSTEM_B, 0x01);
	fake_board_advance(fb, ns_of(100));
	assert_int_equal(fake_in8(fb, PORT_SYSTEM_B) & OUT2, OUT2);
}

static void reset_stops_everything(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_SYSTEM_B, 0x03);
	program(fb, 0, 2, LATCH_250);
	fake_board_advance(fb, NS_PER_S);
	i8254_type.reset(device_of(state));
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
	assert_int_equal(fake_in8(fb, PORT_SYSTEM_B) & 0x0f, 0);
	assert_int_equal(fake_in8(fb, CHANNEL(0)), 0);
}

static void it_refuses_ports_that_are_taken(void **state)
{
	struct fixture *f = *state;
	struct device *second;
	struct err err;

	assert_true(i8254_type.create(&f->fb.board, NULL, &second, &err) < 0);
	assert_string_equal(err.text, "cannot claim port 0x40 for PIT: File exists");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_latch_command_holds_the_count_of_its_channel),
		TEST(read_back_latches_status_and_count_of_each_channel_named),
		TEST(read_back_of_count_only_and_status_only),
		TEST(the_control_register_reads_as_nothing),
		TEST(a_wide_write_is_a_write_to_each_port),
		TEST(port_61_remembers_its_low_four_bits),
		TEST(port_61_refresh_bit_toggles_each_15_us),
		TEST(channel_2_output_is_seen_at_port_61_as_linux_polls_it),
		TEST(channel_2_counts_down_under_unlatched_reads),
		TEST(channel_2_stands_still_with_its_gate_off),
		TEST(reset_stops_everything),
		TEST(it_refuses_ports_that_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
