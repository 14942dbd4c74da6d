/* chipset/reset.h: the two reset registers of a PC chipset.
 *
 *   0xcf9  RST_CNT (ICH9 data sheet, 13.7.5): also ACPI's reset register
 *   0x92   system control port A (PS/2): fast reset, fast A20
 *
 * Both ask for POWER_RESET, with the source "port 0xcf9" or "port 0x92". */
#ifndef BANTAM_CHIPSET_RESET_H
#define BANTAM_CHIPSET_RESET_H

#include "core/device.h"

/* No config: pass NULL. */
extern const struct device_type reset_type;

#endif
