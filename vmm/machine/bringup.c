#include "machine/bringup.h"

#include <errno.h>

#include "core/platform.h"
#include "host/thread.h"

static int bring_up(struct bringup *b)
{
	struct kvm *k = b->kvm;
	int rc;

	if (k->dev_fd < 0) {
		rc = kvm_open(k, &b->err);
		if (rc == 0)
			rc = kvm_check_caps(k, &b->err);
		if (rc < 0)
			return rc;
		timeline_mark(b->timeline, "KVM opened and checked");
	}
	rc = kvm_create_vm(k, KVM_IDENTITY_GPA, KVM_TSS_GPA, &b->err);
	if (rc < 0)
		return rc;
	timeline_mark(b->timeline, "VM and interrupt controllers made");
	if (b->cpu_count > (unsigned)k->max_vcpus) {
		rc = err_set(&b->err, -EINVAL, "--cpus %u: this host's KVM has at most %d",
			     b->cpu_count, k->max_vcpus);
		goto fail;
	}
	rc = vcpus_create(b->vcpus, k, b->cpu_count, &b->err);
	if (rc < 0)
		goto fail;
	timeline_mark(b->timeline, "vCPUs made");
	for (unsigned i = 0; i < b->mem->block_count; i++) {
		const struct mem_block *block = &b->mem->blocks[i];

		rc = kvm_set_slot(k, i, block->gpa, block->len, block->hva, &b->err);
		if (rc < 0) {
			vcpus_destroy(b->vcpus);
			goto fail;
		}
	}
	timeline_mark(b->timeline, "memory slots set");
	return 0;
fail:
	kvm_destroy_vm(k);
	return rc;
}

static void *bringup_main(void *arg)
{
	struct bringup *b = arg;

	b->rc = bring_up(b);
	return NULL;
}

int bringup_start(struct bringup *b, struct err *err)
{
	const int rc = thread_start(&b->thread, bringup_main, b, "bringup", 0);

	return rc < 0 ? err_errno(err, rc, "thread") : 0;
}

int bringup_join(struct bringup *b, struct err *err)
{
	pthread_join(b->thread, NULL);
	if (b->rc < 0 && err)
		*err = b->err;
	return b->rc;
}
