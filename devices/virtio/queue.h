/* virtio/queue.h: one virtqueue, split or packed, as a device uses it.
 *
 * A queue is a ring in guest memory in which the driver offers chains of buffers
 * and the device gives them back.  Everything in it is hostile: each descriptor is
 * copied once and only the copy is checked and used (virtio 1.2, 2.6 to 2.8).
 *
 *	vq_pop()    take the next chain               any number of times
 *	...         move data by chain.iov, now or later
 *	vq_push()   give a chain back, in any order
 *	vq_flush()  let the driver see all that was pushed; whether it wants an
 *	            interrupt for it
 *
 * One thread owns a running queue; nothing here takes a lock, and only vq_start()
 * allocates. */
#ifndef BANTAM_VIRTIO_QUEUE_H
#define BANTAM_VIRTIO_QUEUE_H

#include <sys/uio.h>

#include "core/mem.h"

#define VQ_SIZE_MAX 1024u

/* Feature bits that shape a ring (6). */
#define VIRTIO_F_INDIRECT_DESC (UINT64_C(1) << 28)
#define VIRTIO_F_EVENT_IDX     (UINT64_C(1) << 29)
#define VIRTIO_F_RING_PACKED   (UINT64_C(1) << 34)
#define VIRTIO_F_IN_ORDER      (UINT64_C(1) << 35)

/* What a queue was set up with: registers of the transport, checked by
 * vq_check() and vq_start(). */
struct vq_setup {
	const struct mem *mem;
	uint16_t size;	   /* entries */
	uint16_t size_max; /* what the device offered, 1..VQ_SIZE_MAX */
	gpa_t desc;	   /* split: descriptor table; packed: descriptor ring */
	gpa_t driver;	   /* split: available ring; packed: driver event suppression */
	gpa_t device;	   /* split: used ring; packed: device event suppression */
	uint64_t features; /* negotiated */
};

/* A chain of buffers, driver's data first, then room for the device's. */
struct chain {
	uint16_t head;	     /* split: index of the first descriptor; packed: buffer id */
	uint16_t slots;	     /* the queue's: ring entries that it takes */
	uint16_t order;	     /* the queue's: its place among those taken */
	unsigned out_count;  /* iov[0 .. out_count) is readable */
	unsigned in_count;   /* iov[out_count .. out_count + in_count) is writable */
	uint64_t out_bytes, in_bytes; /* what those hold; together below 2^32 */
	struct iovec *iov;   /* the caller's; filled by vq_pop() */
	unsigned iov_max;    /* its room, 1 or more */
};

/* Rules that a driver broke; vq_fault_text says each in words.  The numbers have
 * no meaning outside. */
enum vq_fault {
	VQ_OK,
	VQ_SIZE_NOT_POWER_OF_TWO, /* packed: zero */
	VQ_SIZE_ABOVE_MAX,
	VQ_RING_MISALIGNED,
	VQ_RING_OUTSIDE_RAM,
	VQ_AVAIL_INDEX_JUMPED, /* split */
	VQ_RING_OVERRUN,       /* packed */
	VQ_HEAD_OUT_OF_RANGE,
	VQ_HEAD_IN_FLIGHT,
	VQ_DESC_OUT_OF_RANGE,
	VQ_DESC_LOOP,
	VQ_DESC_UNKNOWN_FLAGS,
	VQ_DESC_READABLE_AFTER_WRITABLE,
	VQ_DESC_OUTSIDE_RAM,
	VQ_CHAIN_EMPTY,
	VQ_CHAIN_TOO_LONG, /* 2^32 bytes or more */
	VQ_INDIRECT_NOT_OFFERED,
	VQ_INDIRECT_NESTED,
	VQ_INDIRECT_BAD_LENGTH,
	VQ_INDIRECT_WITH_NEXT,
	VQ_FAULTS,
};

extern const char *const vq_fault_text[VQ_FAULTS];

struct ring_ops;
struct vq_book;

/* All zero before the first vq_start().  Fields are the queue's own; a device may
 * read `fault`, `fault_at`, `drained`, `in_flight` and `taken`. */
struct vq {
	struct vq_setup setup;
	bool running;
	bool indirect, event_idx, in_order;
	const struct ring_ops *ops; /* split or packed */
	uint8_t *desc, *driver, *device; /* the three areas as host bytes */
	enum vq_fault fault;   /* of the first violation; nothing is popped any more */
	uint16_t fault_at;     /* ring position of it */

	/* Taking.  Split: free-running indices; packed: positions and wrap counters. */
	uint16_t next_avail;
	uint16_t seen_avail;   /* split: the driver's index as it was last read */
	bool avail_wrap;
	bool drained;	       /* the last vq_pop() found nothing: ask for kicks */
	bool kicks_on;	       /* asked for at next_avail, and nothing was there then */
	bool kicks_hint;       /* what the driver was told last */
	unsigned in_flight;    /* chains taken and not given back */
	uint64_t taken;	       /* chains, since vq_start() */
	unsigned slots_in_use; /* packed: ring entries of those */

	/* Giving back. */
	uint16_t next_used;
	bool used_wrap;
	uint16_t unpublished;  /* split: entries, packed: slots, since the last flush */
	uint16_t first_slot, first_flags; /* packed: written last, by vq_flush() */
	uint16_t order_head, order_tail; /* IN_ORDER: oldest in flight, next taken */
	struct vq_book *book;  /* heads in flight, completions held back */
};

/* Whether a queue could start: VQ_OK or the rule that setup breaks. */
enum vq_fault vq_check(const struct vq_setup *setup);

/* Check setup and be ready at ring position 0.  Resources are kept for the next
 * start; vq_free() gives them back.
 * 0; -EBADMSG with q->fault set; -ENOMEM. */
int vq_start(struct vq *q, const struct vq_setup *setup);
/* Chains in flight are forgotten: nobody touches their memory any more. */
void vq_stop(struct vq *q);
void vq_free(struct vq *q);

/* Take the next chain.
 * Returns 1; 0 if there is none; -EBADMSG with q->fault set, now and from then on;
 * -ENOBUFS if c->iov_max is too small: nothing was taken; vq_iov_bound() entries are
 * always enough. */
int vq_pop(struct vq *q, struct chain *c);

/* iov entries that any chain of this queue fits into; at most
 * VQ_SIZE_MAX * MEM_BLOCKS_MAX, and the queue's size_max unless RAM blocks touch. */
unsigned vq_iov_bound(const struct vq_setup *setup);

/* Give c back: the device wrote exactly `written` bytes at the beginning of its
 * writable part, at most c->in_bytes.  With IN_ORDER it is held back until all that
 * were taken before it are given back, too. */
void vq_push(struct vq *q, const struct chain *c, uint32_t written);

/* Publish what was pushed.  True if the driver wants an interrupt for it. */
bool vq_flush(struct vq *q);

/* Ask for kicks again before going to sleep.  True if chains came meanwhile: then
 * serve them first. */
bool vq_enable_kicks(struct vq *q);
/* Kicks are not needed for now: a hint to the driver. */
void vq_disable_kicks(struct vq *q);

/* Whether a chain waits; a look without an effect, for polling. */
bool vq_pending(const struct vq *q);

/* ---- the data of a chain --------------------------------------------------------- */

/* Copy up to len bytes from the readable part at offset, or to the writable part;
 * returns how many there were. */
size_t chain_read(const struct chain *c, uint64_t offset, void *to, size_t len);
size_t chain_write(const struct chain *c, uint64_t offset, const void *from, size_t len);

#endif
