#include "fake/fake_driver.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define DESC_BYTES 16u
#define AVAIL	   (1u << 7)
#define USED	   (1u << 15)

/* What the device may write meanwhile, in one piece: byte by byte, half of it could be new. */
static uint16_t shared16_load(const uint8_t *at)
{
	return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

void fake_ram_init(struct fake_ram *r)
{
	memset(r, 0, sizeof(*r));
	r->bytes = calloc(1, FAKE_RAM_BYTES);
	if (!r->bytes || mem_add(&r->mem, 0, FAKE_RAM_BYTES, r->bytes) < 0)
		abort();
}

void fake_ram_free(struct fake_ram *r)
{
	free(r->bytes);
}

uint8_t *fake_at(const struct mem *m, gpa_t gpa)
{
	uint8_t *p;

	if (mem_span(m, gpa, 1, &p) < 0)
		abort();
	return p;
}

void fake_driver_init(struct fake_driver *d, const struct mem *mem, gpa_t base, uint16_t size,
		      uint64_t features)
{
	const gpa_t driver = base + (gpa_t)DESC_BYTES * size;
	const gpa_t device = (driver + 6 + 2u * size + 3) & ~UINT64_C(3);

	assert(base % DESC_BYTES == 0 && size <= VQ_SIZE_MAX);
	memset(d, 0, sizeof(*d));
	d->setup = (struct vq_setup){ .mem = mem, .size = size, .size_max = size, .desc = base,
				      .driver = driver, .device = device, .features = features };
	d->packed = features & VIRTIO_F_RING_PACKED;
	d->event_idx = features & VIRTIO_F_EVENT_IDX;
	d->desc = fake_at(mem, base);
	d->driver = fake_at(mem, driver);
	d->device = fake_at(mem, device);
	memset(d->desc, 0, device - base + 6 + 8u * size);
	d->avail_wrap = d->used_wrap = true;
	d->free_count = d->free_ids = size;
	for (unsigned i = 0; i < size; i++)
		d->free[i] = (uint16_t)(size - 1 - i);
}

void fake_driver_desc(const struct fake_driver *d, uint8_t *table, unsigned i, gpa_t addr,
		      uint32_t len, unsigned flags, uint16_t last)
{
	uint8_t *p = table + (size_t)DESC_BYTES * i;

	le64_store(p, addr);
	le32_store(p + 8, len);
	le16_store(p + (d->packed ? 12 : 14), last);
	/* Whoever sees the flags of a packed descriptor sees the rest. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	le16_store(p + (d->packed ? 14 : 12), (uint16_t)flags);
}

static unsigned flags_of(const struct fake_buf *b, bool has_next)
{
	return (b->writable ? FAKE_WRITE : 0) | (has_next ? FAKE_NEXT : 0);
}

/* ---- split ------------------------------------------------------------------------- */

void fake_driver_offer(struct fake_driver *d, uint16_t head)
{
	le16_store(d->driver + 4 + 2u * (d->next_avail & (d->setup.size - 1u)), head);
	d->next_avail++;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	le16_store(d->driver + 2, d->next_avail);
	d->added++;
}

static int split_add(struct fake_driver *d, const struct fake_buf *bufs, unsigned count,
		     unsigned extra_flags)
{
	const uint16_t head = d->free[d->free_count - 1];

	for (unsigned i = 0; i < count; i++) {
		const uint16_t at = d->free[--d->free_count];
		const bool has_next = i + 1 < count;

		d->next[at] = has_next ? d->free[d->free_count - 1] : 0;
		fake_driver_desc(d, d->desc, at, bufs[i].gpa, bufs[i].len,
				 flags_of(&bufs[i], has_next) | extra_flags, d->next[at]);
	}
	d->length[head] = (uint16_t)count;
	fake_driver_offer(d, head);
	return head;
}

static bool split_used(struct fake_driver *d, uint16_t *id, uint32_t *len)
{
	const uint8_t *entry = d->device + 4 + 8u * (d->next_used & (d->setup.size - 1u));
	uint16_t at;

	if (shared16_load(d->device + 2) == d->next_used)
		return false;
	assert(le32_load(entry) < d->setup.size);
	*id = at = (uint16_t)le32_load(entry);
	*len = le32_load(entry + 4);
	d->next_used++;
	for (; d->length[*id] > 0; d->length[*id]--) {
		d->free[d->free_count++] = at;
		at = d->next[at];
	}
	return true;
}

/* ---- packed ------------------------------------------------------------------------ */

unsigned fake_driver_bits(const struct fake_driver *d)
{
	return d->avail_wrap ? AVAIL : USED;
}

static int packed_add(struct fake_driver *d, const struct fake_buf *bufs, unsigned count,
		      unsigned extra_flags)
{
	const uint16_t id = d->free[--d->free_ids], first = d->next_avail;
	unsigned first_flags = 0;

	for (unsigned i = 0; i < count; i++) {
		unsigned flags = flags_of(&bufs[i], i + 1 < count) | extra_flags |
				 fake_driver_bits(d);

		if (i == 0) { /* shown last, by its flags */
			first_flags = flags;
			flags = le16_load(d->desc + DESC_BYTES * first + 14);
		}
		fake_driver_desc(d, d->desc, d->next_avail, bufs[i].gpa, bufs[i].len, flags, id);
		if (++d->next_avail == d->setup.size) {
			d->next_avail = 0;
			d->avail_wrap = !d->avail_wrap;
		}
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	le16_store(d->desc + DESC_BYTES * first + 14, (uint16_t)first_flags);
	d->free_count = (uint16_t)(d->free_count - count);
	d->length[id] = (uint16_t)count;
	d->added = (uint16_t)(d->added + count);
	return id;
}

static bool packed_used(struct fake_driver *d, uint16_t *id, uint32_t *len)
{
	const uint8_t *entry = d->desc + (size_t)DESC_BYTES * d->next_used;
	const unsigned flags = shared16_load(entry + 14);

	if (!!(flags & AVAIL) != d->used_wrap || !!(flags & USED) != d->used_wrap)
		return false;
	*id = le16_load(entry + 12);
	*len = le32_load(entry + 8);
	assert(*id < d->setup.size && d->length[*id] > 0);
	assert(!!(flags & FAKE_WRITE) == (*len > 0));
	d->next_used = (uint16_t)(d->next_used + d->length[*id]);
	if (d->next_used >= d->setup.size) {
		d->next_used = (uint16_t)(d->next_used - d->setup.size);
		d->used_wrap = !d->used_wrap;
	}
	d->free_count = (uint16_t)(d->free_count + d->length[*id]);
	d->free[d->free_ids++] = *id;
	d->length[*id] = 0;
	return true;
}

/* ---- both -------------------------------------------------------------------------- */

static int add(struct fake_driver *d, const struct fake_buf *bufs, unsigned count,
	       unsigned extra_flags)
{
	assert(count > 0);
	if (count > d->free_count || (d->packed && d->free_ids == 0))
		return -1;
	return (d->packed ? packed_add : split_add)(d, bufs, count, extra_flags);
}

int fake_driver_add(struct fake_driver *d, const struct fake_buf *bufs, unsigned count)
{
	return add(d, bufs, count, 0);
}

int fake_driver_add_indirect(struct fake_driver *d, gpa_t table, const struct fake_buf *bufs,
			     unsigned count)
{
	const struct fake_buf whole = { .gpa = table, .len = DESC_BYTES * count };

	for (unsigned i = 0; i < count; i++) {
		const bool has_next = !d->packed && i + 1 < count;

		fake_driver_desc(d, fake_at(d->setup.mem, table), i, bufs[i].gpa, bufs[i].len,
				 flags_of(&bufs[i], has_next), has_next ? (uint16_t)(i + 1) : 0);
	}
	return add(d, &whole, 1, FAKE_INDIRECT);
}

bool fake_driver_used(struct fake_driver *d, uint16_t *id, uint32_t *len)
{
	return (d->packed ? packed_used : split_used)(d, id, len);
}

/* Whether the device's event lies among the last `added` steps up to now. */
static bool among(uint16_t event, uint16_t now, uint16_t added)
{
	const uint16_t back = (uint16_t)(now - event);

	return back >= 1 && back <= added;
}

bool fake_driver_wants_kick(struct fake_driver *d)
{
	const uint16_t added = d->added;
	uint16_t event, flags;
	bool wrap;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	d->added = 0;
	if (added == 0)
		return false;
	if (!d->packed) {
		if (!d->event_idx)
			return !(shared16_load(d->device) & 1);
		event = shared16_load(d->device + 4 + 8u * d->setup.size);
		return among(event, d->next_avail, added);
	}
	flags = shared16_load(d->device + 2);
	if (flags != 2)
		return flags == 0;
	event = shared16_load(d->device);
	wrap = event & 0x8000;
	event &= 0x7fff;
	if (wrap != d->avail_wrap)
		event = (uint16_t)(event - d->setup.size);
	return among(event, d->next_avail, added);
}

void fake_driver_mute(struct fake_driver *d)
{
	if (d->packed)
		le16_store(d->driver + 2, 1);
	else if (d->event_idx)
		le16_store(d->driver + 4 + 2u * d->setup.size, (uint16_t)(d->next_used - 1));
	else
		le16_store(d->driver, 1);
}

void fake_driver_listen(struct fake_driver *d, uint16_t count)
{
	unsigned at = d->next_used + count - 1u;
	bool wrap = d->used_wrap;

	if (!d->packed && d->event_idx) {
		le16_store(d->driver + 4 + 2u * d->setup.size, (uint16_t)at);
	} else if (!d->packed) {
		le16_store(d->driver, 0);
	} else if (d->event_idx) {
		if (at >= d->setup.size) {
			at -= d->setup.size;
			wrap = !wrap;
		}
		le16_store(d->driver, (uint16_t)(at | (wrap ? 0x8000u : 0)));
		le16_store(d->driver + 2, 2);
	} else {
		le16_store(d->driver + 2, 0);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

