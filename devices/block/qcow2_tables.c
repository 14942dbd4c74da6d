/* L1 and L2 tables of an image that is open as qcow2_meta. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

#include "block/qcow2_meta.h"

#define HINT "'check' tells more"

/* ---- entries ----------------------------------------------------------------------------------
 */

uint64_t qcow2_entry(const struct qcow2_meta *m, const uint8_t *table, uint64_t i)
{
	return be64_load(table + (i << qcow2_l2_entry_bits(&m->h)));
}

uint64_t qcow2_entry_bitmap(const struct qcow2_meta *m, const uint8_t *table, uint64_t i)
{
	return qcow2_is_extended(&m->h) ? be64_load(table + i * 16 + 8) : 0;
}

void qcow2_entry_set(const struct qcow2_meta *m, uint8_t *table, uint64_t i, uint64_t entry,
		     uint64_t bitmap)
{
	be64_store(table + (i << qcow2_l2_entry_bits(&m->h)), entry);
	if (qcow2_is_extended(&m->h))
		be64_store(table + i * 16 + 8, bitmap);
}

/* A cluster of the file at offset: aligned and, at least in part, inside it. */
static bool is_in_file(const struct qcow2_meta *m, uint64_t offset)
{
	return (offset & (qcow2_cluster_bytes(&m->h) - 1)) == 0 && offset < m->end_bytes;
}

int qcow2_l1_check(const struct qcow2_meta *m, uint64_t entry, uint64_t *offset, struct err *err)
{
	*offset = entry & QCOW2_OFFSET_MASK;
	if ((entry & QCOW2_L1_RESERVED_MASK) != 0 || (*offset != 0 && !is_in_file(m, *offset)))
		return err_set(err, -EUCLEAN, "%s: no L2 table can be at %#llx; " HINT, m->name,
			       (unsigned long long)entry);
	return 0;
}

int qcow2_entry_span(const struct qcow2_meta *m, uint64_t entry, struct qcow2_span *span,
		     struct err *err)
{
	uint64_t offset = entry & QCOW2_OFFSET_MASK, len = 1;
	bool good;

	if (entry & QCOW2_COMPRESSED) {
		qcow2_compressed_place(&m->h, entry, &offset, &len);
		good = (entry & QCOW2_COPIED) == 0 && offset >= qcow2_cluster_bytes(&m->h) &&
		       is_in_file(m, align_down_u64(offset + len - 1, qcow2_cluster_bytes(&m->h)));
	} else if (offset == 0) {
		*span = (struct qcow2_span){ 0, 0 };
		return 0;
	} else {
		good = (entry & QCOW2_RESERVED_MASK) == 0 && is_in_file(m, offset);
	}
	span->cluster = offset >> m->h.cluster_bits;
	span->count = ((offset + len - 1) >> m->h.cluster_bits) - span->cluster + 1;
	if (!good || qcow2_places_any(&m->places, span->cluster, span->count))
		return err_set(err, -EUCLEAN, "%s: no data can be at %#llx; " HINT, m->name,
			       (unsigned long long)entry);
	return 0;
}

/* ---- tables ------------------------------------------------------------------------------------
 */

int qcow2_l1_read(struct qcow2_meta *m, uint64_t offset, uint32_t entries, uint32_t room,
		  uint64_t **out, struct err *err)
{
	const uint64_t mask = qcow2_cluster_bytes(&m->h) - 1;
	const size_t count = entries > room ? entries : room;
	uint64_t *l1;
	int rc;

	if ((uint64_t)entries * 8 > QCOW2_L1_BYTES_MAX ||
	    (entries > 0 && ((offset & mask) != 0 || offset == 0 ||
			     !range_inside(offset, (uint64_t)entries * 8, INT64_MAX))))
		return err_set(err, -EUCLEAN,
			       "%s: no L1 table of %u entries can be at %#llx; " HINT, m->name,
			       entries, (unsigned long long)offset);
	if (m->use != QCOW2_REPAIR && entries > 0 &&
	    !range_inside(offset, (uint64_t)entries * 8, (m->end_bytes + mask) & ~mask))
		return err_set(err, -EUCLEAN,
			       "%s: an L1 table of %u entries at %#llx is behind the file's end (was "
			       "it cut off?); " HINT,
			       m->name, entries, (unsigned long long)offset);
	l1 = calloc(count + 1, sizeof(*l1));
	if (!l1)
		return err_errno(err, -ENOMEM, "%s: an L1 table", m->name);
	rc = sync_read(&m->io, offset, l1, (size_t)entries * 8);
	if (rc < 0) {
		free(l1);
		return err_errno(err, rc, "%s: an L1 table", m->name);
	}
	for (uint32_t i = 0; i < entries; i++)
		l1[i] = be64_load(&l1[i]);
	*out = l1;
	return 0;
}

int qcow2_l2_read(struct qcow2_meta *m, uint64_t l1_entry, uint8_t *table, struct err *err)
{
	uint64_t offset;
	int rc = qcow2_l1_check(m, l1_entry, &offset, err);

	if (rc < 0)
		return rc;
	if (offset == 0) {
		memset(table, 0, qcow2_cluster_bytes(&m->h));
		return 0;
	}
	rc = sync_read(&m->io, offset, table, qcow2_cluster_bytes(&m->h));
	return rc < 0 ? err_errno(err, rc, "%s: an L2 table", m->name) : 0;
}

int qcow2_l2_place(struct qcow2_meta *m, uint32_t i, const uint8_t *table, struct err *err)
{
	uint64_t old, cluster, on_disk = 1;
	int rc;

	rc = qcow2_l1_check(m, m->l1[i], &old, err);
	if (rc == 0 && old != 0)
		rc = qcow2_refs_get_disk(&m->refs, old >> m->h.cluster_bits, &on_disk, err);
	if (rc < 0)
		return rc;
	cluster = old >> m->h.cluster_bits;
	/* What is free on disk was taken for this change: nobody else has seen it. */
	if (on_disk != 0) {
		if (old != 0)
			rc = qcow2_refs_down(&m->refs, cluster, 1, err);
		if (rc == 0)
			rc = qcow2_refs_take(&m->refs, 1, &cluster, err);
		if (rc < 0)
			return rc;
	}
	m->l1[i] = cluster << m->h.cluster_bits | QCOW2_COPIED;
	m->l1_changed = true;
	return qcow2_meta_write(m, cluster << m->h.cluster_bits, table, qcow2_cluster_bytes(&m->h),
				"an L2 table", err);
}

/* ---- all that a table reaches -------------------------------------------------------------------
 */

static int count_table(struct qcow2_meta *m, const uint8_t *table, bool up, struct err *err)
{
	struct qcow2_span span;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < qcow2_entry_count(m); i++) {
		rc = qcow2_entry_span(m, qcow2_entry(m, table, i), &span, err);
		if (rc == 0 && up)
			rc = qcow2_refs_up(&m->refs, span.cluster, span.count, err);
		else if (rc == 0)
			rc = qcow2_refs_down(&m->refs, span.cluster, span.count, err);
	}
	return rc;
}

int qcow2_count_reach(struct qcow2_meta *m, const uint64_t *l1, uint32_t first, uint32_t count,
		      bool up, const struct qcow2_progress *progress, struct err *err)
{
	uint64_t offset;
	int rc = 0;

	for (uint32_t i = first; rc == 0 && i < first + count; i++) {
		rc = qcow2_l1_check(m, l1[i], &offset, err);
		if (rc < 0 || offset == 0)
			continue;
		rc = qcow2_l2_read(m, l1[i], m->table, err);
		if (rc == 0)
			rc = count_table(m, m->table, up, err);
		if (rc == 0 && up)
			rc = qcow2_refs_up(&m->refs, offset >> m->h.cluster_bits, 1, err);
		else if (rc == 0)
			rc = qcow2_refs_down(&m->refs, offset >> m->h.cluster_bits, 1, err);
		if (rc == 0)
			rc = qcow2_step(m, progress, i - first, count, err);
	}
	return rc;
}

/* ---- COPIED ------------------------------------------------------------------------- */

/* A standard entry with an offset is COPIED when its cluster's refcount is 1. */
static int right_flag(struct qcow2_meta *m, uint64_t *entry, struct err *err)
{
	const uint64_t offset = *entry & QCOW2_OFFSET_MASK;
	uint64_t count;
	int rc;

	/* One that cannot be is left to who reads it. */
	if (offset == 0 || !is_in_file(m, offset))
		return 0;
	rc = qcow2_refs_get(&m->refs, offset >> m->h.cluster_bits, &count, err);
	if (rc == 0)
		*entry = (*entry & ~QCOW2_COPIED) | (count == 1 ? QCOW2_COPIED : 0);
	return rc;
}

static int refresh_table(struct qcow2_meta *m, uint8_t *table, bool *changed, struct err *err)
{
	int rc = 0;

	*changed = false;
	for (uint64_t i = 0; rc == 0 && i < qcow2_entry_count(m); i++) {
		const uint64_t was = qcow2_entry(m, table, i);
		uint64_t entry = was;

		if (was & QCOW2_COMPRESSED)
			continue;
		rc = right_flag(m, &entry, err);
		if (rc == 0 && entry != was) {
			*changed = true;
			qcow2_entry_set(m, table, i, entry, qcow2_entry_bitmap(m, table, i));
		}
	}
	return rc;
}

int qcow2_refresh_copied(struct qcow2_meta *m, const struct qcow2_progress *progress,
			 struct err *err)
{
	uint64_t offset;
	bool changed;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < m->h.l1_entries; i++) {
		uint64_t entry = m->l1[i];

		rc = qcow2_l1_check(m, entry, &offset, err);
		if (rc < 0 && m->use == QCOW2_REPAIR) {
			rc = 0; /* reported, and beyond repair */
			continue;
		}
		if (rc < 0 || offset == 0)
			continue;
		rc = qcow2_l2_read(m, entry, m->table, err);
		if (rc == 0)
			rc = refresh_table(m, m->table, &changed, err);
		if (rc == 0 && changed) {
			rc = qcow2_l2_place(m, i, m->table, err);
		} else if (rc == 0) {
			rc = right_flag(m, &entry, err);
			m->l1_changed |= entry != m->l1[i];
			m->l1[i] = entry;
		}
		if (rc == 0)
			rc = qcow2_step(m, progress, i, m->h.l1_entries, err);
	}
	return rc;
}
