#include "kvm/msi.h"

#include <assert.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kvm/kvm.h"

#define PIC_LINES    16u
#define PIC_PINS     8u /* of each of the two */
#define IOAPIC_PINS  24u
#define FIXED_ROUTES (PIC_LINES + IOAPIC_PINS)

/* A message is a write to the first MiB from here on: destination and hints. */
#define MESSAGE_BASE UINT64_C(0xfee00000)
#define MESSAGE_MASK (~(uint64_t)0xfffff)

_Static_assert(KVM_MSI_GSI_BASE == IOAPIC_PINS, "messages come behind the IOAPIC's pins");
_Static_assert(FIXED_ROUTES + KVM_MSI_LINES_MAX <= 1024, "old KVMs take 1024 routes");

void kvm_msi_init(struct kvm_msi_lines *msi, struct kvm *kvm)
{
	msi->kvm = kvm;
	pthread_mutex_init(&msi->signal_lock, NULL);
}

/* ---- routes ----------------------------------------------------------------------- */

static void put_pin(struct kvm_irq_routing *table, uint32_t gsi, uint32_t chip, uint32_t pin)
{
	table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

/* What KVM_CREATE_IRQCHIP left, as KVM_SET_GSI_ROUTING replaces the whole table:
 * each GSI below 24 on its IOAPIC pin, those below 16 on the 8259s, too. */
static void put_fixed_routes(struct kvm_irq_routing *table)
{
	for (uint32_t gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		put_pin(table, gsi, KVM_IRQCHIP_IOAPIC, gsi);
		if (gsi < PIC_LINES)
			put_pin(table, gsi,
				gsi < PIC_PINS ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
				gsi % PIC_PINS);
	}
}

static void put_message(struct kvm_irq_routing *table, uint32_t gsi, const struct kvm_msi_line *l)
{
	table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = {
			.address_lo = (uint32_t)l->address,
			.data = l->data,
		},
	};
}

static int set_routes(const struct kvm_msi_lines *msi)
{
	struct kvm_irq_routing *table;
	int rc = 0;

	table = calloc(1, sizeof(*table) + (FIXED_ROUTES + (size_t)msi->line_end) *
						   sizeof(table->entries[0]));
	if (!table)
		return -ENOMEM;
	put_fixed_routes(table);
	for (unsigned i = 0; i < msi->line_end; i++)
		if (msi->lines[i].routed)
			put_message(table, KVM_MSI_GSI_BASE + i, &msi->lines[i]);
	if (ioctl(msi->kvm->vm_fd, KVM_SET_GSI_ROUTING, table) < 0)
		rc = -errno;
	free(table);
	return rc;
}

/* ---- eventfds --------------------------------------------------------------------- */

static int set_irqfd(const struct kvm_msi_lines *msi, unsigned line, uint32_t flags)
{
	const struct kvm_irqfd irqfd = {
		.fd = (uint32_t)msi->lines[line].fd,
		.gsi = KVM_MSI_GSI_BASE + line,
		.flags = flags,
	};

	return ioctl(msi->kvm->vm_fd, KVM_IRQFD, &irqfd) < 0 ? -errno : 0;
}

/* An eventfd that KVM listens to; or, where there is none to be had (no
 * KVM_CAP_IRQFD, no more descriptors), the slower way. */
static int bind(struct kvm_msi_lines *msi, unsigned line)
{
	struct kvm_msi_line *l = &msi->lines[line];

	if (!msi->never_irqfd && kvm_has(msi->kvm, KVM_CAP_IRQFD)) {
		l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (l->fd >= 0 && set_irqfd(msi, line, 0) == 0) {
			l->way = KVM_MSI_IRQFD;
			return 0;
		}
		if (l->fd >= 0)
			close(l->fd);
	}
	if (!kvm_has(msi->kvm, KVM_CAP_SIGNAL_MSI))
		return -ENOTSUP;
	l->way = KVM_MSI_SIGNAL;
	return 0;
}

static void unbind(struct kvm_msi_lines *msi, unsigned line)
{
	struct kvm_msi_line *l = &msi->lines[line];

	if (l->way == KVM_MSI_IRQFD) {
		set_irqfd(msi, line, KVM_IRQFD_FLAG_DEASSIGN); /* the VM may be gone */
		close(l->fd);
	}
	l->way = KVM_MSI_UNBOUND;
	l->routed = false;
}

/* ---- the sink --------------------------------------------------------------------- */

/* Routes and irqfds went with the VM that they were made in. */
static void note_new_vm(struct kvm_msi_lines *msi)
{
	if (msi->vm_count == msi->kvm->vm_count)
		return;
	msi->vm_count = msi->kvm->vm_count;
	for (unsigned i = 0; i < msi->line_end; i++)
		unbind(msi, i);
}

int kvm_msi_open(void *ctx, unsigned *line)
{
	struct kvm_msi_lines *msi = ctx;

	note_new_vm(msi);
	for (unsigned i = 0; i < KVM_MSI_LINES_MAX; i++) {
		if (msi->lines[i].open)
			continue;
		msi->lines[i] = (struct kvm_msi_line){ .open = true };
		if (i >= msi->line_end)
			msi->line_end = i + 1;
		*line = i;
		return 0;
	}
	return -ENOSPC;
}

void kvm_msi_close(void *ctx, unsigned line)
{
	struct kvm_msi_lines *msi = ctx;

	assert(line < msi->line_end && msi->lines[line].open);
	/* Its route stays in KVM's table until the next change: nobody sends. */
	unbind(msi, line);
	msi->lines[line].open = false;
}

int kvm_msi_route(void *ctx, unsigned line, uint64_t raw_address, uint32_t raw_data)
{
	struct kvm_msi_lines *msi = ctx;
	struct kvm_msi_line *l = &msi->lines[line];
	int rc = 0;

	assert(line < msi->line_end && l->open);
	note_new_vm(msi);
	if (l->routed && l->address == raw_address && l->data == raw_data)
		return 0;
	if ((raw_address & MESSAGE_MASK) != MESSAGE_BASE)
		return -EINVAL;
	if (l->way == KVM_MSI_UNBOUND)
		rc = bind(msi, line);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&msi->signal_lock);
	l->address = raw_address;
	l->data = raw_data;
	pthread_mutex_unlock(&msi->signal_lock);
	l->routed = true;
	if (l->way == KVM_MSI_IRQFD)
		rc = set_routes(msi);
	l->routed = rc == 0;
	return rc;
}

static void signal_message(struct kvm_msi_lines *msi, const struct kvm_msi_line *l)
{
	struct kvm_msi message = { 0 };

	/* A line may be routed anew while another thread sends on it. */
	pthread_mutex_lock(&msi->signal_lock);
	message.address_lo = (uint32_t)l->address;
	message.data = l->data;
	pthread_mutex_unlock(&msi->signal_lock);
	ioctl(msi->kvm->vm_fd, KVM_SIGNAL_MSI, &message); /* refused: lost */
}

void kvm_msi_send(void *ctx, unsigned line)
{
	static const uint64_t one = 1;
	struct kvm_msi_lines *msi = ctx;
	const struct kvm_msi_line *l = &msi->lines[line];
	ssize_t n;

	if (l->way == KVM_MSI_SIGNAL) {
		signal_message(msi, l);
		return;
	}
	/* Fails only when 2^64 - 2 sends wait, none of which KVM has seen. */
	n = write(l->fd, &one, sizeof(one));
	(void)n;
}
