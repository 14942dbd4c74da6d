/* virtio/blk_queue.h: one queue of a virtio disk at work: chains in, block requests
 * out, verdicts back.
 *
 *	ring ──vq_pop──▶ blk_req_parse ──▶ block_submit ... done ──▶ virtio_push
 *
 * Everything here runs on the queue's loop; what queues of one disk share is fixed,
 * atomic, or locked inside struct throttle. */
#ifndef BANTAM_VIRTIO_BLK_QUEUE_H
#define BANTAM_VIRTIO_BLK_QUEUE_H

#include <stdatomic.h>

#include "block/block.h"
#include "block/throttle.h"
#include "virtio/blk_req.h"
#include "virtio/virtio.h"

/* Pieces of memory that a request may have without a long list from the pool: 128
 * KiB in scattered pages, header and status. */
#define BLK_IOV_INLINE 34u
/* Requests with more pieces than that in flight at once, per queue. */
#define BLK_LONG_MAX 32u

/* What all queues of a disk share. */
struct blk_disk {
	struct virtio *v;
	struct block *block;
	struct blk_rules rules;
	uint8_t id[BLK_ID_BYTES]; /* padded with zeros */
	atomic_bool writeback;	  /* false: each write is durable when it is done */
	struct throttle throttle;
	bool throttled;		  /* there is a limit at all */
};

struct blk_stats {
	uint64_t requests;
	uint64_t read_bytes, written_bytes;
	uint64_t errors; /* requests that did not end in BLK_S_OK */
};

struct blk_io;

struct blk_queue {
	struct blk_disk *disk;
	unsigned index;
	struct blk_io *ios;	 /* owned */
	unsigned io_count;	 /* one more than the ring may have entries */
	unsigned io_fresh;	 /* ios[io_fresh ...) were never used */
	struct blk_io *io_free;	 /* the last one used first: its memory is warm */
	struct iovec *long_iovs; /* BLK_LONG_MAX lists of long_iov_max entries; owned */
	unsigned long_iov_max;
	struct iovec *long_free[BLK_LONG_MAX];
	unsigned long_free_count;
	unsigned in_flight;
	bool starved;  /* a chain in the ring waits for a long list */
	bool stopping; /* no chain is taken any more */
	struct io_timer throttle_timer;
	struct blk_stats stats;
};

/* size_max  entries of the ring that it was offered
 * 0 or -ENOMEM */
int blk_queue_init(struct blk_queue *q, struct blk_disk *disk, unsigned index, unsigned size_max);
/* Nothing is in flight. */
void blk_queue_free(struct blk_queue *q);

/* As struct virtio_ops has them. */
void blk_queue_start(struct blk_queue *q);
void blk_queue_kick(struct blk_queue *q);
void blk_queue_stop(struct blk_queue *q);

#endif
