#include "virtio/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "virtio/ring.h"

#define HEADS	   65536u /* a packed ring's buffer ids are any 16 bits */
#define WORD_BITS  64u

const char *const vq_fault_text[VQ_FAULTS] = {
	[VQ_OK] = "no fault",
	[VQ_SIZE_NOT_POWER_OF_TWO] = "queue size is zero or not a power of two",
	[VQ_SIZE_ABOVE_MAX] = "queue size is above what was offered",
	[VQ_RING_MISALIGNED] = "a ring area is misaligned",
	[VQ_RING_OUTSIDE_RAM] = "a ring area is not wholly in RAM",
	[VQ_AVAIL_INDEX_JUMPED] = "available index is further ahead than the queue is long",
	[VQ_RING_OVERRUN] = "chain is longer than the free room of the ring",
	[VQ_HEAD_OUT_OF_RANGE] = "head is not below the queue size",
	[VQ_HEAD_IN_FLIGHT] = "head is in flight already",
	[VQ_DESC_OUT_OF_RANGE] = "next descriptor is outside the table",
	[VQ_DESC_LOOP] = "chain is longer than the queue: a loop",
	[VQ_DESC_UNKNOWN_FLAGS] = "descriptor has unknown flags",
	[VQ_DESC_READABLE_AFTER_WRITABLE] = "readable descriptor after a writable one",
	[VQ_DESC_OUTSIDE_RAM] = "buffer or indirect table is not wholly in RAM",
	[VQ_CHAIN_EMPTY] = "chain has no bytes",
	[VQ_CHAIN_TOO_LONG] = "chain has 2^32 bytes or more",
	[VQ_INDIRECT_NOT_OFFERED] = "indirect descriptor without the feature",
	[VQ_INDIRECT_NESTED] = "indirect descriptor in an indirect table",
	[VQ_INDIRECT_BAD_LENGTH] = "indirect table's length is zero or not a multiple of 16",
	[VQ_INDIRECT_WITH_NEXT] = "indirect descriptor with a next one",
};

/* A chain that was taken while completions go in order. */
struct order_entry {
	uint16_t head, slots;
	uint32_t written;
	bool pushed;
};

struct vq_book {
	uint64_t in_flight[HEADS / WORD_BITS]; /* bit set: head taken, not given back */
	struct order_entry order[VQ_SIZE_MAX]; /* a ring of setup.size entries */
};

/* ---- starting and stopping --------------------------------------------------------- */

static const struct ring_ops *ring_of(const struct vq_setup *s)
{
	return s->features & VIRTIO_F_RING_PACKED ? &packed_ring : &split_ring;
}

/* The area as host bytes; it may not cross from one RAM block into another. */
static enum vq_fault map_area(const struct vq_setup *s, const struct ring_area *area, gpa_t gpa,
			      uint8_t **out)
{
	if (gpa % area->align != 0)
		return VQ_RING_MISALIGNED;
	if (mem_span(s->mem, gpa, area->fixed_bytes + (uint64_t)area->entry_bytes * s->size,
		     out) < 0)
		return VQ_RING_OUTSIDE_RAM;
	return VQ_OK;
}

/* Check s; the areas are filled if it is good. */
static enum vq_fault map_ring(const struct vq_setup *s, uint8_t **desc, uint8_t **driver,
			      uint8_t **device)
{
	const struct ring_ops *ops = ring_of(s);
	const bool packed = ops == &packed_ring;
	enum vq_fault fault;

	assert(s->size_max >= 1 && s->size_max <= VQ_SIZE_MAX);
	if (s->size == 0 || (!packed && (s->size & (s->size - 1)) != 0))
		return VQ_SIZE_NOT_POWER_OF_TWO;
	if (s->size > s->size_max)
		return VQ_SIZE_ABOVE_MAX;
	fault = map_area(s, &ops->desc, s->desc, desc);
	if (fault == VQ_OK)
		fault = map_area(s, &ops->driver, s->driver, driver);
	if (fault == VQ_OK)
		fault = map_area(s, &ops->device, s->device, device);
	return fault;
}

enum vq_fault vq_check(const struct vq_setup *setup)
{
	uint8_t *desc, *driver, *device;

	return map_ring(setup, &desc, &driver, &device);
}

int vq_start(struct vq *q, const struct vq_setup *setup)
{
	struct vq_book *book = q->book ? q->book : malloc(sizeof(*book));

	assert(!q->running);
	if (!book)
		return -ENOMEM;
	*q = (struct vq){
		.setup = *setup,
		.book = book,
		.ops = ring_of(setup),
		.indirect = setup->features & VIRTIO_F_INDIRECT_DESC,
		.event_idx = setup->features & VIRTIO_F_EVENT_IDX,
		.in_order = setup->features & VIRTIO_F_IN_ORDER,
		.avail_wrap = true, /* 2.8.1: both wrap counters begin with 1 */
		.used_wrap = true,
		.kicks_hint = true, /* the driver's zeros say so */
		.drained = true,
	};
	q->fault = map_ring(setup, &q->desc, &q->driver, &q->device);
	if (q->fault != VQ_OK)
		return -EBADMSG;
	/* Split: heads are below size; packed: ids are any. */
	for (unsigned i = 0; i * WORD_BITS < (q->ops == &packed_ring ? HEADS : setup->size); i++)
		book->in_flight[i] = 0;
	q->running = true;
	return 0;
}

void vq_stop(struct vq *q)
{
	q->running = false;
	q->in_flight = 0;
}

void vq_free(struct vq *q)
{
	assert(!q->running);
	free(q->book);
	q->book = NULL;
}

unsigned vq_iov_bound(const struct vq_setup *setup)
{
	const struct mem *m = setup->mem;
	unsigned run = 1, longest = 1; /* blocks that touch */

	for (unsigned i = 1; i < m->block_count; i++) {
		const struct mem_block *below = &m->blocks[i - 1];

		run = below->gpa + below->len == m->blocks[i].gpa ? run + 1 : 1;
		if (run > longest)
			longest = run;
	}
	return setup->size_max * longest;
}

int vq_fail(struct vq *q, enum vq_fault fault, uint16_t at)
{
	q->fault = fault;
	q->fault_at = at;
	return -EBADMSG;
}

/* ---- heads in flight ------------------------------------------------------------------ */

static uint64_t head_bit(uint16_t head)
{
	return UINT64_C(1) << head % WORD_BITS;
}

bool vq_head_in_flight(const struct vq *q, uint16_t head)
{
	return q->book->in_flight[head / WORD_BITS] & head_bit(head);
}

/* The entry of q's order after i; sizes of packed rings are no powers of two. */
static uint16_t order_after(const struct vq *q, uint16_t i)
{
	return (uint16_t)(i + 1 == q->setup.size ? 0 : i + 1);
}

static void chain_taken(struct vq *q, struct chain *c)
{
	/* Both rings see to that; so the order never overruns itself. */
	assert(q->in_flight < q->setup.size);
	q->in_flight++;
	q->taken++;
	q->book->in_flight[c->head / WORD_BITS] |= head_bit(c->head);
	if (!q->in_order)
		return;
	c->order = q->order_tail;
	q->book->order[c->order] = (struct order_entry){ .head = c->head, .slots = c->slots };
	q->order_tail = order_after(q, q->order_tail);
}

static void chain_given_back(struct vq *q, uint16_t head, uint16_t slots, uint32_t written)
{
	q->in_flight--;
	q->book->in_flight[head / WORD_BITS] &= ~head_bit(head);
	q->ops->put(q, head, slots, written);
}

/* ---- in use --------------------------------------------------------------------------- */

int vq_pop(struct vq *q, struct chain *c)
{
	int rc;

	assert(q->running && c->iov_max > 0);
	if (q->fault != VQ_OK)
		return -EBADMSG;
	rc = q->ops->pop(q, c);
	q->drained = rc == 0;
	if (rc > 0) {
		q->kicks_on = false; /* they were asked for at this position */
		chain_taken(q, c);
	}
	return rc;
}

void vq_push(struct vq *q, const struct chain *c, uint32_t written)
{
	struct vq_book *book = q->book;

	assert(q->running && vq_head_in_flight(q, c->head) && written <= c->in_bytes);
	if (!q->in_order) {
		chain_given_back(q, c->head, c->slots, written);
		return;
	}
	assert(book->order[c->order].head == c->head && !book->order[c->order].pushed);
	book->order[c->order].written = written;
	book->order[c->order].pushed = true;
	/* All that waited only for this one (2.7.9, 2.8.8). */
	while (q->in_flight > 0 && book->order[q->order_head].pushed) {
		const struct order_entry *e = &book->order[q->order_head];

		q->order_head = order_after(q, q->order_head);
		chain_given_back(q, e->head, e->slots, e->written);
	}
}

bool vq_flush(struct vq *q)
{
	bool wanted;

	if (q->unpublished == 0)
		return false;
	assert(q->running);
	wanted = q->ops->publish(q);
	q->unpublished = 0;
	return wanted;
}

bool vq_pending(const struct vq *q)
{
	return q->running && q->fault == VQ_OK && q->ops->pending(q);
}

bool vq_enable_kicks(struct vq *q)
{
	if (q->fault != VQ_OK || q->kicks_on)
		return false;
	q->ops->set_kicks(q, true);
	q->kicks_hint = true;
	q->kicks_on = !q->ops->pending(q);
	return !q->kicks_on;
}

void vq_disable_kicks(struct vq *q)
{
	q->kicks_on = false;
	if (!q->kicks_hint || q->fault != VQ_OK)
		return; /* its memory is looked at by the driver: not in vain */
	q->kicks_hint = false;
	q->ops->set_kicks(q, false);
}
