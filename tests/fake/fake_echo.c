#include "fake/fake_echo.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static struct fake_echo *echo_of(struct virtio *v)
{
	return container_of(v, struct fake_echo, vp.v);
}

static void config_read(struct virtio *v, unsigned offset, void *to, unsigned len)
{
	assert(offset + len <= FAKE_ECHO_CONFIG);
	memcpy(to, echo_of(v)->config + offset, len);
}

static void config_write(struct virtio *v, unsigned offset, const void *from, unsigned len)
{
	assert(offset + len <= FAKE_ECHO_CONFIG);
	memcpy(echo_of(v)->config + offset, from, len);
}

static bool features_ok(struct virtio *v)
{
	return !echo_of(v)->refuse_features;
}

static void driver_ok(struct virtio *v)
{
	echo_of(v)->driver_oks++;
}

static void reset(struct virtio *v)
{
	echo_of(v)->resets++;
	memset(echo_of(v)->config, 0, FAKE_ECHO_CONFIG);
}

/* Copy what c has to read to where it is to be written, as far as there is room. */
static void answer(struct fake_echo *e, unsigned index, const struct chain *c)
{
	uint8_t bytes[256];
	size_t done = 0;

	while (done < c->in_bytes) {
		const size_t n = chain_read(c, done, bytes, sizeof(bytes));

		if (n == 0)
			break;
		done += chain_write(c, done, bytes, n);
	}
	virtio_push(&e->vp.v, index, c, (uint32_t)done);
}

static void queue_start(struct virtio *v, unsigned index)
{
	struct fake_echo_queue *q = &echo_of(v)->queues[index];

	assert(q->held_count == 0);
	q->stopping = false;
	q->starts++;
}

/* Which iov of q no held chain has. */
static struct iovec *free_iov(struct fake_echo_queue *q)
{
	for (unsigned i = 0; i < FAKE_ECHO_SIZE; i++) {
		bool taken = false;

		for (unsigned n = 0; n < q->held_count; n++)
			taken |= q->held[n].iov == q->iov[i];
		if (!taken)
			return q->iov[i];
	}
	return NULL;
}

static void queue_kick(struct virtio *v, unsigned index)
{
	struct fake_echo *e = echo_of(v);
	struct fake_echo_queue *q = &e->queues[index];

	assert(!q->stopping);
	q->kicks++;
	while (e->mode != ECHO_TAKE_NONE && q->held_count < FAKE_ECHO_SIZE) {
		struct chain c = { .iov = free_iov(q), .iov_max = FAKE_ECHO_SIZE };
		const int rc = vq_pop(virtio_vq(v, index), &c);

		assert(rc != -ENOBUFS);
		if (rc < 0)
			virtio_fault(v, index, NULL);
		if (rc <= 0)
			return;
		if (e->mode == ECHO_HOLD)
			q->held[q->held_count++] = c;
		else
			answer(e, index, &c);
		if (e->mode == ECHO_ONE_A_KICK)
			return;
	}
}

static void queue_stop(struct virtio *v, unsigned index)
{
	struct fake_echo_queue *q = &echo_of(v)->queues[index];

	q->stopping = true;
	q->stops++;
	if (q->held_count == 0)
		virtio_queue_stopped(v, index);
}

void fake_echo_answer(struct fake_echo *e, unsigned index, unsigned n)
{
	struct fake_echo_queue *q = &e->queues[index];
	const struct chain c = q->held[n];

	assert(n < q->held_count);
	q->held[n] = q->held[--q->held_count];
	answer(e, index, &c);
	if (q->stopping && q->held_count == 0)
		virtio_queue_stopped(&e->vp.v, index);
	else if (!q->stopping)
		virtio_again(&e->vp.v, index); /* there was no room, perhaps */
}

void fake_echo_answer_all(struct fake_echo *e, unsigned index)
{
	while (e->queues[index].held_count > 0)
		fake_echo_answer(e, index, 0);
}

static const struct virtio_ops echo_ops = {
	.name = "fake-echo",
	.id = FAKE_ECHO_ID,
	.class_code = 0xff0000,
	.config_bytes = FAKE_ECHO_CONFIG,
	.config_read = config_read,
	.config_write = config_write,
	.features_ok = features_ok,
	.driver_ok = driver_ok,
	.reset = reset,
	.queue_start = queue_start,
	.queue_kick = queue_kick,
	.queue_stop = queue_stop,
};

static void echo_reset(struct device *dev)
{
	virtio_pci_reset(container_of(dev, struct virtio_pci, dev));
}

static void echo_destroy(struct device *dev)
{
	virtio_pci_free(container_of(dev, struct virtio_pci, dev));
}

/* Made by fake_echo_init() only. */
static const struct device_type echo_type = { "fake_echo", NULL, echo_reset, echo_destroy };

int fake_echo_init(struct fake_echo *e, const struct board *board,
		   const struct virtio_pci_place *place, struct err *err)
{
	static const uint16_t sizes[FAKE_ECHO_QUEUES] = { FAKE_ECHO_SIZE, FAKE_ECHO_SIZE };
	const struct virtio_setup setup = { .ops = &echo_ops,
					    .mem = board->mem,
					    .features = FAKE_ECHO_F_LOUD,
					    .queue_count = FAKE_ECHO_QUEUES,
					    .queue_sizes = sizes };

	memset(e, 0, sizeof(*e));
	return virtio_pci_init(&e->vp, board, place, &setup, &echo_type, err);
}
