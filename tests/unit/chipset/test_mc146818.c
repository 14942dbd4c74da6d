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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
