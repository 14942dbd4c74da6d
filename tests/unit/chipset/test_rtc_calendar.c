#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/types.h"
#include "chipset/rtc_calendar.h"

static const struct rtc_format bcd24 = { .binary = false, .hours24 = true };
static const struct rtc_format bcd12 = { .binary = false, .hours24 = false };
static const struct rtc_format bin24 = { .binary = true, .hours24 = true };
static const struct rtc_format bin12 = { .binary = true, .hours24 = false };

#define THURSDAY_1970 4u

static void the_calendar_agrees_with_libc_over_four_centuries(void **state)
{
	(void)state;
	for (int64_t s = 0; s < INT64_C(12622780800); s += 86400 * 3 + 3671) {
		uint8_t regs[RTC_TIME_BYTES] = { 0 }, century;
		const time_t t = (time_t)s;
		struct tm tm;

		assert_non_null(gmtime_r(&t, &tm));
		rtc_encode(s, THURSDAY_1970, bin24, regs, &century);
		assert_int_equal(regs[RTC_SECONDS], tm.tm_sec);
		assert_int_equal(regs[RTC_MINUTES], tm.tm_min);
		assert_int_equal(regs[RTC_HOURS], tm.tm_hour);
		assert_int_equal(regs[RTC_DAY_OF_WEEK], tm.tm_wday + 1);
		assert_int_equal(regs[RTC_DAY_OF_MONTH], tm.tm_mday);
		assert_int_equal(regs[RTC_MONTH], tm.tm_mon + 1);
		assert_int_equal(century * 100 + regs[RTC_YEAR], tm.tm_year + 1900);
	}
}

static void what_is_encoded_decodes_to_the_same_second_in_every_format(void **state)
{
	const struct rtc_format formats[] = { bcd24, bcd12, bin24, bin12 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(formats); i++) {
		/* From 1066 to 2600, hour by hour of odd days. */
		for (int64_t s = -INT64_C(28500000000); s < INT64_C(19900000000); s += 3599 * 911) {
			uint8_t regs[RTC_TIME_BYTES] = { 0 }, century;

			rtc_encode(s, THURSDAY_1970, formats[i], regs, &century);
			assert_true(rtc_decode(regs, century, formats[i]) == s);
			assert_int_equal(rtc_weekday_shift(regs, s, formats[i]), THURSDAY_1970);
		}
	}
}

static void the_leap_day_of_2000_exists_and_that_of_2100_does_not(void **state)
{
	uint8_t regs[RTC_TIME_BYTES], century;

	(void)state;
	rtc_encode(951782400, THURSDAY_1970, bcd24, regs, &century); /* 2000-02-29 */
	assert_int_equal(century, 0x20);
	assert_int_equal(regs[RTC_YEAR], 0x00);
	assert_int_equal(regs[RTC_MONTH], 0x02);
	assert_int_equal(regs[RTC_DAY_OF_MONTH], 0x29);
	rtc_encode(INT64_C(4107542400), THURSDAY_1970, bcd24, regs, &century); /* 2100-03-01 */
	assert_int_equal(century, 0x21);
	assert_int_equal(regs[RTC_MONTH], 0x03);
	assert_int_equal(regs[RTC_DAY_OF_MONTH], 0x01);
}

static void twelve_hour_mode_has_pm_in_bit_7_and_no_hour_0(void **state)
{
	static const struct {
		unsigned hour;
		uint8_t in_bcd, in_binary;
	} rows[] = {
		{ 0, 0x12, 12 },   { 1, 0x01, 1 },    { 11, 0x11, 11 },
		{ 12, 0x92, 140 }, { 13, 0x81, 129 }, { 23, 0x91, 139 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t regs[RTC_TIME_BYTES], century;

		rtc_encode(rows[i].hour * 3600, THURSDAY_1970, bcd12, regs, &century);
		assert_int_equal(regs[RTC_HOURS], rows[i].in_bcd);
		rtc_encode(rows[i].hour * 3600, THURSDAY_1970, bin12, regs, &century);
		assert_int_equal(regs[RTC_HOURS], rows[i].in_binary);
	}
}

static void any_bytes_decode_to_a_time_that_encodes_again(void **state)
{
	(void)state;
	srandom(2);
	for (unsigned i = 0; i < 100000; i++) {
		const struct rtc_format f = { .binary = i & 1, .hours24 = i & 2 };
		uint8_t regs[RTC_TIME_BYTES], again[RTC_TIME_BYTES], century, century_again;
		int64_t s;

		for (unsigned n = 0; n < sizeof(regs); n++)
			regs[n] = (uint8_t)random();
		century = (uint8_t)random();
		if (!f.binary)
			century = (uint8_t)(century % 100 / 10 << 4 | century % 10);
		s = rtc_decode(regs, century, f);
		rtc_encode(s, rtc_weekday_shift(regs, s, f), f, again, &century_again);
		assert_true(rtc_decode(again, century_again, f) == s);
		assert_in_range(rtc_alarm_delay_s(regs, s, f), 1, RTC_NO_ALARM);
	}
}

/* ---- alarms -------------------------------------------------------------------- */

static uint32_t delay(struct rtc_format f, uint8_t h, uint8_t m, uint8_t s, int64_t from)
{
	uint8_t regs[RTC_TIME_BYTES] = { 0 };

	regs[RTC_HOURS_ALARM] = h;
	regs[RTC_MINUTES_ALARM] = m;
	regs[RTC_SECONDS_ALARM] = s;
	return rtc_alarm_delay_s(regs, from, f);
}

static void an_alarm_of_three_numbers_comes_once_a_day(void **state)
{
	const int64_t noon = 86400 * 20000 + 12 * 3600;

	(void)state;
	assert_int_equal(delay(bcd24, 0x12, 0x00, 0x01, noon), 1);
	assert_int_equal(delay(bcd24, 0x12, 0x00, 0x00, noon), 86400);
	assert_int_equal(delay(bcd24, 0x11, 0x59, 0x59, noon), 86399);
	assert_int_equal(delay(bcd12, 0x81, 0x30, 0x00, noon), 5400);
	assert_int_equal(delay(bin24, 23, 59, 59, noon), 43199);
}

static void dont_care_bytes_make_it_hourly_minutely_or_each_second(void **state)
{
	const int64_t at = 86400 * 20000 + 10 * 3600 + 20 * 60 + 30;

	(void)state;
	assert_int_equal(delay(bcd24, 0xff, 0x15, 0x00, at), 55 * 60 - 30);
	assert_int_equal(delay(bcd24, 0xc0, 0xc0, 0x29, at), 59);
	assert_int_equal(delay(bcd24, 0xff, 0xff, 0xff, at), 1);
	assert_int_equal(delay(bcd24, 0x11, 0xff, 0xff, at), 40 * 60 - 30);
}

static void an_alarm_at_a_time_that_does_not_exist_never_comes(void **state)
{
	(void)state;
	assert_int_equal(delay(bcd24, 0x24, 0x00, 0x00, 0), RTC_NO_ALARM);
	assert_int_equal(delay(bcd24, 0x00, 0x60, 0x00, 0), RTC_NO_ALARM);
	assert_int_equal(delay(bcd24, 0xff, 0xff, 0x7f, 0), RTC_NO_ALARM);
	assert_int_equal(delay(bcd12, 0x00, 0x00, 0x00, 0), RTC_NO_ALARM);
}

static void the_alarm_is_the_first_matching_second(void **state)
{
	(void)state;
	srandom(3);
	for (unsigned i = 0; i < 300; i++) {
		const uint8_t h = (uint8_t)(random() & 1 ? 0xff : random() % 24);
		const uint8_t m = (uint8_t)(random() & 1 ? 0xff : random() % 60);
		const uint8_t s = (uint8_t)(random() & 1 ? 0xff : random() % 60);
		const int64_t from = random();
		int64_t t = from + 1;

		while ((h != 0xff && t / 3600 % 24 != h) || (m != 0xff && t / 60 % 60 != m) ||
		       (s != 0xff && t % 60 != s))
			t++;
		assert_int_equal(delay(bin24, h, m, s, from), t - from);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_calendar_agrees_with_libc_over_four_centuries),
		cmocka_unit_test(what_is_encoded_decodes_to_the_same_second_in_every_format),
		cmocka_unit_test(the_leap_day_of_2000_exists_and_that_of_2100_does_not),
		cmocka_unit_test(twelve_hour_mode_has_pm_in_bit_7_and_no_hour_0),
		cmocka_unit_test(any_bytes_decode_to_a_time_that_encodes_again),
		cmocka_unit_test(an_alarm_of_three_numbers_comes_once_a_day),
		cmocka_unit_test(dont_care_bytes_make_it_hourly_minutely_or_each_second),
		cmocka_unit_test(an_alarm_at_a_time_that_does_not_exist_never_comes),
		cmocka_unit_test(the_alarm_is_the_first_matching_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
