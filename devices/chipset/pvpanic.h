/* chipset/pvpanic.h: how a guest's kernel says that it panicked.
 *
 * QEMU docs/specs/pvpanic: one byte at port 0x505.  A read says which events
 * the device takes; a write of bit 0 means "panicked" (POWER_PANIC), of bit 1
 * "panicked, and a crash kernel is taking over" (POWER_CRASH_LOADED).  The guest
 * finds it by the ACPI device QEMU0001. */
#ifndef BANTAM_CHIPSET_PVPANIC_H
#define BANTAM_CHIPSET_PVPANIC_H

#include "core/device.h"

/* No config: pass NULL. */
extern const struct device_type pvpanic_type;

#endif
