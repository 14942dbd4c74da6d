/* Which sectors are in the top is said by one bit each, set when a write is done:
 * until then a read may see the old data as well as the new.  Any loop may set and
 * look; a bit never goes back, so there is nothing to lock.
 *
 * The bits are one mapping that the kernel fills with zeros page by page as they
 * are touched: a page for each 16 MiB of disk that were written.  To touch one the
 * guest must write or zero there, so the bits never take more than 1/4096 of the
 * disk. */
#include "block/overlay.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "block/iov.h"

#define WORD_BITS 64u

struct overlay {
	struct block block;
	struct block *base;
	struct block *top;
	_Atomic uint64_t *map; /* bit n%64 of word n/64: sector n is in the top */
	size_t map_bytes;
};

/* ---- the map --------------------------------------------------------------------- */

static void mark(struct overlay *o, uint64_t first, uint64_t count)
{
	while (count > 0) {
		_Atomic uint64_t *word = &o->map[first / WORD_BITS];
		const unsigned at = (unsigned)(first % WORD_BITS);
		const uint64_t n = min_u64(count, WORD_BITS - at);
		const uint64_t bits = n == WORD_BITS ? UINT64_MAX : ((UINT64_C(1) << n) - 1) << at;

		/* Mostly they are set already: then leave the cache line shared. */
		if ((atomic_load_explicit(word, memory_order_relaxed) & bits) != bits)
			atomic_fetch_or_explicit(word, bits, memory_order_release);
		first += n;
		count -= n;
	}
}

/* How many of the `count` sectors from `first` on are in the same place as it. */
static uint64_t run_of(struct overlay *o, uint64_t first, uint64_t count, bool *in_top)
{
	uint64_t n = 0, flip = 0;

	while (n < count) {
		const unsigned at = (unsigned)((first + n) % WORD_BITS);
		uint64_t word = atomic_load_explicit(&o->map[(first + n) / WORD_BITS],
						     memory_order_acquire) >>
				at;

		if (n == 0) {
			*in_top = word & 1;
			flip = *in_top ? UINT64_MAX : 0;
		}
		word ^= flip; /* now a set bit ends the run */
		if (at > 0)
			word &= UINT64_MAX >> at;
		if (word != 0)
			return min_u64(n + (unsigned)__builtin_ctzll(word), count);
		n += WORD_BITS - at;
	}
	return count;
}

/* ---- reads that are partly here, partly there -------------------------------------- */

/* What such a request was, and what is left of its memory, in its frame.  Its runs
 * are read one after the other by the request itself: no memory is needed, and a
 * guest that reads much has other requests on the way meanwhile. */
struct split {
	uint64_t offset;
	uint64_t len;
	struct iovec *iov;
	struct iovec *next;
	struct iovec cut; /* the rest of the element that the run ends in */
	unsigned iov_count;
	unsigned next_count;
};

_Static_assert(sizeof(struct split) <= sizeof(((struct block_frame *)0)->room), "room in a frame");

static struct split *split_of(struct block_frame *f)
{
	return (struct split *)(void *)f->room;
}

static void run_done(struct block_frame *f, struct block_req *req, int status);

/* Make the request one for its next `len` bytes. */
static void narrow(struct split *s, struct block_req *req, uint64_t len)
{
	uint64_t left = len;
	unsigned n = 0;

	while (left > s->next[n].iov_len) {
		assert(n + 1 < s->next_count);
		left -= s->next[n].iov_len;
		n++;
	}
	s->cut.iov_base = (uint8_t *)s->next[n].iov_base + left;
	s->cut.iov_len = s->next[n].iov_len - left;
	s->next[n].iov_len = left;
	req->len = len;
	req->iov = s->next;
	req->iov_count = n + 1;
}

/* Put what was cut off back to the front. */
static void widen(struct split *s, const struct block_req *req)
{
	unsigned used = req->iov_count;

	if (s->cut.iov_len > 0)
		s->next[--used] = s->cut;
	s->next += used;
	s->next_count -= used;
}

static void read_run(struct overlay *o, struct block_req *req, struct split *s, uint64_t left)
{
	bool in_top = false;
	const uint64_t sectors =
		run_of(o, req->offset / BLOCK_SECTOR_BYTES, left / BLOCK_SECTOR_BYTES, &in_top);

	narrow(s, req, sectors * BLOCK_SECTOR_BYTES);
	block_push(&o->block, req, run_done);
	block_hand_on(in_top ? o->top : o->base, req);
}

static void run_done(struct block_frame *f, struct block_req *req, int status)
{
	struct split *s = split_of(f);
	const uint64_t at = req->offset + req->len;
	const uint64_t end = s->offset + s->len;

	if (status < 0 || at == end) {
		req->offset = s->offset;
		req->len = s->len;
		req->iov = s->iov;
		req->iov_count = s->iov_count;
		block_done(req, status);
		return;
	}
	widen(s, req);
	req->offset = at;
	read_run(container_of(f->layer, struct overlay, block), req, s, end - at);
}

static void overlay_read(struct overlay *o, struct block_req *req)
{
	const uint64_t count = req->len / BLOCK_SECTOR_BYTES;
	bool in_top = false;
	struct split *s;

	if (run_of(o, req->offset / BLOCK_SECTOR_BYTES, count, &in_top) == count) {
		block_hand_on(in_top ? o->top : o->base, req);
		return;
	}
	s = split_of(&req->frame[req->frame_count]); /* the one that is pushed next */
	*s = (struct split){
		.offset = req->offset,
		.len = req->len,
		.iov = req->iov,
		.iov_count = req->iov_count,
		.next = req->iov,
		.next_count = req->iov_count,
	};
	read_run(o, req, s, req->len);
}

/* ---- all else ------------------------------------------------------------------------ */

static void write_done(struct block_frame *f, struct block_req *req, int status)
{
	struct overlay *o = container_of(f->layer, struct overlay, block);

	/* What failed is not marked: reads go on seeing the base, or what was
	 * written before. */
	if (status == 0)
		mark(o, req->offset / BLOCK_SECTOR_BYTES, req->len / BLOCK_SECTOR_BYTES);
	block_done(req, status);
}

static void overlay_submit(struct block *b, struct block_req *req)
{
	struct overlay *o = container_of(b, struct overlay, block);

	switch (req->op) {
	case BLOCK_READ:
		overlay_read(o, req);
		break;
	case BLOCK_WRITE:
	case BLOCK_ZERO:
		block_push(b, req, write_done);
		block_hand_on(o->top, req);
		break;
	case BLOCK_DISCARD:
		/* In the top it gives zeros and frees the space; what is in the
		 * base stays as it is, which a discard may do. */
		block_hand_on(o->top, req);
		break;
	case BLOCK_FLUSH:
		block_done_later(req, 0); /* nobody reads it after us */
		break;
	}
}

static void overlay_close(struct block *b)
{
	struct overlay *o = container_of(b, struct overlay, block);

	munmap(o->map, o->map_bytes);
	block_close(o->top);
	block_close(o->base);
	free(o);
}

static const struct block_ops overlay_ops = {
	.name = "overlay",
	.submit = overlay_submit,
	.close = overlay_close,
};

int overlay_create(struct block *base, struct block *top, const char *name, struct block **out,
		   struct err *err)
{
	const uint64_t sectors = base->limits.size_bytes / BLOCK_SECTOR_BYTES;
	struct overlay *o;
	void *map;

	if (base->limits.size_bytes > OVERLAY_SIZE_MAX)
		return err_set(err, -EFBIG, "%s: a snapshot of more than 64 TiB is not supported",
			       name);
	o = calloc(1, sizeof(*o));
	if (!o)
		return err_errno(err, -ENOMEM, "%s", name);
	o->map_bytes = (sectors / WORD_BITS + 1) * sizeof(*o->map);
	map = mmap(NULL, o->map_bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED) {
		free(o);
		return err_errno(err, -ENOMEM, "%s: the snapshot's map", name);
	}
	madvise(map, o->map_bytes, MADV_NOHUGEPAGE); /* 2 MiB for a bit is too much */
	o->map = map;
	o->base = base;
	o->top = top;
	o->block = (struct block){ .ops = &overlay_ops, .limits = base->limits };
	o->block.limits.read_only = false;
	o->block.limits.can_discard = top->limits.can_discard;
	o->block.limits.can_zero = top->limits.can_zero;
	o->block.limits.discard_granularity_bytes = top->limits.discard_granularity_bytes;
	*out = &o->block;
	return 0;
}
