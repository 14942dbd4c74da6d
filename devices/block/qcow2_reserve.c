/* Clusters for the run: free ones are found, made zeros and counted, all durably,
 * before anybody gets one.  The steward's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "block/qcow2_internal.h"

#define FIRST_RUN_BYTES MIB(4)
#define EXTENTS_AT_ONCE (Q_RUN_EXTENTS / 2)
#define SCANNED_BLOCKS	4u  /* of refcounts, for one run */
#define RUN_BLOCKS	16u /* of refcounts, that a run may span */

/* ---- the header ---------------------------------------------------------------------- */

int q_header_write(struct qcow2 *q)
{
	uint8_t sector[QCOW2_SECTOR_BYTES];
	int rc = sync_read(&q->io, 0, sector, sizeof(sector));

	if (rc < 0)
		return rc;
	qcow2_header_patch(&q->h, sector);
	rc = sync_write(&q->io, 0, sector, sizeof(sector));
	return rc < 0 ? rc : sync_flush(&q->io);
}

/* Before the first write: what other programs keep in the image is not true after. */
static int prepare(struct qcow2 *q)
{
	const uint64_t autoclear = q->h.autoclear;
	int rc = 0;

	if (atomic_load(&q->prepared))
		return 0;
	q->h.autoclear = 0;
	if (autoclear != 0)
		rc = q_header_write(q);
	if (rc < 0)
		q->h.autoclear = autoclear;
	else
		atomic_store(&q->prepared, true);
	return rc;
}

/* ---- a larger refcount table -------------------------------------------------------------- */

struct growth {
	uint64_t *table;
	struct qrefblock **blocks;
	uint64_t entries;
	struct qextent place;	   /* of the table */
	uint64_t old_offset;
	uint32_t old_clusters;
};

static void swap_tables(struct qcow2 *q, struct growth *g)
{
	uint64_t *table = q->reftable;
	struct qrefblock **blocks = q->refblocks;
	const uint64_t entries = q->reftable_entries;

	q->reftable = g->table;
	q->refblocks = g->blocks;
	q->reftable_entries = g->entries;
	g->table = table;
	g->blocks = blocks;
	g->entries = entries;
}

/* Clusters of the file's end for the table and for the blocks that count them and
 * themselves. */
static int count_growth(struct qcow2 *q, struct growth *g, uint64_t *end)
{
	const uint64_t first = q->end_cluster;
	uint64_t next = first + g->place.count;
	int rc = 0;

	g->place.first = first;
	for (uint64_t i = first >> q->refblock_bits; rc == 0 && i <= (next - 1) >> q->refblock_bits;
	     i++) {
		if (!q->refblocks[i] && !q->reftable[i])
			rc = q_refblock_add(q, i, next++);
	}
	if (rc == 0)
		rc = q_refcount_set_range(q, first, next - first, 1);
	*end = next;
	return rc;
}

static int write_growth(struct qcow2 *q, const struct growth *g)
{
	const uint64_t bytes = g->place.count << q->cluster_bits;
	uint8_t *copy = malloc(bytes);
	int rc = q_refcounts_write(q);

	if (!copy)
		return -ENOMEM;
	for (uint64_t i = 0; i < q->reftable_entries; i++)
		be64_store(copy + i * 8, q->reftable[i]);
	if (rc == 0)
		rc = sync_write(&q->io, g->place.first << q->cluster_bits, copy, bytes);
	free(copy);
	if (rc == 0)
		rc = sync_flush(&q->io);
	if (rc < 0)
		return rc;
	q->h.reftable_offset = g->place.first << q->cluster_bits;
	q->h.reftable_clusters = (uint32_t)g->place.count;
	rc = q_header_write(q);
	if (rc < 0) {
		q->h.reftable_offset = g->old_offset;
		q->h.reftable_clusters = g->old_clusters;
	}
	return rc;
}

/* g->table and blocks are those that are not needed. */
static void end_growth(struct qcow2 *q, struct growth *g, bool failed)
{
	for (uint64_t i = 0; failed && i < g->entries; i++) {
		const bool is_new = i >= q->reftable_entries || !q->refblocks[i];

		if (is_new && g->blocks[i]) {
			free(g->blocks[i]);
			q->refblock_count--;
		}
	}
	free(g->table);
	free(g->blocks);
}

static int grow_table(struct qcow2 *q, uint64_t entries_wanted)
{
	const uint64_t per_cluster = q->cluster_bytes / 8;
	struct growth g = {
		.old_offset = q->h.reftable_offset,
		.old_clusters = q->h.reftable_clusters,
	};
	uint64_t end = q->end_cluster;
	int rc;

	g.place.count = (entries_wanted + entries_wanted / 2 + per_cluster - 1) / per_cluster;
	if (g.place.count << q->cluster_bits > max_u64(QCOW2_REFTABLE_BYTES_MAX, q->cluster_bytes))
		return -EFBIG;
	g.entries = g.place.count * per_cluster;
	g.table = calloc(g.entries, sizeof(*g.table));
	g.blocks = calloc(g.entries, sizeof(struct qrefblock *));
	if (!g.table || !g.blocks) {
		free(g.table);
		free(g.blocks);
		return -ENOMEM;
	}
	memcpy(g.table, q->reftable, q->reftable_entries * sizeof(*g.table));
	memcpy(g.blocks, q->refblocks, q->reftable_entries * sizeof(struct qrefblock *));
	swap_tables(q, &g);
	rc = count_growth(q, &g, &end);
	if (rc == 0)
		rc = write_growth(q, &g);
	if (rc < 0) {
		/* Nothing refers to what was written.  A block of before may count
		 * some of it: then that is a leak. */
		swap_tables(q, &g);
		end_growth(q, &g, true);
		return rc;
	}
	end_growth(q, &g, false);
	for (uint64_t c = 0; c < g.place.count; c++)
		qcow2_places_set(&q->places, g.place.first + c);
	q_refblocks_linked(q);
	q->end_cluster = end;
	q_refcount_set_range(q, q_cluster(q, g.old_offset), g.old_clusters, 0);
	return 0;
}

/* ---- finding ------------------------------------------------------------------------------- */

/* Add free clusters from *at on, below `end`, at most `want`, as one extent. */
static int next_free(struct qcow2 *q, uint64_t *at, uint64_t end, uint64_t want,
		     struct qextent *found)
{
	uint64_t count = 0;
	int rc = 0;

	found->count = 0;
	while (*at < end && found->count < want) {
		rc = q_refcount_get(q, *at, &count);
		/* A table that is not counted: the image is damaged, and shall not be more
		 * so; or it has moved, and its old place rests until the next opening. */
		if (rc == 0 && count == 0 && qcow2_places_has(&q->places, *at))
			count = 1;
		if (rc < 0 || (count != 0 && found->count > 0))
			break;
		if (count == 0 && found->count++ == 0)
			found->first = *at;
		++*at;
	}
	return rc;
}

/* Free clusters inside the file, of a part of it. */
static int find_inside(struct qcow2 *q, struct qrun *out, uint64_t want)
{
	const uint64_t limit = ((q->scan_cluster >> q->refblock_bits) + SCANNED_BLOCKS)
			       << q->refblock_bits;
	const uint64_t end = min_u64(limit, q->end_cluster);
	int rc = 0;

	while (rc == 0 && q->scan_cluster < end && out->cluster_count < want &&
	       out->extent_count < EXTENTS_AT_ONCE) {
		struct qextent *e = &out->extent[out->extent_count];

		rc = next_free(q, &q->scan_cluster, end, want - out->cluster_count, e);
		if (rc < 0 || e->count == 0)
			break;
		rc = sync_zero(&q->io, e->first << q->cluster_bits, e->count << q->cluster_bits,
			       true);
		if (rc < 0)
			break;
		rc = q_refcount_claim(q, e);
		out->cluster_count += e->count;
		out->extent_count += e->count > 0;
	}
	return rc;
}

/* And at its end, which moves. */
static int find_behind(struct qcow2 *q, struct qrun *out, uint64_t want)
{
	int rc = 0;

	while (rc == 0 && out->cluster_count < want && out->extent_count < EXTENTS_AT_ONCE) {
		struct qextent *e = &out->extent[out->extent_count];
		uint64_t at = q->end_cluster, taken;

		if (at >= BLOCK_FILE_BYTES_MAX >> q->cluster_bits ||
		    at >= QCOW2_OFFSET_MASK >> q->cluster_bits)
			return -EFBIG;
		if (at >> q->refblock_bits >= q->reftable_entries) {
			rc = grow_table(q, (at >> q->refblock_bits) + 1);
			continue;
		}
		/* Not beyond one block of refcounts: the next may not be there. */
		rc = next_free(q, &at, ((at >> q->refblock_bits) + 1) << q->refblock_bits,
			       want - out->cluster_count, e);
		q->end_cluster = at;
		if (rc < 0 || e->count == 0)
			continue;
		taken = e->count;
		rc = q_refcount_claim(q, e);
		if (rc < 0)
			q->end_cluster = at - taken;
		out->cluster_count += e->count;
		out->extent_count += e->count > 0;
	}
	return rc;
}

/* ---- reserving ------------------------------------------------------------------------------- */

static void publish(struct qcow2 *q, const struct qrun *found)
{
	struct qrun *run = &q->run;
	unsigned kept = 0;

	for (unsigned i = 0; i < run->extent_count; i++) {
		if (run->extent[i].count > 0)
			run->extent[kept++] = run->extent[i];
	}
	for (unsigned i = 0; i < found->extent_count; i++)
		run->extent[kept++] = found->extent[i];
	run->extent_count = kept;
	run->cluster_count += found->cluster_count;
	q->run_low = run->cluster_count / 2;
}

static bool has_room(struct qcow2 *q)
{
	unsigned kept = 0;

	pthread_mutex_lock(&q->lock);
	for (unsigned i = 0; i < q->run.extent_count; i++)
		kept += q->run.extent[i].count > 0;
	pthread_mutex_unlock(&q->lock);
	return kept + EXTENTS_AT_ONCE <= Q_RUN_EXTENTS;
}

static int find_and_count(struct qcow2 *q, struct qrun *found, uint64_t want)
{
	const uint64_t end = q->end_cluster;
	int rc = find_inside(q, found, want);

	if (rc == 0 && found->cluster_count < want / 2)
		rc = find_behind(q, found, want);
	if (rc == -EFBIG && found->cluster_count > 0)
		rc = 0;
	if (rc == 0 && q->end_cluster > end) {
		rc = block_file_truncate(q->file, q->end_cluster << q->cluster_bits);
		if (rc == 0)
			atomic_store(&q->file_bytes, q->end_cluster << q->cluster_bits);
	}
	if (rc == 0)
		rc = q_refcounts_write(q);
	if (rc == 0)
		rc = sync_flush(&q->io);
	return rc < 0 ? rc : q_refcounts_link(q);
}

int q_reserve(struct qcow2 *q)
{
	struct qrun found = { .extent_count = 0 };
	int rc = atomic_load(&q->corrupt) ? -EIO : prepare(q);

	if (rc < 0 || !has_room(q))
		return rc;
	rc = find_and_count(q, &found, q->run_clusters);
	if (rc < 0) {
		for (unsigned i = 0; i < found.extent_count; i++)
			q_refcount_set_range(q, found.extent[i].first, found.extent[i].count, 0);
		for (unsigned i = 0; i < found.extent_count; i++)
			q->scan_cluster = min_u64(q->scan_cluster, found.extent[i].first);
		return rc;
	}
	pthread_mutex_lock(&q->lock);
	publish(q, &found);
	q->run_clusters = min_u64(2 * q->run_clusters, q->run_clusters_max);
	pthread_mutex_unlock(&q->lock);
	return 0;
}

void q_reserve_init(struct qcow2 *q, uint64_t file_bytes)
{
	q->end_cluster = (file_bytes + q->cluster_bytes - 1) >> q->cluster_bits;
	q->first_end_cluster = q->end_cluster;
	q->run_clusters_max = min_u64(Q_RUN_BYTES >> q->cluster_bits,
				      (uint64_t)RUN_BLOCKS << q->refblock_bits);
	q->run_clusters = max_u64(min_u64(FIRST_RUN_BYTES >> q->cluster_bits, q->run_clusters_max),
				  4);
	q->run_clusters_max = max_u64(q->run_clusters_max, q->run_clusters);
}

/* ---- giving back ------------------------------------------------------------------------------- */

/* The file's end, as near as it can be, but nothing that was there before. */
static int cut(struct qcow2 *q)
{
	uint64_t count = 0;
	int rc = 0;

	while (q->end_cluster > q->first_end_cluster) {
		rc = q_refcount_get(q, q->end_cluster - 1, &count);
		if (rc < 0 || count != 0)
			break;
		q->end_cluster--;
	}
	if (rc == 0)
		rc = block_file_truncate(q->file, q->end_cluster << q->cluster_bits);
	return rc;
}

int q_give_back(struct qcow2 *q)
{
	const bool moved = q->end_cluster > q->first_end_cluster;
	int rc;

	for (unsigned i = 0; i < q->run.extent_count; i++)
		q_refcount_set_range(q, q->run.extent[i].first, q->run.extent[i].count, 0);
	q->run.extent_count = 0;
	q->run.cluster_count = 0;
	rc = q_refcounts_write(q);
	if (rc == 0)
		rc = sync_flush(&q->io);
	if (rc == 0 && moved) {
		rc = cut(q);
		if (rc == 0)
			rc = sync_flush(&q->io);
	}
	return rc;
}
