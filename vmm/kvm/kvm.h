/* kvm/kvm.h: /dev/kvm and one virtual machine on it.
 *
 * The files of kvm/ are the only ones that see <linux/kvm.h>; what they export
 * speaks of guests, not of ioctls. */
#ifndef BANTAM_KVM_KVM_H
#define BANTAM_KVM_KVM_H

#include "base/err.h"
#include "base/types.h"

struct kvm {
	int dev_fd;         /* /dev/kvm */
	uint32_t run_bytes; /* size of a vCPU's shared page area */
	int vm_fd;          /* -1 until kvm_create_vm() */
	unsigned vm_count;  /* VMs made so far: tells one from its successor */
	int max_vcpus;
	struct kvm_cpuid2 *cpuid; /* what KVM supports, fetched once */
	uint64_t clock_ns;  /* kvmclock while it is held; 0: not held */
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

/* Whether this KVM has capability number (KVM_CAP_*). */
bool kvm_has(const struct kvm *k, long number);

/* Check every needed capability: 0, or -ENOTSUP with err naming the first one
 * that is missing. */
int kvm_check_caps(const struct kvm *k, struct err *err);

/* Make the VM with its in-kernel PIC, IOAPIC and LAPICs.
 * identity_gpa, tss_gpa  one page and three pages of guest-physical space that
 *                        nobody else uses, below 4 GiB (VT-x wants them)
 * 0, or -errno with err filled. */
int kvm_create_vm(struct kvm *k, gpa_t identity_gpa, gpa_t tss_gpa, struct err *err);

/* The PIC takes those IRQs (bit n: IRQ n) level-triggered, the others by their edges,
 * as firmware would set its ELCRs.  0, or -errno with err filled. */
int kvm_pic_level(struct kvm *k, unsigned irqs, struct err *err);

/* Memory slot number slot: len bytes at hva are the guest's from gpa on (all on
 * page boundaries).  0, or -errno with err filled. */
int kvm_set_slot(struct kvm *k, unsigned slot, gpa_t gpa, uint64_t len, void *hva,
		 struct err *err);

/* Drive GSI gsi of the struct kvm at ctx to level: an interrupt sink.  False: the
 * edge was merged with one that the guest has not taken yet. */
bool kvm_irq_set(void *ctx, unsigned gsi, int level);

/* While the vCPUs are paused: the guest's kvmclock stands still between the two. */
void kvm_clock_hold(struct kvm *k);
void kvm_clock_go_on(struct kvm *k);

/* Close the VM, keep /dev/kvm: for a restart. */
void kvm_destroy_vm(struct kvm *k);
void kvm_close(struct kvm *k);

#endif
