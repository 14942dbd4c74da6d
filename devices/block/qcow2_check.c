/* Whether an image is what it should be.
 *
 * All that the header reaches is counted, cluster by cluster, and compared with the
 * refcounts: more there than was counted is a leak, less is a corruption (somebody may
 * write over it).  A table that is used as something else as well is a corruption,
 * too, even where the refcount says so. */
#include "block/qcow2_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"

/* A round may uncover something: bitmaps that were dropped are leaks in the next. */
#define REPAIR_ROUNDS 3u

void qcow2_find(struct qcow2_checker *c, const char *fmt, ...)
{
	char line[200];
	va_list ap;

	if (!c->report || !c->report->finding || c->finding_count++ >= QCOW2_FINDINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	c->report->finding(c->report->arg, line);
}

int qcow2_use(struct qcow2_checker *c, uint64_t offset, uint64_t len, enum qcow2_kind kind,
	      const char *what, struct err *err)
{
	const unsigned bits = c->m->h.cluster_bits;
	const uint64_t first = offset >> bits;
	bool conflict;

	if (len == 0)
		return 0;
	for (uint64_t i = first; i <= (offset + len - 1) >> bits; i++) {
		if (i >= c->counts.cluster_count) {
			c->result.corruptions++;
			qcow2_find(c, "%s at %#llx is behind the file's end", what,
				   (unsigned long long)offset);
			return 0;
		}
		if (qcow2_recount_use(&c->counts, i, kind, &conflict) < 0)
			return err_set(err, -ENOMEM,
				       "%s is too scattered to be checked in %llu GiB "
				       "of memory",
				       c->m->name,
				       (unsigned long long)(QCOW2_RECOUNT_BYTES_MAX >> 30));
		if (conflict) {
			c->result.corruptions++;
			qcow2_find(c, "%s at %#llx is where something else is, too", what,
				   (unsigned long long)i << bits);
		}
	}
	return 0;
}

/* ---- all that there is ------------------------------------------------------------------------
 */

static int use_l1(struct qcow2_checker *c, uint64_t offset, uint32_t entries, const char *what,
		  struct err *err)
{
	return qcow2_use(c, offset, (uint64_t)entries * 8, QCOW2_KIND_SOLE, what, err);
}

static int check_snapshots(struct qcow2_checker *c, struct err *err)
{
	struct qcow2_meta *m = c->m;
	int rc = 0;

	if (m->h.bad_snapshots) {
		c->result.corruptions++;
		c->uncertain = true;
		qcow2_find(c, "the snapshot table is damaged behind %u snapshots",
			   m->h.snapshot_count);
	} else {
		rc = qcow2_use(c, m->h.snapshots_offset, m->snapshot_table_bytes, QCOW2_KIND_SOLE,
			       "the snapshot table", err);
	}
	for (uint32_t i = 0; rc == 0 && i < m->h.snapshot_count; i++) {
		const struct qcow2_snapshot *s = &m->snapshots[i];
		uint64_t *l1;

		rc = use_l1(c, s->l1_offset, s->l1_entries, "a snapshot's L1 table", err);
		if (rc < 0)
			break;
		if (qcow2_l1_read(m, s->l1_offset, s->l1_entries, 0, &l1, NULL) < 0) {
			c->result.check_errors++;
			c->uncertain = true;
			qcow2_find(c, "the L1 table of snapshot %u cannot be read", i);
			continue;
		}
		rc = qcow2_check_l1(c, l1, s->l1_entries, false, err);
		free(l1);
	}
	return rc;
}

static int is_there(void *arg, uint64_t offset, uint64_t bytes, struct err *err)
{
	const struct qcow2_checker *c = arg;

	(void)err;
	return offset + bytes <= c->counts.cluster_count << c->m->h.cluster_bits ? 0 : -EUCLEAN;
}

static int use_bitmap(void *arg, uint64_t offset, uint64_t bytes, struct err *err)
{
	struct qcow2_checker *c = arg;
	const uint64_t before = c->result.corruptions;
	const int rc = qcow2_use(c, offset, bytes, QCOW2_KIND_SOLE, "a bitmap", err);

	c->bitmaps_damaged |= c->result.corruptions > before;
	return rc;
}

static int check_bitmaps(struct qcow2_checker *c, struct err *err)
{
	const struct qcow2_bitmap_visitor look = { .used = is_there, .arg = c };
	const struct qcow2_bitmap_visitor use = { .used = use_bitmap, .arg = c };

	if (qcow2_bitmaps_walk(c->m, &look, NULL) == 0)
		return qcow2_bitmaps_walk(c->m, &use, err);
	c->bitmaps_damaged = true;
	c->result.corruptions++;
	qcow2_find(c, "the bitmaps are damaged");
	return 0;
}

bool qcow2_refblock_good(const struct qcow2_checker *c, uint64_t i)
{
	const struct qcow2_meta *m = c->m;
	const uint64_t offset = m->refs.blocks[i].offset;

	return (offset & (qcow2_cluster_bytes(&m->h) - 1)) == 0 && offset < m->file_bytes &&
	       !qcow2_recount_conflict(&c->counts, offset >> m->h.cluster_bits);
}

static int check_refblocks(struct qcow2_checker *c, struct err *err)
{
	struct qcow2_meta *m = c->m;
	int rc;

	if (m->h.bad_reftable) {
		c->result.corruptions++;
		qcow2_find(c, "there is no usable refcount table");
		return 0;
	}
	rc = qcow2_use(c, m->h.reftable_offset,
		       (uint64_t)m->h.reftable_clusters << m->h.cluster_bits, QCOW2_KIND_SOLE,
		       "the refcount table", err);
	for (uint64_t i = 0; rc == 0 && i < m->refs.block_count; i++) {
		const uint64_t offset = m->refs.blocks[i].offset;

		if (offset == 0)
			continue;
		if (!qcow2_refblock_good(c, i) &&
		    (offset & (qcow2_cluster_bytes(&m->h) - 1)) != 0) {
			c->result.corruptions++;
			qcow2_find(c, "refcount block %llu cannot be at %#llx",
				   (unsigned long long)i, (unsigned long long)offset);
			continue;
		}
		rc = qcow2_use(c, offset, qcow2_cluster_bytes(&m->h), QCOW2_KIND_SOLE,
			       "a refcount block", err);
	}
	return rc;
}

static int count_all(struct qcow2_checker *c, struct err *err)
{
	struct qcow2_meta *m = c->m;
	int rc;

	rc = qcow2_use(c, 0, qcow2_cluster_bytes(&m->h), QCOW2_KIND_SOLE, "the header", err);
	if (rc == 0)
		rc = use_l1(c, m->h.l1_offset, m->h.l1_entries, "the L1 table", err);
	if (rc == 0)
		rc = check_refblocks(c, err);
	if (rc == 0)
		rc = qcow2_check_l1(c, m->l1, m->h.l1_entries, true, err);
	if (rc == 0)
		rc = check_snapshots(c, err);
	if (rc == 0)
		rc = check_bitmaps(c, err);
	return rc;
}

/* ---- comparing ----------------------------------------------------------------------------------
 */

static void compare_cluster(struct qcow2_checker *c, uint64_t cluster, uint64_t refcount)
{
	const uint64_t used = qcow2_recount_get(&c->counts, cluster);

	if (used > 0 || refcount > 0)
		c->result.image_end_bytes = (cluster + 1) << c->m->h.cluster_bits;
	if (refcount == used)
		return;
	if (refcount > used)
		c->result.leaks++;
	else
		c->result.corruptions++;
	qcow2_find(c, "cluster %#llx: its refcount is %llu, it is used %llu times",
		   (unsigned long long)cluster << c->m->h.cluster_bits,
		   (unsigned long long)refcount, (unsigned long long)used);
}

/* Refcounts of one block, or of one that is not there. */
static void compare_block(struct qcow2_checker *c, uint64_t block)
{
	struct qcow2_refs *refs = &c->m->refs;
	const uint64_t first = block << refs->block_bits;
	const bool there = block < refs->block_count && refs->blocks[block].offset != 0;
	uint64_t end = (block + 1) << refs->block_bits, refcount = 0;

	if (!there) {
		end = min_u64(end, c->counts.cluster_count);
		if (!qcow2_recount_any(&c->counts, first, end))
			return;
	}
	if (there && (!qcow2_refblock_good(c, block) ||
		      qcow2_refs_get_disk(refs, first, &refcount, NULL) < 0)) {
		/* Where it is was found above, if that is what is wrong. */
		c->result.corruptions++;
		qcow2_find(c, "refcount block %llu is of no use", (unsigned long long)block);
		return;
	}
	for (uint64_t i = first; i < end; i++) {
		if (there)
			qcow2_refs_get_disk(refs, i, &refcount, NULL);
		compare_cluster(c, i, refcount);
	}
}

static void compare_all(struct qcow2_checker *c)
{
	const struct qcow2_refs *refs = &c->m->refs;
	const uint64_t in_file =
		(c->counts.cluster_count + (UINT64_C(1) << refs->block_bits) - 1) >>
		refs->block_bits;

	for (uint64_t i = 0; i < max_u64(in_file, refs->block_count); i++)
		compare_block(c, i);
}

/* ---- the whole ---------------------------------------------------------------------- */

static void judge_header(struct qcow2_checker *c)
{
	const struct qcow2_header *h = &c->m->h;

	c->result.total_clusters = (h->size_bytes >> h->cluster_bits) +
				   ((h->size_bytes & (qcow2_cluster_bytes(h) - 1)) != 0);
	if (h->incompatible & QCOW2_CORRUPT)
		qcow2_find(c, "the image is marked corrupt");
	if (h->incompatible & QCOW2_DIRTY)
		qcow2_find(c, "the image was not closed");
}

static int check_once(struct qcow2_checker *c, struct err *err)
{
	struct qcow2_meta *m = c->m;
	uint64_t clusters = m->refs.cluster_end_max;
	int rc;

	/* A file that is larger than its refcounts can say has leaks there at most. */
	clusters = min_u64(clusters,
			   (m->file_bytes >> m->h.cluster_bits) +
				   ((m->file_bytes & (qcow2_cluster_bytes(&m->h) - 1)) != 0));
	c->result = (struct qcow2_check_result){ .leaks = 0 };
	c->uncertain = false;
	c->bitmaps_damaged = false;
	if (qcow2_recount_init(&c->counts, clusters) < 0)
		return err_errno(err, -ENOMEM, "%s: counting its clusters", m->name);
	judge_header(c);
	rc = count_all(c, err);
	if (rc == 0)
		compare_all(c);
	return rc;
}

/* Whether there is anything to be written, and it may be. */
static bool may_repair(const struct qcow2_checker *c, enum qcow2_repair repair)
{
	const struct qcow2_check_result *r = &c->result;

	if (repair == QCOW2_REPAIR_NONE || r->check_errors > 0)
		return false;
	if (repair == QCOW2_REPAIR_LEAKS)
		return r->corruptions == 0 && !c->uncertain && r->leaks > 0;
	return r->corruptions > 0 || r->leaks > 0 || (c->m->h.incompatible & QCOW2_DIRTY) != 0;
}

static int unmark_corrupt(struct qcow2_checker *c, struct err *err)
{
	struct qcow2_meta *m = c->m;

	if (!(m->h.incompatible & QCOW2_CORRUPT) || c->result.corruptions > 0 ||
	    c->result.check_errors > 0)
		return 0;
	m->h.incompatible &= ~QCOW2_CORRUPT;
	return qcow2_meta_commit(m, err);
}

int qcow2_check(struct qcow2_meta *m, enum qcow2_repair repair, struct qcow2_check_result *result,
		const struct qcow2_report *report, const struct qcow2_progress *progress,
		struct err *err)
{
	struct qcow2_checker c = { .m = m, .report = report, .progress = progress };
	struct qcow2_check_result before;
	int rc;

	rc = check_once(&c, err);
	before = c.result;
	for (unsigned i = 0; rc == 0 && i < REPAIR_ROUNDS && may_repair(&c, repair); i++) {
		rc = qcow2_repair(&c, repair, err);
		qcow2_recount_free(&c.counts);
		/* What is said to be right now has been looked at again. */
		c.report = NULL;
		if (rc == 0)
			rc = check_once(&c, err);
	}
	if (rc == 0 && repair == QCOW2_REPAIR_ALL)
		rc = unmark_corrupt(&c, err);
	qcow2_recount_free(&c.counts);
	c.result.leaks_fixed = before.leaks - min_u64(before.leaks, c.result.leaks);
	c.result.corruptions_fixed =
		before.corruptions - min_u64(before.corruptions, c.result.corruptions);
	*result = c.result;
	return rc;
}
