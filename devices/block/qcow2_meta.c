#include "block/qcow2_meta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

/* ---- opening ------------------------------------------------------------------------------- */

static int read_header(struct qcow2_meta *m, struct err *err)
{
	uint8_t first[QCOW2_SECTOR_BYTES], *cluster;
	uint32_t len;
	int rc;

	rc = sync_read(&m->io, 0, first, sizeof(first));
	if (rc < 0)
		return err_errno(err, rc, "%s: its first sector", m->name);
	rc = qcow2_header_bytes(first, m->name, &len, err);
	if (rc < 0)
		return rc;
	cluster = malloc(len);
	if (!cluster)
		return err_errno(err, -ENOMEM, "%s", m->name);
	rc = sync_read(&m->io, 0, cluster, len);
	if (rc < 0)
		err_errno(err, rc, "%s: its header", m->name);
	else
		rc = qcow2_header_parse(&m->h, cluster, len, m->use == QCOW2_REPAIR, m->name, err);
	free(cluster);
	return rc;
}

static int check_use(const struct qcow2_meta *m, struct err *err)
{
	if (m->use != QCOW2_WRITE)
		return 0;
	if (m->h.incompatible & QCOW2_CORRUPT)
		return err_set(err, -EUCLEAN,
			       "%s is marked corrupt: it can be read; 'check -r all' repairs it",
			       m->name);
	if (m->h.incompatible & QCOW2_DIRTY)
		return err_set(err, -EUCLEAN,
			       "%s was not closed (its refcounts may be behind): 'check -r all' "
			       "makes it writable again",
			       m->name);
	return 0;
}

/* Unknown autoclear features are cleared before anything else is written. */
static int autoclear(struct qcow2_meta *m, struct err *err)
{
	const uint64_t kept = m->h.has_bitmaps ? QCOW2_BITMAPS : 0;

	if (m->use != QCOW2_WRITE || m->io.block->limits.read_only ||
	    (m->h.autoclear & ~kept) == 0)
		return 0;
	m->h.autoclear &= kept;
	return qcow2_meta_commit(m, err);
}

static void remember_old(struct qcow2_meta *m)
{
	m->old.l1_offset = m->h.l1_offset;
	m->old.l1_entries = m->h.l1_entries;
	m->old.snapshot_count = m->h.snapshot_count;
	m->old.snapshots_offset = m->h.snapshots_offset;
}

static int open_refs(struct qcow2_meta *m, struct err *err)
{
	const uint64_t table_end =
		m->h.reftable_offset + ((uint64_t)m->h.reftable_clusters << m->h.cluster_bits);

	if (m->use == QCOW2_REPAIR && !m->h.bad_reftable &&
	    table_end - qcow2_cluster_bytes(&m->h) >= m->file_bytes)
		m->h.bad_reftable = true;
	if (m->h.bad_reftable)
		return qcow2_refs_init(&m->refs, &m->io, &m->h, m->name, err);
	return qcow2_refs_open(&m->refs, &m->io, &m->h, m->file_bytes, m->name, err);
}

/* A table of `bytes` at offset: alone there, and counted, or what is written next might
 * go over it. */
static int find_table(struct qcow2_meta *m, uint64_t offset, uint64_t bytes, struct err *err)
{
	uint64_t count = 1, at = offset;
	int rc = qcow2_places_add(&m->places, offset, bytes, m->name, err);

	for (; rc == 0 && count > 0 && at < offset + bytes; at += qcow2_cluster_bytes(&m->h))
		rc = qcow2_refs_get(&m->refs, at >> m->h.cluster_bits, &count, err);
	if (rc == 0 && count == 0)
		rc = err_set(err, -EUCLEAN,
			     "%s is damaged: a table at %#llx whose refcount is 0; 'check -r all' "
			     "repairs it",
			     m->name, (unsigned long long)offset);
	return rc;
}

static int find_tables(struct qcow2_meta *m, struct err *err)
{
	const uint64_t room = min_u64(m->h.size_bytes, INT64_MAX / 4) * 2;
	uint64_t offset;
	int rc = qcow2_places_init(&m->places, m->h.cluster_bits, m->file_bytes, room);

	if (rc < 0)
		return err_errno(err, rc, "%s", m->name);
	m->refs.places = &m->places;
	rc = find_table(m, 0, 1, err);
	if (rc == 0)
		rc = find_table(m, m->h.l1_offset, (uint64_t)m->h.l1_entries * 8, err);
	if (rc == 0)
		rc = find_table(m, m->h.reftable_offset,
				(uint64_t)m->h.reftable_clusters << m->h.cluster_bits, err);
	if (rc == 0)
		rc = find_table(m, m->h.snapshots_offset, m->snapshot_table_bytes, err);
	for (uint32_t i = 0; rc == 0 && i < m->h.snapshot_count; i++)
		rc = find_table(m, m->snapshots[i].l1_offset,
				(uint64_t)m->snapshots[i].l1_entries * 8, err);
	for (uint64_t i = 0; rc == 0 && i < m->refs.block_count; i++)
		rc = m->refs.blocks[i].offset == 0 ?
			     0 :
			     find_table(m, m->refs.blocks[i].offset, 1, err);
	for (uint32_t i = 0; rc == 0 && i < m->h.l1_entries; i++) {
		rc = qcow2_l1_check(m, m->l1[i], &offset, err);
		if (rc == 0 && offset != 0)
			rc = find_table(m, offset, 1, err);
	}
	return rc;
}

int qcow2_meta_open(struct qcow2_meta *m, struct block *file, struct ioloop *loop, const char *name,
		    enum qcow2_use use, struct err *err)
{
	int rc;

	*m = (struct qcow2_meta){ .io = { file, loop }, .name = name, .use = use };
	rc = block_file_size(file, &m->file_bytes);
	if (rc < 0)
		return err_errno(err, rc, "%s: its size", name);
	m->end_bytes = m->file_bytes;
	rc = read_header(m, err);
	if (rc < 0)
		return rc;
	remember_old(m);
	rc = check_use(m, err);
	if (rc == 0)
		rc = open_refs(m, err);
	if (rc == 0) {
		m->table = malloc(qcow2_cluster_bytes(&m->h));
		if (!m->table)
			rc = err_errno(err, -ENOMEM, "%s", name);
	}
	if (rc == 0)
		rc = qcow2_l1_read(m, m->h.l1_offset, m->h.l1_entries, 0, &m->l1, err);
	if (rc == 0)
		rc = qcow2_snapshots_load(m, err);
	if (rc == 0 && use == QCOW2_WRITE)
		rc = find_tables(m, err);
	if (rc == 0)
		rc = autoclear(m, err);
	if (rc < 0)
		qcow2_meta_close(m);
	return rc;
}

static void forget_unfinished(struct qcow2_meta *m)
{
	uint64_t bytes;

	/* Free clusters at the file's end; if this fails, they stay free. */
	if (m->unfinished && !m->broken && block_file_size(m->io.block, &bytes) == 0 &&
	    bytes > m->file_bytes)
		block_file_truncate(m->io.block, m->file_bytes);
}

void qcow2_meta_close(struct qcow2_meta *m)
{
	forget_unfinished(m);
	qcow2_snapshots_free(m);
	qcow2_places_free(&m->places);
	free(m->l1);
	free(m->table);
	free(m->cluster0);
	qcow2_refs_close(&m->refs);
	qcow2_header_free(&m->h);
	*m = (struct qcow2_meta){ .broken = true };
}

/* ---- the commit --------------------------------------------------------------------------------
 *
 *      new L2 tables, data, L1, snapshot table  ─┐  any order, all in free clusters
 *      new refcount blocks and table             ─┤
 *      a long backing file's name                ─┘
 *      flush
 *      sector 0
 *      flush
 *      holes and a shorter file: nothing names what goes there
 */

int qcow2_meta_write(struct qcow2_meta *m, uint64_t offset, const void *from, size_t len,
		     const char *what, struct err *err)
{
	int rc;

	m->unfinished = true;
	m->end_bytes = max_u64(m->end_bytes, offset + len);
	rc = sync_write(&m->io, offset, from, len);
	return rc < 0 ? err_errno(err, rc, "%s: %s", m->name, what) : 0;
}

static uint64_t clusters_for(const struct qcow2_meta *m, uint64_t bytes)
{
	return (bytes >> m->h.cluster_bits) + ((bytes & (qcow2_cluster_bytes(&m->h) - 1)) != 0);
}

static int write_l1(struct qcow2_meta *m, struct err *err)
{
	const uint64_t old = clusters_for(m, (uint64_t)m->old.l1_entries * 8);
	const uint64_t count = clusters_for(m, max_u64((uint64_t)m->h.l1_entries * 8, 1));
	uint64_t cluster = 0;
	uint8_t *bytes;
	int rc = 0;

	if (!m->l1_changed)
		return 0;
	if (old > 0)
		rc = qcow2_refs_down(&m->refs, m->old.l1_offset >> m->h.cluster_bits, old, err);
	if (rc == 0)
		rc = qcow2_refs_take(&m->refs, count, &cluster, err);
	if (rc < 0)
		return rc;
	bytes = calloc(count, qcow2_cluster_bytes(&m->h));
	if (!bytes)
		return err_errno(err, -ENOMEM, "%s: its L1 table", m->name);
	for (uint32_t i = 0; i < m->h.l1_entries; i++)
		be64_store(bytes + (size_t)i * 8, m->l1[i]);
	m->h.l1_offset = cluster << m->h.cluster_bits;
	rc = qcow2_meta_write(m, m->h.l1_offset, bytes, count << m->h.cluster_bits, "its L1 table",
			      err);
	free(bytes);
	return rc;
}

/* Everything but sector 0.  A header of many sectors differs from the one on disk only
 * in sector 0 and in what the old one does not use. */
static int write_shadow(struct qcow2_meta *m, struct err *err)
{
	int rc = write_l1(m, err);

	if (rc == 0 && m->snapshots_changed)
		rc = qcow2_snapshots_write(m, err);
	if (rc == 0) {
		m->unfinished = m->unfinished || m->refs.changed;
		rc = qcow2_refs_write(&m->refs, &m->h, err);
	}
	if (rc == 0 && m->header_changed && m->h.has_backing &&
	    m->h.backing_offset >= QCOW2_SECTOR_BYTES)
		rc = qcow2_meta_write(m, m->h.backing_offset, m->h.backing_name,
				      strlen(m->h.backing_name), "its backing file's name", err);
	if (rc < 0)
		return rc;
	rc = sync_flush(&m->io);
	return rc < 0 ? err_errno(err, rc, "%s", m->name) : 0;
}

/* Snapshots that could not be read stay where they are. */
static void patch(struct qcow2_meta *m, uint8_t *sector)
{
	const uint32_t count = m->h.snapshot_count;

	if (m->h.bad_snapshots)
		m->h.snapshot_count = m->claimed_snapshots;
	qcow2_header_patch(&m->h, sector);
	m->h.snapshot_count = count;
}

static int write_sector0(struct qcow2_meta *m, struct err *err)
{
	uint8_t sector[QCOW2_SECTOR_BYTES];
	int rc = 0;

	if (m->header_changed)
		memcpy(sector, m->cluster0, sizeof(sector));
	else
		rc = sync_read(&m->io, 0, sector, sizeof(sector));
	if (rc == 0) {
		patch(m, sector);
		m->broken = true; /* until we know */
		rc = sync_write(&m->io, 0, sector, sizeof(sector));
	}
	if (rc == 0)
		rc = sync_flush(&m->io);
	if (rc < 0)
		return err_errno(err, rc, "%s: its header", m->name);
	m->broken = false;
	return 0;
}

/* Cut off what is not in use at the file's end. */
static void trim_file(struct qcow2_meta *m)
{
	uint64_t bytes, end;

	if (block_file_size(m->io.block, &bytes) < 0)
		return;
	m->file_bytes = bytes;
	m->end_bytes = bytes;
	m->refs.file_clusters = clusters_for(m, bytes);
	if (qcow2_refs_end(&m->refs, clusters_for(m, bytes), &end, NULL) < 0 ||
	    end << m->h.cluster_bits >= bytes)
		return;
	if (block_file_truncate(m->io.block, end << m->h.cluster_bits) == 0)
		m->file_bytes = end << m->h.cluster_bits;
	m->end_bytes = m->file_bytes;
}

int qcow2_meta_commit(struct qcow2_meta *m, struct err *err)
{
	const bool tables = m->refs.changed;
	int rc;

	if (m->use == QCOW2_READ || m->broken)
		return err_set(err, -EROFS, "%s is not open for writing", m->name);
	rc = write_shadow(m, err);
	if (rc == 0)
		rc = write_sector0(m, err);
	if (rc < 0)
		return rc;
	m->l1_changed = false;
	m->snapshots_changed = false;
	m->header_changed = false;
	m->unfinished = false;
	remember_old(m);
	qcow2_refs_committed(&m->refs);
	if (tables)
		trim_file(m);
	return 0;
}

void qcow2_meta_settle(struct qcow2_meta *m)
{
	int rc;

	m->l1_changed = true;
	m->snapshots_changed = m->h.snapshot_count > 0;
	rc = qcow2_refs_move(&m->refs, NULL);
	if (rc == 0)
		rc = qcow2_meta_commit(m, NULL);
	if (rc < 0)
		m->use = QCOW2_READ; /* what is in memory is not what is on disk */
}

int qcow2_step(const struct qcow2_meta *m, const struct qcow2_progress *progress, uint64_t done,
	       uint64_t total, struct err *err)
{
	if (!progress || !progress->step || progress->step(progress->arg, done, total))
		return 0;
	return err_set(err, -ECANCELED, "%s: stopped; it is as it was", m->name);
}
