#include "rtc_fixture.h"

/* ---- interrupts ------------------------------------------------------------------- */

static void an_idle_clock_arms_no_timer(void **state)
{
	struct fake_board *fb = board_of(state);

	for (uint8_t i = 0; i < 128; i++)
		rd(fb, i);
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
	assert_int_equal(fb->irq_calls[GSI_RTC], 0);
}

static void update_ended_interrupts_come_each_second(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, REG_B, UIE | H24);
	for (unsigned i = 1; i <= 5; i++) {
		fake_board_advance(fb, NS_PER_S);
		assert_int_equal(fb->irq_edges[GSI_RTC], i);
		assert_int_equal(fb->irq_level[GSI_RTC], 1);
		assert_int_equal(rd(fb, REG_C) & (IRQF | UF), IRQF | UF);
		assert_int_equal(fb->irq_level[GSI_RTC], 0);
	}
}

static void reading_register_c_clears_it_and_lowers_irq8(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, REG_B, UIE | H24);
	fake_board_advance(fb, NS_PER_S);
	assert_int_equal(fb->irq_level[GSI_RTC], 1);
	assert_int_not_equal(rd(fb, REG_C), 0);
	assert_int_equal(rd(fb, REG_C), 0);
	assert_int_equal(fb->irq_level[GSI_RTC], 0);
}

static void no_timer_is_armed_while_the_line_is_up(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, REG_B, PIE | UIE | H24);
	fake_board_advance(fb, 10 * NS_PER_S);
	assert_int_equal(fb->irq_edges[GSI_RTC], 1);
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
	rd(fb, REG_C);
	assert_int_not_equal(fb->rearm_ns, CLOCK_NEVER);
}

static void flags_are_set_without_their_enables_and_without_irqf(void **state)
{
	struct fake_board *fb = board_of(state);

	rd(fb, REG_C);
	fake_board_advance(fb, NS_PER_S);
	assert_int_equal(rd(fb, REG_C) & (IRQF | UF | PF), UF | PF);
	assert_int_equal(fb->irq_calls[GSI_RTC], 0);
}

static void enabling_an_interrupt_whose_flag_is_set_raises_it(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_board_advance(fb, NS_PER_S);
	wr(fb, REG_B, UIE | H24);
	assert_int_equal(fb->irq_level[GSI_RTC], 1);
	wr(fb, REG_B, H24);
	assert_int_equal(fb->irq_level[GSI_RTC], 0);
}

static void a_flag_that_a_late_host_missed_is_not_an_extra_interrupt(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, REG_B, UIE | H24);
	fb->now_ns += NS_PER_S; /* due, but the host has not fired it */
	assert_int_equal(rd(fb, REG_C) & (IRQF | UF), IRQF | UF);
	clock_run(&fb->clock);
	assert_int_equal(fb->irq_edges[GSI_RTC], 0);
}

static void the_alarm_interrupts_at_its_second(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, HOUR_ALARM, 0x13);
	wr(fb, MIN_ALARM, 0x38);
	wr(fb, SEC_ALARM, 0x00);
	wr(fb, REG_B, AIE | H24);
	fake_board_advance(fb, 17750 * NS_PER_MS - 1);
	assert_int_equal(fb->irq_edges[GSI_RTC], 0);
	fake_board_advance(fb, 1);
	assert_int_equal(fb->irq_edges[GSI_RTC], 1);
	assert_int_equal(rd(fb, REG_C) & (IRQF | AF), IRQF | AF);
	fake_board_advance(fb, 86400 * NS_PER_S);
	assert_int_equal(fb->irq_edges[GSI_RTC], 2);
}

static void an_alarm_of_dont_cares_comes_each_second(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, HOUR_ALARM, 0xff);
	wr(fb, MIN_ALARM, 0xff);
	wr(fb, SEC_ALARM, 0xff);
	wr(fb, REG_B, AIE | H24);
	for (unsigned i = 1; i <= 3; i++) {
		fake_board_advance(fb, NS_PER_S);
		assert_int_equal(fb->irq_edges[GSI_RTC], i);
		rd(fb, REG_C);
	}
}

static void an_alarm_that_can_never_match_arms_no_timer(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, HOUR_ALARM, 0x99);
	wr(fb, REG_B, AIE | H24);
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
}

static void each_rate_select_gives_its_periodic_rate(void **state)
{
	static const unsigned rates_hz[16] = { 0,   256, 128, 8192, 4096, 2048, 1024, 512,
					       256, 128, 64,  32,   16,	  8,	4,    2 };
	struct fake_board *fb = board_of(state);

	for (unsigned rs = 0; rs < 16; rs++) {
		unsigned taken = 0;

		wr(fb, REG_A, (uint8_t)(DIVIDER_RUN | rs));
		rd(fb, REG_C);
		wr(fb, REG_B, PIE | H24);
		for (uint64_t end_ns = fb->now_ns + NS_PER_S; fb->now_ns < end_ns;) {
			const uint64_t next_ns = min_u64(fb->rearm_ns, end_ns);

			fake_board_advance(fb, next_ns - fb->now_ns);
			taken += rd(fb, REG_C) >> 7;
		}
		wr(fb, REG_B, H24);
		if (taken != rates_hz[rs])
			fail_msg("RS %u: %u a second", rs, taken);
	}
}

static void periodic_interrupts_stop_with_the_divider_but_not_with_set(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, REG_B, SET | PIE | H24);
	fake_board_advance(fb, NS_PER_S);
	assert_int_equal(rd(fb, REG_C) & PF, PF);
	wr(fb, REG_A, DIVIDER_RESET | 6);
	rd(fb, REG_C);
	fake_board_advance(fb, NS_PER_S);
	assert_int_equal(rd(fb, REG_C), 0);
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_idle_clock_arms_no_timer),
		TEST(update_ended_interrupts_come_each_second),
		TEST(reading_register_c_clears_it_and_lowers_irq8),
		TEST(no_timer_is_armed_while_the_line_is_up),
		TEST(flags_are_set_without_their_enables_and_without_irqf),
		TEST(enabling_an_interrupt_whose_flag_is_set_raises_it),
		TEST(a_flag_that_a_late_host_missed_is_not_an_extra_interrupt),
		TEST(the_alarm_interrupts_at_its_second),
		TEST(an_alarm_of_dont_cares_comes_each_second),
		TEST(an_alarm_that_can_never_match_arms_no_timer),
		TEST(each_rate_select_gives_its_periodic_rate),
		TEST(periodic_interrupts_stop_with_the_divider_but_not_with_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
