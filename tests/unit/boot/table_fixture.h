/* What the table tests share: the guest's first MiB, and sums over it. */
#ifndef BANTAM_TESTS_TABLE_FIXTURE_H
#define BANTAM_TESTS_TABLE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "boot/layout.h"
#include "boot/tables.h"

#define LOW_BYTES MIB(1)
#define CANARY	  0xa5u

struct guest {
	struct mem mem;
	uint8_t *low; /* the first MiB: gpa is the index */
};

/* RAM full of canaries, so that what was not written can be told. */
static inline void guest_init(struct guest *g)
{
	*g = (struct guest){ .low = aligned_alloc(4096, LOW_BYTES) };
	assert_non_null(g->low);
	memset(g->low, CANARY, LOW_BYTES);
	assert_int_equal(mem_add(&g->mem, 0, LOW_BYTES, g->low), 0);
}

static inline void guest_destroy(struct guest *g)
{
	free(g->low);
}

static inline uint8_t sum8(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return sum;
}

/* Whether [from, to) is as guest_init() left it. */
static inline bool untouched(const struct guest *g, gpa_t from, gpa_t to)
{
	for (gpa_t at = from; at < to; at++)
		if (g->low[at] != CANARY)
			return false;
	return true;
}

#endif
