/* core/doorbell.h: guest writes that only wake somebody.
 *
 * A doorbell turns each write to a guest-physical address into a count on an
 * eventfd; with KVM inside the kernel (ioeventfd), without an exit to us.  The
 * value written is not seen.  The address's MMIO region answers as well, for
 * writes that reach it another way. */
#ifndef BANTAM_CORE_DOORBELL_H
#define BANTAM_CORE_DOORBELL_H

#include "base/types.h"

struct doorbell_sink {
	/* Under the device lock.  Writes of any width to gpa count on fd.
	 * 0, or -errno (-EEXIST: there is one at gpa; -ENOSPC). */
	int (*attach)(void *ctx, gpa_t gpa, int fd);
	/* Under the device lock; harmless when it is not attached. */
	void (*detach)(void *ctx, gpa_t gpa, int fd);
	void *ctx;
};

#endif
