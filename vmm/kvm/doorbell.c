#include "kvm/doorbell.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "kvm/kvm.h"

static int set(const struct kvm *k, gpa_t gpa, uint32_t len, int fd, uint32_t flags)
{
	const struct kvm_ioeventfd doorbell = {
		.addr = gpa, .len = len, .fd = fd, .flags = flags,
	};

	return ioctl(k->vm_fd, KVM_IOEVENTFD, &doorbell) < 0 ? -errno : 0;
}

int kvm_doorbell_attach(void *ctx, gpa_t gpa, int fd)
{
	const struct kvm *k = ctx;
	int rc;

	if (kvm_has(k, KVM_CAP_IOEVENTFD_ANY_LENGTH))
		return set(k, gpa, 0, fd, 0);
	if (!kvm_has(k, KVM_CAP_IOEVENTFD))
		return -ENOTSUP;
	/* The widths in which a virtio driver may write: 2 bytes, or 4 with
	 * NOTIFICATION_DATA (virtio 1.2, 4.1.5.2). */
	rc = set(k, gpa, 2, fd, 0);
	if (rc < 0)
		return rc;
	rc = set(k, gpa, 4, fd, 0);
	if (rc < 0)
		set(k, gpa, 2, fd, KVM_IOEVENTFD_FLAG_DEASSIGN);
	return rc;
}

void kvm_doorbell_detach(void *ctx, gpa_t gpa, int fd)
{
	static const uint32_t lens[] = { 0, 2, 4 };

	for (unsigned i = 0; i < ARRAY_LEN(lens); i++)
		set(ctx, gpa, lens[i], fd, KVM_IOEVENTFD_FLAG_DEASSIGN);
}
