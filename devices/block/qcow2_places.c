/* Where an image's tables are, so that nothing of the guest's goes there, whatever its
 * L2 tables say. */
#include <errno.h>
#include <stdlib.h>

#include "block/qcow2_internal.h"

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void add_meta(struct qcow2 *q, uint64_t offset, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += q->cluster_bytes)
		q->meta[q->meta_count++] = q_cluster(q, offset + at);
}

int q_places_collect(struct qcow2 *q, struct err *err)
{
	const uint64_t clusters = 1 + (q->l1_bytes >> q->cluster_bits) + q->h.reftable_clusters +
				  (q->h.snapshot_count > 0) + q->l1_entries +
				  q->reftable_entries;

	q->meta = malloc(clusters * sizeof(*q->meta));
	if (!q->meta)
		return err_errno(err, -ENOMEM, "%s", q->name);
	add_meta(q, 0, q->cluster_bytes);
	if (q->l1_entries > 0)
		add_meta(q, q->h.l1_offset, q->l1_bytes);
	add_meta(q, q->h.reftable_offset, (uint64_t)q->h.reftable_clusters << q->cluster_bits);
	if (q->h.snapshot_count > 0)
		add_meta(q, q->h.snapshots_offset, q->cluster_bytes);
	for (uint64_t i = 0; i < q->l1_entries; i++) {
		if (q->l1[i] & QCOW2_OFFSET_MASK)
			add_meta(q, q->l1[i] & QCOW2_OFFSET_MASK, q->cluster_bytes);
	}
	for (uint64_t i = 0; i < q->reftable_entries; i++) {
		if (q->reftable[i] & QCOW2_REFBLOCK_MASK)
			add_meta(q, q->reftable[i] & QCOW2_REFBLOCK_MASK, q->cluster_bytes);
	}
	qsort(q->meta, q->meta_count, sizeof(*q->meta), compare);
	for (size_t i = 1; i < q->meta_count; i++) {
		if (q->meta[i] == q->meta[i - 1])
			return err_set(err, -EUCLEAN,
				       "%s is damaged: two of its tables are in one place (%#llx); "
				       "'bantam img check' says more, ,ro reads it",
				       q->name,
				       (unsigned long long)q->meta[i] << q->cluster_bits);
	}
	return 0;
}

bool q_is_meta(const struct qcow2 *q, uint64_t cluster)
{
	size_t low = 0, high = q->meta_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (q->meta[middle] < cluster)
			low = middle + 1;
		else
			high = middle;
	}
	return low < q->meta_count && q->meta[low] == cluster;
}

bool q_is_astray(const struct qcow2 *q, uint64_t host)
{
	return host >= atomic_load_explicit(&q->file_bytes, memory_order_relaxed) ||
	       q_is_meta(q, q_cluster(q, host));
}
