/* The split ring (virtio 1.2, 2.7): a table of descriptors, and two rings of
 * indices into it.
 *
 *	driver area, available:  flags  idx  head[size]        used_event
 *	device area, used:       flags  idx  {id, len}[size]   avail_event
 *
 * Indices run freely over 16 bits; an entry's place is its index modulo size. */
#include <errno.h>

#include "virtio/guest.h"
#include "virtio/ring.h"

#define AVAIL_FLAGS 0u
#define AVAIL_IDX   2u
#define AVAIL_RING  4u
#define USED_FLAGS  0u
#define USED_IDX    2u
#define USED_RING   4u
#define USED_BYTES  8u

#define AVAIL_F_NO_INTERRUPT 1u
#define USED_F_NO_NOTIFY     1u

#define DESC_FLAGS (DESC_F_NEXT | DESC_F_WRITE | DESC_F_INDIRECT)

static unsigned slot_of(const struct vq *q, uint16_t index)
{
	return index & (q->setup.size - 1u);
}

static bool split_pending(const struct vq *q)
{
	return guest_load16_acquire(q->driver + AVAIL_IDX) != q->next_avail;
}

/* Entry i of a table, copied once: addr, len, flags, next (2.7.5). */
static void fetch(const uint8_t *table, uint32_t i, struct desc *d)
{
	const uint8_t *raw = table + (size_t)DESC_BYTES * i;
	const uint64_t high = guest_load64_anywhere(raw + 8);

	d->addr = guest_load64_anywhere(raw);
	d->len = (uint32_t)high;
	d->flags = (uint16_t)(high >> 32);
	d->id = (uint16_t)(high >> 48);
}

/* From head on, through an indirect table if the last descriptor names one. */
static int follow(struct walk *w, uint16_t head)
{
	struct desc_table table = { w->q->desc, w->q->setup.size };
	uint32_t i = head;
	bool nested = false;
	struct desc d;
	int rc;

	for (;;) { /* each turn but one adds a link, and those are bounded */
		fetch(table.bytes, i, &d);
		if (d.flags & ~DESC_FLAGS)
			return walk_fail(w, VQ_DESC_UNKNOWN_FLAGS);
		if (d.flags & DESC_F_INDIRECT) {
			if (nested)
				return walk_fail(w, VQ_INDIRECT_NESTED);
			rc = walk_enter(w, &d, &table);
			if (rc < 0)
				return rc;
			nested = true;
			i = 0;
			continue;
		}
		rc = walk_add(w, &d);
		if (rc < 0)
			return rc;
		if (!(d.flags & DESC_F_NEXT))
			return walk_end(w);
		i = d.id;
		if (i >= table.count)
			return walk_fail(w, VQ_DESC_OUT_OF_RANGE);
	}
}

/* See what the driver has added.  It cannot have more chains out than the ring has
 * entries, those included that it was not yet told are used: so however fast it
 * adds, no more than size can be taken between two flushes.  1, 0 or -EBADMSG. */
static int look(struct vq *q)
{
	const uint16_t raw_idx = guest_load16_acquire(q->driver + AVAIL_IDX);
	const uint16_t raw_added = (uint16_t)(raw_idx - q->next_avail);

	if (raw_added + q->in_flight + q->unpublished > q->setup.size)
		return vq_fail(q, VQ_AVAIL_INDEX_JUMPED, q->next_avail);
	q->seen_avail = raw_idx;
	return raw_added > 0;
}

static int split_pop(struct vq *q, struct chain *c)
{
	struct walk w;
	uint16_t raw_head;
	int rc;

	if (q->seen_avail == q->next_avail) {
		rc = look(q);
		if (rc <= 0)
			return rc;
	}
	raw_head = guest_load16(q->driver + AVAIL_RING + 2u * slot_of(q, q->next_avail));
	if (raw_head >= q->setup.size)
		return vq_fail(q, VQ_HEAD_OUT_OF_RANGE, q->next_avail);
	if (vq_head_in_flight(q, raw_head))
		return vq_fail(q, VQ_HEAD_IN_FLIGHT, q->next_avail);
	walk_begin(&w, q, c, q->next_avail);
	rc = follow(&w, raw_head);
	if (rc < 0)
		return rc;
	c->head = raw_head;
	c->slots = 1;
	q->next_avail++;
	return 1;
}

static void split_put(struct vq *q, uint16_t head, uint16_t slots, uint32_t written)
{
	uint8_t *entry = q->device + USED_RING + (size_t)USED_BYTES * slot_of(q, q->next_used);

	(void)slots;
	guest_store32(entry, head);
	guest_store32(entry + 4, written);
	q->next_used++;
	q->unpublished++;
}

static bool split_publish(struct vq *q)
{
	guest_store16_release(q->device + USED_IDX, q->next_used);
	/* The driver asks for an interrupt, then looks at the index once more; we
	 * move the index, then look whether it asks.  Each must see the other's
	 * store or come later: else both would wait for ever (2.7.7.2). */
	guest_full_barrier();
	if (q->event_idx) {
		const uint8_t *used_event = q->driver + AVAIL_RING + 2u * q->setup.size;

		return event_passed(guest_load16(used_event), q->next_used,
				    (uint16_t)(q->next_used - q->unpublished));
	}
	return !(guest_load16(q->driver + AVAIL_FLAGS) & AVAIL_F_NO_INTERRUPT);
}

static void split_set_kicks(struct vq *q, bool on)
{
	if (q->event_idx) {
		/* Off: the event stays where it is, behind the driver's back. */
		if (on)
			guest_store16(q->device + USED_RING + (size_t)USED_BYTES * q->setup.size,
				      q->next_avail);
	} else {
		guest_store16(q->device + USED_FLAGS, (uint16_t)(on ? 0 : USED_F_NO_NOTIFY));
	}
	/* We ask for a kick, then look at the index once more; the driver moves
	 * the index, then looks whether we ask (2.7.10.1). */
	if (on)
		guest_full_barrier();
}

const struct ring_ops split_ring = {
	.desc = { 0, DESC_BYTES, 16 },
	.driver = { AVAIL_RING + 2, 2, 2 },
	.device = { USED_RING + 2, USED_BYTES, 4 },
	.pending = split_pending,
	.pop = split_pop,
	.put = split_put,
	.publish = split_publish,
	.set_kicks = split_set_kicks,
};
