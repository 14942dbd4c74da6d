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

int bring_up_vm(struct kvm *kvm, struct vcpus *vcpus, unsigned cpu_count,
		struct timeline *timeline, struct err *err)
{
	int rc = open_kvm(kvm, timeline, err);

	if (rc < 0)
		return rc;
	rc = kvm_create_vm(kvm, KVM_IDENTITY_GPA, KVM_TSS_GPA, err);
	if (rc < 0)
		return rc;
	rc = kvm_pic_level(kvm, PCI_PIC_IRQS, err);
	if (rc < 0)
		goto destroy_vm;
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
	return 0;

destroy_vm:
	kvm_destroy_vm(kvm);
	return rc;
}

int bring_up_memory(struct kvm *kvm, const struct mem *mem, struct timeline *timeline,
		    struct err *err)
{
	for (unsigned i = 0; i < mem->block_count; i++) {
		const struct mem_block *block = &mem->blocks[i];
		const int rc = kvm_set_slot(kvm, i, block->gpa, block->len, block->hva, err);

		if (rc < 0)
			return rc;
	}
	timeline_mark(timeline, "memory slots set");
	return 0;
}
