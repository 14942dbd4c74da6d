#include "machine/bringup.h"

#include <errno.h>

#include "core/platform.h"

static int open_kvm(struct kvm *k, struct timeline *timeline, struct err *err)
{
	int rc;

	if (k->dev_fd >= 0)
		return 0; /* a restart */
	rc = kvm_open(k, err);
	if (rc == 0)
		rc = kvm_check_caps(k, err);
	timeline_mark(timeline, "KVM opened and checked");
	return rc;
}

static int set_slots(struct kvm *k, const struct mem *mem, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < mem->block_count; i++) {
		const struct mem_block *block = &mem->blocks[i];

		rc = kvm_set_slot(k, i, block->gpa, block->len, block->hva, err);
	}
	return rc;
}

int bring_up(struct kvm *kvm, struct vcpus *vcpus, unsigned cpu_count, const struct mem *mem,
	     struct timeline *timeline, struct err *err)
{
	int rc = open_kvm(kvm, timeline, err);

	if (rc < 0)
		return rc;
	rc = kvm_create_vm(kvm, KVM_IDENTITY_GPA, KVM_TSS_GPA, err);
	if (rc < 0)
		return rc;
	timeline_mark(timeline, "VM and interrupt controllers made");
	if (cpu_count > (unsigned)kvm->max_vcpus) {
		rc = err_set(err, -EINVAL, "--cpus %u: this host's KVM has at most %d", cpu_count,
			     kvm->max_vcpus);
		goto destroy_vm;
	}
	rc = vcpus_create(vcpus, kvm, cpu_count, err);
	if (rc < 0)
		goto destroy_vm;
	timeline_mark(timeline, "vCPUs made");
	rc = set_slots(kvm, mem, err);
	if (rc < 0)
		goto destroy_vcpus;
	timeline_mark(timeline, "memory slots set");
	return 0;

destroy_vcpus:
	vcpus_destroy(vcpus);
destroy_vm:
	kvm_destroy_vm(kvm);
	return rc;
}
