/* chipset/mc146818.h: the real-time clock and CMOS memory of a PC at 0x70/0x71.
 *
 * Motorola MC146818A data sheet, with the PC's additions: the century in byte
 * 0x32 and the memory sizes in 0x15..0x18, 0x30/0x31, 0x34/0x35, 0x5b..0x5d.
 * The clock is computed from guest time when somebody reads it; a timer is
 * armed only while an interrupt is enabled and not yet raised, so a guest that
 * wants none costs no wake-ups.  Daylight saving (DSE) and the square wave
 * (SQWE) are bits without effect: nothing in a PC uses them. */
#ifndef BANTAM_CHIPSET_MC146818_H
#define BANTAM_CHIPSET_MC146818_H

#include "core/device.h"

struct mc146818_config {
	/* The wall clock at guest time 0, in ns since 1970 (UTC: Linux expects
	 * it so).  A guest that sets the clock moves only its own. */
	int64_t unix_time_ns;
	uint64_t ram_below_4g_bytes;
	uint64_t ram_above_4g_bytes;
};

extern const struct device_type mc146818_type;

#endif
