#include "pit_fixture.h"

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

static void merged_interrupts_are_owed_and_made_up_for(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 2, LATCH_250);
	fb->irq_merges = true; /* the guest has its interrupts off */
	fake_board_advance(fb, ns_of(1 + 10 * LATCH_250));
	fb->irq_merges = false;
	fb->irq_edges[GSI_PIT] = 0;
	fake_board_advance(fb, ns_of(20 * LATCH_250));
	assert_int_equal(fb->irq_edges[GSI_PIT], 30);
}

static void the_fastest_rate_cannot_flood_the_host(void **state)
{
	struct fake_board *fb = board_of(state);

	program(fb, 0, 2, 2);
	fake_board_advance(fb, NS_PER_S);
	assert_in_range(fb->irq_edges[GSI_PIT], 1, NS_PER_S / I8254_GAP_MIN_NS);
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
		TEST(merged_interrupts_are_owed_and_made_up_for),
		TEST(the_fastest_rate_cannot_flood_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
