/* base/checked.h: sums that refuse to wrap. */
#ifndef BANTAM_BASE_CHECKED_H
#define BANTAM_BASE_CHECKED_H

#include "base/types.h"

/* *sum = a + b.  False, and *sum untouched by meaning, when it wraps. */
static inline bool add_u64(uint64_t a, uint64_t b, uint64_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

/* *product = a * b.  False when it wraps. */
static inline bool mul_u64(uint64_t a, uint64_t b, uint64_t *product)
{
	return !__builtin_mul_overflow(a, b, product);
}

/* Whether [start, start+len) lies inside [0, limit): never wraps. */
static inline bool range_inside(uint64_t start, uint64_t len, uint64_t limit)
{
	return start <= limit && len <= limit - start;
}

/* Round v up to a multiple of align (a power of two).  False when it wraps. */
static inline bool align_up_u64(uint64_t v, uint64_t align, uint64_t *out)
{
	uint64_t sum;

	if (!add_u64(v, align - 1, &sum))
		return false;
	*out = sum & ~(align - 1);
	return true;
}

static inline uint64_t align_down_u64(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

#endif
