#include "block/chain.h"

#include <errno.h>

#define SUBCLUSTERS 32u

static const uint64_t *l1_of(const struct chain_link *l)
{
	return l->snapshot_l1 ? l->snapshot_l1 : l->meta.l1;
}

/* Load the table of L1 entry `index`.  *present: there is one. */
static int load_table(struct chain_link *l, uint64_t index, bool *present, struct err *err)
{
	const uint64_t entry = index < l->l1_entries ? l1_of(l)[index] : 0;
	uint64_t offset;
	int rc = qcow2_l1_check(&l->meta, entry, &offset, err);

	if (rc < 0)
		return rc;
	*present = offset != 0;
	if (!*present || l->l2_index == index)
		return 0;
	l->l2_index = UINT64_MAX;
	rc = qcow2_l2_read(&l->meta, entry, l->l2, err);
	if (rc == 0)
		l->l2_index = index;
	return rc;
}

/* How far entries of L1 from `offset` on name no table. */
static uint64_t empty_run(const struct chain_link *l, uint64_t offset, uint64_t len)
{
	const unsigned shift = qcow2_l1_shift(&l->meta.h);
	uint64_t index = offset >> shift, run = 0;

	do {
		run = (++index << shift) - offset;
	} while (run < len && (index >= l->l1_entries || (l1_of(l)[index] & QCOW2_OFFSET_MASK) == 0));
	return min_u64(run, len);
}

/* ---- one unit: a cluster, or a subcluster ------------------------------------------------- */

struct unit {
	enum extent_kind kind;
	bool allocated;
	uint64_t host; /* of the unit's first byte; COMPRESSED: of the packed data */
	uint64_t packed;
};

/* What nobody who keeps to the format writes: better an error than somebody's zeros. */
static int refuse(const struct chain_link *l, uint64_t entry, const char *what, struct err *err)
{
	return err_set(err, -EUCLEAN, "%s: an L2 entry (%#llx) %s; 'check' tells more", l->name,
		       (unsigned long long)entry, what);
}

static void classify_subcluster(uint64_t bitmap, unsigned i, struct unit *u)
{
	if (bitmap >> i & 1) {
		u->kind = EXTENT_DATA;
	} else if (bitmap >> (i + SUBCLUSTERS) & 1) {
		u->kind = EXTENT_ZERO;
	} else {
		u->allocated = false;
		u->host = EXTENT_NOWHERE;
	}
}

/* The unit of the loaded table that holds `offset`. */
static int classify(const struct chain_link *l, uint64_t offset, struct unit *u, struct err *err)
{
	const struct qcow2_header *h = &l->meta.h;
	const uint64_t i = offset >> h->cluster_bits & (qcow2_entry_count(&l->meta) - 1);
	const uint64_t entry = qcow2_entry(&l->meta, l->l2, i);
	const uint64_t unit_bytes = qcow2_cluster_bytes(h) / (qcow2_is_extended(h) ? SUBCLUSTERS : 1);
	const uint64_t in_cluster =
		(offset & (qcow2_cluster_bytes(h) - 1)) & ~(unit_bytes - 1);
	const uint64_t bitmap = qcow2_entry_bitmap(&l->meta, l->l2, i);
	const uint64_t host = entry & QCOW2_OFFSET_MASK;
	struct qcow2_span span;
	const int rc = qcow2_entry_span(&l->meta, entry, &span, err);

	if (rc < 0)
		return rc;
	*u = (struct unit){ .kind = EXTENT_ABSENT, .allocated = true, .host = EXTENT_NOWHERE };
	if (entry & QCOW2_COMPRESSED) {
		u->kind = EXTENT_COMPRESSED;
		qcow2_compressed_place(h, entry, &u->host, &u->packed);
		return 0;
	}
	if ((entry & QCOW2_ZERO) && (h->version < 3 || qcow2_is_extended(h)))
		return refuse(l, entry, "has a zero flag, which it cannot have", err);
	if ((bitmap >> SUBCLUSTERS & (uint32_t)bitmap) != 0)
		return refuse(l, entry, "has a subcluster that is both data and zeros", err);
	if ((uint32_t)bitmap != 0 && host == 0)
		return refuse(l, entry, "has data without a place", err);
	if (host != 0)
		u->host = host + in_cluster;
	if (qcow2_is_extended(h)) {
		classify_subcluster(bitmap, (unsigned)(in_cluster / unit_bytes), u);
	} else if (entry & QCOW2_ZERO) {
		u->kind = EXTENT_ZERO;
	} else if (host != 0) {
		u->kind = EXTENT_DATA;
	} else {
		u->allocated = false;
	}
	return 0;
}

static bool continues(const struct unit *a, uint64_t distance, const struct unit *b)
{
	if (a->kind != b->kind || a->allocated != b->allocated || a->kind == EXTENT_COMPRESSED)
		return false;
	return a->host == EXTENT_NOWHERE ? b->host == EXTENT_NOWHERE : b->host == a->host + distance;
}

/* ---- one link ---------------------------------------------------------------------------- */

static int ask_for_hole(struct chain_link *l, uint64_t host, struct err *err)
{
	int rc;

	if (l->hole_known && host >= l->hole_begin && host < l->hole_end)
		return 0;
	rc = block_file_extent(l->file, host, &l->hole_is_data, &l->hole_end);
	if (rc < 0)
		return err_errno(err, rc, "%s: where its holes are", l->name);
	l->hole_begin = host;
	/* What is open for writing may change. */
	l->hole_known = l->file->limits.read_only;
	return 0;
}

/* Of DATA: zeros where its file has a hole. */
static int look_for_hole(struct chain_link *l, struct chain_extent *x, struct err *err)
{
	uint64_t end;
	const int rc = ask_for_hole(l, x->host, err);

	if (rc < 0)
		return rc;
	x->is_hole = !l->hole_is_data;
	end = l->hole_end & ~(uint64_t)(BLOCK_SECTOR_BYTES - 1);
	if (end <= x->host) { /* a sector that the file's end or a hole cuts in two */
		x->is_hole = false;
		end = x->host + BLOCK_SECTOR_BYTES;
	}
	x->len = min_u64(x->len, end - x->host);
	return 0;
}

static int qcow2_extent(struct chain_link *l, uint64_t offset, uint64_t len,
			struct chain_extent *x, bool *allocated, struct err *err)
{
	const struct qcow2_header *h = &l->meta.h;
	const uint64_t unit_bytes = qcow2_cluster_bytes(h) / (qcow2_is_extended(h) ? SUBCLUSTERS : 1);
	const uint64_t table_end = ((offset >> qcow2_l1_shift(h)) + 1) << qcow2_l1_shift(h);
	const uint64_t begin = offset & ~(unit_bytes - 1);
	struct unit first, next;
	uint64_t end;
	bool present;
	int rc = load_table(l, offset >> qcow2_l1_shift(h), &present, err);

	if (rc < 0)
		return rc;
	*allocated = false;
	if (!present) {
		x->len = empty_run(l, offset, len);
		return 0;
	}
	rc = classify(l, offset, &first, err);
	if (rc < 0)
		return rc;
	/* A compressed cluster is one, however it is cut. */
	end = first.kind == EXTENT_COMPRESSED ?
		      (offset | (qcow2_cluster_bytes(h) - 1)) + 1 :
		      begin + unit_bytes;
	while (end < table_end && end - offset < len) {
		rc = classify(l, end, &next, err);
		if (rc < 0)
			return rc;
		if (!continues(&first, end - begin, &next))
			break;
		end += unit_bytes;
	}
	*allocated = first.allocated;
	x->kind = first.kind;
	x->host = first.host;
	if (first.kind != EXTENT_COMPRESSED && first.host != EXTENT_NOWHERE)
		x->host += offset - begin;
	x->packed = first.packed;
	x->len = min_u64(end - offset, len);
	return x->kind == EXTENT_DATA ? look_for_hole(l, x, err) : 0;
}

int chain_link_extent(struct chain *c, unsigned depth, uint64_t offset, uint64_t len,
		      struct chain_extent *x, bool *allocated, struct err *err)
{
	struct chain_link *l = c->links[depth];

	*x = (struct chain_extent){ .depth = depth, .host = EXTENT_NOWHERE, .len = len };
	*allocated = true;
	if (offset >= l->size_bytes) {
		x->kind = EXTENT_ZERO;
		return 0;
	}
	len = min_u64(len, l->size_bytes - offset);
	x->len = len;
	if (l->format == IMAGE_QCOW2)
		return qcow2_extent(l, offset, len, x, allocated, err);
	x->kind = EXTENT_DATA;
	x->host = offset;
	return look_for_hole(l, x, err);
}

int chain_extent(struct chain *c, unsigned first, uint64_t offset, uint64_t len,
		 struct chain_extent *x, struct err *err)
{
	bool allocated = false;
	int rc = 0;

	for (unsigned i = first; rc == 0 && !allocated && i < c->count; i++) {
		/* A short backing file goes on with zeros, which nobody has. */
		if (i > first && offset >= c->links[i]->size_bytes)
			break;
		rc = chain_link_extent(c, i, offset, len, x, &allocated, err);
		len = x->len;
	}
	return rc;
}
