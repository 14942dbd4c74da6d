#include "rtc_fixture.h"

/* ---- time ------------------------------------------------------------------------ */

static void it_starts_at_the_hosts_wall_clock_in_bcd_and_24_hours(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(rd(fb, REG_B), H24);
	assert_int_equal(rd(fb, CENTURY), 0x20);
	assert_int_equal(rd(fb, YEAR), 0x24);
	assert_int_equal(rd(fb, MONTH), 0x02);
	assert_int_equal(rd(fb, MDAY), 0x29);
	assert_int_equal(rd(fb, WDAY), 5);
	assert_int_equal(rd(fb, HOUR), 0x13);
	assert_int_equal(rd(fb, MIN), 0x37);
	assert_int_equal(rd(fb, SEC), 0x42);
}

static void binary_and_12_hour_formats_show_the_same_time(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, REG_B, DM | H24);
	assert_int_equal(rd(fb, HOUR), 13);
	assert_int_equal(rd(fb, MIN), 37);
	assert_int_equal(rd(fb, CENTURY), 20);
	wr(fb, REG_B, 0);
	assert_int_equal(rd(fb, HOUR), 0x81);
	wr(fb, REG_B, DM);
	assert_int_equal(rd(fb, HOUR), 0x81);
}

static void the_second_turns_where_the_hosts_does(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_board_advance(fb, 750 * NS_PER_MS - 1);
	assert_int_equal(rd(fb, SEC), 0x42);
	fake_board_advance(fb, 1);
	assert_int_equal(rd(fb, SEC), 0x43);
}

static void midnight_of_a_leap_day_carries_through_all_registers(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_board_advance(fb, (86400 - (13 * 3600 + 37 * 60 + 42)) * NS_PER_S);
	assert_int_equal(rd(fb, SEC), 0x00);
	assert_int_equal(rd(fb, MIN), 0x00);
	assert_int_equal(rd(fb, HOUR), 0x00);
	assert_int_equal(rd(fb, MDAY), 0x01);
	assert_int_equal(rd(fb, MONTH), 0x03);
	assert_int_equal(rd(fb, WDAY), 6);
}

static void uip_is_set_in_the_last_244_us_of_a_second(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(rd(fb, REG_A), 0x26);
	fake_board_advance(fb, 750 * NS_PER_MS - 244 * NS_PER_US - 1);
	assert_int_equal(rd(fb, REG_A) & UIP, 0);
	fake_board_advance(fb, 1);
	assert_int_equal(rd(fb, REG_A) & UIP, UIP);
	fake_board_advance(fb, 244 * NS_PER_US - 1);
	assert_int_equal(rd(fb, REG_A) & UIP, UIP);
	assert_int_equal(rd(fb, SEC), 0x42);
	fake_board_advance(fb, 1);
	assert_int_equal(rd(fb, REG_A) & UIP, 0);
	assert_int_equal(rd(fb, SEC), 0x43);
}

static void a_guest_that_writes_uip_does_not_set_it(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, REG_A, UIP | 0x2f);
	assert_int_equal(rd(fb, REG_A), 0x2f);
}

static void set_freezes_the_registers_and_hides_uip(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, REG_B, SET | H24);
	fake_board_advance(fb, 10 * NS_PER_S - NS_PER_US - 250 * NS_PER_MS);
	assert_int_equal(rd(fb, SEC), 0x42);
	assert_int_equal(rd(fb, REG_A) & UIP, 0);
	assert_int_equal(rd(fb, REG_C) & UF, 0);
}

static void set_clears_uie(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, REG_B, UIE | H24);
	assert_int_not_equal(fb->rearm_ns, CLOCK_NEVER);
	wr(fb, REG_B, SET | UIE | H24);
	assert_int_equal(rd(fb, REG_B), SET | H24);
	assert_int_equal(fb->rearm_ns, CLOCK_NEVER);
}

static void a_time_set_under_set_runs_on_in_the_same_phase(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, REG_B, SET | H24);
	wr(fb, CENTURY, 0x19);
	wr(fb, YEAR, 0x99);
	wr(fb, MONTH, 0x12);
	wr(fb, MDAY, 0x31);
	wr(fb, WDAY, 6);
	wr(fb, HOUR, 0x23);
	wr(fb, MIN, 0x59);
	wr(fb, SEC, 0x59);
	wr(fb, REG_B, H24);
	fake_board_advance(fb, 750 * NS_PER_MS - 1);
	assert_int_equal(rd(fb, SEC), 0x59);
	fake_board_advance(fb, 1);
	assert_int_equal(rd(fb, SEC), 0x00);
	assert_int_equal(rd(fb, CENTURY), 0x20);
	assert_int_equal(rd(fb, YEAR), 0x00);
	assert_int_equal(rd(fb, MONTH), 0x01);
	assert_int_equal(rd(fb, MDAY), 0x01);
	assert_int_equal(rd(fb, WDAY), 7);
}

/* Linux mc146818_set_time(): SET and divider reset, then the other way round. */
static void out_of_divider_reset_the_first_update_takes_half_a_second(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, REG_B, SET | H24);
	wr(fb, REG_A, DIVIDER_RESET | 6);
	wr(fb, SEC, 0x10);
	wr(fb, REG_B, H24);
	fake_board_advance(fb, 5 * NS_PER_S + 123 * NS_PER_MS);
	assert_int_equal(rd(fb, SEC), 0x10);
	wr(fb, REG_A, DIVIDER_RUN | 6);
	fake_board_advance(fb, 500 * NS_PER_MS - 1);
	assert_int_equal(rd(fb, SEC), 0x10);
	fake_board_advance(fb, 1);
	assert_int_equal(rd(fb, SEC), 0x11);
}

static void a_byte_written_while_the_clock_runs_changes_only_that_part(void **state)
{
	struct fake_board *fb = board_of(state);

	wr(fb, HOUR, 0x01);
	assert_int_equal(rd(fb, HOUR), 0x01);
	assert_int_equal(rd(fb, MIN), 0x37);
	assert_int_equal(rd(fb, MDAY), 0x29);
	fake_board_advance(fb, 750 * NS_PER_MS);
	assert_int_equal(rd(fb, SEC), 0x43);
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
		TEST(it_starts_at_the_hosts_wall_clock_in_bcd_and_24_hours),
		TEST(binary_and_12_hour_formats_show_the_same_time),
		TEST(the_second_turns_where_the_hosts_does),
		TEST(midnight_of_a_leap_day_carries_through_all_registers),
		TEST(uip_is_set_in_the_last_244_us_of_a_second),
		TEST(a_guest_that_writes_uip_does_not_set_it),
		TEST(set_freezes_the_registers_and_hides_uip),
		TEST(set_clears_uie),
		TEST(a_time_set_under_set_runs_on_in_the_same_phase),
		TEST(out_of_divider_reset_the_first_update_takes_half_a_second),
		TEST(a_byte_written_while_the_clock_runs_changes_only_that_part),
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
