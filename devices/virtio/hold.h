/* virtio/hold.h: a queue whose chains are served one at a time, each for as long as
 * it takes: a hold on the chain that is being served.
 *
 * For devices whose other side may be busy (a terminal), slow (memory given back)
 * or has nothing to say yet.  All that follow wait in the ring meanwhile.  Belongs
 * to the queue's loop. */
#ifndef BANTAM_VIRTIO_HOLD_H
#define BANTAM_VIRTIO_HOLD_H

#include "virtio/virtio.h"

/* All zero at first. */
struct hold {
	struct virtio *v;
	unsigned index;	    /* of the queue */
	bool running;	    /* between hold_start() and hold_stop() */
	bool busy;	    /* chain is held */
	struct chain chain; /* its iov[] may be changed while it is served */
	unsigned at;	    /* iov[at] is the next to serve */
	struct iovec *iov;  /* owned */
	unsigned iov_room;
};

/* For queue_start(): get room for any chain of the queue. */
void hold_start(struct hold *h, struct virtio *v, unsigned index);

/* For queue_stop(): forget the chain; the queue is stopped. */
void hold_stop(struct hold *h);

void hold_free(struct hold *h);

/* Have a chain: the one that is held, or else the next from the ring.  False if
 * there is none; a fault of the ring is told. */
bool hold_next(struct hold *h);

/* Give the held chain back, with written bytes. */
void hold_give(struct hold *h, uint32_t written);

/* Have queue_kick() called again; harmless when the queue does not run. */
void hold_again(struct hold *h);

#endif
