/* A disk of another size.
 *
 * grow     What the guest gains reads as zeros: the tail of the last cluster, entries
 *          behind the old end (vm state of a snapshot that was applied ends there),
 *          and, over a backing file that is longer, what it would show.
 * shrink   Clusters behind the new end are freed, in tables that are copies.
 *
 * Nothing of it is seen before the commit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/units.h"

#include "block/qcow2_data.h"
#include "block/qcow2_ops.h"

/* ---- dropping what is behind an end ---------------------------------------------------------- */

/* Entries [first, end) of the L2 table of L1 entry i. */
static int drop_entries(struct qcow2_meta *m, uint32_t i, uint64_t first, struct err *err)
{
	struct qcow2_span span;
	bool changed = false;
	int rc;

	rc = qcow2_l2_read(m, m->l1[i], m->table, err);
	for (uint64_t n = first; rc == 0 && n < qcow2_entry_count(m); n++) {
		const uint64_t entry = qcow2_entry(m, m->table, n);

		if (entry == 0 && qcow2_entry_bitmap(m, m->table, n) == 0)
			continue;
		rc = qcow2_entry_span(m, entry, &span, err);
		if (rc == 0)
			rc = qcow2_refs_down(&m->refs, span.cluster, span.count, err);
		qcow2_entry_set(m, m->table, n, 0, 0);
		changed = true;
	}
	return rc == 0 && changed ? qcow2_l2_place(m, i, m->table, err) : rc;
}

/* All that is mapped at and behind disk offset `end`, which is rounded up. */
static int drop_behind(struct qcow2_meta *m, uint64_t end, const struct qcow2_progress *progress,
		       struct err *err)
{
	const uint64_t per_table = qcow2_entry_count(m);
	const uint64_t clusters =
		(end >> m->h.cluster_bits) + ((end & (qcow2_cluster_bytes(&m->h) - 1)) != 0);
	const uint64_t whole = qcow2_l1_entries_for(&m->h, end);
	int rc = 0;

	if (clusters % per_table != 0 && clusters / per_table < m->h.l1_entries)
		rc = drop_entries(m, (uint32_t)(clusters / per_table), clusters % per_table, err);
	if (rc < 0 || whole >= m->h.l1_entries)
		return rc;
	rc = qcow2_count_reach(m, m->l1, (uint32_t)whole, m->h.l1_entries - (uint32_t)whole, false,
			       progress, err);
	for (uint64_t i = whole; rc == 0 && i < m->h.l1_entries; i++) {
		m->l1_changed |= m->l1[i] != 0;
		m->l1[i] = 0;
	}
	return rc;
}

/* ---- growing ------------------------------------------------------------------------ */

static int grow_l1(struct qcow2_meta *m, uint64_t size_bytes, struct err *err)
{
	const uint64_t need = qcow2_l1_entries_for(&m->h, size_bytes);
	uint64_t *grown;

	if (need * 8 > QCOW2_L1_BYTES_MAX)
		return err_set(err, -EFBIG,
			       "%s: its clusters of %llu bytes are too small for a disk of that "
			       "size; 'convert' makes an image with larger ones",
			       m->name, (unsigned long long)qcow2_cluster_bytes(&m->h));
	if (need <= m->h.l1_entries)
		return 0;
	grown = realloc(m->l1, need * sizeof(*grown));
	if (!grown)
		return err_errno(err, -ENOMEM, "%s: its L1 table", m->name);
	memset(grown + m->h.l1_entries, 0, (need - m->h.l1_entries) * sizeof(*grown));
	m->l1 = grown;
	m->h.l1_entries = (uint32_t)need;
	m->l1_changed = true;
	return 0;
}

/* What the last cluster holds behind the disk's end. */
static int zero_tail(struct qcow2_data *d, uint64_t end, struct err *err)
{
	const size_t cluster_bytes = qcow2_cluster_bytes(&d->m->h);
	const size_t tail = end & (cluster_bytes - 1);
	uint8_t *bytes;
	int rc;

	if (tail == 0)
		return 0;
	bytes = malloc(cluster_bytes);
	if (!bytes)
		return err_errno(err, -ENOMEM, "%s", d->m->name);
	rc = qcow2_data_read(d, end >> d->m->h.cluster_bits, bytes, err);
	if (rc == 0 && !qcow2_is_zero(bytes + tail, cluster_bytes - tail)) {
		memset(bytes + tail, 0, cluster_bytes - tail);
		rc = qcow2_data_put(d, end >> d->m->h.cluster_bits, bytes, err);
	}
	free(bytes);
	return rc;
}

/* Whole clusters from the old end on, as far as the backing disk goes. */
static int hide_backing(struct qcow2_data *d, uint64_t old, uint64_t size_bytes,
			const struct qcow2_progress *progress, struct err *err)
{
	const unsigned bits = d->m->h.cluster_bits;
	const uint64_t mask = qcow2_cluster_bytes(&d->m->h) - 1;
	const uint64_t first = (old + mask) >> bits;
	uint64_t end;
	int rc = 0;

	if (!d->backing.block)
		return 0;
	end = (min_u64(size_bytes, d->backing.block->limits.size_bytes) + mask) >> bits;
	for (uint64_t i = first; rc == 0 && i < end; i++) {
		rc = qcow2_data_put_zeros(d, i, err);
		if (rc == 0)
			rc = qcow2_step(d->m, progress, i - first, end - first, err);
	}
	return rc;
}

static int grow(struct qcow2_meta *m, uint64_t size_bytes, struct block *backing,
		const struct qcow2_progress *progress, struct err *err)
{
	const uint64_t old = m->h.size_bytes;
	struct qcow2_data d;
	int rc;

	rc = drop_behind(m, old, progress, err);
	if (rc == 0)
		rc = grow_l1(m, size_bytes, err);
	if (rc < 0)
		return rc;
	rc = qcow2_data_open(&d, m, backing, err);
	if (rc == 0)
		rc = zero_tail(&d, old, err);
	if (rc == 0)
		rc = hide_backing(&d, old, size_bytes, progress, err);
	if (rc == 0)
		rc = qcow2_data_finish(&d, err);
	qcow2_data_close(&d);
	return rc;
}

/* ---- both --------------------------------------------------------------------------- */

int qcow2_resize(struct qcow2_meta *m, uint64_t size_bytes, bool may_shrink, struct block *backing,
		 const struct qcow2_progress *progress, struct err *err)
{
	char is[UNITS_TEXT_BYTES], shall_be[UNITS_TEXT_BYTES];
	bool shrinks;
	int rc;

	if (size_bytes > INT64_MAX || size_bytes % QCOW2_SECTOR_BYTES != 0)
		return err_set(err, -EINVAL, "%s: a disk's size is a multiple of 512", m->name);
	if (size_bytes < m->h.size_bytes && !may_shrink)
		return err_set(err, -EINVAL,
			       "%s: from %s to %s throws away what is behind; --shrink says that "
			       "it is meant",
			       m->name, format_size(is, m->h.size_bytes),
			       format_size(shall_be, size_bytes));
	if (size_bytes == m->h.size_bytes)
		return 0;
	rc = qcow2_drop_bitmaps(m, err);
	if (rc == 0 && size_bytes > m->h.size_bytes)
		rc = grow(m, size_bytes, backing, progress, err);
	else if (rc == 0)
		rc = drop_behind(m, size_bytes, progress, err);
	if (rc < 0)
		return rc;
	shrinks = size_bytes < m->h.size_bytes;
	m->h.size_bytes = size_bytes;
	rc = qcow2_meta_commit(m, err);
	if (rc == 0 && shrinks)
		qcow2_meta_settle(m);
	return rc;
}
