#include "kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kvm/cpuid.h"

#define CAP(name, needed, why) { #name, KVM_CAP_##name, needed, why }

const struct kvm_cap kvm_caps[] = {
	CAP(USER_MEMORY, true, "guest RAM from this process's memory"),
	CAP(IRQCHIP, true, "PIC, IOAPIC and local APICs in the kernel"),
	CAP(MP_STATE, true, "application processors wait for their start-up IPI"),
	CAP(EXT_CPUID, true, "the guest's CPUID leaves"),
	CAP(IMMEDIATE_EXIT, true, "a vCPU can be stopped without a race"),
	CAP(DESTROY_MEMORY_REGION_WORKS, true, "memory slots can be removed"),
	CAP(IRQ_INJECT_STATUS, true, "timer interrupts that merge are not lost"),
	CAP(VCPU_EVENTS, true, "pending exceptions are part of a vCPU's state"),
	CAP(USER_NMI, false, "--timeout wakes the guest by an NMI before its autopsy"),
	CAP(SET_TSS_ADDR, false, "real mode on VT-x"),
	CAP(SET_IDENTITY_MAP_ADDR, false, "real mode on VT-x"),
	CAP(TSC_DEADLINE_TIMER, false, "the guest's precise timer"),
	CAP(ADJUST_CLOCK, false, "the guest's clock stands still while it is paused"),
	CAP(KVMCLOCK_CTRL, false, "a paused guest does not report a lockup"),
	CAP(IRQ_ROUTING, false, "message-signalled interrupts (disks, network)"),
	CAP(IRQFD, false, "interrupts from the I/O thread (disks, network)"),
	CAP(IOEVENTFD, false, "queue notifications without an exit (disks, network)"),
	CAP(IOEVENTFD_ANY_LENGTH, false, "the same by one doorbell a queue, not two"),
	CAP(SIGNAL_MSI, false, "message-signalled interrupts without irqfd"),
};
const unsigned kvm_cap_count = ARRAY_LEN(kvm_caps);

static int open_failed(int code, struct err *err)
{
	switch (code) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		return err_set(err, code,
			       KVM_DEVICE_PATH " is not there: enable virtualization in the "
			       "firmware and load kvm-intel or kvm-amd ('bantam doctor' tells "
			       "more)");
	case -EACCES:
	case -EPERM:
		return err_set(err, code,
			       KVM_DEVICE_PATH " is not permitted to this user: join its group "
			       "('bantam doctor' prints the command)");
	case -EBUSY:
		return err_set(err, code,
			       KVM_DEVICE_PATH " is busy: another hypervisor holds the "
			       "processor's virtualization");
	default:
		return err_errno(err, code, KVM_DEVICE_PATH);
	}
}

int kvm_open(struct kvm *k, struct err *err)
{
	int version, rc;

	*k = (struct kvm){ .vm_fd = -1 };
	k->dev_fd = open(KVM_DEVICE_PATH, O_RDWR | O_CLOEXEC);
	if (k->dev_fd < 0)
		return open_failed(-errno, err);
	version = ioctl(k->dev_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		rc = err_set(err, -ENOTSUP, KVM_DEVICE_PATH " speaks API version %d, need %d",
			     version, KVM_API_VERSION);
		goto fail;
	}
	rc = ioctl(k->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (rc < (int)sizeof(struct kvm_run)) {
		rc = err_set(err, -ENOTSUP, KVM_DEVICE_PATH " gives no vCPU run area");
		goto fail;
	}
	k->run_bytes = (uint32_t)rc;
	return 0;
fail:
	close(k->dev_fd);
	k->dev_fd = -1;
	return rc;
}

int kvm_cap_value(const struct kvm *k, const struct kvm_cap *cap)
{
	const int value = ioctl(k->dev_fd, KVM_CHECK_EXTENSION, cap->number);

	return value < 0 ? 0 : value;
}

int kvm_check_caps(const struct kvm *k, struct err *err)
{
	for (unsigned i = 0; i < kvm_cap_count; i++) {
		const struct kvm_cap *cap = &kvm_caps[i];

		if (cap->needed && kvm_cap_value(k, cap) == 0)
			return err_set(err, -ENOTSUP,
				       "this host's KVM lacks KVM_CAP_%s (%s): a newer kernel "
				       "is needed", cap->name, cap->why);
	}
	return 0;
}

bool kvm_has(const struct kvm *k, long number)
{
	return ioctl(k->dev_fd, KVM_CHECK_EXTENSION, number) > 0;
}

int kvm_create_vm(struct kvm *k, gpa_t identity_gpa, gpa_t tss_gpa, struct err *err)
{
	int rc;

	do
		k->vm_fd = ioctl(k->dev_fd, KVM_CREATE_VM, 0);
	while (k->vm_fd < 0 && errno == EINTR);
	if (k->vm_fd < 0)
		return errno == EBUSY ? open_failed(-EBUSY, err)
				      : err_errno(err, -errno, "KVM_CREATE_VM");
	k->vm_count++;
	/* VT-x without unrestricted guest runs real mode in a VM86 task and
	 * needs four pages of guest-physical space that nobody uses. */
	if (kvm_has(k, KVM_CAP_SET_IDENTITY_MAP_ADDR) &&
	    ioctl(k->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_gpa) < 0) {
		rc = err_errno(err, -errno, "KVM_SET_IDENTITY_MAP_ADDR");
		goto fail;
	}
	if (kvm_has(k, KVM_CAP_SET_TSS_ADDR) &&
	    ioctl(k->vm_fd, KVM_SET_TSS_ADDR, (unsigned long)tss_gpa) < 0) {
		rc = err_errno(err, -errno, "KVM_SET_TSS_ADDR");
		goto fail;
	}
	if (ioctl(k->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0) {
		rc = err_errno(err, -errno, "KVM_CREATE_IRQCHIP");
		goto fail;
	}
	rc = ioctl(k->dev_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	k->max_vcpus = rc > 0 ? rc : 4;
	if (!k->cpuid) {
		rc = cpuid_fetch(k, err);
		if (rc < 0)
			goto fail;
	}
	return 0;
fail:
	close(k->vm_fd);
	k->vm_fd = -1;
	return rc;
}

int kvm_pic_level(struct kvm *k, unsigned irqs, struct err *err)
{
	static const unsigned chips[] = { KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE };

	for (unsigned i = 0; i < sizeof(chips) / sizeof(chips[0]); i++) {
		struct kvm_irqchip chip = { .chip_id = chips[i] };

		if (ioctl(k->vm_fd, KVM_GET_IRQCHIP, &chip) < 0)
			return err_errno(err, -errno, "KVM_GET_IRQCHIP");
		chip.chip.pic.elcr = (uint8_t)(irqs >> 8 * i);
		if (ioctl(k->vm_fd, KVM_SET_IRQCHIP, &chip) < 0)
			return err_errno(err, -errno, "KVM_SET_IRQCHIP");
	}
	return 0;
}

int kvm_set_slot(struct kvm *k, unsigned slot, gpa_t gpa, uint64_t len, void *hva,
		 struct err *err)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = len,
		.userspace_addr = (uintptr_t)hva,
	};

	if (ioctl(k->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return err_errno(err, -errno, "memory slot of %llu MiB at %#llx",
				 (unsigned long long)(len >> 20), (unsigned long long)gpa);
	return 0;
}

bool kvm_irq_set(void *ctx, unsigned gsi, int level)
{
	const struct kvm *k = ctx;
	struct kvm_irq_level line = { .irq = gsi, .level = (uint32_t)level };

	/* Fails only for a GSI without a route, and before there is a VM: none
	 * of ours, and then lines only go low.  The status is positive for
	 * taken, 0 for merged, negative for masked, where nothing is owed. */
	if (ioctl(k->vm_fd, KVM_IRQ_LINE_STATUS, &line) < 0)
		return true;
	return line.status != 0;
}

void kvm_clock_hold(struct kvm *k)
{
	struct kvm_clock_data now = { 0 };

	if (ioctl(k->vm_fd, KVM_GET_CLOCK, &now) == 0)
		k->clock_ns = now.clock;
}

void kvm_clock_go_on(struct kvm *k)
{
	struct kvm_clock_data then = { .clock = k->clock_ns };

	if (k->clock_ns)
		ioctl(k->vm_fd, KVM_SET_CLOCK, &then); /* else it only jumps ahead */
	k->clock_ns = 0;
}

void kvm_destroy_vm(struct kvm *k)
{
	if (k->vm_fd >= 0)
		close(k->vm_fd);
	k->vm_fd = -1;
}

void kvm_close(struct kvm *k)
{
	kvm_destroy_vm(k);
	if (k->dev_fd >= 0)
		close(k->dev_fd);
	k->dev_fd = -1;
	free(k->cpuid);
	k->cpuid = NULL;
}
