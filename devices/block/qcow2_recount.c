#include "block/qcow2_recount.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define CHUNK_BITS  10u
#define CHUNK_BYTES (sizeof(uint32_t) << CHUNK_BITS)

/* A cluster's word: the kind it had first, whether uses contradict, and the count. */
#define KIND_SHIFT 30u
#define CONFLICT   (UINT32_C(1) << 29)
#define COUNT_MASK (CONFLICT - 1)

int qcow2_recount_init(struct qcow2_recount *r, uint64_t cluster_count)
{
	const uint64_t chunks = (cluster_count >> CHUNK_BITS) + 1;

	*r = (struct qcow2_recount){ .cluster_count = cluster_count };
	if (chunks > QCOW2_RECOUNT_BYTES_MAX / sizeof(*r->chunks))
		return -ENOMEM;
	r->chunks = calloc(chunks, sizeof(*r->chunks));
	return r->chunks ? 0 : -ENOMEM;
}

void qcow2_recount_free(struct qcow2_recount *r)
{
	for (uint64_t i = 0; r->chunks && i <= r->cluster_count >> CHUNK_BITS; i++)
		free(r->chunks[i]);
	free(r->chunks);
	r->chunks = NULL;
}

int qcow2_recount_use(struct qcow2_recount *r, uint64_t cluster, enum qcow2_kind kind,
		      bool *conflict)
{
	uint32_t **chunk = &r->chunks[cluster >> CHUNK_BITS], *word;
	enum qcow2_kind had;

	assert(cluster < r->cluster_count);
	if (!*chunk) {
		if (r->bytes >= QCOW2_RECOUNT_BYTES_MAX)
			return -ENOMEM;
		*chunk = calloc(1, CHUNK_BYTES);
		if (!*chunk)
			return -ENOMEM;
		r->bytes += CHUNK_BYTES;
	}
	word = &(*chunk)[cluster & ((1u << CHUNK_BITS) - 1)];
	had = (enum qcow2_kind)(*word >> KIND_SHIFT);
	*conflict = had != QCOW2_KIND_NONE && (had != kind || kind == QCOW2_KIND_SOLE);
	if (had == QCOW2_KIND_NONE)
		*word |= (uint32_t)kind << KIND_SHIFT;
	if (*conflict)
		*word |= CONFLICT;
	if ((*word & COUNT_MASK) < COUNT_MASK)
		++*word;
	return 0;
}

static uint32_t word_of(const struct qcow2_recount *r, uint64_t cluster)
{
	const uint32_t *chunk =
		cluster < r->cluster_count ? r->chunks[cluster >> CHUNK_BITS] : NULL;

	return chunk ? chunk[cluster & ((1u << CHUNK_BITS) - 1)] : 0;
}

uint64_t qcow2_recount_get(const struct qcow2_recount *r, uint64_t cluster)
{
	return word_of(r, cluster) & COUNT_MASK;
}

bool qcow2_recount_conflict(const struct qcow2_recount *r, uint64_t cluster)
{
	return (word_of(r, cluster) & CONFLICT) != 0;
}

bool qcow2_recount_any(const struct qcow2_recount *r, uint64_t first, uint64_t end)
{
	if (end > r->cluster_count)
		end = r->cluster_count;
	for (uint64_t i = first >> CHUNK_BITS; first < end && i <= (end - 1) >> CHUNK_BITS; i++) {
		if (r->chunks[i])
			return true;
	}
	return false;
}
