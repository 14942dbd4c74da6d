/* machine/bringup.h: KVM's part of a start, on a thread of its own.
 *
 * Making a memory slot waits milliseconds for a grace period in the kernel;
 * meanwhile the main thread opens files, makes devices and loads the images. */
#ifndef BANTAM_MACHINE_BRINGUP_H
#define BANTAM_MACHINE_BRINGUP_H

#include <pthread.h>

#include "base/err.h"
#include "core/mem.h"
#include "kvm/kvm.h"
#include "machine/timeline.h"
#include "machine/vcpus.h"

struct bringup {
	struct kvm *kvm;       /* opened here if dev_fd is -1 */
	struct vcpus *vcpus;
	const struct mem *mem; /* the blocks are fixed, their content may change */
	unsigned cpu_count;
	struct timeline *timeline;
	pthread_t thread;
	int rc;
	struct err err;
};

/* Start on a thread; the fields up to timeline are set.  0, or -errno with err. */
int bringup_start(struct bringup *b, struct err *err);

/* Wait for the end.  0, or -errno with err filled: then nothing is left open but
 * /dev/kvm, perhaps. */
int bringup_join(struct bringup *b, struct err *err);

#endif
