#include "chipset/rtc_calendar.h"

#define DAY_S	  86400
#define HOUR_S	  3600u
#define MINUTE_S  60u
#define HOUR_PM	  0x80u
#define DONT_CARE 0xc0u /* both top bits set */

/* ---- one byte ------------------------------------------------------------ */

static uint8_t encode(unsigned v, struct rtc_format f)
{
	return (uint8_t)(f.binary ? v : (v / 10 << 4 | v % 10));
}

static unsigned decode(uint8_t raw, struct rtc_format f)
{
	return f.binary ? raw : (raw >> 4) * 10u + (raw & 15u);
}

static uint8_t encode_hour(unsigned hour, struct rtc_format f)
{
	const unsigned hour12 = hour % 12 == 0 ? 12 : hour % 12;

	if (f.hours24)
		return encode(hour, f);
	return (uint8_t)(encode(hour12, f) | (hour >= 12 ? HOUR_PM : 0));
}

/* 0..23, or more if the byte is nonsense. */
static unsigned decode_hour(uint8_t raw, struct rtc_format f)
{
	unsigned hour12;

	if (f.hours24)
		return decode(raw, f);
	hour12 = decode(raw & (uint8_t)~HOUR_PM, f);
	if (hour12 < 1 || hour12 > 12)
		return 24;
	return hour12 % 12 + (raw & HOUR_PM ? 12 : 0);
}

static unsigned clamp(unsigned v, unsigned low, unsigned high)
{
	return v < low ? low : v > high ? high : v;
}

/* ---- the calendar ---------------------------------------------------------
 * Years are counted from March, so that the leap day is a year's last, and in
 * eras of 400 years, which all have 146097 days. */

#define ERA_YEARS 400
#define ERA_DAYS  146097
/* 0000-03-01 to 1970-01-01. */
#define EPOCH_DAYS 719468

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Days from 1970-01-01; month 1..12, day 1..31. */
static int64_t days_from_date(int64_t year, unsigned month, unsigned day)
{
	const int64_t y = month <= 2 ? year - 1 : year;
	const int64_t era = floor_div(y, ERA_YEARS);
	const int64_t year_of_era = y - era * ERA_YEARS;
	const unsigned from_march = (month + 9) % 12;
	const int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;

	return era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - EPOCH_DAYS;
}

static void date_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	const int64_t from_era0 = days + EPOCH_DAYS;
	const int64_t era = floor_div(from_era0, ERA_DAYS);
	const int64_t day_of_era = from_era0 - era * ERA_DAYS;
	const int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	const int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	const int64_t from_march = (5 * day_of_year + 2) / 153;

	*day = (unsigned)(day_of_year - (153 * from_march + 2) / 5 + 1);
	*month = (unsigned)(from_march < 10 ? from_march + 3 : from_march - 9);
	*year = year_of_era + era * ERA_YEARS + (*month <= 2);
}

void rtc_encode(int64_t unix_s, unsigned weekday_shift, struct rtc_format format,
		uint8_t regs[RTC_TIME_BYTES], uint8_t *century)
{
	const int64_t days = floor_div(unix_s, DAY_S);
	const unsigned second = (unsigned)(unix_s - days * DAY_S);
	int64_t year;
	unsigned month, day;

	date_from_days(days, &year, &month, &day);
	regs[RTC_SECONDS] = encode(second % MINUTE_S, format);
	regs[RTC_MINUTES] = encode(second / MINUTE_S % 60, format);
	regs[RTC_HOURS] = encode_hour(second / HOUR_S, format);
	regs[RTC_DAY_OF_WEEK] = (uint8_t)(days - floor_div(days, 7) * 7 + weekday_shift) % 7 + 1;
	regs[RTC_DAY_OF_MONTH] = encode(day, format);
	regs[RTC_MONTH] = encode(month, format);
	regs[RTC_YEAR] = encode((unsigned)(year - floor_div(year, 100) * 100), format);
	*century = encode((unsigned)floor_div(year, 100), format);
}

int64_t rtc_decode(const uint8_t regs[RTC_TIME_BYTES], uint8_t century, struct rtc_format format)
{
	const int64_t year = (int64_t)decode(century, format) * 100 +
			     clamp(decode(regs[RTC_YEAR], format), 0, 99);
	const unsigned month = clamp(decode(regs[RTC_MONTH], format), 1, 12);
	const unsigned day = clamp(decode(regs[RTC_DAY_OF_MONTH], format), 1, 31);
	const unsigned hour = clamp(decode_hour(regs[RTC_HOURS], format), 0, 23);
	const unsigned minute = clamp(decode(regs[RTC_MINUTES], format), 0, 59);
	const unsigned second = clamp(decode(regs[RTC_SECONDS], format), 0, 59);

	return days_from_date(year, month, day) * DAY_S + hour * HOUR_S + minute * MINUTE_S +
	       second;
}

unsigned rtc_weekday_shift(const uint8_t regs[RTC_TIME_BYTES], int64_t unix_s,
			   struct rtc_format format)
{
	const int64_t days = floor_div(unix_s, DAY_S);
	const int64_t wanted = decode(regs[RTC_DAY_OF_WEEK], format) + 6; /* 1 is Sunday */
	const int64_t shift = wanted - days;

	return (unsigned)(shift - floor_div(shift, 7) * 7);
}

static bool is_dont_care(uint8_t raw)
{
	return (raw & DONT_CARE) == DONT_CARE;
}

static bool matches(uint8_t raw, unsigned wanted, unsigned actual)
{
	return is_dont_care(raw) || wanted == actual;
}

uint32_t rtc_alarm_delay_s(const uint8_t regs[RTC_TIME_BYTES], int64_t unix_s,
			   struct rtc_format format)
{
	const unsigned hour = decode_hour(regs[RTC_HOURS_ALARM], format);
	const unsigned minute = decode(regs[RTC_MINUTES_ALARM], format);
	const unsigned second = decode(regs[RTC_SECONDS_ALARM], format);
	const uint32_t start = (uint32_t)(unix_s - floor_div(unix_s, DAY_S) * DAY_S);
	uint32_t t = start + 1;

	if ((!is_dont_care(regs[RTC_HOURS_ALARM]) && hour > 23) ||
	    (!is_dont_care(regs[RTC_MINUTES_ALARM]) && minute > 59) ||
	    (!is_dont_care(regs[RTC_SECONDS_ALARM]) && second > 59))
		return RTC_NO_ALARM;
	/* Leap over hours and minutes that do not match: at most 24 + 60 + 60
	 * steps and a few. */
	while (t <= start + DAY_S) {
		if (!matches(regs[RTC_HOURS_ALARM], hour, t / HOUR_S % 24))
			t += HOUR_S - t % HOUR_S;
		else if (!matches(regs[RTC_MINUTES_ALARM], minute, t / MINUTE_S % 60))
			t += MINUTE_S - t % MINUTE_S;
		else if (!matches(regs[RTC_SECONDS_ALARM], second, t % MINUTE_S))
			t++;
		else
			return t - start;
	}
	return RTC_NO_ALARM;
}
