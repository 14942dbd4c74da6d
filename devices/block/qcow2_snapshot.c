/* Internal snapshots.
 *
 * create   The new snapshot takes the active tables as they are; all that they reach
 *          is counted up, which makes every COPIED flag in them untrue.  Flags in a
 *          snapshot's tables mean nothing, so those stay: where a table has flags to
 *          lose, the active disk gets a copy, and where not, both share it.
 * apply    The snapshot's tables become active, counted up; the old ones down.
 * delete   Counted down; what has one user again gets its flag back, in a copy.
 *
 * All of it is in free clusters until the commit, which swaps everything at once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/options.h"

#include "block/qcow2_ops.h"

#define ICOUNT_UNKNOWN UINT64_MAX
#define NAME_MAX_BYTES 255u

uint32_t qcow2_snapshot_find(const struct qcow2_meta *m, const char *id_or_name)
{
	uint32_t i;

	for (i = 0; i < m->h.snapshot_count; i++) {
		if (strcmp(m->snapshots[i].id, id_or_name) == 0)
			return i;
	}
	for (i = 0; i < m->h.snapshot_count; i++) {
		if (strcmp(m->snapshots[i].name, id_or_name) == 0)
			break;
	}
	return i;
}

/* ---- create --------------------------------------------------------------------------------- */

/* One above the highest number; ids that are no numbers do not count. */
static void new_id(const struct qcow2_meta *m, char id[24])
{
	unsigned long long highest = 0;

	for (uint32_t i = 0; i < m->h.snapshot_count; i++) {
		const unsigned long long n = strtoull(m->snapshots[i].id, NULL, 10);

		if (n > highest && n < UINT64_MAX)
			highest = n;
	}
	snprintf(id, 24, "%llu", highest + 1);
}

static int check_name(const struct qcow2_meta *m, const char *snapshot, struct err *err)
{
	char text[QUOTED_BYTES];

	if (*snapshot == '\0' || strlen(snapshot) > NAME_MAX_BYTES)
		return err_set(err, -EINVAL, "%s: a snapshot's name has 1 to 255 bytes", m->name);
	for (uint32_t i = 0; i < m->h.snapshot_count; i++) {
		if (strcmp(m->snapshots[i].name, snapshot) == 0)
			return err_set(err, -EEXIST, "%s has a snapshot %s already", m->name,
				       quoted(text, snapshot));
	}
	if (m->h.snapshot_count >= QCOW2_SNAPSHOTS_MAX)
		return err_set(err, -EFBIG, "%s has 65536 snapshots, the most there can be",
			       m->name);
	return 0;
}

/* A copy of the active L1 table in free clusters. */
static int copy_l1(struct qcow2_meta *m, uint64_t *offset, struct err *err)
{
	const uint64_t cluster_bytes = qcow2_cluster_bytes(&m->h);
	const uint64_t bytes = (uint64_t)m->h.l1_entries * 8;
	const uint64_t count = (bytes + cluster_bytes - 1) >> m->h.cluster_bits;
	uint64_t cluster;
	uint8_t *copy;
	int rc;

	*offset = 0;
	if (count == 0)
		return 0;
	rc = qcow2_refs_take(&m->refs, count, &cluster, err);
	if (rc < 0)
		return rc;
	copy = calloc(count, cluster_bytes);
	if (!copy)
		return err_errno(err, -ENOMEM, "%s: a snapshot's L1 table", m->name);
	for (uint32_t i = 0; i < m->h.l1_entries; i++)
		be64_store(copy + (size_t)i * 8, m->l1[i] & ~QCOW2_COPIED);
	*offset = cluster << m->h.cluster_bits;
	rc = qcow2_meta_write(m, *offset, copy, count * cluster_bytes, "a snapshot's L1 table",
			      err);
	free(copy);
	return rc;
}

static int add_snapshot(struct qcow2_meta *m, const char *snapshot, uint64_t date_ns,
			uint64_t l1_offset, struct err *err)
{
	struct qcow2_snapshot *grown, *s;
	char id[24];

	new_id(m, id);
	grown = realloc(m->snapshots, (m->h.snapshot_count + 1) * sizeof(*grown));
	if (!grown)
		return err_errno(err, -ENOMEM, "%s", m->name);
	m->snapshots = grown;
	s = &grown[m->h.snapshot_count];
	*s = (struct qcow2_snapshot){
		.id = strdup(id),
		.name = strdup(snapshot),
		.l1_offset = l1_offset,
		.l1_entries = m->h.l1_entries,
		.date_s = (uint32_t)(date_ns / NS_PER_S),
		.date_ns = (uint32_t)(date_ns % NS_PER_S),
		.disk_bytes = m->h.size_bytes,
		.extra = malloc(8), /* instructions run so far */
		.extra_bytes = 8,
	};
	if (!s->id || !s->name || !s->extra) {
		qcow2_snapshot_free(s);
		return err_errno(err, -ENOMEM, "%s", m->name);
	}
	be64_store(s->extra, ICOUNT_UNKNOWN);
	m->h.snapshot_count++;
	m->snapshots_changed = true;
	return 0;
}

int qcow2_snapshot_create(struct qcow2_meta *m, const char *snapshot, uint64_t date_ns,
			  const struct qcow2_progress *progress, struct err *err)
{
	uint64_t l1_offset;
	int rc;

	rc = check_name(m, snapshot, err);
	if (rc == 0)
		rc = qcow2_count_reach(m, m->l1, 0, m->h.l1_entries, true, progress, err);
	if (rc == 0)
		rc = copy_l1(m, &l1_offset, err);
	if (rc == 0)
		rc = add_snapshot(m, snapshot, date_ns, l1_offset, err);
	if (rc == 0)
		rc = qcow2_refresh_copied(m, progress, err);
	return rc < 0 ? rc : qcow2_meta_commit(m, err);
}

/* ---- apply --------------------------------------------------------------------------------------
 */

int qcow2_snapshot_apply(struct qcow2_meta *m, uint32_t index,
			 const struct qcow2_progress *progress, struct err *err)
{
	const struct qcow2_snapshot *s = &m->snapshots[index];
	uint64_t *l1, need;
	int rc;

	need = s->disk_bytes <= INT64_MAX ? qcow2_l1_entries_for(&m->h, s->disk_bytes) : UINT64_MAX;
	if (need > QCOW2_L1_BYTES_MAX / 8)
		return err_set(err, -EUCLEAN,
			       "%s: a disk of %llu bytes, as that snapshot's, cannot be", m->name,
			       (unsigned long long)s->disk_bytes);
	rc = qcow2_l1_read(m, s->l1_offset, s->l1_entries, (uint32_t)need, &l1, err);
	if (rc < 0)
		return rc;
	/* Down first, or narrow refcounts overflow; what is 0 in between is in use on
	 * disk, so nobody takes it. */
	rc = qcow2_count_reach(m, m->l1, 0, m->h.l1_entries, false, progress, err);
	if (rc == 0)
		rc = qcow2_count_reach(m, l1, 0, s->l1_entries, true, progress, err);
	if (rc < 0) {
		free(l1);
		return rc;
	}
	free(m->l1);
	m->l1 = l1;
	m->h.l1_entries = s->l1_entries > need ? s->l1_entries : (uint32_t)need;
	m->h.size_bytes = s->disk_bytes;
	m->l1_changed = true;
	rc = qcow2_drop_bitmaps(m, err);
	if (rc == 0)
		rc = qcow2_refresh_copied(m, progress, err);
	return rc < 0 ? rc : qcow2_meta_commit(m, err);
}

/* ---- delete -------------------------------------------------------------------------------------
 */

int qcow2_snapshot_delete(struct qcow2_meta *m, uint32_t index,
			  const struct qcow2_progress *progress, struct err *err)
{
	struct qcow2_snapshot *s = &m->snapshots[index];
	const uint64_t cluster_bytes = qcow2_cluster_bytes(&m->h);
	uint64_t *l1;
	int rc;

	rc = qcow2_l1_read(m, s->l1_offset, s->l1_entries, 0, &l1, err);
	if (rc < 0)
		return rc;
	rc = qcow2_count_reach(m, l1, 0, s->l1_entries, false, progress, err);
	free(l1);
	if (rc == 0)
		rc = qcow2_refs_down(&m->refs, s->l1_offset >> m->h.cluster_bits,
				     ((uint64_t)s->l1_entries * 8 + cluster_bytes - 1) >>
					     m->h.cluster_bits,
				     err);
	if (rc < 0)
		return rc;
	qcow2_snapshot_free(s);
	m->h.snapshot_count--;
	memmove(s, s + 1, (m->h.snapshot_count - index) * sizeof(*s));
	m->snapshots_changed = true;
	rc = qcow2_refresh_copied(m, progress, err);
	return rc < 0 ? rc : qcow2_meta_commit(m, err);
}
