#include "chipset/i8254.h"

#include "core/platform.h"
#include "device_fixture.h"

#define CONTROL	     (PORT_PIT + 3)
#define CHANNEL(n)   (uint16_t)(PORT_PIT + (n))
#define SELECT(n)    (uint8_t)((n) << 6)
#define BOTH_MODE(m) (uint8_t)(0x30 | (m) << 1)
#define OUT2	     0x20

/* Linux, HZ=250: PIT_LATCH. */
#define LATCH_250 4773u

static int setup(void **state)
{
	return fixture_make(state, &i8254_type, NULL);
}

static void program(struct fake_board *fb, unsigned channel, unsigned mode, uint16_t count)
{
	fake_out8(fb, CONTROL, SELECT(channel) | BOTH_MODE(mode));
	fake_out8(fb, CHANNEL(channel), (uint8_t)count);
	fake_out8(fb, CHANNEL(channel), (uint8_t)(count >> 8));
}

/* The host slept: time passes, and the clock runs only at the end of it. */
static void be_late(struct fake_board *fb, uint64_t ns)
{
	fb->now_ns += ns;
	clock_run(&fb->clock);
}

static uint64_t ns_of(uint64_t ticks)
{
	return ticks_to_ns(ticks, I8254_HZ);
}

/* ---- interrupts --------------------------------------------------------------- */

static void channel_0_is_silent_until_it_is_programmed(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
	fake_board_advance(fb, 10 * NS_PER_S);
	assert_int_equal(fb->irq_edges[GSI_PIT], 0);
}

static void mode_2_interrupts_at_exactly_the_average_rate(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 2, LATCH_250);
	fake_board_advance(fb, 3600 * NS_PER_S);
	/* One hour: 3600 * 1193182 / 4773, and no drift. */
	assert_int_equal(fb->irq_edges[GSI_PIT], UINT64_C(3600) * I8254_HZ / LATCH_250);
	assert_int_equal(fb->irq_level[GSI_PIT], 0);
}

static void mode_3_with_count_0_interrupts_18_times_a_second(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 3, 0);
	fake_board_advance(fb, 100 * NS_PER_S);
	assert_int_equal(fb->irq_edges[GSI_PIT], 1820);
}

static void mode_2_first_interrupts_one_period_after_the_load(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 2, 1000);
	fake_board_advance(fb, ns_of(1001) - 1);
	assert_int_equal(fb->irq_edges[GSI_PIT], 0);
	fake_board_advance(fb, 1);
	assert_int_equal(fb->irq_edges[GSI_PIT], 1);
}

static void mode_0_interrupts_once_and_then_costs_nothing(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 0, 1000);
	assert_int_equal(fb->rearm_ns, ns_of(1001));
	fake_board_advance(fb, NS_PER_S);
	assert_int_equal(fb->irq_edges[GSI_PIT], 1);
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
}

static void mode_4_as_linux_uses_it_interrupts_once_for_each_count(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, CONTROL, SELECT(0) | BOTH_MODE(4));
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
	for (unsigned i = 1; i <= 5; i++) {
		fake_out8(fb, CHANNEL(0), (uint8_t)LATCH_250);
		fake_out8(fb, CHANNEL(0), LATCH_250 >> 8);
		fake_board_advance(fb, 20 * NS_PER_MS);
		assert_int_equal(fb->irq_edges[GSI_PIT], i);
		assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
	}
}

static void a_new_control_word_stops_a_periodic_channel_0(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 2, LATCH_250);
	fake_out8(fb, CONTROL, SELECT(0) | BOTH_MODE(0));
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
	fake_board_advance(fb, NS_PER_S);
	assert_int_equal(fb->irq_edges[GSI_PIT], 0);
}

static void channels_1_and_2_interrupt_nobody(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 1, 2, 18);
	fake_out8(fb, PORT_SYSTEM_B, 1);
	program(fb, 2, 3, 1000);
	fake_board_advance(fb, NS_PER_S);
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
	assert_int_equal(fb->irq_edges[GSI_PIT], 0);
}

/* ---- a late host ------------------------------------------------------------------ */

static void missed_ticks_are_caught_up_in_between_and_the_phase_stays(void **state)
{
	struct fake_board *fb = board_of(state);
	const uint64_t period_ns = ns_of(LATCH_250);

	program(fb, 0, 2, LATCH_250);
	be_late(fb, 10 * period_ns + period_ns / 3); /* 10 were due */
	assert_int_equal(fb->irq_edges[GSI_PIT], 1);
	fake_board_advance(fb, 20 * period_ns);
	assert_int_equal(fb->irq_edges[GSI_PIT], 30);
	/* On the grid again: the next one exactly at tick 1 + 31 periods. */
	assert_int_equal(fb->rearm_ns, ns_of(1 + 31 * LATCH_250));
}

static void caught_up_ticks_come_half_a_period_apart(void **state)
{
	struct fake_board *fb = board_of(state);
	const uint64_t half_ns = ns_of(LATCH_250) / 2;

	program(fb, 0, 2, LATCH_250);
	be_late(fb, ns_of(3 * LATCH_250));
	assert_int_equal(fb->irq_edges[GSI_PIT], 1);
	fake_board_advance(fb, half_ns - 2);
	assert_int_equal(fb->irq_edges[GSI_PIT], 1);
	fake_board_advance(fb, 4);
	assert_int_equal(fb->irq_edges[GSI_PIT], 2);
}

static void a_very_late_host_catches_up_a_bounded_number(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 2, LATCH_250);
	be_late(fb, ns_of(1 + 1000 * LATCH_250));
	fake_board_advance(fb, ns_of(1000 * LATCH_250));
	assert_int_equal(fb->irq_edges[GSI_PIT], I8254_BACKLOG_MAX + 1000);
	assert_int_equal(fb->rearm_ns, ns_of(1 + 2001 * LATCH_250));
}

static void a_late_one_shot_comes_once(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 4, LATCH_250);
	be_late(fb, NS_PER_S);
	assert_int_equal(fb->irq_edges[GSI_PIT], 1);
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
}

static void a_read_does_not_lose_ticks_that_are_due(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 2, LATCH_250);
	fake_board_advance(fb, ns_of(10));
	/* A new count, which takes over at the end of the period. */
	fake_out8(fb, CHANNEL(0), 0x01);
	fake_out8(fb, CHANNEL(0), 0x70);
	fb->now_ns += ns_of(LATCH_250); /* due, but the host has not fired it */
	fake_in8(fb, CHANNEL(0));
	fake_in8(fb, CHANNEL(0));
	clock_run(&fb->clock);
	assert_int_equal(fb->irq_edges[GSI_PIT], 1);
	assert_int_equal(fb->rearm_ns, ns_of(1 + LATCH_250 + 0x7001));
}

static void a_new_mode_drops_the_backlog_of_the_old_one(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 2, LATCH_250);
	be_late(fb, ns_of(10 * LATCH_250));
	assert_int_equal(fb->irq_edges[GSI_PIT], 1);
	fake_out8(fb, CONTROL, SELECT(0) | BOTH_MODE(4));
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
}

static void the_fastest_rate_cannot_flood_the_host(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 2, 2);
	fake_board_advance(fb, NS_PER_S);
	assert_in_range(fb->irq_edges[GSI_PIT], 1, NS_PER_S / I8254_GAP_MIN_NS);
}

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
		TEST(channel_0_is_silent_until_it_is_programmed),
		TEST(mode_2_interrupts_at_exactly_the_average_rate),
		TEST(mode_3_with_count_0_interrupts_18_times_a_second),
		TEST(mode_2_first_interrupts_one_period_after_the_load),
		TEST(mode_0_interrupts_once_and_then_costs_nothing),
		TEST(mode_4_as_linux_uses_it_interrupts_once_for_each_count),
		TEST(a_new_control_word_stops_a_periodic_channel_0),
		TEST(channels_1_and_2_interrupt_nobody),
		TEST(missed_ticks_are_caught_up_in_between_and_the_phase_stays),
		TEST(caught_up_ticks_come_half_a_period_apart),
		TEST(a_very_late_host_catches_up_a_bounded_number),
		TEST(a_late_one_shot_comes_once),
		TEST(a_read_does_not_lose_ticks_that_are_due),
		TEST(a_new_mode_drops_the_backlog_of_the_old_one),
		TEST(the_fastest_rate_cannot_flood_the_host),
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
