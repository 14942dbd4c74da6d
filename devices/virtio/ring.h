/* virtio/ring.h: what queue.c, split.c, packed.c and chain.c share.  Nobody else
 * includes it. */
#ifndef BANTAM_VIRTIO_RING_H
#define BANTAM_VIRTIO_RING_H

#include "virtio/queue.h"

#define DESC_BYTES    16u
#define DESC_F_NEXT   1u
#define DESC_F_WRITE  2u
#define DESC_F_INDIRECT 4u

/* The three areas of a ring, in the order of struct vq_setup. */
struct ring_area {
	uint32_t fixed_bytes, entry_bytes; /* length is fixed + entry * size */
	uint32_t align;			   /* bytes */
};

/* One layout of rings.  q->running, and no fault, in all of them. */
struct ring_ops {
	struct ring_area desc, driver, device;
	/* Whether an entry waits at q->next_avail. */
	bool (*pending)(const struct vq *q);
	/* Fill c and step over it; vq_pop() keeps the books. */
	int (*pop)(struct vq *q, struct chain *c);
	/* Write a used entry that the driver does not look at before publish(). */
	void (*put)(struct vq *q, uint16_t head, uint16_t slots, uint32_t written);
	/* Show the driver all that was put: q->unpublished, 1 or more.  Whether it
	 * wants an interrupt. */
	bool (*publish)(struct vq *q);
	/* Tell the driver whether kicks are wanted, at q->next_avail. */
	void (*set_kicks)(struct vq *q, bool on);
};

extern const struct ring_ops split_ring, packed_ring;

/* q broke rule `fault` at ring position `at`.  Returns -EBADMSG. */
int vq_fail(struct vq *q, enum vq_fault fault, uint16_t at);

/* Whether head came before and was not given back. */
bool vq_head_in_flight(const struct vq *q, uint16_t head);

/* Whether moving an index from old to now steps over the one after which the other
 * side wants to be told, event (2.7.10). */
static inline bool event_passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

/* ---- chains in the making: chain.c ------------------------------------------------- */

/* A descriptor as it was copied; flags of split and packed rings alike. */
struct desc {
	gpa_t addr;
	uint32_t len;
	uint16_t id; /* packed: buffer id; split: next */
	uint16_t flags;
};

/* One walk along a chain. */
struct walk {
	struct vq *q;
	struct chain *c;
	unsigned links;	 /* buffers so far */
	unsigned links_max;
	bool in_begun;	 /* a writable one was there */
	uint16_t at;	 /* ring position, for complaints */
};

/* Begin c at ring position at, with no buffers yet. */
void walk_begin(struct walk *w, struct vq *q, struct chain *c, uint16_t at);

/* Append the buffer that d names.  0, -EBADMSG or -ENOBUFS. */
int walk_add(struct walk *w, const struct desc *d);

/* The chain is complete: 0, or -EBADMSG if it is empty. */
int walk_end(struct walk *w);

/* The rule that w's driver broke.  Returns -EBADMSG. */
int walk_fail(struct walk *w, enum vq_fault fault);

/* A table that d, an indirect descriptor, refers to: checked as a whole. */
struct desc_table {
	const uint8_t *bytes;
	uint32_t count; /* 1..2^28 */
};

/* 0, or -EBADMSG; whether d may be indirect where it is, the ring knows. */
int walk_enter(struct walk *w, const struct desc *d, struct desc_table *table);

#endif
