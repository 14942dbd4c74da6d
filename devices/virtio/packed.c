/* The packed ring (virtio 1.2, 2.8): one ring of descriptors that both sides write.
 *
 *	descriptor:     addr(8)  len(4)  id(2)  flags(2)
 *	driver, device area:  off_wrap(2)  flags(2)       event suppression
 *
 * Whose a descriptor is, its AVAIL and USED bits say, by a wrap counter that each
 * side flips when it comes round the ring: available when AVAIL is the counter and
 * USED is not, used when both are. */
#include <errno.h>

#include "virtio/guest.h"
#include "virtio/ring.h"

#define DESC_LEN   8u
#define DESC_ID	   12u
#define DESC_FLAGS 14u

#define DESC_F_AVAIL (1u << 7)
#define DESC_F_USED  (1u << 15)
#define DESC_F_KNOWN (DESC_F_NEXT | DESC_F_WRITE | DESC_F_INDIRECT | DESC_F_AVAIL | DESC_F_USED)

#define EVENT_OFF_WRAP 0u
#define EVENT_FLAGS    2u
#define EVENT_F_ENABLE 0u
#define EVENT_F_DISABLE 1u
#define EVENT_F_DESC   2u
#define EVENT_F_MASK   3u
#define EVENT_WRAP     (1u << 15)

static uint8_t *slot_bytes(const struct vq *q, uint16_t slot)
{
	return q->desc + (size_t)DESC_BYTES * slot;
}

/* Go n slots on, n at most the ring's size. */
static void advance(const struct vq *q, uint16_t *slot, bool *wrap, uint16_t n)
{
	const unsigned sum = *slot + n;

	if (sum >= q->setup.size)
		*wrap = !*wrap;
	*slot = (uint16_t)(sum >= q->setup.size ? sum - q->setup.size : sum);
}

static bool is_available(const struct vq *q, uint16_t raw_flags)
{
	return !!(raw_flags & DESC_F_AVAIL) == q->avail_wrap &&
	       !!(raw_flags & DESC_F_USED) != q->avail_wrap;
}

static bool packed_pending(const struct vq *q)
{
	return is_available(q, guest_load16_acquire(slot_bytes(q, q->next_avail) + DESC_FLAGS));
}

/* The upper half of a descriptor, then its address: so that whoever sees the flags
 * of an available one sees the address that belongs to it. */
static void unpack(const uint8_t *raw, uint64_t high, struct desc *d)
{
	d->addr = guest_load64_anywhere(raw);
	d->len = (uint32_t)high;
	d->id = (uint16_t)(high >> 32);
	d->flags = (uint16_t)(high >> 48);
}

/* All entries of an indirect table, in their order; only WRITE means something in
 * them (2.8.7), and INDIRECT is forbidden. */
static int add_table(struct walk *w, const struct desc_table *table)
{
	struct desc d;
	int rc;

	for (uint32_t i = 0; i < table->count; i++) {
		const uint8_t *raw = table->bytes + (size_t)DESC_BYTES * i;

		unpack(raw, guest_load64_anywhere(raw + DESC_LEN), &d);
		if (d.flags & DESC_F_INDIRECT)
			return walk_fail(w, VQ_INDIRECT_NESTED);
		rc = walk_add(w, &d); /* its links are bounded */
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* One descriptor in the ring, number n of its chain. */
static int add_slot(struct walk *w, const struct desc *d, unsigned n)
{
	struct desc_table table;
	int rc;

	if (d->flags & ~DESC_F_KNOWN)
		return walk_fail(w, VQ_DESC_UNKNOWN_FLAGS);
	if (!(d->flags & DESC_F_INDIRECT))
		return walk_add(w, d);
	if (n > 0) /* a list is of one kind (2.8.7) */
		return walk_fail(w, VQ_INDIRECT_WITH_NEXT);
	rc = walk_enter(w, d, &table);
	return rc < 0 ? rc : add_table(w, &table);
}

static int packed_pop(struct vq *q, struct chain *c)
{
	/* Those that the driver may fill: see look() in split.c. */
	const unsigned free_slots = q->setup.size - q->slots_in_use - q->unpublished;
	uint16_t slot = q->next_avail;
	bool wrap = q->avail_wrap;
	const uint8_t *raw = slot_bytes(q, slot);
	/* The first one's flags are written last: they stand for the whole chain. */
	uint64_t high = guest_load64_acquire(raw + DESC_LEN);
	struct walk w;
	struct desc d;
	unsigned n;
	int rc;

	if (!is_available(q, (uint16_t)(high >> 48)))
		return 0;
	walk_begin(&w, q, c, slot);
	for (n = 0;; n++) {
		if (n == free_slots)
			return walk_fail(&w, VQ_RING_OVERRUN);
		unpack(raw, high, &d);
		rc = add_slot(&w, &d, n);
		if (rc < 0)
			return rc;
		advance(q, &slot, &wrap, 1);
		if (!(d.flags & DESC_F_NEXT))
			break;
		raw = slot_bytes(q, slot);
		high = guest_load64_acquire(raw + DESC_LEN);
	}
	rc = walk_end(&w);
	if (rc < 0)
		return rc;
	if (vq_head_in_flight(q, d.id))
		return walk_fail(&w, VQ_HEAD_IN_FLIGHT);
	c->head = d.id; /* the last one's (2.8.6) */
	c->slots = (uint16_t)(n + 1);
	q->slots_in_use += c->slots;
	q->next_avail = slot;
	q->avail_wrap = wrap;
	return 1;
}

static void packed_put(struct vq *q, uint16_t head, uint16_t slots, uint32_t written)
{
	uint8_t *raw = slot_bytes(q, q->next_used);
	uint16_t flags = (uint16_t)(q->used_wrap ? DESC_F_AVAIL | DESC_F_USED : 0);

	if (written > 0)
		flags |= DESC_F_WRITE; /* len has a meaning */
	guest_store32(raw + DESC_LEN, written);
	guest_store16(raw + DESC_ID, head);
	/* The driver looks at entries in their order: while the first of a batch
	 * is not marked, it sees none of them. */
	if (q->unpublished == 0) {
		q->first_slot = q->next_used;
		q->first_flags = flags;
	} else {
		guest_store16_release(raw + DESC_FLAGS, flags);
	}
	q->slots_in_use -= slots;
	q->unpublished = (uint16_t)(q->unpublished + slots);
	advance(q, &q->next_used, &q->used_wrap, slots);
}

static bool packed_publish(struct vq *q)
{
	uint32_t raw_event;
	uint16_t event;

	guest_store16_release(slot_bytes(q, q->first_slot) + DESC_FLAGS, q->first_flags);
	/* The driver asks for an interrupt, then looks at the ring once more; we
	 * mark the entry, then look whether it asks: see split_publish(). */
	guest_full_barrier();
	raw_event = guest_load32(q->driver);
	switch (raw_event >> (8 * EVENT_FLAGS) & EVENT_F_MASK) {
	case EVENT_F_DISABLE:
		return false;
	case EVENT_F_DESC:
		if (!q->event_idx) /* reserved then; rather once too often */
			return true;
		/* A position in this round of the ring, or in the one before. */
		event = (uint16_t)(raw_event & (EVENT_WRAP - 1));
		if (!!(raw_event & EVENT_WRAP) != q->used_wrap)
			event = (uint16_t)(event - q->setup.size);
		return event_passed(event, q->next_used,
				    (uint16_t)(q->next_used - q->unpublished));
	default:
		return true;
	}
}

static void packed_set_kicks(struct vq *q, bool on)
{
	uint8_t *event = q->device;

	if (!on) {
		guest_store16(event + EVENT_FLAGS, EVENT_F_DISABLE);
		return;
	}
	if (q->event_idx) {
		guest_store16(event + EVENT_OFF_WRAP,
			      (uint16_t)(q->next_avail | (q->avail_wrap ? EVENT_WRAP : 0)));
		guest_store16_release(event + EVENT_FLAGS, EVENT_F_DESC);
	} else {
		guest_store16(event + EVENT_FLAGS, EVENT_F_ENABLE);
	}
	/* We ask, then look; the driver marks, then looks: see split_set_kicks(). */
	guest_full_barrier();
}

const struct ring_ops packed_ring = {
	.desc = { 0, DESC_BYTES, 16 },
	.driver = { 4, 0, 4 },
	.device = { 4, 0, 4 },
	.pending = packed_pending,
	.pop = packed_pop,
	.put = packed_put,
	.publish = packed_publish,
	.set_kicks = packed_set_kicks,
};
