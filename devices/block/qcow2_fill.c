#include "block/qcow2_fill.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Extended L2: the low half says which subclusters hold data, the high half which
 * are zeros. */
#define ALL_DATA  UINT64_C(0x00000000ffffffff)
#define ALL_ZEROS UINT64_C(0xffffffff00000000)

int qcow2_fill_open(struct qcow2_fill *f, struct qcow2_meta *meta, bool fresh, struct err *err)
{
	*f = (struct qcow2_fill){ .meta = meta, .fresh = fresh, .index = UINT64_MAX };
	f->table = malloc(qcow2_cluster_bytes(&meta->h));
	if (!f->table)
		return err_errno(err, -ENOMEM, "%s", meta->name);
	return fresh ? 0 : qcow2_drop_bitmaps(meta, err);
}

void qcow2_fill_close(struct qcow2_fill *f)
{
	free(f->table);
	f->table = NULL;
}

/* ---- tables ------------------------------------------------------------------------------ */

static int put_table(struct qcow2_fill *f, struct err *err)
{
	int rc = 0;

	if (f->changed)
		rc = qcow2_l2_place(f->meta, (uint32_t)f->index, f->table, err);
	f->changed = false;
	return rc;
}

/* Have the table of offset in memory. */
static int get_table(struct qcow2_fill *f, uint64_t offset, struct err *err)
{
	const uint64_t index = offset >> qcow2_l1_shift(&f->meta->h);
	int rc;

	assert(index < f->meta->h.l1_entries); /* inside the disk: open saw to it */
	if (index == f->index)
		return 0;
	rc = put_table(f, err);
	if (rc < 0)
		return rc;
	f->index = UINT64_MAX;
	rc = qcow2_l2_read(f->meta, f->meta->l1[index], f->table, err);
	if (rc == 0)
		f->index = index;
	return rc;
}

static uint64_t index_of(const struct qcow2_fill *f, uint64_t offset)
{
	return offset >> f->meta->h.cluster_bits & (qcow2_entry_count(f->meta) - 1);
}

/* Give entry i a new meaning, and free what the old one used. */
static int replace(struct qcow2_fill *f, uint64_t i, uint64_t entry, uint64_t bitmap,
		   struct err *err)
{
	struct qcow2_span span;
	int rc = qcow2_entry_span(f->meta, qcow2_entry(f->meta, f->table, i), &span, err);

	if (rc == 0 && span.count > 0)
		rc = qcow2_refs_down(&f->meta->refs, span.cluster, span.count, err);
	if (rc < 0)
		return rc;
	qcow2_entry_set(f->meta, f->table, i, entry, bitmap);
	f->changed = true;
	return 0;
}

static void file_reaches(struct qcow2_fill *f, uint64_t end)
{
	f->meta->end_bytes = max_u64(f->meta->end_bytes, end);
	f->meta->unfinished = true;
}

int qcow2_fill_entry(struct qcow2_fill *f, uint64_t offset, uint64_t *entry, struct err *err)
{
	const int rc = get_table(f, offset, err);

	if (rc == 0)
		*entry = qcow2_entry(f->meta, f->table, index_of(f, offset));
	return rc;
}

/* ---- data ----------------------------------------------------------------------------------- */

/* Whether a cluster may be written where it is: nobody needs what is there. */
static int is_own_place(struct qcow2_fill *f, uint64_t entry, bool *own, struct err *err)
{
	const uint64_t host = entry & QCOW2_OFFSET_MASK;
	uint64_t on_disk = 0;
	int rc = 0;

	*own = false;
	if ((entry & (QCOW2_COPIED | QCOW2_COMPRESSED)) != QCOW2_COPIED || host == 0)
		return 0;
	if (!f->fresh)
		rc = qcow2_refs_get_disk(&f->meta->refs, host >> f->meta->h.cluster_bits, &on_disk,
					 err);
	*own = on_disk == 0;
	return rc;
}

/* Clusters from entry i on, up to *count, that are written where they are and lie in a
 * row: *own; or that have to get a place. */
static int own_run(struct qcow2_fill *f, uint64_t i, uint64_t *count, bool *own, struct err *err)
{
	const uint64_t first = qcow2_entry(f->meta, f->table, i) & QCOW2_OFFSET_MASK;
	uint64_t n = 1;
	int rc = is_own_place(f, qcow2_entry(f->meta, f->table, i), own, err);

	for (; rc == 0 && n < *count; n++) {
		const uint64_t entry = qcow2_entry(f->meta, f->table, i + n);
		bool next;

		rc = is_own_place(f, entry, &next, err);
		if (next != *own || (next && (entry & QCOW2_OFFSET_MASK) !=
						     first + (n << f->meta->h.cluster_bits)))
			break;
	}
	*count = n;
	return rc;
}

int qcow2_fill_data(struct qcow2_fill *f, uint64_t offset, uint64_t count, uint64_t *host,
		    uint64_t *run, struct err *err)
{
	const unsigned bits = f->meta->h.cluster_bits;
	const uint64_t i = index_of(f, offset);
	const uint64_t all_data = qcow2_is_extended(&f->meta->h) ? ALL_DATA : 0;
	uint64_t cluster;
	bool own = false;
	int rc = get_table(f, offset, err);

	*run = min_u64(count, qcow2_entry_count(f->meta) - i);
	if (rc == 0)
		rc = own_run(f, i, run, &own, err);
	if (rc < 0)
		return rc;
	if (own) {
		*host = qcow2_entry(f->meta, f->table, i) & QCOW2_OFFSET_MASK;
	} else {
		rc = qcow2_refs_take(&f->meta->refs, *run, &cluster, err);
		if (rc < 0)
			return rc;
		*host = cluster << bits;
	}
	file_reaches(f, *host + (*run << bits));
	for (uint64_t n = 0; rc == 0 && n < *run; n++) {
		const uint64_t entry = (*host + (n << bits)) | QCOW2_COPIED;

		if (!own) {
			rc = replace(f, i + n, entry, ALL_DATA, err);
		} else if (qcow2_entry(f->meta, f->table, i + n) != entry ||
			   qcow2_entry_bitmap(f->meta, f->table, i + n) != all_data) {
			qcow2_entry_set(f->meta, f->table, i + n, entry, ALL_DATA);
			f->changed = true;
		}
	}
	return rc;
}

/* ---- packed data --------------------------------------------------------------------------------
 * It lies one after another, at any byte; a cluster of the file that several lie in
 * counts each of them.  An entry gives the first byte and, in sectors, how many more
 * are touched. */

/* Have `len` free bytes in a row in front of pack_at. */
static int open_packing(struct qcow2_fill *f, uint64_t len, struct err *err)
{
	const uint64_t cluster_bytes = qcow2_cluster_bytes(&f->meta->h);
	const uint64_t most = qcow2_refcount_max(&f->meta->h);
	uint64_t cluster, count;
	int rc;

	if (f->pack_end - f->pack_at > 0) {
		const uint64_t current = f->pack_at >> f->meta->h.cluster_bits;

		rc = qcow2_refs_get(&f->meta->refs, current, &count, err);
		if (rc < 0)
			return rc;
		if (count < most && len <= f->pack_end - f->pack_at)
			return 0;
		if (count < most) {
			/* Its end may go into the next cluster, if that is next to it. */
			rc = qcow2_refs_take(&f->meta->refs, 1, &cluster, err);
			if (rc < 0)
				return rc;
			if (cluster << f->meta->h.cluster_bits == f->pack_end) {
				/* Counted by who uses it, in qcow2_fill_packed(). */
				rc = qcow2_refs_down(&f->meta->refs, cluster, 1, err);
				f->pack_end += cluster_bytes;
				return rc;
			}
			f->pack_at = cluster << f->meta->h.cluster_bits;
			f->pack_end = f->pack_at + cluster_bytes;
			return qcow2_refs_down(&f->meta->refs, cluster, 1, err);
		}
	}
	rc = qcow2_refs_take(&f->meta->refs, 1, &cluster, err);
	if (rc < 0)
		return rc;
	f->pack_at = cluster << f->meta->h.cluster_bits;
	f->pack_end = f->pack_at + cluster_bytes;
	return qcow2_refs_down(&f->meta->refs, cluster, 1, err);
}

int qcow2_fill_packed(struct qcow2_fill *f, uint64_t offset, uint64_t len, uint64_t *host,
		      struct err *err)
{
	const struct qcow2_header *h = &f->meta->h;
	const unsigned place_bits = 62 - (h->cluster_bits - 8);
	uint64_t first, last, sectors;
	int rc = get_table(f, offset, err);

	if (rc == 0)
		rc = open_packing(f, len, err);
	if (rc < 0)
		return rc;
	*host = f->pack_at;
	first = *host >> h->cluster_bits;
	last = (*host + len - 1) >> h->cluster_bits;
	sectors = (*host + len - 1) / QCOW2_SECTOR_BYTES - *host / QCOW2_SECTOR_BYTES;
	if (*host + len > UINT64_C(1) << place_bits)
		return err_set(err, -EFBIG, "%s: too long for compressed clusters of this size",
			       f->meta->name);
	rc = qcow2_refs_up(&f->meta->refs, first, last - first + 1, err);
	file_reaches(f, *host + len);
	if (rc == 0)
		rc = replace(f, index_of(f, offset),
			     QCOW2_COMPRESSED | sectors << place_bits | *host, 0, err);
	f->pack_at += len;
	return rc;
}

/* ---- zeros ------------------------------------------------------------------------------------------ */

int qcow2_fill_zero(struct qcow2_fill *f, uint64_t offset, uint64_t count, struct err *err)
{
	const struct qcow2_header *h = &f->meta->h;
	const uint64_t entry = h->has_backing && !qcow2_is_extended(h) ? QCOW2_ZERO : 0;
	const uint64_t bitmap = h->has_backing ? ALL_ZEROS : 0;
	int rc = 0;

	if (!qcow2_fill_can_zero(f))
		return err_set(err, -EOPNOTSUPP,
			       "%s: version 2 knows no zeros in front of a backing file",
			       f->meta->name);
	for (uint64_t n = 0; rc == 0 && n < count; n++) {
		const uint64_t at = offset + (n << h->cluster_bits);
		uint64_t old = 0;
		bool own = false;

		rc = qcow2_fill_entry(f, at, &old, err);
		if (rc == 0 && f->fresh && !h->has_backing)
			rc = is_own_place(f, old, &own, err);
		/* What was preallocated is zeros, and stays allocated. */
		if (rc < 0 || own)
			continue;
		if (old != entry || qcow2_entry_bitmap(f->meta, f->table, index_of(f, at)) != bitmap)
			rc = replace(f, index_of(f, at), entry, bitmap, err);
	}
	return rc;
}

int qcow2_fill_finish(struct qcow2_fill *f, struct err *err)
{
	return put_table(f, err);
}
