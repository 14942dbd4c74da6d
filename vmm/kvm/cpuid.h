/* kvm/cpuid.h: the CPUID leaves that a guest sees: what KVM supports, with
 * topology, APIC ids and hypervisor bits made true for this machine. */
#ifndef BANTAM_KVM_CPUID_H
#define BANTAM_KVM_CPUID_H

#include "base/err.h"
#include "base/types.h"

struct kvm;
struct kvm_cpuid2;

#define CPUID_ENTRIES_MAX 256

/* Ask KVM what it supports, into k->cpuid (freed by kvm_close()). */
int cpuid_fetch(struct kvm *k, struct err *err);

/* Who a vCPU is.  One package, one thread a core. */
struct cpuid_identity {
	unsigned index;     /* = its APIC id */
	unsigned cpu_count;
	bool tsc_deadline;  /* KVM has KVM_CAP_TSC_DEADLINE_TIMER */
};

/* Make c true for one vCPU, in place.  Pure.  c has room for CPUID_ENTRIES_MAX. */
void cpuid_personalize(struct kvm_cpuid2 *c, const struct cpuid_identity *id);

#endif
