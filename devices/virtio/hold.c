#include "virtio/hold.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void hold_start(struct hold *h, struct virtio *v, unsigned index)
{
	const unsigned bound = vq_iov_bound(&virtio_vq(v, index)->setup);

	h->v = v;
	h->index = index;
	h->busy = false;
	if (bound > h->iov_room) {
		free(h->iov);
		h->iov = calloc(bound, sizeof(*h->iov));
		h->iov_room = h->iov ? bound : 0;
	}
	h->running = h->iov_room > 0;
	if (!h->running)
		virtio_fault(v, index, "the host has no memory for a queue");
}

void hold_stop(struct hold *h)
{
	h->running = false;
	h->busy = false;
	virtio_queue_stopped(h->v, h->index);
}

void hold_free(struct hold *h)
{
	free(h->iov);
	h->iov = NULL;
	h->iov_room = 0;
}

bool hold_next(struct hold *h)
{
	int rc;

	if (!h->running || h->busy)
		return h->busy;
	h->chain.iov = h->iov;
	h->chain.iov_max = h->iov_room;
	rc = vq_pop(virtio_vq(h->v, h->index), &h->chain);
	assert(rc >= 0 || rc == -EBADMSG); /* there is room for any chain */
	if (rc < 0)
		virtio_fault(h->v, h->index, NULL);
	h->busy = rc > 0;
	h->at = 0;
	return h->busy;
}

void hold_give(struct hold *h, uint32_t written)
{
	assert(h->busy);
	virtio_push(h->v, h->index, &h->chain, written);
	h->busy = false;
}

void hold_again(struct hold *h)
{
	if (h->running)
		virtio_again(h->v, h->index);
}
