#include "virtio/pci.h"

#include <assert.h>
#include <errno.h>

#include "base/bytes.h"
#include "core/doorbell.h"
#include "virtio/pci_internal.h"

#define NOWHERE UINT64_MAX

static struct virtio_pci *pci_of(struct virtio *v)
{
	return container_of(v, struct virtio_pci, v);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

/* Without MSI-X: a bit, and the pin (4.1.5.1.4).  A loop sets them while a vCPU reads
 * and clears: were they not one step, the vCPU could lower the pin for a bit that was
 * set after it had read, and that interrupt would never come. */
static void raise_pin(struct virtio_pci *vp, uint8_t bit)
{
	pthread_mutex_lock(&vp->isr_lock);
	vp->isr |= bit;
	pci_set_intx(&vp->fn, true);
	pthread_mutex_unlock(&vp->isr_lock);
}

static uint8_t take_isr(struct virtio_pci *vp)
{
	uint8_t isr;

	pthread_mutex_lock(&vp->isr_lock);
	isr = vp->isr;
	vp->isr = 0;
	if (isr)
		pci_set_intx(&vp->fn, false);
	pthread_mutex_unlock(&vp->isr_lock);
	return isr;
}

static void interrupt(struct virtio *v, unsigned vector)
{
	struct virtio_pci *vp = pci_of(v);

	if (!msix_raise(&vp->msix, vector))
		raise_pin(vp, VIRTIO_PCI_ISR_QUEUE);
}

static void config_interrupt(struct virtio *v)
{
	struct virtio_pci *vp = pci_of(v);

	if (!msix_raise(&vp->msix, vp->config_vector))
		raise_pin(vp, VIRTIO_PCI_ISR_CONFIG);
}

/* ---- doorbells ------------------------------------------------------------------------------- */

static void detach(struct virtio_pci *vp, struct virtio_queue *q)
{
	const struct doorbell_sink *sink = vp->board->doorbells;

	if (q->doorbell_gpa != NOWHERE)
		sink->detach(sink->ctx, q->doorbell_gpa, q->kick.fd);
	q->doorbell_gpa = NOWHERE;
}

/* Where there is no doorbell, notifications come as accesses to the BAR. */
static void attach(struct virtio_pci *vp, struct virtio_queue *q)
{
	const struct doorbell_sink *sink = vp->board->doorbells;
	const gpa_t gpa = vp->notify_gpa + (gpa_t)VIRTIO_PCI_NOTIFY_MULTIPLIER * q->index;

	if (vp->notify_gpa != NOWHERE && sink->attach(sink->ctx, gpa, q->kick.fd) == 0)
		q->doorbell_gpa = gpa;
}

static void queue_listens(struct virtio *v, unsigned index, bool listens)
{
	struct virtio_pci *vp = pci_of(v);

	if (listens)
		attach(vp, &v->queues[index]);
	else
		detach(vp, &v->queues[index]);
}

static void bar_moved(struct pci_function *fn, unsigned bar, gpa_t gpa)
{
	struct virtio_pci *vp = container_of(fn, struct virtio_pci, fn);

	assert(bar == VIRTIO_PCI_BAR);
	for (unsigned i = 0; i < vp->v.queue_count; i++)
		detach(vp, &vp->v.queues[i]);
	vp->notify_gpa = gpa == NOWHERE ? NOWHERE : gpa + VIRTIO_PCI_NOTIFY;
	for (unsigned i = 0; i < vp->v.queue_count; i++)
		if (virtio_queue_listens(&vp->v.queues[i]))
			attach(vp, &vp->v.queues[i]);
}

/* The value is the queue's index, with the ring position above it if the driver
 * accepted NOTIFICATION_DATA (4.1.5.2). */
static void notify_write(struct virtio_pci *vp, uint64_t offset, unsigned size, uint64_t value)
{
	const uint64_t index = offset / VIRTIO_PCI_NOTIFY_MULTIPLIER;

	if (offset % VIRTIO_PCI_NOTIFY_MULTIPLIER != 0 || (size != 2 && size != 4))
		return;
	if (index < vp->v.queue_count && (uint16_t)value == index)
		virtio_kick(&vp->v.queues[index]);
}

static uint64_t notify_read(struct virtio_pci *vp, uint64_t offset, unsigned size)
{
	(void)vp, (void)offset, (void)size;
	return 0;
}

/* ---- ISR, device configuration, MSI-X ---------------------------------------------------------- */

static uint64_t isr_read(struct virtio_pci *vp, uint64_t offset, unsigned size)
{
	(void)size;
	return offset == 0 ? take_isr(vp) : 0;
}

static void isr_write(struct virtio_pci *vp, uint64_t offset, unsigned size, uint64_t value)
{
	(void)vp, (void)offset, (void)size, (void)value;
}

/* How many of size bytes at offset the device has; behind them are zeros. */
static unsigned config_room(const struct virtio_pci *vp, uint64_t offset, unsigned size)
{
	const unsigned len = vp->v.ops->config_bytes;

	return offset < len ? (unsigned)min_u64(size, len - offset) : 0;
}

static uint64_t config_read(struct virtio_pci *vp, uint64_t offset, unsigned size)
{
	const unsigned len = config_room(vp, offset, size);
	uint8_t bytes[8] = { 0 };

	if (len > 0)
		vp->v.ops->config_read(&vp->v, (unsigned)offset, bytes, len);
	return le_load(bytes, size);
}

static void config_write(struct virtio_pci *vp, uint64_t offset, unsigned size, uint64_t value)
{
	const unsigned len = config_room(vp, offset, size);
	uint8_t bytes[8];

	le_store(bytes, size, value);
	if (len > 0 && vp->v.ops->config_write)
		vp->v.ops->config_write(&vp->v, (unsigned)offset, bytes, len);
}

static uint64_t table_read(struct virtio_pci *vp, uint64_t offset, unsigned size)
{
	return msix_table_read(&vp->msix, offset, size);
}

static void table_write(struct virtio_pci *vp, uint64_t offset, unsigned size, uint64_t value)
{
	msix_table_write(&vp->msix, offset, size, value);
}

static uint64_t pba_read(struct virtio_pci *vp, uint64_t offset, unsigned size)
{
	return msix_pba_read(&vp->msix, offset, size);
}

static void pba_write(struct virtio_pci *vp, uint64_t offset, unsigned size, uint64_t value)
{
	(void)vp, (void)offset, (void)size, (void)value;
}

/* ---- the BAR ------------------------------------------------------------------------------------- */

struct part {
	uint32_t end; /* where the next one begins */
	uint32_t begin;
	uint64_t (*read)(struct virtio_pci *vp, uint64_t offset, unsigned size);
	void (*write)(struct virtio_pci *vp, uint64_t offset, unsigned size, uint64_t value);
};

static const struct part parts[] = {
	{ VIRTIO_PCI_ISR, VIRTIO_PCI_COMMON, virtio_pci_common_read, virtio_pci_common_write },
	{ VIRTIO_PCI_CONFIG, VIRTIO_PCI_ISR, isr_read, isr_write },
	{ VIRTIO_PCI_TABLE, VIRTIO_PCI_CONFIG, config_read, config_write },
	{ VIRTIO_PCI_PBA, VIRTIO_PCI_TABLE, table_read, table_write },
	{ VIRTIO_PCI_NOTIFY, VIRTIO_PCI_PBA, pba_read, pba_write },
	{ VIRTIO_PCI_BAR_BYTES, VIRTIO_PCI_NOTIFY, notify_read, notify_write },
};

static const struct part *part_at(uint64_t offset)
{
	const struct part *p = parts;

	assert(offset < VIRTIO_PCI_BAR_BYTES);
	while (offset >= p->end)
		p++;
	return p;
}

/* An access that runs from one part into another is a driver's mistake; the parts
 * see the first one's offset and a size, and have to bear any of both. */
uint64_t virtio_pci_bar_read(struct virtio_pci *vp, uint64_t offset, unsigned size)
{
	const struct part *p = part_at(offset);

	return p->read(vp, offset - p->begin, size);
}

void virtio_pci_bar_write(struct virtio_pci *vp, uint64_t offset, unsigned size, uint64_t value)
{
	const struct part *p = part_at(offset);

	p->write(vp, offset - p->begin, size, value);
}

static uint64_t region_read(void *ctx, uint64_t offset, unsigned size)
{
	return virtio_pci_bar_read(ctx, offset, size);
}

static void region_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	virtio_pci_bar_write(ctx, offset, size, value);
}

/* ---- making --------------------------------------------------------------------------------------- */

/* A reset is complete: nothing of the last driver is left. */
static void forget_driver(struct virtio *v)
{
	struct virtio_pci *vp = pci_of(v);

	vp->config_vector = MSIX_NO_VECTOR;
	vp->select = (struct virtio_select){ 0 };
	take_isr(vp);
}

static const struct virtio_transport pci_transport = {
	.interrupt = interrupt,
	.config_interrupt = config_interrupt,
	.queue_listens = queue_listens,
	.reset = forget_driver,
};

static const struct pci_ops function_ops = {
	.bar_moved = bar_moved,
	.window_read = virtio_pci_window_read,
	.window_write = virtio_pci_window_write,
};

static const struct bus_ops region_ops = { region_read, region_write };

static void make_function(struct virtio_pci *vp, unsigned vectors)
{
	const struct bus_region region = { .name = vp->v.ops->name, .max_access = 8,
					   .ops = &region_ops, .ctx = vp };

	vp->identity = (struct pci_identity){
		.vendor = VIRTIO_PCI_VENDOR,
		.device = (uint16_t)(VIRTIO_PCI_DEVICE + vp->v.ops->id),
		.subsystem_vendor = VIRTIO_PCI_VENDOR,
		.subsystem = VIRTIO_PCI_SUBSYSTEM,
		.revision = VIRTIO_PCI_REVISION,
		.class_code = vp->v.ops->class_code,
		.pin = 1,
	};
	pci_function_init(&vp->fn, &vp->identity, &function_ops);
	pci_add_bar(&vp->fn, VIRTIO_PCI_BAR, VIRTIO_PCI_BAR_BYTES, true, false, &region);
	msix_init(&vp->msix, vp->board->msi, vectors ? vectors : vp->v.queue_count + 1);
	pci_add_msix(&vp->fn, &vp->msix, VIRTIO_PCI_BAR, VIRTIO_PCI_TABLE, VIRTIO_PCI_PBA);
	virtio_pci_add_caps(vp);
}

static int put_on_bus(struct virtio_pci *vp, int devfn, struct err *err)
{
	if (devfn < 0)
		devfn = pci_bus_free_devfn(vp->bus);
	if (devfn < 0)
		return err_set(err, devfn, "%s: all PCI slots are taken", vp->v.label);
	return pci_bus_add(vp->bus, &vp->fn, (unsigned)devfn, err);
}

int virtio_pci_init(struct virtio_pci *vp, const struct board *board,
		    const struct virtio_pci_place *place, const struct virtio_setup *setup,
		    const struct device_type *type, struct err *err)
{
	struct ioloop *loops[VIRTIO_QUEUES_MAX];
	struct virtio_setup whole = *setup;
	int rc;

	assert(place->loop_count >= 1 && setup->queue_count <= VIRTIO_QUEUES_MAX);
	for (unsigned i = 0; i < setup->queue_count; i++)
		loops[i] = place->loops[i % place->loop_count];
	whole.loops = loops;
	whole.label = place->label;
	vp->dev.type = type;
	vp->bus = place->bus;
	vp->board = board;
	vp->select = (struct virtio_select){ 0 };
	vp->config_vector = MSIX_NO_VECTOR;
	vp->notify_gpa = NOWHERE;
	vp->isr = 0;
	pthread_mutex_init(&vp->isr_lock, NULL);
	rc = virtio_init(&vp->v, &whole, &pci_transport, err);
	if (rc < 0)
		return rc;
	make_function(vp, place->vectors);
	rc = put_on_bus(vp, place->devfn, err);
	if (rc < 0)
		virtio_free(&vp->v);
	return rc;
}

void virtio_pci_reset(struct virtio_pci *vp)
{
	virtio_quiesce(&vp->v);
	pci_function_reset(&vp->fn);
}

void virtio_pci_free(struct virtio_pci *vp)
{
	virtio_quiesce(&vp->v);
	pci_bus_remove(vp->bus, &vp->fn);
	virtio_free(&vp->v);
	pthread_mutex_destroy(&vp->isr_lock);
}
