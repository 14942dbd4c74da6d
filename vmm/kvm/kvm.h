/* kvm/kvm.h: /dev/kvm and one virtual machine on it.
 *
 * The files of kvm/ are the only ones that see <linux/kvm.h>; what they export
 * speaks of guests, not of ioctls. */
#ifndef BANTAM_KVM_KVM_H
#define BANTAM_KVM_KVM_H

#include "base/err.h"
#include "base/types.h"
#include "core/irq.h"
#include "core/mem.h"

struct kvm {
	int dev_fd;         /* /dev/kvm */
	uint32_t run_bytes; /* size of a vCPU's shared page area */
	int vm_fd;          /* -1 until kvm_create_vm() */
	int max_vcpus;
	struct kvm_cpuid2 *cpuid; /* what KVM supports, fetched once */
	uint64_t tsc_khz;   /* guest TSC; 0 when KVM does not say */
};

/* A capability that Bantam looks for: `bantam doctor` prints the table. */
struct kvm_cap {
	const char *name;
	long number;     /* KVM_CAP_* */
	bool needed;     /* without it no machine starts */
	const char *why; /* what it is for, or what is lost */
};
extern const struct kvm_cap kvm_caps[];
extern const unsigned kvm_cap_count;

#define KVM_DEVICE_PATH "/dev/kvm"

/* Open /dev/kvm and check its API version.  0, or -errno with err filled by the
 * reason and its remedy (-ENOENT, -EACCES, -EBUSY, -ENOTTY, ...). */
int kvm_open(struct kvm *k, struct err *err);

/* The value of a capability: 0 when absent. */
int kvm_cap_value(const struct kvm *k, const struct kvm_cap *cap);

/* Check every needed capability: 0, or -ENOTSUP with err naming the first one
 * that is missing. */
int kvm_check_caps(const struct kvm *k, struct err *err);

/* Make the VM with its in-kernel PIC, IOAPIC and LAPICs. 0 or -errno. */
int kvm_create_vm(struct kvm *k, struct err *err);

/* Give the VM each block of mem as a memory slot, in order from slot 0. */
int kvm_add_memory(struct kvm *k, const struct mem *mem, struct err *err);

/* Interrupt sink: drive GSI gsi of the struct kvm at ctx (core/irq.h). */
void kvm_irq_set(void *ctx, unsigned gsi, int level);

/* Close the VM, keep /dev/kvm: for a restart. */
void kvm_destroy_vm(struct kvm *k);
void kvm_close(struct kvm *k);

#endif
