/* tools/doctor_kvm.h: whether /dev/kvm is there, permitted, complete and real. */
#ifndef BANTAM_TOOLS_DOCTOR_KVM_H
#define BANTAM_TOOLS_DOCTOR_KVM_H

#include "tools/hostfacts.h"
#include "tools/report.h"

/* All checks of KVM.  Runs a guest of a few instructions for some ms. */
void doctor_kvm(struct report *r, const struct host_facts *f);

/* The row for a /dev/kvm that did not open.
 * code      the negative errno of its open()
 * mode, gid, group, is_member  of the device; group and is_member as group_lookup() */
struct kvm_device {
	mode_t mode;
	gid_t gid;
	char group[33];
	bool is_member;
};
void doctor_kvm_closed(struct report *r, const struct host_facts *f, const struct kvm_device *d,
		       int code);

/* The row for a guest's speed.
 * instructions_per_s  0: the guest did not run; reason then says why */
void doctor_kvm_speed(struct report *r, uint64_t instructions_per_s, const char *reason);

#endif
