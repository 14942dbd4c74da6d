/* Common configuration (virtio 1.2, 4.1.4.3): one row a register. */
#include "virtio/pci_internal.h"

/* q: the selected queue, for registers that are a queue's; NULL for the others. */
struct common_register {
	uint8_t offset, bytes; /* 1, 2, 4 or 8 */
	bool of_queue;
	uint64_t (*read)(struct virtio_pci *vp, const struct virtio_queue *q);
	void (*write)(struct virtio_pci *vp, struct virtio_queue *q, uint64_t value);
};

/* ---- features ------------------------------------------------------------------------- */

static uint64_t read_device_feature_select(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)q;
	return vp->select.device_feature;
}

static void write_device_feature_select(struct virtio_pci *vp, struct virtio_queue *q,
					uint64_t value)
{
	(void)q;
	vp->select.device_feature = (uint32_t)value;
}

static uint64_t read_device_feature(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)q;
	return virtio_offered(&vp->v, vp->select.device_feature);
}

static uint64_t read_driver_feature_select(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)q;
	return vp->select.driver_feature;
}

static void write_driver_feature_select(struct virtio_pci *vp, struct virtio_queue *q,
					uint64_t value)
{
	(void)q;
	vp->select.driver_feature = (uint32_t)value;
}

static uint64_t read_driver_feature(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)q;
	return virtio_accepted(&vp->v, vp->select.driver_feature);
}

static void write_driver_feature(struct virtio_pci *vp, struct virtio_queue *q, uint64_t value)
{
	(void)q;
	virtio_accept(&vp->v, vp->select.driver_feature, (uint32_t)value);
}

/* ---- the device ------------------------------------------------------------------------ */

/* A vector that does not exist reads back as none: so the driver learns that it has
 * to do with less (4.1.5.1.2.1). */
static uint16_t vector_of(const struct virtio_pci *vp, uint64_t raw_vector)
{
	return raw_vector < vp->msix.vector_count ? (uint16_t)raw_vector : MSIX_NO_VECTOR;
}

static uint64_t read_config_vector(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)q;
	return vp->config_vector;
}

static void write_config_vector(struct virtio_pci *vp, struct virtio_queue *q, uint64_t value)
{
	(void)q;
	vp->config_vector = vector_of(vp, value);
}

static uint64_t read_num_queues(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)q;
	return vp->v.queue_count;
}

static uint64_t read_status(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)q;
	return virtio_status(&vp->v);
}

static void write_status(struct virtio_pci *vp, struct virtio_queue *q, uint64_t value)
{
	(void)q;
	virtio_set_status(&vp->v, (uint8_t)value);
}

static uint64_t read_generation(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)q;
	return (uint8_t)atomic_load(&vp->v.generation);
}

/* ---- the selected queue ------------------------------------------------------------------ */

static uint64_t read_queue_select(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)q;
	return vp->select.queue;
}

static void write_queue_select(struct virtio_pci *vp, struct virtio_queue *q, uint64_t value)
{
	(void)q;
	vp->select.queue = (uint16_t)value;
}

static uint64_t read_size(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)vp;
	return q->size;
}

static void write_size(struct virtio_pci *vp, struct virtio_queue *q, uint64_t value)
{
	(void)vp;
	if (!virtio_queue_frozen(q))
		q->size = (uint16_t)value;
}

static uint64_t read_vector(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)vp;
	return q->vector;
}

static void write_vector(struct virtio_pci *vp, struct virtio_queue *q, uint64_t value)
{
	q->vector = vector_of(vp, value);
}

static uint64_t read_enable(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)vp;
	return q->enabled;
}

static void write_enable(struct virtio_pci *vp, struct virtio_queue *q, uint64_t value)
{
	(void)vp;
	if (value == 1) /* a driver must not write 0 (4.1.4.3.2) */
		virtio_enable_queue(q);
}

static uint64_t read_index(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)vp;
	return q->index;
}

static uint64_t read_desc(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)vp;
	return q->desc;
}

static void write_desc(struct virtio_pci *vp, struct virtio_queue *q, uint64_t value)
{
	(void)vp;
	if (!virtio_queue_frozen(q))
		q->desc = value;
}

static uint64_t read_driver(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)vp;
	return q->driver;
}

static void write_driver(struct virtio_pci *vp, struct virtio_queue *q, uint64_t value)
{
	(void)vp;
	if (!virtio_queue_frozen(q))
		q->driver = value;
}

static uint64_t read_device(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)vp;
	return q->device;
}

static void write_device(struct virtio_pci *vp, struct virtio_queue *q, uint64_t value)
{
	(void)vp;
	if (!virtio_queue_frozen(q))
		q->device = value;
}

/* 1 while the queue is being reset; 0, and queue_enable 0, when that is done: that
 * is what drivers wait for (4.1.4.3.2). */
static uint64_t read_reset(struct virtio_pci *vp, const struct virtio_queue *q)
{
	(void)vp;
	return q->resetting;
}

static void write_reset(struct virtio_pci *vp, struct virtio_queue *q, uint64_t value)
{
	(void)vp;
	if (value == 1)
		virtio_reset_queue(q);
}

static const struct common_register registers[] = {
	{ COMMON_DEVICE_FEATURE_SELECT, 4, false, read_device_feature_select,
	  write_device_feature_select },
	{ COMMON_DEVICE_FEATURE, 4, false, read_device_feature, NULL },
	{ COMMON_DRIVER_FEATURE_SELECT, 4, false, read_driver_feature_select,
	  write_driver_feature_select },
	{ COMMON_DRIVER_FEATURE, 4, false, read_driver_feature, write_driver_feature },
	{ COMMON_CONFIG_VECTOR, 2, false, read_config_vector, write_config_vector },
	{ COMMON_NUM_QUEUES, 2, false, read_num_queues, NULL },
	{ COMMON_STATUS, 1, false, read_status, write_status },
	{ COMMON_GENERATION, 1, false, read_generation, NULL },
	{ COMMON_QUEUE_SELECT, 2, false, read_queue_select, write_queue_select },
	{ COMMON_QUEUE_SIZE, 2, true, read_size, write_size },
	{ COMMON_QUEUE_VECTOR, 2, true, read_vector, write_vector },
	{ COMMON_QUEUE_ENABLE, 2, true, read_enable, write_enable },
	{ COMMON_QUEUE_NOTIFY_OFF, 2, true, read_index, NULL },
	{ COMMON_QUEUE_DESC, 8, true, read_desc, write_desc },
	{ COMMON_QUEUE_DRIVER, 8, true, read_driver, write_driver },
	{ COMMON_QUEUE_DEVICE, 8, true, read_device, write_device },
	{ COMMON_QUEUE_NOTIFY_DATA, 2, true, read_index, NULL },
	{ COMMON_QUEUE_RESET, 2, true, read_reset, write_reset },
};

/* The register that an access of size bytes at offset is good for: exactly it, or
 * one half of 64 bits (4.1.3.1).  NULL: none; *shift is where the access is in it. */
static const struct common_register *find(uint64_t offset, unsigned size, unsigned *shift)
{
	for (unsigned i = 0; i < ARRAY_LEN(registers); i++) {
		const struct common_register *r = &registers[i];

		*shift = (unsigned)(8 * (offset - r->offset));
		if (offset == r->offset && (size == r->bytes || (r->bytes == 8 && size == 4)))
			return r;
		if (offset == r->offset + 4u && r->bytes == 8 && size == 4)
			return r;
	}
	return NULL;
}

uint64_t virtio_pci_common_read(struct virtio_pci *vp, uint64_t offset, unsigned size)
{
	unsigned shift;
	const struct common_register *r = find(offset, size, &shift);
	const struct virtio_queue *q = NULL;

	if (r && r->of_queue)
		q = virtio_queue_at(&vp->v, vp->select.queue);
	if (!r || (r->of_queue && !q))
		return 0; /* a queue of size 0 is none */
	return r->read(vp, q) >> shift;
}

void virtio_pci_common_write(struct virtio_pci *vp, uint64_t offset, unsigned size,
			     uint64_t value)
{
	unsigned shift;
	const struct common_register *r = find(offset, size, &shift);
	struct virtio_queue *q = NULL;

	if (r && r->of_queue)
		q = virtio_queue_at(&vp->v, vp->select.queue);
	if (!r || !r->write || (r->of_queue && !q))
		return;
	if (size < r->bytes) {
		const uint64_t half = (uint64_t)UINT32_MAX << shift;

		value = (r->read(vp, q) & ~half) | (value << shift & half);
	}
	r->write(vp, q, value);
}
