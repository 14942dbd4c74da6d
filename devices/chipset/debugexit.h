/* chipset/debugexit.h: QEMU's isa-debug-exit at port 0xf4.
 *
 * A test guest ends the machine with a number: a write of 1, 2 or 4 bytes to
 * port 0xf4 asks for POWER_DEBUG_EXIT with the value written. */
#ifndef BANTAM_CHIPSET_DEBUGEXIT_H
#define BANTAM_CHIPSET_DEBUGEXIT_H

#include "core/device.h"

/* No config: pass NULL. */
extern const struct device_type debugexit_type;

#endif
