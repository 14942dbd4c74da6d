/* A new image.
 *
 * It is built like any change of an image (qcow2_meta.h), from nothing: all tables
 * first, sector 0 last, so that there is no half an image at any time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#include "block/qcow2_ops.h"

#define CLUSTER_BITS_DEFAULT 16u
#define PIECE_BYTES	     MIB(1)

const char *const qcow2_preallocation_names[] = {
	[QCOW2_PREALLOC_OFF] = "off",
	[QCOW2_PREALLOC_METADATA] = "metadata",
	[QCOW2_PREALLOC_FALLOC] = "falloc",
	[QCOW2_PREALLOC_FULL] = "full",
};

/* ---- options -----------------------------------------------------------------------------------
 */

static bool is_power_of_two(uint64_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

static unsigned log2_of(uint64_t v)
{
	return (unsigned)__builtin_ctzll(v);
}

static int check_widths(const struct qcow2_create_options *o, const char *name, struct err *err)
{
	if (o->version != 0 && o->version != 2 && o->version != 3)
		return err_set(err, -EINVAL,
			       "%s: version %u; there are 2 (compat=0.10) and 3 (1.1)", name,
			       o->version);
	if (o->cluster_bytes != 0 && (!is_power_of_two(o->cluster_bytes) ||
				      o->cluster_bytes < 1u << QCOW2_CLUSTER_BITS_MIN ||
				      o->cluster_bytes > 1u << QCOW2_CLUSTER_BITS_MAX))
		return err_set(err, -EINVAL, "%s: cluster_size=%u; it is a power of two, 512 to 2M",
			       name, o->cluster_bytes);
	if (o->refcount_bits != 0 && (!is_power_of_two(o->refcount_bits) || o->refcount_bits > 64))
		return err_set(err, -EINVAL, "%s: refcount_bits=%u; it is a power of two, 1 to 64",
			       name, o->refcount_bits);
	return 0;
}

static int check_features(const struct qcow2_create_options *o, const char *name, struct err *err)
{
	const char *modern = NULL;

	if (o->lazy_refcounts)
		modern = "lazy_refcounts";
	else if (o->extended_l2)
		modern = "extended_l2";
	else if (o->compression != QCOW2_ZLIB)
		modern = "compression_type=zstd";
	else if (o->refcount_bits != 0 && o->refcount_bits != 16)
		modern = "refcount_bits other than 16";
	if (o->version == 2 && modern)
		return err_set(err, -EINVAL, "%s: %s needs compat=1.1", name, modern);
	if (o->extended_l2 && o->cluster_bytes != 0 &&
	    o->cluster_bytes < 1u << QCOW2_EXTENDED_BITS_MIN)
		return err_set(err, -EINVAL, "%s: extended_l2 needs a cluster_size of 16k or more",
			       name);
	return 0;
}

static int check_backing(const struct qcow2_create_options *o, const char *name, struct err *err)
{
	if (!o->backing_name)
		return 0;
	if (*o->backing_name == '\0' || strlen(o->backing_name) > QCOW2_BACKING_NAME_MAX)
		return err_set(err, -EINVAL, "%s: a backing file's name has 1 to 1023 bytes", name);
	if (!o->backing_format || *o->backing_format == '\0' ||
	    strlen(o->backing_format) > QCOW2_BACKING_FORMAT_MAX)
		return err_set(err, -EINVAL,
			       "%s: its backing file's format is to be said (raw, qcow2): it is "
			       "never guessed",
			       name);
	/* Preallocated clusters would hide what is behind them. */
	if (o->preallocation != QCOW2_PREALLOC_OFF && !o->extended_l2)
		return err_set(err, -EINVAL,
			       "%s: preallocation with a backing file needs extended_l2", name);
	return 0;
}

static void header_of(const struct qcow2_create_options *o, struct qcow2_header *h)
{
	*h = (struct qcow2_header){
		.version = o->version ? o->version : 3,
		.cluster_bits = o->cluster_bytes ? log2_of(o->cluster_bytes) : CLUSTER_BITS_DEFAULT,
		.refcount_order = o->refcount_bits ? log2_of(o->refcount_bits) : 4,
		.size_bytes = o->size_bytes,
		.compatible = o->lazy_refcounts ? QCOW2_LAZY_REFCOUNTS : 0,
		.compression = o->compression,
		.names_features = true,
		.has_backing = o->backing_name != NULL,
	};
	if (o->extended_l2)
		h->incompatible |= QCOW2_EXTENDED_L2;
	if (o->compression != QCOW2_ZLIB)
		h->incompatible |= QCOW2_COMPRESSION;
	if (h->has_backing) {
		snprintf(h->backing_name, sizeof(h->backing_name), "%s", o->backing_name);
		snprintf(h->backing_format, sizeof(h->backing_format), "%s", o->backing_format);
	}
}

int qcow2_create_check(const struct qcow2_create_options *o, const char *name, struct err *err)
{
	struct qcow2_header h;
	int rc;

	rc = check_widths(o, name, err);
	if (rc == 0)
		rc = check_features(o, name, err);
	if (rc == 0)
		rc = check_backing(o, name, err);
	if (rc < 0)
		return rc;
	if (o->size_bytes > INT64_MAX || o->size_bytes % QCOW2_SECTOR_BYTES != 0)
		return err_set(err, -EINVAL, "%s: a disk's size is a multiple of 512", name);
	header_of(o, &h);
	if (qcow2_l1_entries_for(&h, o->size_bytes) * 8 > QCOW2_L1_BYTES_MAX)
		return err_set(err, -EFBIG,
			       "%s: clusters of %llu bytes are too small for a disk of that size; "
			       "a larger cluster_size is needed",
			       name, (unsigned long long)qcow2_cluster_bytes(&h));
	return 0;
}

/* ---- preallocation ------------------------------------------------------------------------------
 */

/* Clusters of the disk that L1 entry i covers. */
static uint64_t clusters_behind(const struct qcow2_meta *m, uint32_t i)
{
	const uint64_t start = (uint64_t)i << qcow2_l1_shift(&m->h);
	const uint64_t bytes =
		min_u64(m->h.size_bytes - start, UINT64_C(1) << qcow2_l1_shift(&m->h));

	return (bytes + qcow2_cluster_bytes(&m->h) - 1) >> m->h.cluster_bits;
}

/* Zeros, by the way that was asked for. */
static int reserve(struct qcow2_meta *m, enum qcow2_preallocation how, uint64_t offset,
		   uint64_t len, struct err *err)
{
	uint8_t *zeros;
	int rc = 0;

	m->end_bytes = max_u64(m->end_bytes, offset + len);
	if (how == QCOW2_PREALLOC_FALLOC)
		rc = sync_zero(&m->io, offset, len, false);
	if (how == QCOW2_PREALLOC_FULL) {
		zeros = calloc(1, PIECE_BYTES);
		if (!zeros)
			rc = -ENOMEM;
		for (uint64_t at = 0; rc == 0 && at < len; at += PIECE_BYTES)
			rc = sync_write(&m->io, offset + at, zeros, min_u64(len - at, PIECE_BYTES));
		free(zeros);
	}
	return rc < 0 ? err_errno(err, rc, "%s: its space", m->name) : 0;
}

/* One L2 table, and the clusters that it names, which follow each other in the file. */
static int preallocate_table(struct qcow2_meta *m, enum qcow2_preallocation how, uint32_t i,
			     struct err *err)
{
	const uint64_t count = clusters_behind(m, i);
	/* Reads as zeros by not being there, where it would hide the backing file. */
	const uint64_t bitmap = m->h.has_backing ? 0 : UINT32_MAX;
	uint64_t cluster;
	int rc;

	rc = qcow2_refs_take(&m->refs, count, &cluster, err);
	if (rc < 0)
		return rc;
	m->refs.hint = cluster + count; /* nothing is free before it */
	memset(m->table, 0, qcow2_cluster_bytes(&m->h));
	for (uint64_t n = 0; n < count; n++)
		qcow2_entry_set(m, m->table, n, (cluster + n) << m->h.cluster_bits | QCOW2_COPIED,
				bitmap);
	rc = qcow2_l2_place(m, i, m->table, err);
	if (rc < 0)
		return rc;
	return reserve(m, how, cluster << m->h.cluster_bits, count << m->h.cluster_bits, err);
}

static int preallocate(struct qcow2_meta *m, enum qcow2_preallocation how,
		       const struct qcow2_progress *progress, struct err *err)
{
	const uint64_t count = qcow2_l1_entries_for(&m->h, m->h.size_bytes);
	uint64_t bytes;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		rc = preallocate_table(m, how, i, err);
		if (rc == 0)
			rc = qcow2_step(m, progress, i + 1, count, err);
	}
	/* Clusters that are holes are inside the file all the same. */
	if (rc == 0)
		rc = block_file_size(m->io.block, &bytes);
	if (rc == 0 && bytes < m->end_bytes)
		rc = block_file_truncate(m->io.block, m->end_bytes);
	return rc;
}

/* ---- creating ----------------------------------------------------------------------- */

static int prepare(struct qcow2_meta *m, struct err *err)
{
	int rc;

	m->h.l1_entries = (uint32_t)max_u64(qcow2_l1_entries_for(&m->h, m->h.size_bytes), 1);
	m->l1 = calloc(m->h.l1_entries, sizeof(*m->l1));
	m->table = malloc(qcow2_cluster_bytes(&m->h));
	m->cluster0 = malloc(qcow2_cluster_bytes(&m->h));
	if (!m->l1 || !m->table || !m->cluster0)
		return err_errno(err, -ENOMEM, "%s", m->name);
	m->l1_changed = true;
	m->header_changed = true;
	rc = block_file_truncate(m->io.block, 0);
	if (rc < 0)
		return err_errno(err, rc, "%s: emptying it", m->name);
	rc = qcow2_header_emit(&m->h, m->cluster0, (struct qcow2_name_place){ 0, 0 }, m->name, err);
	if (rc == 0)
		rc = qcow2_refs_init(&m->refs, &m->io, &m->h, m->name, err);
	if (rc == 0)
		rc = qcow2_refs_set(&m->refs, 0, 1, err);
	return rc;
}

int qcow2_create(struct block *file, struct ioloop *loop, const char *name,
		 const struct qcow2_create_options *o, const struct qcow2_progress *progress,
		 struct err *err)
{
	struct qcow2_meta m = { .io = { file, loop }, .name = name, .use = QCOW2_WRITE };
	int rc;

	rc = qcow2_create_check(o, name, err);
	if (rc < 0)
		return rc;
	header_of(o, &m.h);
	rc = prepare(&m, err);
	if (rc == 0 && o->preallocation != QCOW2_PREALLOC_OFF)
		rc = preallocate(&m, o->preallocation, progress, err);
	if (rc == 0)
		rc = qcow2_meta_commit(&m, err);
	qcow2_meta_close(&m);
	return rc;
}
