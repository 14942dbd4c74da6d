/* An RTC that starts at a known second, and its ports. */
#ifndef BANTAM_TEST_RTC_FIXTURE_H
#define BANTAM_TEST_RTC_FIXTURE_H

#include "chipset/mc146818.h"

#include "core/platform.h"
#include "fake/device_fixture.h"

enum { SEC, SEC_ALARM, MIN, MIN_ALARM, HOUR, HOUR_ALARM, WDAY, MDAY, MONTH, YEAR };
enum { REG_A = 0x0a, REG_B = 0x0b, REG_C = 0x0c, REG_D = 0x0d, CENTURY = 0x32 };

#define UIP  0x80
#define SET  0x80
#define PIE  0x40
#define AIE  0x20
#define UIE  0x10
#define DM   0x04
#define H24  0x02
#define IRQF 0x80
#define PF   0x40
#define AF   0x20
#define UF   0x10

#define DIVIDER_RESET 0x70
#define DIVIDER_RUN   0x20

/* 2024-02-29 13:37:42 UTC, a Thursday, and 0.25 s. */
#define WALL_S	INT64_C(1709213862)
#define WALL_NS (WALL_S * (int64_t)NS_PER_S + 250 * (int64_t)NS_PER_MS)

static inline int setup(void **state)
{
	const struct mc146818_config config = {
		.unix_time_ns = WALL_NS,
		.ram_below_4g_bytes = GIB(3),
		.ram_above_4g_bytes = GIB(5),
	};

	return fixture_make(state, &mc146818_type, &config);
}

static inline uint8_t rd(struct fake_board *fb, uint8_t index)
{
	fake_out8(fb, PORT_RTC, index);
	return fake_in8(fb, PORT_RTC + 1);
}

static inline void wr(struct fake_board *fb, uint8_t index, uint8_t value)
{
	fake_out8(fb, PORT_RTC, index);
	fake_out8(fb, PORT_RTC + 1, value);
}

#endif
