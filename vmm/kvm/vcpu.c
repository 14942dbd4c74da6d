#include "kvm/vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "kvm/cpuid.h"
#include "kvm/kvm.h"

const char *const exit_kind_names[EXIT_KINDS] = {
	[EXIT_INTERRUPTED] = "interrupted", [EXIT_PIO] = "port",
	[EXIT_MMIO] = "mmio",               [EXIT_HLT] = "hlt",
	[EXIT_IRQ_WINDOW] = "irq-window",   [EXIT_SHUTDOWN] = "shutdown",
	[EXIT_SYSTEM_EVENT] = "system-event",
	[EXIT_INTERNAL_ERROR] = "internal-error",
	[EXIT_FAIL_ENTRY] = "fail-entry",   [EXIT_DEBUG] = "debug",
	[EXIT_UNKNOWN] = "unknown",
};

/* MSRs that firmware would have set.  Intel SDM vol. 4. */
#define MSR_MISC_ENABLE       0x1a0u
#define MISC_ENABLE_FAST_STRING 0x1u
#define MSR_MTRR_DEF_TYPE     0x2ffu
#define MTRR_ENABLE_WRITE_BACK 0xc06u /* MTRRs and fixed MTRRs on, default type write-back */

static const struct kvm_msr_entry firmware_msrs[] = {
	{ .index = MSR_MISC_ENABLE, .data = MISC_ENABLE_FAST_STRING },
	{ .index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLE_WRITE_BACK },
};

/* One at a time: KVM stops at the first MSR it refuses, and a software-only KVM
 * refuses some that a guest can live without. */
static void set_firmware_msrs(const struct vcpu *v)
{
	for (unsigned i = 0; i < ARRAY_LEN(firmware_msrs); i++) {
		_Alignas(struct kvm_msrs) uint8_t room[sizeof(struct kvm_msrs) +
						       sizeof(struct kvm_msr_entry)];
		struct kvm_msrs *one = (void *)room;

		*one = (struct kvm_msrs){ .nmsrs = 1 };
		memcpy(one->entries, &firmware_msrs[i], sizeof(firmware_msrs[i]));
		if (ioctl(v->fd, KVM_SET_MSRS, one) != 1)
			log_debug("vCPU %u: this KVM refuses MSR %#x", v->index,
				  firmware_msrs[i].index);
	}
}

static int set_cpuid(struct kvm *k, const struct vcpu *v, unsigned cpu_count, struct err *err)
{
	const size_t room = sizeof(struct kvm_cpuid2) +
			    CPUID_ENTRIES_MAX * sizeof(struct kvm_cpuid_entry2);
	const struct cpuid_identity id = {
		.index = v->index,
		.cpu_count = cpu_count,
		.tsc_deadline = ioctl(k->dev_fd, KVM_CHECK_EXTENSION,
				      KVM_CAP_TSC_DEADLINE_TIMER) > 0,
	};
	struct kvm_cpuid2 *c = malloc(room);
	int rc = 0;

	if (!c)
		return err_errno(err, -ENOMEM, "CPUID table");
	memcpy(c, k->cpuid, room);
	cpuid_personalize(c, &id);
	if (ioctl(v->fd, KVM_SET_CPUID2, c) < 0)
		rc = err_errno(err, -errno, "KVM_SET_CPUID2");
	free(c);
	return rc;
}

int vcpu_create(struct kvm *k, unsigned index, unsigned cpu_count, struct vcpu *v,
		struct err *err)
{
	int rc;

	*v = (struct vcpu){ .fd = -1, .index = index, .run_bytes = k->run_bytes };
	v->fd = ioctl(k->vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (v->fd < 0)
		return err_errno(err, -errno, "KVM_CREATE_VCPU %u", index);
	v->run = mmap(NULL, v->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED) {
		rc = err_errno(err, -errno, "run area of vCPU %u", index);
		v->run = NULL;
		goto fail;
	}
	rc = set_cpuid(k, v, cpu_count, err);
	if (rc < 0)
		goto fail;
	set_firmware_msrs(v);
	return 0;
fail:
	vcpu_destroy(v);
	return rc;
}

void vcpu_destroy(struct vcpu *v)
{
	if (v->run)
		munmap(v->run, v->run_bytes);
	if (v->fd >= 0)
		close(v->fd);
	v->run = NULL;
	v->fd = -1;
}

static void fault(struct exit *x, enum exit_kind kind, uint64_t code)
{
	x->kind = kind;
	x->fault.code = code;
	x->fault.data_count = 0;
}

static void fault_data(struct exit *x, const uint64_t *data, unsigned count)
{
	x->fault.data_count = (unsigned)min_u64(count, ARRAY_LEN(x->fault.data));
	for (unsigned i = 0; i < x->fault.data_count; i++)
		x->fault.data[i] = data[i];
}

static void decode(struct kvm_run *run, struct exit *x)
{
	uint64_t pair[2];

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		x->kind = EXIT_PIO;
		x->pio.port = run->io.port;
		x->pio.is_write = run->io.direction == KVM_EXIT_IO_OUT;
		x->pio.size = run->io.size;
		x->pio.count = run->io.count;
		x->pio.data = (uint8_t *)run + run->io.data_offset;
		break;
	case KVM_EXIT_MMIO:
		x->kind = EXIT_MMIO;
		x->mmio.gpa = run->mmio.phys_addr;
		x->mmio.is_write = run->mmio.is_write;
		x->mmio.size = run->mmio.len;
		x->mmio.data = run->mmio.data;
		break;
	case KVM_EXIT_INTR:
		x->kind = EXIT_INTERRUPTED;
		break;
	case KVM_EXIT_HLT:
		x->kind = EXIT_HLT;
		break;
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		x->kind = EXIT_IRQ_WINDOW;
		break;
	case KVM_EXIT_SHUTDOWN:
		x->kind = EXIT_SHUTDOWN;
		break;
	case KVM_EXIT_DEBUG:
		x->kind = EXIT_DEBUG;
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		fault(x, EXIT_SYSTEM_EVENT, run->system_event.type);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		fault(x, EXIT_INTERNAL_ERROR, run->internal.suberror);
		fault_data(x, (const uint64_t *)run->internal.data, run->internal.ndata);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		fault(x, EXIT_FAIL_ENTRY, run->fail_entry.hardware_entry_failure_reason);
		pair[0] = run->fail_entry.cpu;
		fault_data(x, pair, 1);
		break;
	default:
		fault(x, EXIT_UNKNOWN, run->exit_reason);
		break;
	}
}

void vcpu_run(struct vcpu *v, struct exit *x)
{
	if (ioctl(v->fd, KVM_RUN, 0) < 0) {
		if (errno == EINTR || errno == EAGAIN) {
			x->kind = EXIT_INTERRUPTED;
			return;
		}
		/* EFAULT and ENOEXEC say that the guest left what KVM can run;
		 * exit_reason then tells nothing. */
		fault(x, EXIT_INTERNAL_ERROR, UINT64_MAX);
		x->fault.data[0] = (uint64_t)errno;
		x->fault.data_count = 1;
		return;
	}
	decode(v->run, x);
}

void vcpu_kick(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

void vcpu_kick_seen(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

static void ignore_signal(int number)
{
	(void)number; /* its arrival is all: KVM_RUN returns EINTR */
}

int vcpu_kick_setup(void)
{
	const struct sigaction action = { .sa_handler = ignore_signal };

	return sigaction(VCPU_KICK_SIGNAL, &action, NULL) < 0 ? -errno : 0;
}

int vcpu_inject_nmi(struct vcpu *v)
{
	return ioctl(v->fd, KVM_NMI, 0) < 0 ? -errno : 0;
}

void vcpu_forgive_pause(struct vcpu *v)
{
	ioctl(v->fd, KVM_KVMCLOCK_CTRL, 0); /* EINVAL: the guest uses no kvmclock */
}
