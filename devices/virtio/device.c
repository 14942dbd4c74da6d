#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "host/now.h"
#include "pci/msix.h"
#include "virtio/life.h"

#define FAULT_LOG_BURST 3u

#define STATUS_BITS                                                                   \
	(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK | VIRTIO_FEATURES_OK | \
	 VIRTIO_FAILED)

/* ---- making ------------------------------------------------------------------------------ */

/* A queue's registers after a reset. */
static void clear_registers(struct virtio_queue *q)
{
	q->size = q->size_max;
	q->vector = MSIX_NO_VECTOR;
	q->enabled = q->resetting = false;
	q->desc = q->driver = q->device = 0;
}

int virtio_init(struct virtio *v, const struct virtio_setup *setup,
		const struct virtio_transport *transport, struct err *err)
{
	assert(setup->queue_count >= 1 && setup->queue_count <= VIRTIO_QUEUES_MAX);
	*v = (struct virtio){
		.ops = setup->ops,
		.transport = transport,
		.mem = setup->mem,
		.label = setup->label,
		.offered = setup->features | VIRTIO_F_COMMON,
		.queue_count = setup->queue_count,
		.queues = calloc(setup->queue_count, sizeof(*v->queues)),
	};
	if (!v->queues)
		return err_set(err, -ENOMEM, "no memory for %s", setup->label);
	pthread_mutex_init(&v->off_lock, NULL);
	pthread_cond_init(&v->off, NULL);
	for (unsigned i = 0; i < v->queue_count; i++) {
		struct virtio_queue *q = &v->queues[i];
		const uint16_t size_max = setup->queue_sizes[i];

		assert(size_max > 0 && size_max <= VQ_SIZE_MAX && !(size_max & (size_max - 1)));
		queue_init(q, v, i);
		q->loop = setup->loops[i];
		q->size_max = size_max;
		clear_registers(q);
	}
	return 0;
}

void virtio_free(struct virtio *v)
{
	for (unsigned i = 0; i < v->queue_count; i++)
		queue_free(&v->queues[i]);
	free(v->queues);
	pthread_cond_destroy(&v->off);
	pthread_mutex_destroy(&v->off_lock);
}

/* ---- faults and changes: any thread --------------------------------------------------------- */

static bool is_live(const struct virtio *v)
{
	return atomic_load(&v->status) & VIRTIO_DRIVER_OK;
}

/* 2.1.2: NEEDS_RESET, and once the driver is live, tell it. */
void virtio_fault(struct virtio *v, unsigned index, const char *text)
{
	const struct vq *vq = &v->queues[index].vq;

	if (atomic_exchange(&v->broken, true))
		return; /* the first one counts, and owns fault_log until the reset */
	if (log_limit_ok(&v->fault_log, host_now_ns(), FAULT_LOG_BURST)) {
		if (text)
			log_warn("%s: %s queue %u: %s: device needs reset", v->label, v->ops->name,
				 index, text);
		else
			log_warn("%s: %s queue %u: %s, at ring position %u: device needs reset",
				 v->label, v->ops->name, index, vq_fault_text[vq->fault],
				 vq->fault_at);
	}
	if (is_live(v))
		v->transport->config_interrupt(v);
}

void virtio_config_changed(struct virtio *v)
{
	atomic_fetch_add(&v->generation, 1);
	if (is_live(v))
		v->transport->config_interrupt(v);
}

/* ---- reset ------------------------------------------------------------------------------------ */

static bool all_off(const struct virtio *v)
{
	for (unsigned i = 0; i < v->queue_count; i++)
		if (!queue_is_off(&v->queues[i]))
			return false;
	return true;
}

static void begin_reset(struct virtio *v)
{
	v->resetting = true;
	for (unsigned i = 0; i < v->queue_count; i++)
		queue_end(&v->queues[i]);
}

/* A reset whose last queue has stopped is completed by whoever looks next: its loop
 * must not touch registers, and nobody could tell the difference. */
static void settle(struct virtio *v)
{
	if (!v->resetting || !all_off(v))
		return;
	v->resetting = false;
	for (unsigned i = 0; i < v->queue_count; i++)
		clear_registers(&v->queues[i]);
	v->driver_features = v->features = 0;
	v->features_beyond = false;
	atomic_store(&v->status, 0);
	v->transport->reset(v);
	if (v->ops->reset)
		v->ops->reset(v);
	atomic_store(&v->broken, false);
}

void virtio_quiesce(struct virtio *v)
{
	begin_reset(v);
	for (unsigned i = 0; i < v->queue_count; i++)
		queue_wait_off(&v->queues[i]);
	settle(v);
}

/* ---- status and features ----------------------------------------------------------------------- */

uint8_t virtio_status(struct virtio *v)
{
	settle(v);
	return (uint8_t)(v->status | (atomic_load(&v->broken) ? VIRTIO_NEEDS_RESET : 0));
}

/* 2.2.2: what was not offered cannot be accepted; and there is no legacy device
 * behind this transport (6.1). */
static bool features_agree(struct virtio *v)
{
	if (v->features_beyond || (v->driver_features & ~v->offered))
		return false;
	if (!(v->driver_features & VIRTIO_F_VERSION_1))
		return false;
	v->features = v->driver_features;
	if (!v->ops->features_ok || v->ops->features_ok(v))
		return true;
	v->features = 0;
	return false;
}

static void go_live(struct virtio *v)
{
	v->status |= VIRTIO_DRIVER_OK;
	if (v->ops->driver_ok)
		v->ops->driver_ok(v);
	for (unsigned i = 0; i < v->queue_count; i++)
		if (v->queues[i].enabled)
			queue_begin(&v->queues[i]);
}

/* 3.1.1: one step after the other; a driver may take several in one write. */
void virtio_set_status(struct virtio *v, uint8_t raw_status)
{
	uint8_t raw_new;

	settle(v);
	if (raw_status == 0)
		begin_reset(v);
	settle(v);
	if (v->resetting || (v->status & ~raw_status))
		return; /* bits are taken back by a reset only (2.1.1) */
	raw_new = raw_status & STATUS_BITS & (uint8_t)~v->status;
	v->status |= raw_new & (VIRTIO_ACKNOWLEDGE | VIRTIO_FAILED);
	if ((raw_new & VIRTIO_DRIVER) && (v->status & VIRTIO_ACKNOWLEDGE))
		v->status |= VIRTIO_DRIVER;
	if ((raw_new & VIRTIO_FEATURES_OK) && (v->status & VIRTIO_DRIVER) && features_agree(v))
		v->status |= VIRTIO_FEATURES_OK;
	if ((raw_new & VIRTIO_DRIVER_OK) && (v->status & VIRTIO_FEATURES_OK))
		go_live(v);
}

uint32_t virtio_offered(const struct virtio *v, uint32_t select)
{
	return select < 2 ? (uint32_t)(v->offered >> (32 * select)) : 0;
}

uint32_t virtio_accepted(const struct virtio *v, uint32_t select)
{
	return select < 2 ? (uint32_t)(v->driver_features >> (32 * select)) : 0;
}

void virtio_accept(struct virtio *v, uint32_t select, uint32_t value)
{
	const unsigned shift = 32 * (select & 1);

	settle(v);
	if (v->resetting || (v->status & VIRTIO_FEATURES_OK))
		return;
	if (select >= 2) /* newer drivers write zeros there */
		v->features_beyond |= value != 0;
	else
		v->driver_features = (v->driver_features & ~((uint64_t)UINT32_MAX << shift)) |
				     (uint64_t)value << shift;
}

/* ---- queues -------------------------------------------------------------------------------------- */

struct virtio_queue *virtio_queue_at(struct virtio *v, unsigned raw_index)
{
	struct virtio_queue *q;

	settle(v);
	if (raw_index >= v->queue_count)
		return NULL;
	q = &v->queues[raw_index];
	if (q->resetting && queue_is_off(q))
		clear_registers(q);
	return q;
}

bool virtio_queue_frozen(const struct virtio_queue *q)
{
	return q->enabled || q->v->resetting;
}

void virtio_enable_queue(struct virtio_queue *q)
{
	struct virtio *v = q->v;
	const struct vq_setup setup = queue_setup(q);
	enum vq_fault fault;

	/* Without FEATURES_OK nobody knows what the ring looks like. */
	if (virtio_queue_frozen(q) || !(v->status & VIRTIO_FEATURES_OK))
		return;
	fault = vq_check(&setup);
	if (fault != VQ_OK) {
		virtio_fault(v, q->index, vq_fault_text[fault]);
		return;
	}
	q->enabled = true;
	if (is_live(v))
		queue_begin(q);
}

void virtio_reset_queue(struct virtio_queue *q)
{
	if (!(q->v->features & VIRTIO_F_RING_RESET) || !q->enabled || q->v->resetting)
		return;
	q->resetting = true;
	queue_end(q);
}
