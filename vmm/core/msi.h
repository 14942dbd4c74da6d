/* core/msi.h: message-signalled interrupts, as the machine hands them to PCI.
 *
 * A line is one message that can be sent again and again without a lock or an
 * exit: with KVM an eventfd bound to a route (irqfd). */
#ifndef BANTAM_CORE_MSI_H
#define BANTAM_CORE_MSI_H

#include "base/types.h"

struct msi_sink {
	/* Under the device lock.  Get a line of one's own.  0, or -errno
	 * (-ENOSPC: there are no more). */
	int (*open)(void *ctx, unsigned *line);
	/* Under the device lock; nobody sends on it any more. */
	void (*close)(void *ctx, unsigned line);
	/* Under the device lock.  What the line sends from now on: the values of
	 * an MSI-X table entry, hostile.  0 or -errno (the host takes no such
	 * message: nobody sends on the line until it is routed). */
	int (*route)(void *ctx, unsigned line, uint64_t address, uint32_t data);
	/* Any thread, without the lock: send. */
	void (*send)(void *ctx, unsigned line);
	void *ctx;
};

#endif
