/* chipset/debugcon.h: the debug console of firmware: ports 0x402 and 0xe9.
 *
 * A byte written to either goes to the character device as it is.  Both read as
 * 0xe9: that is how SeaBIOS and OVMF find out that somebody listens. */
#ifndef BANTAM_CHIPSET_DEBUGCON_H
#define BANTAM_CHIPSET_DEBUGCON_H

#include "core/device.h"

struct chardev;

struct debugcon_config {
	/* Where the bytes go; borrowed for the device's life.  NULL: they
	 * vanish.  The port has no busy flag, so a byte that comes while the
	 * character device is full is dropped: a guest never waits here. */
	struct chardev *chardev;
};

extern const struct device_type debugcon_type;

#endif
