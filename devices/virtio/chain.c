#include <errno.h>
#include <string.h>

#include "virtio/ring.h"

void walk_begin(struct walk *w, struct vq *q, struct chain *c, uint16_t at)
{
	/* A driver must not make a chain longer than the queue (2.7.5.3.1).  One
	 * that had to make its queue smaller than was offered still counts on
	 * what was offered (Linux's blk takes seg_max from there), which is
	 * possible through an indirect table: so that is the bound. */
	*w = (struct walk){ .q = q, .c = c, .links_max = q->setup.size_max, .at = at };
	c->out_count = c->in_count = 0;
	c->out_bytes = c->in_bytes = 0;
}

int walk_fail(struct walk *w, enum vq_fault fault)
{
	return vq_fail(w->q, fault, w->at);
}

int walk_add(struct walk *w, const struct desc *d)
{
	struct chain *c = w->c;
	const bool writable = d->flags & DESC_F_WRITE;
	const unsigned used = c->out_count + c->in_count;
	int n;

	if (w->links++ == w->links_max)
		return walk_fail(w, VQ_DESC_LOOP);
	if (w->in_begun && !writable)
		return walk_fail(w, VQ_DESC_READABLE_AFTER_WRITABLE);
	w->in_begun = writable;
	if (d->len == 0) /* harmless unless they all are */
		return 0;
	if (c->out_bytes + c->in_bytes + d->len > UINT32_MAX)
		return walk_fail(w, VQ_CHAIN_TOO_LONG);
	n = mem_iov(w->q->setup.mem, d->addr, d->len, c->iov + used, c->iov_max - used);
	if (n == -ENOBUFS)
		return -ENOBUFS;
	if (n < 0)
		return walk_fail(w, VQ_DESC_OUTSIDE_RAM);
	if (writable) {
		c->in_count += (unsigned)n;
		c->in_bytes += d->len;
	} else {
		c->out_count += (unsigned)n;
		c->out_bytes += d->len;
	}
	return 0;
}

int walk_end(struct walk *w)
{
	if (w->c->out_bytes + w->c->in_bytes == 0)
		return walk_fail(w, VQ_CHAIN_EMPTY);
	return 0;
}

int walk_enter(struct walk *w, const struct desc *d, struct desc_table *table)
{
	uint8_t *bytes;

	if (!w->q->indirect)
		return walk_fail(w, VQ_INDIRECT_NOT_OFFERED);
	if (d->flags & DESC_F_NEXT)
		return walk_fail(w, VQ_INDIRECT_WITH_NEXT);
	if (d->len == 0 || d->len % DESC_BYTES != 0)
		return walk_fail(w, VQ_INDIRECT_BAD_LENGTH);
	if (mem_span(w->q->setup.mem, d->addr, d->len, &bytes) < 0)
		return walk_fail(w, VQ_DESC_OUTSIDE_RAM);
	table->bytes = bytes;
	table->count = d->len / DESC_BYTES;
	return 0;
}

/* ---- the data of a chain --------------------------------------------------------- */

enum direction { FROM_GUEST, TO_GUEST };

/* Copy between buf and the bytes at offset of count pieces. */
static size_t copy(const struct iovec *iov, unsigned count, uint64_t offset, uint8_t *buf,
		   size_t len, enum direction direction)
{
	size_t done = 0;

	for (unsigned i = 0; i < count && done < len; i++) {
		uint8_t *piece = iov[i].iov_base;
		size_t n = iov[i].iov_len;

		if (offset >= n) {
			offset -= n;
			continue;
		}
		piece += offset;
		n = min_u64(n - offset, len - done);
		offset = 0;
		if (direction == FROM_GUEST)
			memcpy(buf + done, piece, n);
		else
			memcpy(piece, buf + done, n);
		done += n;
	}
	return done;
}

size_t chain_read(const struct chain *c, uint64_t offset, void *to, size_t len)
{
	return copy(c->iov, c->out_count, offset, to, len, FROM_GUEST);
}

size_t chain_write(const struct chain *c, uint64_t offset, const void *from, size_t len)
{
	/* copy() only reads buf in this direction. */
	return copy(c->iov + c->out_count, c->in_count, offset, (uint8_t *)(uintptr_t)from, len,
		    TO_GUEST);
}
