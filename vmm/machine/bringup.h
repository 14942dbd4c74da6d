/* machine/bringup.h: KVM's part of a start. */
#ifndef BANTAM_MACHINE_BRINGUP_H
#define BANTAM_MACHINE_BRINGUP_H

#include "base/err.h"
#include "core/mem.h"
#include "kvm/kvm.h"
#include "machine/timeline.h"
#include "machine/vcpus.h"

/* Make the VM, its vCPUs and its memory slots; open /dev/kvm first if kvm->dev_fd
 * is -1.  Most of the time this takes is spent asleep, in the kernel's grace
 * periods: a good time for another thread to load the guest.
 * mem  the blocks are fixed, their content may change meanwhile
 * 0, or -errno with err filled: then nothing is left open but /dev/kvm, perhaps. */
int bring_up(struct kvm *kvm, struct vcpus *vcpus, unsigned cpu_count, const struct mem *mem,
	     struct timeline *timeline, struct err *err);

#endif
