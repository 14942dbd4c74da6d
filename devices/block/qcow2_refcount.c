/* Refcounts of a live image: blocks in memory, changed there, written in pieces.  The
 * steward's alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "block/qcow2_internal.h"
#include "block/qcow2_refs.h"

#define KEPT_BYTES MIB(64)


static struct qrefblock *new_block(struct qcow2 *q, uint64_t offset)
{
	struct qrefblock *b = calloc(1, sizeof(*b) + q->cluster_bytes);

	if (b) {
		b->offset = offset;
		q->refblock_count++;
	}
	return b;
}

/* Tables are read again when they are needed. */
static void drop_some(struct qcow2 *q)
{
	if (q->refblock_count << q->cluster_bits < KEPT_BYTES)
		return;
	for (uint64_t i = 0; i < q->reftable_entries; i++) {
		struct qrefblock *b = q->refblocks[i];

		if (!b || b->dirty || !b->linked)
			continue;
		free(b);
		q->refblocks[i] = NULL;
		q->refblock_count--;
	}
}

/* The block of a cluster; *out NULL: there is none, all are 0. */
static int load_block(struct qcow2 *q, uint64_t cluster, struct qrefblock **out)
{
	const uint64_t i = cluster >> q->refblock_bits;
	uint64_t offset;
	int rc;

	*out = NULL;
	if (i >= q->reftable_entries)
		return 0;
	offset = q->reftable[i] & QCOW2_REFBLOCK_MASK;
	if (q->refblocks[i] || offset == 0) {
		*out = q->refblocks[i];
		return 0;
	}
	if ((q->reftable[i] & (q->cluster_bytes - 1)) != 0 || offset > INT64_MAX) {
		q_corrupt(q, "a refcount table's entry that cannot be", q->reftable[i]);
		return -EIO;
	}
	drop_some(q);
	*out = new_block(q, offset);
	if (!*out)
		return -ENOMEM;
	rc = sync_read(&q->io, offset, (*out)->bytes, q->cluster_bytes);
	if (rc < 0) {
		free(*out);
		q->refblock_count--;
		return rc;
	}
	(*out)->linked = true;
	q->refblocks[i] = *out;
	return 0;
}

static uint64_t index_in(const struct qcow2 *q, uint64_t cluster)
{
	return cluster & ((UINT64_C(1) << q->refblock_bits) - 1);
}

static void set(struct qcow2 *q, struct qrefblock *b, uint64_t cluster, uint64_t count)
{
	const uint64_t i = index_in(q, cluster);
	const uint64_t piece = ((i << q->h.refcount_order) / 8) / q->piece_bytes;

	qcow2_refs_store(b->bytes, q->h.refcount_order, i, count);
	b->dirty_pieces[piece / 64] |= UINT64_C(1) << (piece % 64);
	b->dirty = true;
}

int q_refcount_get(struct qcow2 *q, uint64_t cluster, uint64_t *count)
{
	struct qrefblock *b;
	const int rc = load_block(q, cluster, &b);

	if (rc == 0)
		*count = b ? qcow2_refs_load(b->bytes, q->h.refcount_order, index_in(q, cluster)) :
			     0;
	return rc;
}

int q_refcount_put(struct qcow2 *q, uint64_t cluster, bool *is_free)
{
	struct qrefblock *b;
	uint64_t count;
	int rc = load_block(q, cluster, &b);

	*is_free = false;
	if (rc < 0)
		return rc;
	count = b ? qcow2_refs_load(b->bytes, q->h.refcount_order, index_in(q, cluster)) : 0;
	if (count == 0) {
		q_corrupt(q, "a cluster in use that is not counted", cluster << q->cluster_bits);
		return -EIO;
	}
	/* The last reference to a table is not the guest's to give up: rather a leak. */
	if (count == 1 && qcow2_places_has(&q->places, cluster))
		return 0;
	set(q, b, cluster, count - 1);
	*is_free = count == 1;
	return 0;
}

/* ---- growing ------------------------------------------------------------------------- */

int q_refcount_claim(struct qcow2 *q, struct qextent *e)
{
	struct qrefblock *b;
	uint64_t n = 0;
	int rc;

	rc = load_block(q, e->first, &b);
	if (rc == 0 && !b && e->first >> q->refblock_bits < q->reftable_entries) {
		/* One for refcounts that have none, in the first cluster that it counts. */
		rc = q_refblock_add(q, e->first >> q->refblock_bits, e->first);
		if (rc == 0)
			rc = q_refcount_set_range(q, e->first, 1, 1);
		e->first++;
		e->count--;
	}
	for (; rc == 0 && n < e->count; n++) {
		rc = load_block(q, e->first + n, &b);
		if (rc < 0 || !b)
			break;
		set(q, b, e->first + n, 1);
	}
	e->count = n;
	return rc;
}

int q_refblock_add(struct qcow2 *q, uint64_t i, uint64_t cluster)
{
	struct qrefblock *b = new_block(q, cluster << q->cluster_bits);

	if (!b)
		return -ENOMEM;
	b->dirty = true;
	qcow2_places_set(&q->places, cluster);
	q->refblocks[i] = b;
	q->reftable[i] = b->offset;
	return 0;
}

int q_refcount_set_range(struct qcow2 *q, uint64_t first, uint64_t count, uint64_t value)
{
	struct qrefblock *b;
	int rc = 0;

	for (uint64_t c = first; rc == 0 && c < first + count; c++) {
		rc = load_block(q, c, &b);
		if (rc == 0 && b)
			set(q, b, c, value);
	}
	return rc;
}

/* ---- writing ---------------------------------------------------------------------------- */

static int write_block(struct qcow2 *q, struct qrefblock *b)
{
	const uint64_t count = q->cluster_bytes / q->piece_bytes;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < count; i++) {
		const uint64_t bit = UINT64_C(1) << (i % 64);

		if (b->linked && !(b->dirty_pieces[i / 64] & bit))
			continue;
		rc = sync_write(&q->io, b->offset + i * q->piece_bytes,
				b->bytes + i * q->piece_bytes, q->piece_bytes);
		if (rc == 0)
			b->dirty_pieces[i / 64] &= ~bit;
	}
	if (rc == 0)
		b->dirty = false;
	return rc;
}

bool q_refcounts_dirty(const struct qcow2 *q)
{
	for (uint64_t i = 0; i < q->reftable_entries; i++) {
		if (q->refblocks[i] && q->refblocks[i]->dirty)
			return true;
	}
	return false;
}

int q_refcounts_write(struct qcow2 *q)
{
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < q->reftable_entries; i++) {
		if (q->refblocks[i] && q->refblocks[i]->dirty)
			rc = write_block(q, q->refblocks[i]);
	}
	return rc;
}

void q_refblocks_linked(struct qcow2 *q)
{
	for (uint64_t i = 0; i < q->reftable_entries; i++) {
		if (q->refblocks[i])
			q->refblocks[i]->linked = true;
	}
}

int q_refcounts_link(struct qcow2 *q)
{
	uint8_t entry[8];
	bool any = false;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < q->reftable_entries; i++) {
		if (!q->refblocks[i] || q->refblocks[i]->linked)
			continue;
		be64_store(entry, q->reftable[i]);
		rc = sync_write(&q->io, q->h.reftable_offset + i * 8, entry, sizeof(entry));
		any = true;
	}
	if (rc == 0 && any)
		rc = sync_flush(&q->io);
	if (rc == 0 && any)
		q_refblocks_linked(q);
	return rc;
}

/* ---- life ------------------------------------------------------------------------------------- */

int q_refcounts_open(struct qcow2 *q)
{
	const uint64_t bytes = (uint64_t)q->h.reftable_clusters << q->cluster_bits;
	int rc;

	q->refblock_bits = qcow2_refblock_bits(&q->h);
	q->reftable_entries = bytes / 8;
	q->reftable = malloc(bytes);
	q->refblocks = calloc(q->reftable_entries, sizeof(struct qrefblock *));
	if (!q->reftable || !q->refblocks)
		return -ENOMEM;
	rc = sync_read(&q->io, q->h.reftable_offset, q->reftable, bytes);
	for (uint64_t i = 0; rc == 0 && i < q->reftable_entries; i++)
		q->reftable[i] = be64_load(&q->reftable[i]);
	return rc;
}

void q_refcounts_close(struct qcow2 *q)
{
	for (uint64_t i = 0; q->refblocks && i < q->reftable_entries; i++)
		free(q->refblocks[i]);
	free(q->refblocks);
	free(q->reftable);
}
