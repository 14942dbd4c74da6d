/* base/ring.h: a bounded byte ring for one producer and one consumer thread.
 *
 * head and tail count bytes since the start and wrap freely; the difference is
 * what is inside.  The producer publishes with release, the consumer reads with
 * acquire, and the other way round for the room, so no lock is needed. */
#ifndef BANTAM_BASE_RING_H
#define BANTAM_BASE_RING_H

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/types.h"

struct ring {
	uint8_t *bytes;     /* borrowed */
	uint32_t capacity;  /* a power of two */
	atomic_uint head;   /* written by the producer */
	atomic_uint tail;   /* written by the consumer */
};

static inline void ring_init(struct ring *r, uint8_t *bytes, uint32_t capacity)
{
	assert(capacity && (capacity & (capacity - 1)) == 0);
	r->bytes = bytes;
	r->capacity = capacity;
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
}

/* Bytes inside: exact for the consumer, at most for the producer. */
static inline uint32_t ring_used(const struct ring *r)
{
	return atomic_load_explicit(&r->head, memory_order_acquire) -
	       atomic_load_explicit(&r->tail, memory_order_acquire);
}

static inline uint32_t ring_room(const struct ring *r)
{
	return r->capacity - ring_used(r);
}

/* Producer: false when full. */
static inline bool ring_put(struct ring *r, uint8_t byte)
{
	const uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (ring_room(r) == 0)
		return false;
	r->bytes[head & (r->capacity - 1)] = byte;
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	return true;
}

/* Producer: as many of len bytes as there is room for.  Returns how many. */
static inline uint32_t ring_write(struct ring *r, const uint8_t *bytes, size_t len)
{
	const uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	const uint32_t at = head & (r->capacity - 1);
	const uint32_t room = ring_room(r);
	const uint32_t n = len < room ? (uint32_t)len : room;
	const uint32_t first = n < r->capacity - at ? n : r->capacity - at;

	memcpy(r->bytes + at, bytes, first);
	memcpy(r->bytes, bytes + first, n - first);
	atomic_store_explicit(&r->head, head + n, memory_order_release);
	return n;
}

/* Consumer: the next byte, or -1 when empty. */
static inline int ring_get(struct ring *r)
{
	const uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	int byte;

	if (ring_used(r) == 0)
		return -1;
	byte = r->bytes[tail & (r->capacity - 1)];
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return byte;
}

/* Consumer: the first run of bytes that lie side by side; *run stays good until
 * ring_skip().  Returns its length, 0 when empty. */
static inline uint32_t ring_peek(const struct ring *r, const uint8_t **run)
{
	const uint32_t at = atomic_load_explicit(&r->tail, memory_order_relaxed) &
			    (r->capacity - 1);
	const uint32_t used = ring_used(r);

	*run = r->bytes + at;
	return used < r->capacity - at ? used : r->capacity - at;
}

/* Consumer: give n bytes (at most what ring_used() said) back. */
static inline void ring_skip(struct ring *r, uint32_t n)
{
	const uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	atomic_store_explicit(&r->tail, tail + n, memory_order_release);
}

/* Consumer: up to room bytes.  Returns how many. */
static inline uint32_t ring_read(struct ring *r, uint8_t *bytes, size_t room)
{
	const uint8_t *run;
	uint32_t done = 0;

	/* Two runs hold a whole ring. */
	for (unsigned i = 0; i < 2 && done < room; i++) {
		const uint32_t len = ring_peek(r, &run);
		const uint32_t n = room - done < len ? (uint32_t)(room - done) : len;

		memcpy(bytes + done, run, n);
		ring_skip(r, n);
		done += n;
	}
	return done;
}

#endif
