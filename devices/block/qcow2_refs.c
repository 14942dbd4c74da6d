#include "block/qcow2_refs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

/* ---- numbers of 1..64 bits ------------------------------------------------------------ */

uint64_t qcow2_refs_load(const uint8_t *block, unsigned order, uint64_t index)
{
	switch (order) {
	case 4:
		return be16_load(block + index * 2);
	case 5:
		return be32_load(block + index * 4);
	case 6:
		return be64_load(block + index * 8);
	default: { /* 1, 2, 4 or 8 bits; the lowest come first in a byte */
		const unsigned bits = 1u << order;
		const unsigned at = (unsigned)(index * bits % 8);

		return block[index * bits / 8] >> at & ((1u << bits) - 1);
	}
	}
}

void qcow2_refs_store(uint8_t *block, unsigned order, uint64_t index, uint64_t count)
{
	switch (order) {
	case 4:
		be16_store(block + index * 2, (uint16_t)count);
		break;
	case 5:
		be32_store(block + index * 4, (uint32_t)count);
		break;
	case 6:
		be64_store(block + index * 8, count);
		break;
	default: {
		const unsigned bits = 1u << order;
		const unsigned at = (unsigned)(index * bits % 8);
		const unsigned mask = ((1u << bits) - 1) << at;
		uint8_t *byte = &block[index * bits / 8];

		*byte = (uint8_t)((*byte & ~mask) | (unsigned)count << at);
		break;
	}
	}
}

/* ---- opening ------------------------------------------------------------------------------ */

static uint64_t cluster_bytes(const struct qcow2_refs *r)
{
	return UINT64_C(1) << r->cluster_bits;
}

static int no_memory(const struct qcow2_refs *r, struct err *err)
{
	return err_errno(err, -ENOMEM, "%s: its refcounts", r->name);
}

int qcow2_refs_init(struct qcow2_refs *r, const struct sync_io *io, const struct qcow2_header *h,
		    const char *name, struct err *err)
{
	const uint64_t table_bytes_max =
		max_u64(QCOW2_REFTABLE_BYTES_MAX, UINT64_C(1) << h->cluster_bits);

	(void)err;
	*r = (struct qcow2_refs){
		.io = *io,
		.name = name,
		.order = h->refcount_order,
		.cluster_bits = h->cluster_bits,
		.block_bits = qcow2_refblock_bits(h),
	};
	r->cluster_end_max = (table_bytes_max / 8) << r->block_bits;
	/* Offsets in L1 and L2 tables have 56 bits. */
	r->cluster_end_max = min_u64(r->cluster_end_max, (UINT64_C(1) << 56) >> r->cluster_bits);
	return 0;
}

static int grow_blocks(struct qcow2_refs *r, uint64_t count, struct err *err)
{
	struct qcow2_refblock *grown;

	if (count <= r->block_count)
		return 0;
	grown = realloc(r->blocks, count * sizeof(*grown));
	if (!grown)
		return no_memory(r, err);
	memset(grown + r->block_count, 0, (count - r->block_count) * sizeof(*grown));
	r->blocks = grown;
	r->block_count = count;
	return 0;
}

int qcow2_refs_open(struct qcow2_refs *r, const struct sync_io *io, const struct qcow2_header *h,
		    uint64_t file_bytes, const char *name, struct err *err)
{
	const uint64_t bytes = (uint64_t)h->reftable_clusters << h->cluster_bits;
	uint8_t *table;
	uint64_t used;
	int rc;

	rc = qcow2_refs_init(r, io, h, name, err);
	if (rc < 0)
		return rc;
	r->table_offset = h->reftable_offset;
	r->table_clusters = h->reftable_clusters;
	r->file_clusters =
		(file_bytes >> r->cluster_bits) + ((file_bytes & (cluster_bytes(r) - 1)) != 0);
	table = malloc(bytes);
	if (!table)
		return no_memory(r, err);
	rc = sync_read(io, h->reftable_offset, table, bytes);
	if (rc < 0)
		err_errno(err, rc, "%s: its refcount table", name);
	for (used = bytes / 8; rc == 0 && used > 0 && be64_load(table + (used - 1) * 8) == 0;)
		used--;
	if (rc == 0)
		rc = grow_blocks(r, used, err);
	for (uint64_t i = 0; rc == 0 && i < used; i++)
		r->blocks[i].offset = be64_load(table + i * 8);
	free(table);
	if (rc < 0)
		qcow2_refs_close(r);
	return rc;
}

void qcow2_refs_close(struct qcow2_refs *r)
{
	for (uint64_t i = 0; i < r->block_count; i++) {
		free(r->blocks[i].disk);
		free(r->blocks[i].now);
	}
	free(r->blocks);
	r->blocks = NULL;
	r->block_count = 0;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* The block of that index, read; NULL where there is none. */
static int load_block(struct qcow2_refs *r, uint64_t index, struct qcow2_refblock **out,
		      struct err *err)
{
	struct qcow2_refblock *b;
	int rc;

	*out = NULL;
	if (index >= r->block_count)
		return 0;
	b = &r->blocks[index];
	*out = b;
	if (b->disk || b->offset == 0)
		return 0;
	if ((b->offset & (cluster_bytes(r) - 1)) != 0 ||
	    b->offset >> r->cluster_bits >= r->file_clusters)
		return err_set(err, -EUCLEAN,
			       "%s: refcount block %llu cannot be at %#llx; 'check -r all' repairs",
			       r->name, (unsigned long long)index, (unsigned long long)b->offset);
	b->disk = malloc(cluster_bytes(r));
	if (!b->disk)
		return no_memory(r, err);
	rc = sync_read(&r->io, b->offset, b->disk, cluster_bytes(r));
	if (rc < 0) {
		free(b->disk);
		b->disk = NULL;
		return err_errno(err, rc, "%s: refcount block %llu", r->name,
				 (unsigned long long)index);
	}
	return 0;
}

/* The same, to be changed: there is one then. */
static int change_block(struct qcow2_refs *r, uint64_t index, struct qcow2_refblock **out,
			struct err *err)
{
	struct qcow2_refblock *b;
	int rc;

	rc = grow_blocks(r, index + 1, err);
	if (rc == 0)
		rc = load_block(r, index, &b, err);
	if (rc < 0)
		return rc;
	r->changed = true;
	*out = b;
	if (b->now)
		return 0;
	b->now = b->disk ? malloc(cluster_bytes(r)) : calloc(1, cluster_bytes(r));
	if (!b->now)
		return no_memory(r, err);
	if (b->disk)
		memcpy(b->now, b->disk, cluster_bytes(r));
	return 0;
}

int qcow2_refs_distrust(struct qcow2_refs *r, uint64_t index, struct err *err)
{
	struct qcow2_refblock *b = &r->blocks[index];

	b->offset = 0;
	r->changed = true;
	/* Nothing is there that could be in use. */
	if (index << r->block_bits >= r->file_clusters && !b->disk && !b->now)
		return 0;
	if (!b->disk)
		b->disk = malloc(cluster_bytes(r));
	if (!b->now)
		b->now = calloc(1, cluster_bytes(r));
	if (!b->disk || !b->now)
		return no_memory(r, err);
	memset(b->disk, 0xff, cluster_bytes(r));
	return 0;
}

int qcow2_refs_move(struct qcow2_refs *r, struct err *err)
{
	struct qcow2_refblock *b;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < r->block_count; i++) {
		if (r->blocks[i].offset != 0)
			rc = change_block(r, i, &b, err);
	}
	return rc;
}

void qcow2_refs_trust(struct qcow2_refs *r)
{
	for (uint64_t i = 0; i < r->block_count; i++) {
		const struct qcow2_refblock *b = &r->blocks[i];

		if (b->offset == 0 && b->disk && b->now)
			memcpy(b->disk, b->now, cluster_bytes(r));
	}
}

/* ---- refcounts --------------------------------------------------------------------------------
 */

static uint64_t index_in_block(const struct qcow2_refs *r, uint64_t cluster)
{
	return cluster & ((UINT64_C(1) << r->block_bits) - 1);
}

int qcow2_refs_get(struct qcow2_refs *r, uint64_t cluster, uint64_t *count, struct err *err)
{
	struct qcow2_refblock *b;
	const uint8_t *bytes;
	int rc;

	rc = load_block(r, cluster >> r->block_bits, &b, err);
	if (rc < 0)
		return rc;
	bytes = !b ? NULL : b->now ? b->now : b->disk;
	*count = bytes ? qcow2_refs_load(bytes, r->order, index_in_block(r, cluster)) : 0;
	return 0;
}

int qcow2_refs_get_disk(struct qcow2_refs *r, uint64_t cluster, uint64_t *count, struct err *err)
{
	struct qcow2_refblock *b;
	int rc;

	rc = load_block(r, cluster >> r->block_bits, &b, err);
	if (rc < 0)
		return rc;
	*count = b && b->disk ? qcow2_refs_load(b->disk, r->order, index_in_block(r, cluster)) : 0;
	return 0;
}

int qcow2_refs_set(struct qcow2_refs *r, uint64_t cluster, uint64_t count, struct err *err)
{
	struct qcow2_refblock *b;
	int rc;

	if (cluster >= r->cluster_end_max)
		return err_set(err, -EFBIG,
			       "%s: its file would be larger than its refcounts can say; larger "
			       "clusters make room",
			       r->name);
	if (count > UINT64_MAX >> (64 - (1u << r->order)))
		return err_set(err, -ERANGE,
			       "%s: refcounts of %u bits do not hold a cluster that is used %llu "
			       "times",
			       r->name, 1u << r->order, (unsigned long long)count);
	rc = change_block(r, cluster >> r->block_bits, &b, err);
	if (rc < 0)
		return rc;
	qcow2_refs_store(b->now, r->order, index_in_block(r, cluster), count);
	if (count == 0 && cluster < r->hint)
		r->hint = cluster; /* free now or after the commit; looking costs little */
	return 0;
}

int qcow2_refs_up(struct qcow2_refs *r, uint64_t cluster, uint64_t count, struct err *err)
{
	uint64_t had = 0;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < count; i++) {
		rc = qcow2_refs_get(r, cluster + i, &had, err);
		/* Of 64 bits it does not wrap in any image that can be. */
		if (rc == 0)
			rc = qcow2_refs_set(r, cluster + i, had == UINT64_MAX ? had : had + 1, err);
	}
	return rc;
}

int qcow2_refs_down(struct qcow2_refs *r, uint64_t cluster, uint64_t count, struct err *err)
{
	uint64_t had = 0;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < count; i++) {
		rc = qcow2_refs_get(r, cluster + i, &had, err);
		if (rc < 0)
			break;
		if (had == 0)
			return err_set(err, -EUCLEAN,
				       "%s: the cluster at %#llx is in use, and its refcount is 0; "
				       "'check -r all' repairs",
				       r->name,
				       (unsigned long long)(cluster + i) << r->cluster_bits);
		rc = qcow2_refs_set(r, cluster + i, had - 1, err);
	}
	return rc;
}

/* Whether it is free both on disk and in memory. */
static int is_free(struct qcow2_refs *r, uint64_t cluster, bool *yes, struct err *err)
{
	uint64_t now, disk = 0;
	int rc = qcow2_refs_get(r, cluster, &now, err);

	if (rc == 0 && now == 0)
		rc = qcow2_refs_get_disk(r, cluster, &disk, err);
	*yes = rc == 0 && now == 0 && disk == 0;
	return rc;
}

int qcow2_refs_take(struct qcow2_refs *r, uint64_t count, uint64_t *cluster, struct err *err)
{
	uint64_t at = max_u64(r->hint, 1), run = 0; /* cluster 0 is the header */
	const bool single = count == 1;
	bool yes;
	int rc;

	while (run < count) {
		if (at >= r->cluster_end_max)
			break;
		rc = is_free(r, at, &yes, err);
		if (rc < 0)
			return rc;
		run = yes ? run + 1 : 0;
		at++;
	}
	if (single)
		r->hint = at;
	*cluster = at - count;
	for (uint64_t i = 0; r->places && run == count && i < count; i++)
		qcow2_places_clear(r->places, at - count + i);
	return qcow2_refs_up(r, run == count ? at - count : r->cluster_end_max, count, err);
}

int qcow2_refs_end(struct qcow2_refs *r, uint64_t limit, uint64_t *end, struct err *err)
{
	uint64_t count = 0;
	int rc = 0;

	while (limit > 0) {
		const uint64_t block = (limit - 1) >> r->block_bits;

		/* Whole blocks that are not there at once. */
		if (block >= r->block_count ||
		    (!r->blocks[block].now && !r->blocks[block].offset)) {
			limit = block << r->block_bits;
			continue;
		}
		rc = qcow2_refs_get(r, limit - 1, &count, err);
		if (rc < 0 || count > 0)
			break;
		limit--;
	}
	*end = limit;
	return rc;
}
