/* chipset/rtc_calendar.h: seconds since 1970 to and from the time, calendar and
 * alarm bytes of an MC146818.  Pure: no clock, no device.
 *
 * The bytes lie as in the chip: 0 seconds, 1 alarm seconds, 2 minutes, 3 alarm
 * minutes, 4 hours, 5 alarm hours, 6 day of week (1 is Sunday), 7 day of month,
 * 8 month, 9 year; the century, which the PC keeps in byte 0x32, comes apart. */
#ifndef BANTAM_CHIPSET_RTC_CALENDAR_H
#define BANTAM_CHIPSET_RTC_CALENDAR_H

#include "base/types.h"

/* How the bytes are written, as register B says. */
struct rtc_format {
	bool binary;  /* DM: else BCD */
	bool hours24; /* 24/12: else 1..12 with bit 7 for PM */
};

enum {
	RTC_SECONDS = 0,
	RTC_SECONDS_ALARM = 1,
	RTC_MINUTES = 2,
	RTC_MINUTES_ALARM = 3,
	RTC_HOURS = 4,
	RTC_HOURS_ALARM = 5,
	RTC_DAY_OF_WEEK = 6,
	RTC_DAY_OF_MONTH = 7,
	RTC_MONTH = 8,
	RTC_YEAR = 9,
	RTC_TIME_BYTES = 10,
};

#define RTC_NO_ALARM UINT32_MAX

/* Write time and calendar (not the alarm) of unix_s into regs and *century.
 * unix_s         seconds since 1970-01-01; years 0..25599 come out right
 * weekday_shift  added to the day count; 4 makes 1970-01-01 a Thursday */
void rtc_encode(int64_t unix_s, unsigned weekday_shift, struct rtc_format format,
		uint8_t regs[RTC_TIME_BYTES], uint8_t *century);

/* The seconds since 1970 that the bytes mean.  The guest may have written
 * anything: parts out of range are brought into it, no result overflows. */
int64_t rtc_decode(const uint8_t regs[RTC_TIME_BYTES], uint8_t century, struct rtc_format format);

/* The weekday_shift with which unix_s falls on the day of week in regs. */
unsigned rtc_weekday_shift(const uint8_t regs[RTC_TIME_BYTES], int64_t unix_s,
			   struct rtc_format format);

/* Seconds (1..86400) from unix_s to the next second at which the alarm bytes
 * match, or RTC_NO_ALARM if they never do.  A byte of 0xc0..0xff is a
 * don't-care. */
uint32_t rtc_alarm_delay_s(const uint8_t regs[RTC_TIME_BYTES], int64_t unix_s,
			   struct rtc_format format);

#endif
