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

/* ---- memory -------------------------------------------------------------------------- */

static void register_d_says_the_battery_is_good_and_is_read_only(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, REG_D, 0);
	assert_int_equal(rd(fb, REG_D), 0x80);
	wr(fb, REG_C, 0xff);
	assert_int_equal(rd(fb, REG_C) & IRQF, 0);
}

static void the_memory_sizes_stand_where_firmware_looks(void **state)
{
	struct fake_board *fb = board_of(state);
	const unsigned above_16m = (unsigned)((GIB(3) - MIB(16)) / KIB(64));
	const unsigned above_4g = (unsigned)(GIB(5) / KIB(64));

	assert_int_equal(rd(fb, 0x15) | rd(fb, 0x16) << 8, 640);
	assert_int_equal(rd(fb, 0x17) | rd(fb, 0x18) << 8, 0xffff);
	assert_int_equal(rd(fb, 0x30) | rd(fb, 0x31) << 8, 0xffff);
	assert_int_equal(rd(fb, 0x34) | rd(fb, 0x35) << 8, above_16m);
	assert_int_equal(rd(fb, 0x5b) | rd(fb, 0x5c) << 8 | rd(fb, 0x5d) << 16, above_4g);
}

static void the_sizes_of_a_small_memory_are_exact(void **state)
{
	struct fixture *f = *state;
	const struct mc146818_config small = { .ram_below_4g_bytes = MIB(32) };

	mc146818_type.destroy(f->dev);
	assert_int_equal(mc146818_type.create(&f->fb.board, &small, &f->dev, NULL), 0);
	assert_int_equal(rd(&f->fb, 0x17) | rd(&f->fb, 0x18) << 8, 31 * 1024);
	assert_int_equal(rd(&f->fb, 0x34) | rd(&f->fb, 0x35) << 8, 256);
	assert_int_equal(rd(&f->fb, 0x5b) | rd(&f->fb, 0x5c) | rd(&f->fb, 0x5d), 0);
}

static void a_wall_clock_before_1970_is_a_time_too(void **state)
{
	struct fixture *f = *state;
	const struct mc146818_config old = { .unix_time_ns = -1 };

	mc146818_type.destroy(f->dev);
	assert_int_equal(mc146818_type.create(&f->fb.board, &old, &f->dev, NULL), 0);
	assert_int_equal(rd(&f->fb, CENTURY), 0x19);
	assert_int_equal(rd(&f->fb, YEAR), 0x69);
	assert_int_equal(rd(&f->fb, SEC), 0x59);
	fake_board_advance(&f->fb, 1);
	assert_int_equal(rd(&f->fb, YEAR), 0x70);
}

static void the_index_reads_back_without_its_nmi_bit(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_RTC, 0x80 | 0x5b);
	assert_int_equal(fake_in8(fb, PORT_RTC), 0x5b);
	fake_out8(fb, PORT_RTC + 1, 0x77);
	assert_int_equal(rd(fb, 0x5b), 0x77);
}

static void a_16_bit_write_sets_index_and_data_at_once(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out16(fb, PORT_RTC, 0x5a40);
	assert_int_equal(rd(fb, 0x40), 0x5a);
}

static void reset_keeps_time_and_memory_and_drops_interrupts(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, 0x50, 0xaa);
	wr(fb, HOUR, 0x07);
	wr(fb, 0x15, 0x00);
	wr(fb, REG_B, PIE | AIE | UIE | DM);
	fake_board_advance(fb, 2 * NS_PER_S);
	assert_int_equal(fb->irq_level[GSI_RTC], 1);
	mc146818_type.reset(device_of(state));
	assert_int_equal(fb->irq_level[GSI_RTC], 0);
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
	assert_int_equal(rd(fb, REG_B), H24);
	assert_int_equal(rd(fb, REG_C), 0);
	assert_int_equal(rd(fb, 0x50), 0xaa);
	assert_int_equal(rd(fb, HOUR), 0x07);
	assert_int_equal(rd(fb, SEC), 0x44);
	assert_int_equal(rd(fb, 0x15), 0x80);
}

static void reset_lets_a_stopped_clock_go(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, REG_B, SET | DM | H24);
	wr(fb, HOUR, 21);
	wr(fb, SEC, 42);
	wr(fb, REG_A, DIVIDER_RESET);
	mc146818_type.reset(device_of(state));
	assert_int_equal(rd(fb, HOUR), 0x21);
	fake_board_advance(fb, NS_PER_S);
	assert_int_equal(rd(fb, SEC), 0x43);
}

static void no_order_of_writes_does_harm(void **state)
{
	struct fake_board *fb = board_of(state);

	srandom(4);
	for (unsigned i = 0; i < 100000; i++) {
		const unsigned r = (unsigned)random();

		if (r & 1)
			wr(fb, (uint8_t)(r >> 8 & (r & 2 ? 0x0f : 0x7f)), (uint8_t)(r >> 16));
		else
			rd(fb, (uint8_t)(r >> 8));
		/* No more work per second than the fastest periodic rate. */
		fake_board_advance(fb, random() & 0xffffff);
	}
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
		TEST(register_d_says_the_battery_is_good_and_is_read_only),
		TEST(the_memory_sizes_stand_where_firmware_looks),
		TEST(the_sizes_of_a_small_memory_are_exact),
		TEST(a_wall_clock_before_1970_is_a_time_too),
		TEST(the_index_reads_back_without_its_nmi_bit),
		TEST(a_16_bit_write_sets_index_and_data_at_once),
		TEST(reset_keeps_time_and_memory_and_drops_interrupts),
		TEST(reset_lets_a_stopped_clock_go),
		TEST(no_order_of_writes_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
