/* A real VM with one vCPU that never runs; its local APIC takes interrupts.  Where
 * KVM is not to be had the tests are skipped. */
#ifndef BANTAM_TEST_KVM_FIXTURE_H
#define BANTAM_TEST_KVM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "core/platform.h"
#include "kvm/kvm.h"

#define LAPIC_SPIV 0xf0
#define LAPIC_IRR  0x200

struct kvm_fixture {
	struct kvm kvm;
	int vcpu_fd;
	void *own; /* the test file's */
};

static inline void make_vcpu(struct kvm_fixture *f)
{
	struct kvm_lapic_state lapic;

	f->vcpu_fd = ioctl(f->kvm.vm_fd, KVM_CREATE_VCPU, 0);
	assert_true(f->vcpu_fd >= 0);
	assert_int_equal(ioctl(f->vcpu_fd, KVM_GET_LAPIC, &lapic), 0);
	le32_store(lapic.regs + LAPIC_SPIV, 0x1ff); /* software-enabled */
	assert_int_equal(ioctl(f->vcpu_fd, KVM_SET_LAPIC, &lapic), 0);
}

static inline struct kvm_fixture *kvm_fixture_make(void)
{
	struct kvm_fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	if (kvm_open(&f->kvm, NULL) < 0 ||
	    kvm_create_vm(&f->kvm, KVM_IDENTITY_GPA, KVM_TSS_GPA, NULL) < 0) {
		kvm_close(&f->kvm);
		free(f);
		return NULL;
	}
	make_vcpu(f);
	return f;
}

/* A restart: another VM on the same /dev/kvm. */
static inline void kvm_fixture_restart(struct kvm_fixture *f)
{
	close(f->vcpu_fd);
	kvm_destroy_vm(&f->kvm);
	assert_int_equal(kvm_create_vm(&f->kvm, KVM_IDENTITY_GPA, KVM_TSS_GPA, NULL), 0);
	make_vcpu(f);
}

static inline void kvm_fixture_free(struct kvm_fixture *f)
{
	if (!f)
		return;
	close(f->vcpu_fd);
	kvm_close(&f->kvm);
	free(f);
}

static inline bool is_requested(struct kvm_fixture *f, unsigned vector)
{
	struct kvm_lapic_state lapic;

	assert_int_equal(ioctl(f->vcpu_fd, KVM_GET_LAPIC, &lapic), 0);
	return le32_load(lapic.regs + LAPIC_IRR + vector / 32 * 16) >> vector % 32 & 1;
}

/* Whether vector comes within a second: an irqfd may take a detour. */
static inline bool arrives(struct kvm_fixture *f, unsigned vector)
{
	for (unsigned i = 0; i < 1000 && !is_requested(f, vector); i++)
		nanosleep(&(struct timespec){ .tv_nsec = (long)NS_PER_MS }, NULL);
	return is_requested(f, vector);
}

#endif
