/* To put right what a check found.
 *
 * Like every change it is a shadow and one commit (qcow2_meta.h), built on what was
 * counted instead of on the refcounts: those that differ are set, tables that lie
 * where something else is move away, flags follow the refcounts.  Data that an entry
 * looks for where none can be is lost; such an entry stays, and the image stays marked
 * corrupt if it was. */
#include <errno.h>

#include "block/qcow2_check.h"

/* What is too often used for its refcount's bits keeps the highest number: it will
 * never be free, nor written in place. */
static int set_refcount(struct qcow2_checker *c, uint64_t cluster, uint64_t used, struct err *err)
{
	const uint64_t most = qcow2_refcount_max(&c->m->h);

	return qcow2_refs_set(&c->m->refs, cluster, used < most ? used : most, err);
}

static int set_cluster(struct qcow2_checker *c, uint64_t cluster, struct err *err)
{
	const uint64_t used = qcow2_recount_get(&c->counts, cluster);
	uint64_t refcount;
	int rc = qcow2_refs_get(&c->m->refs, cluster, &refcount, err);

	if (rc < 0 || refcount == used || (refcount > used && c->uncertain))
		return rc;
	return set_refcount(c, cluster, used, err);
}

static int set_refcounts(struct qcow2_checker *c, struct err *err)
{
	struct qcow2_refs *refs = &c->m->refs;
	uint64_t end = refs->block_count << refs->block_bits;
	int rc = 0;

	end = end > c->counts.cluster_count ? end : c->counts.cluster_count;
	for (uint64_t i = 0; rc == 0 && i < end; i++) {
		const uint64_t block = i >> refs->block_bits;

		/* A block that is not there: only what is used needs one. */
		const uint64_t next = (block + 1) << refs->block_bits;

		if ((block >= refs->block_count ||
		     (!refs->blocks[block].offset && !refs->blocks[block].now)) &&
		    !qcow2_recount_any(&c->counts, i, next)) {
			i = next - 1;
			continue;
		}
		rc = set_cluster(c, i, err);
	}
	return rc;
}

/* Blocks that are of no use are made anew; nothing that was in them is known. */
static int distrust_blocks(struct qcow2_checker *c, struct err *err)
{
	struct qcow2_refs *refs = &c->m->refs;
	uint64_t refcount;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < refs->block_count; i++) {
		if (refs->blocks[i].offset == 0)
			continue;
		if (!qcow2_refblock_good(c, i) ||
		    qcow2_refs_get_disk(refs, i << refs->block_bits, &refcount, NULL) < 0)
			rc = qcow2_refs_distrust(refs, i, err);
	}
	return rc;
}

/* ---- tables ------------------------------------------------------------------------------------
 */

static bool mend_table(struct qcow2_meta *m)
{
	bool changed = false;

	for (uint64_t i = 0; i < qcow2_entry_count(m); i++) {
		const uint64_t was = qcow2_entry(m, m->table, i);
		const uint64_t bitmap = qcow2_entry_bitmap(m, m->table, i);
		uint64_t entry = was;

		if (qcow2_entry_mendable(m, &entry, bitmap) && entry != was) {
			qcow2_entry_set(m, m->table, i, entry, bitmap);
			changed = true;
		}
	}
	return changed;
}

/* Active L2 tables: entries that can be mended, and tables that are not alone. */
static int mend_tables(struct qcow2_checker *c, struct err *err)
{
	struct qcow2_meta *m = c->m;
	uint64_t offset;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < m->h.l1_entries; i++) {
		if (qcow2_l1_check(m, m->l1[i], &offset, NULL) < 0 || offset == 0)
			continue;
		rc = qcow2_l2_read(m, m->l1[i], m->table, err);
		if (rc == 0 && (mend_table(m) ||
				qcow2_recount_conflict(&c->counts, offset >> m->h.cluster_bits)))
			rc = qcow2_l2_place(m, i, m->table, err);
	}
	return rc;
}

static bool conflicts(const struct qcow2_checker *c, uint64_t offset, uint64_t bytes)
{
	const unsigned bits = c->m->h.cluster_bits;

	for (uint64_t i = offset >> bits; bytes > 0 && i <= (offset + bytes - 1) >> bits; i++) {
		if (qcow2_recount_conflict(&c->counts, i))
			return true;
	}
	return false;
}

/* L1 and snapshot table move away if they must. */
static void mend_sole_tables(struct qcow2_checker *c)
{
	struct qcow2_meta *m = c->m;

	if (conflicts(c, m->h.l1_offset, (uint64_t)m->h.l1_entries * 8))
		m->l1_changed = true;
	if (!m->h.bad_snapshots && conflicts(c, m->h.snapshots_offset, m->snapshot_table_bytes))
		m->snapshots_changed = true;
	if (!m->h.bad_reftable && conflicts(c, m->h.reftable_offset,
					    (uint64_t)m->h.reftable_clusters << m->h.cluster_bits))
		m->refs.changed = true;
	if (c->bitmaps_damaged) {
		m->h.has_bitmaps = false;
		m->h.autoclear &= ~QCOW2_BITMAPS;
	}
}

int qcow2_repair(struct qcow2_checker *c, enum qcow2_repair repair, struct err *err)
{
	struct qcow2_meta *m = c->m;
	int rc = 0;

	if (repair == QCOW2_REPAIR_ALL)
		rc = distrust_blocks(c, err);
	if (rc == 0)
		rc = set_refcounts(c, err);
	if (rc == 0 && !c->uncertain)
		qcow2_refs_trust(&m->refs);
	if (rc == 0 && repair == QCOW2_REPAIR_ALL) {
		mend_sole_tables(c);
		rc = mend_tables(c, err);
	}
	if (rc == 0)
		rc = qcow2_refresh_copied(m, c->progress, err);
	if (rc < 0)
		return rc;
	if (repair == QCOW2_REPAIR_ALL)
		m->h.incompatible &= ~QCOW2_DIRTY;
	m->h.autoclear &= m->h.has_bitmaps ? QCOW2_BITMAPS : 0;
	rc = qcow2_meta_commit(m, err);
	if (rc == 0)
		m->h.bad_reftable = false;
	return rc;
}
