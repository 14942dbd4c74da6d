/* machine/bringup.h: KVM's part of a start. */
#ifndef BANTAM_MACHINE_BRINGUP_H
#define BANTAM_MACHINE_BRINGUP_H

#include "base/err.h"
#include "core/mem.h"
#include "kvm/kvm.h"
#include "machine/timeline.h"
#include "machine/vcpus.h"

/* Both halves spend most of their time asleep, in the kernel's grace periods: a
 * good time for another thread to open and load the guest. */

/* Make the VM and its vCPUs; open /dev/kvm first if kvm->dev_fd is -1.
 * 0, or -errno with err filled: then nothing is left open but /dev/kvm, perhaps. */
int bring_up_vm(struct kvm *kvm, struct vcpus *vcpus, unsigned cpu_count,
		struct timeline *timeline, struct err *err);

/* Make the VM's memory slots.
 * mem  the blocks are fixed, their content may change meanwhile
 * 0, or -errno with err filled. */
int bring_up_memory(struct kvm *kvm, const struct mem *mem, struct timeline *timeline,
		    struct err *err);

#endif
