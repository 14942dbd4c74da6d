/* The bitmaps of an image: not understood here beyond what they occupy.
 *
 *      directory ──▶ per bitmap: table at, entries ──▶ clusters of bits
 *        +0   table's offset       +18  length of name
 *        +8   table's entries      +20  length of extra data
 *        +24  extra data, name, padding to 8 */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/checked.h"

#include "block/qcow2_bitmaps.h"

#define DIRECTORY_BYTES_MAX MIB(64)
#define TABLE_BYTES_MAX	    MIB(8)
#define FIXED_BYTES	    24u
#define BITMAPS_MAX	    65535u

static int damaged(const struct qcow2_meta *m, struct err *err)
{
	return err_set(err, -EUCLEAN, "%s: its bitmaps are damaged; 'check -r all' drops them",
		       m->name);
}

static int visit(struct qcow2_meta *m, const struct qcow2_bitmap_visitor *v, uint64_t offset,
		 uint64_t bytes, struct err *err)
{
	if ((offset & (qcow2_cluster_bytes(&m->h) - 1)) != 0 || offset == 0 ||
	    !range_inside(offset, bytes, align_down_u64(INT64_MAX, 1u << 21)))
		return damaged(m, err);
	return v->used(v->arg, offset, bytes, err);
}

static int walk_table(struct qcow2_meta *m, const struct qcow2_bitmap_visitor *v, uint64_t offset,
		      uint32_t entries, struct err *err)
{
	const uint64_t bytes = (uint64_t)entries * 8;
	uint8_t *table;
	int rc;

	if (bytes > TABLE_BYTES_MAX)
		return damaged(m, err);
	rc = visit(m, v, offset, bytes, err);
	if (rc < 0)
		return rc;
	table = malloc(bytes + 1);
	if (!table)
		return err_errno(err, -ENOMEM, "%s: its bitmaps", m->name);
	rc = sync_read(&m->io, offset, table, bytes);
	if (rc < 0)
		err_errno(err, rc, "%s: its bitmaps", m->name);
	for (uint32_t i = 0; rc == 0 && i < entries; i++) {
		const uint64_t at = be64_load(table + (size_t)i * 8) & QCOW2_OFFSET_MASK;

		if (at != 0) /* else all zeros, or all ones */
			rc = visit(m, v, at, qcow2_cluster_bytes(&m->h), err);
	}
	free(table);
	return rc;
}

static int walk_directory(struct qcow2_meta *m, const struct qcow2_bitmap_visitor *v,
			  const uint8_t *directory, uint64_t bytes, struct err *err)
{
	uint64_t at = 0;
	int rc = 0;

	for (uint32_t n = 0; rc == 0 && n < m->h.bitmap_count; n++) {
		uint64_t len;

		if (bytes - at < FIXED_BYTES)
			return damaged(m, err);
		len = FIXED_BYTES + (uint64_t)be16_load(directory + at + 18) +
		      be32_load(directory + at + 20);
		len = (len + 7) & ~UINT64_C(7);
		if (len > bytes - at)
			return damaged(m, err);
		rc = walk_table(m, v, be64_load(directory + at), be32_load(directory + at + 8),
				err);
		at += len;
	}
	return rc;
}

int qcow2_bitmaps_walk(struct qcow2_meta *m, const struct qcow2_bitmap_visitor *v, struct err *err)
{
	const uint64_t bytes = m->h.bitmap_directory_bytes;
	uint8_t *directory;
	int rc;

	if (!m->h.has_bitmaps)
		return 0;
	if (m->h.bitmap_count > BITMAPS_MAX || bytes > DIRECTORY_BYTES_MAX)
		return damaged(m, err);
	rc = visit(m, v, m->h.bitmap_directory_offset, bytes, err);
	if (rc < 0)
		return rc;
	directory = malloc(bytes + 1);
	if (!directory)
		return err_errno(err, -ENOMEM, "%s: its bitmaps", m->name);
	rc = sync_read(&m->io, m->h.bitmap_directory_offset, directory, bytes);
	if (rc < 0)
		err_errno(err, rc, "%s: its bitmaps", m->name);
	else
		rc = walk_directory(m, v, directory, bytes, err);
	free(directory);
	return rc;
}

/* ---- dropping ---------------------------------------------------------------------------------
 */

static int count_down(void *arg, uint64_t offset, uint64_t bytes, struct err *err)
{
	struct qcow2_meta *m = arg;
	const uint64_t mask = qcow2_cluster_bytes(&m->h) - 1;

	return qcow2_refs_down(&m->refs, offset >> m->h.cluster_bits,
			       (bytes + mask) >> m->h.cluster_bits, err);
}

int qcow2_drop_bitmaps(struct qcow2_meta *m, struct err *err)
{
	const struct qcow2_bitmap_visitor v = { .used = count_down, .arg = m };
	int rc = qcow2_bitmaps_walk(m, &v, err);

	if (rc < 0)
		return rc;
	m->h.has_bitmaps = false;
	m->h.autoclear &= ~QCOW2_BITMAPS;
	return 0;
}
