/* What a guest may not write over: the clusters that hold tables, when the image is
 * opened and as more are made. */
#include <errno.h>
#include <stdlib.h>

#include "block/qcow2_internal.h"
#include "block/qcow2_meta.h"

static int guard(struct qcow2 *q, uint64_t offset, uint64_t bytes, struct err *err)
{
	return qcow2_places_add(&q->places, offset, bytes, q->name, err);
}

/* The table of snapshots, and their L1 tables. */
static int guard_snapshots(struct qcow2 *q, struct err *err)
{
	struct qcow2_meta m = { .io = q->io, .name = q->name, .use = QCOW2_READ, .h = q->h };
	int rc = qcow2_snapshots_load(&m, err);

	if (rc == 0)
		rc = guard(q, m.h.snapshots_offset, m.snapshot_table_bytes, err);
	for (uint32_t i = 0; rc == 0 && i < m.h.snapshot_count; i++)
		rc = guard(q, m.snapshots[i].l1_offset, (uint64_t)m.snapshots[i].l1_entries * 8,
			   err);
	qcow2_snapshots_free(&m);
	return rc;
}

/* In both, an entry that is not aligned is found when it is used. */
static int guard_l2(struct qcow2 *q, struct err *err)
{
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < q->l1_bytes / 8; i++) {
		if (q->l1[i] & QCOW2_OFFSET_MASK)
			rc = guard(q, q->l1[i] & QCOW2_OFFSET_MASK, 1, err);
	}
	return rc;
}

static int guard_refblocks(struct qcow2 *q, struct err *err)
{
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < q->reftable_entries; i++) {
		if (q->reftable[i] & QCOW2_REFBLOCK_MASK)
			rc = guard(q, q->reftable[i] & QCOW2_REFBLOCK_MASK, 1, err);
	}
	return rc;
}

int q_guard_tables(struct qcow2 *q, uint64_t file_bytes, struct err *err)
{
	/* Every cluster of the disk twice: no writing makes the file longer. */
	const uint64_t room = min_u64(q->disk_bytes, INT64_MAX / 4) * 2;
	const uint64_t l1_bytes = max_u64(q->l1_entries, q->h.l1_entries) * 8;
	int rc = qcow2_places_init(&q->places, q->cluster_bits, file_bytes, room);

	if (rc < 0)
		return err_errno(err, rc, "%s", q->name);
	rc = guard(q, 0, q->cluster_bytes, err);
	if (rc == 0)
		rc = guard(q, q->h.l1_offset, l1_bytes, err);
	if (rc == 0)
		rc = guard(q, q->h.reftable_offset,
			   (uint64_t)q->h.reftable_clusters << q->cluster_bits, err);
	if (rc == 0)
		rc = guard_snapshots(q, err);
	if (rc == 0)
		rc = guard_l2(q, err);
	return rc < 0 ? rc : guard_refblocks(q, err);
}

bool q_is_astray(const struct qcow2 *q, uint64_t entry)
{
	uint64_t offset = entry & q->data_mask, len = 1;

	if (entry & QCOW2_COMPRESSED)
		qcow2_compressed_place(&q->h, entry, &offset, &len);
	else if (offset == 0)
		return false;
	return offset >= atomic_load_explicit(&q->file_bytes, memory_order_relaxed) ||
	       q_is_on_table(q, offset, len);
}
