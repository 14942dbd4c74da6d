/* What an image holds, into its backing disk.
 *
 *      data and zeros ──▶ backing disk, flush          the image hides all of it
 *      then, if wanted, empty tables, by one commit    the same is seen through it
 *
 * A crash before the end: the image still has everything, and it can be done again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block/qcow2_data.h"
#include "block/qcow2_ops.h"

#define PARTS 32u

/* Bytes [at, at+len) of a cluster that was read, as far as the disk goes. */
static int put(struct qcow2_data *d, const struct sync_io *to, uint64_t guest, const uint8_t *bytes,
	       size_t len)
{
	const uint64_t size = d->m->h.size_bytes;

	if (guest >= size)
		return 0;
	len = (size_t)min_u64(len, size - guest);
	if (to->block->limits.can_zero && qcow2_is_zero(bytes, len))
		return sync_zero(to, guest, len, true);
	return sync_write(to, guest, bytes, len);
}

/* The parts of a cluster that the image has, each run of them as one. */
static int put_present(struct qcow2_data *d, const struct sync_io *to, uint64_t cluster,
		       const uint8_t *bytes, uint32_t present)
{
	const size_t part = qcow2_cluster_bytes(&d->m->h) / PARTS;
	const uint64_t guest = cluster << d->m->h.cluster_bits;
	unsigned first = 0;
	int rc = 0;

	if (present == UINT32_MAX)
		return put(d, to, guest, bytes, part * PARTS);
	for (unsigned i = 0; rc == 0 && i <= PARTS; i++) {
		if (i < PARTS && (present >> i & 1) != 0)
			continue;
		if (i > first)
			rc = put(d, to, guest + first * part, bytes + first * part,
				 (i - first) * part);
		first = i + 1;
	}
	return rc;
}

static int commit_cluster(struct qcow2_data *d, const struct sync_io *to, uint64_t cluster,
			  uint8_t *bytes, struct err *err)
{
	uint64_t entry, bitmap;
	uint32_t present;
	int rc;

	rc = qcow2_data_seek(d, cluster, &entry, &bitmap, err);
	if (rc < 0)
		return rc;
	present = qcow2_data_present(d->m, entry, bitmap);
	if (present == 0)
		return 0;
	rc = qcow2_data_read(d, cluster, bytes, err);
	if (rc < 0)
		return rc;
	rc = put_present(d, to, cluster, bytes, present);
	return rc < 0 ? err_errno(err, rc, "%s: writing its backing file", d->m->name) : 0;
}

static int commit_all(struct qcow2_data *d, const struct sync_io *to, uint8_t *bytes,
		      const struct qcow2_progress *progress, struct err *err)
{
	const struct qcow2_meta *m = d->m;
	const uint64_t mask = qcow2_cluster_bytes(&m->h) - 1;
	const uint64_t count = (m->h.size_bytes + mask) >> m->h.cluster_bits;
	const uint64_t per_table = qcow2_entry_count(m);
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < count; i++) {
		if ((m->l1[i / per_table] & QCOW2_OFFSET_MASK) == 0) {
			i += per_table - 1; /* no table, no data */
			continue;
		}
		rc = commit_cluster(d, to, i, bytes, err);
		if (rc == 0)
			rc = qcow2_step(m, progress, i + 1, count, err);
	}
	return rc;
}

/* Not in the image any more: all of the active tables. */
static int make_empty(struct qcow2_meta *m, const struct qcow2_progress *progress, struct err *err)
{
	int rc = qcow2_count_reach(m, m->l1, 0, m->h.l1_entries, false, progress, err);

	if (rc < 0)
		return rc;
	memset(m->l1, 0, (size_t)m->h.l1_entries * sizeof(*m->l1));
	m->l1_changed = true;
	rc = qcow2_meta_commit(m, err);
	if (rc == 0)
		qcow2_meta_settle(m);
	return rc;
}

int qcow2_commit(struct qcow2_meta *m, struct block *backing, bool empty,
		 const struct qcow2_progress *progress, struct err *err)
{
	const struct sync_io to = { backing, m->io.loop };
	struct qcow2_data d;
	uint8_t *bytes;
	int rc;

	if (backing->limits.size_bytes < m->h.size_bytes)
		return err_set(err, -ENOSPC,
			       "%s: its backing disk is smaller; 'resize' makes it %llu bytes",
			       m->name, (unsigned long long)m->h.size_bytes);
	rc = qcow2_data_open(&d, m, NULL, err);
	if (rc < 0)
		return rc;
	bytes = malloc(qcow2_cluster_bytes(&m->h));
	rc = bytes ? commit_all(&d, &to, bytes, progress, err)
		   : err_errno(err, -ENOMEM, "%s", m->name);
	free(bytes);
	qcow2_data_close(&d);
	if (rc < 0)
		return rc;
	rc = sync_flush(&to);
	if (rc < 0)
		return err_errno(err, rc, "%s: flushing its backing file", m->name);
	return empty ? make_empty(m, progress, err) : 0;
}
