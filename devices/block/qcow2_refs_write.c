/* Refcounts to new places.  To give a block a place changes the refcount of that place,
 * and of the one that it leaves: both may be in blocks that had not changed before.  So
 * blocks are placed until none is left that changed and has no place.  It ends: a block
 * is placed once, and new blocks are needed for new clusters only, of which there are
 * fewer each time round. */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"

#include "block/qcow2_refs.h"

static uint64_t cluster_bytes(const struct qcow2_refs *r)
{
	return UINT64_C(1) << r->cluster_bits;
}

static bool is_empty(const struct qcow2_refs *r, const struct qcow2_refblock *b)
{
	for (uint64_t at = 0; at < cluster_bytes(r); at += 8) {
		if (le64_load(b->now + at) != 0)
			return false;
	}
	return true;
}

/* One block: leave the old place, and take a new one unless it counts nothing. */
static int place_block(struct qcow2_refs *r, uint64_t index, bool *again, struct err *err)
{
	struct qcow2_refblock *b = &r->blocks[index];
	uint64_t cluster;
	int rc = 0;

	if (!b->now || b->place != 0)
		return 0;
	if (b->offset != 0 && !b->old_freed) {
		b->old_freed = true;
		*again = true;
		rc = qcow2_refs_down(r, b->offset >> r->cluster_bits, 1, err);
		b = &r->blocks[index]; /* the array may have moved */
	}
	if (rc < 0 || is_empty(r, b))
		return rc;
	*again = true;
	rc = qcow2_refs_take(r, 1, &cluster, err);
	if (rc == 0)
		r->blocks[index].place = cluster << r->cluster_bits;
	return rc;
}

static uint32_t table_clusters_for(const struct qcow2_refs *r)
{
	const uint64_t bytes = r->block_count * 8;
	const uint64_t clusters = (bytes + cluster_bytes(r) - 1) >> r->cluster_bits;

	return (uint32_t)max_u64(clusters, 1);
}

/* The table, which is always new when a block is; as many clusters as it needs now. */
static int place_table(struct qcow2_refs *r, bool *again, struct err *err)
{
	const uint32_t clusters = table_clusters_for(r);
	uint64_t cluster = 0;
	int rc = 0;

	if (r->new_offset != 0 && r->new_clusters >= clusters)
		return 0;
	*again = true;
	if (r->new_offset != 0)
		rc = qcow2_refs_down(r, r->new_offset >> r->cluster_bits, r->new_clusters, err);
	else if (r->table_offset != 0)
		rc = qcow2_refs_down(r, r->table_offset >> r->cluster_bits, r->table_clusters, err);
	if (rc == 0)
		rc = qcow2_refs_take(r, clusters, &cluster, err);
	if (rc < 0)
		return rc;
	r->new_offset = cluster << r->cluster_bits;
	r->new_clusters = clusters;
	return 0;
}

static int place_all(struct qcow2_refs *r, struct err *err)
{
	bool again = true;
	int rc = 0;

	while (again && rc == 0) {
		again = false;
		for (uint64_t i = 0; rc == 0 && i < r->block_count; i++)
			rc = place_block(r, i, &again, err);
		if (rc == 0)
			rc = place_table(r, &again, err);
	}
	return rc;
}

static uint64_t entry_of(const struct qcow2_refblock *b)
{
	return b->now ? b->place : b->offset;
}

static int write_table(struct qcow2_refs *r, struct err *err)
{
	const uint64_t bytes = (uint64_t)r->new_clusters << r->cluster_bits;
	uint8_t *table = calloc(1, bytes);
	int rc;

	if (!table)
		return err_errno(err, -ENOMEM, "%s: its refcount table", r->name);
	for (uint64_t i = 0; i < r->block_count; i++)
		be64_store(table + i * 8, entry_of(&r->blocks[i]));
	rc = sync_write(&r->io, r->new_offset, table, bytes);
	free(table);
	return rc < 0 ? err_errno(err, rc, "%s: its refcount table", r->name) : 0;
}

int qcow2_refs_write(struct qcow2_refs *r, struct qcow2_header *h, struct err *err)
{
	int rc;

	if (!r->changed)
		return 0;
	rc = place_all(r, err);
	for (uint64_t i = 0; rc == 0 && i < r->block_count; i++) {
		const struct qcow2_refblock *b = &r->blocks[i];

		if (!b->now || b->place == 0)
			continue;
		rc = sync_write(&r->io, b->place, b->now, cluster_bytes(r));
		if (rc < 0)
			err_errno(err, rc, "%s: refcount block %llu", r->name,
				  (unsigned long long)i);
	}
	if (rc == 0)
		rc = write_table(r, err);
	if (rc < 0)
		return rc;
	h->reftable_offset = r->new_offset;
	h->reftable_clusters = r->new_clusters;
	return 0;
}

/* ---- after the commit ---------------------------------------------------------------------- */

/* Give the space of clusters that were freed back to the host.  A hint: if it fails,
 * nothing is lost but space. */
static void punch_freed(const struct qcow2_refs *r, uint64_t index)
{
	const struct qcow2_refblock *b = &r->blocks[index];
	const uint64_t count = UINT64_C(1) << r->block_bits;
	const uint64_t first = index << r->block_bits;
	uint64_t run = 0;

	if (b->offset == 0)
		return; /* there was none, or it was not to be trusted */
	for (uint64_t i = 0; i <= count; i++) {
		if (i < count && qcow2_refs_load(b->disk, r->order, i) > 0 &&
		    qcow2_refs_load(b->now, r->order, i) == 0) {
			run++;
			continue;
		}
		if (run > 0)
			sync_discard(&r->io, (first + i - run) << r->cluster_bits,
				     run << r->cluster_bits);
		run = 0;
	}
}

void qcow2_refs_committed(struct qcow2_refs *r)
{
	if (!r->changed)
		return;
	for (uint64_t i = 0; i < r->block_count; i++) {
		struct qcow2_refblock *b = &r->blocks[i];

		if (!b->now)
			continue;
		if (b->disk)
			punch_freed(r, i);
		free(b->disk);
		b->disk = b->place != 0 ? b->now : NULL;
		if (!b->disk)
			free(b->now);
		*b = (struct qcow2_refblock){ .offset = b->place, .disk = b->disk };
	}
	r->table_offset = r->new_offset;
	r->table_clusters = r->new_clusters;
	r->new_offset = 0;
	r->new_clusters = 0;
	r->changed = false;
	r->hint = 0;
}
