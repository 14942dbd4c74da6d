/* chipset/port92.h: system control port A (PS/2) at 0x92: fast reset, fast A20.
 * The reset asks for POWER_RESET with the source "port 0x92". */
#ifndef BANTAM_CHIPSET_PORT92_H
#define BANTAM_CHIPSET_PORT92_H

#include "core/device.h"

/* No config: pass NULL. */
extern const struct device_type port92_type;

#endif
