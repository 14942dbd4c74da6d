/* The snapshot table: from bytes, judged, and back.
 *
 *      +0   L1 table: offset, entries       +24  the guest's clock, ns
 *      +12  lengths of id and name          +32  vm state's size, 32 bits
 *      +16  date: s, ns                     +36  length of extra data
 *      +40  extra: vm state's size, disk's size, ...; id; name; padding to 8 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

#include "block/qcow2_meta.h"

#define FIXED_BYTES 40u
#define EXTRA_KNOWN 16u
#define EXTRA_MAX   1024u
#define PIECE_BYTES KIB(64)

void qcow2_snapshot_free(struct qcow2_snapshot *s)
{
	free(s->id);
	free(s->name);
	free(s->extra);
	*s = (struct qcow2_snapshot){ .id = NULL };
}

void qcow2_snapshots_free(struct qcow2_meta *m)
{
	for (uint32_t i = 0; m->snapshots && i < m->h.snapshot_count; i++)
		qcow2_snapshot_free(&m->snapshots[i]);
	free(m->snapshots);
	m->snapshots = NULL;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* Where in the table we are; a piece of it is in memory. */
struct reader {
	struct qcow2_meta *m;
	uint64_t offset;
	uint8_t *piece; /* PIECE_BYTES */
	uint64_t at;	/* of the piece; UINT64_MAX: none yet */
};

static int take(struct reader *r, void *to, size_t len, struct err *err)
{
	uint8_t *out = to;

	while (len > 0) {
		const uint64_t at = align_down_u64(r->offset, PIECE_BYTES);
		const size_t skip = (size_t)(r->offset - at);
		const size_t part = min_u64(len, PIECE_BYTES - skip);

		if (r->at != at) {
			const int rc = sync_read(&r->m->io, at, r->piece, PIECE_BYTES);

			if (rc < 0)
				return err_errno(err, rc, "%s: its snapshot table", r->m->name);
			r->at = at;
		}
		memcpy(out, r->piece + skip, part);
		r->offset += part;
		out += part;
		len -= part;
	}
	return 0;
}

static int take_text(struct reader *r, size_t len, char **out, struct err *err)
{
	int rc;

	*out = calloc(1, len + 1);
	if (!*out)
		return err_errno(err, -ENOMEM, "%s: its snapshot table", r->m->name);
	rc = take(r, *out, len, err);
	if (rc == 0 && memchr(*out, '\0', len))
		return err_set(err, -EUCLEAN, "%s: a snapshot's name has a NUL in it", r->m->name);
	return rc;
}

static int take_extra(struct reader *r, struct qcow2_snapshot *s, uint32_t len, struct err *err)
{
	uint8_t extra[EXTRA_MAX];
	int rc;

	if (len > EXTRA_MAX)
		return err_set(err, -EUCLEAN, "%s: a snapshot has %u bytes of extra data",
			       r->m->name, len);
	rc = take(r, extra, len, err);
	if (rc < 0)
		return rc;
	if (len >= 8)
		s->vm_state_bytes = be64_load(extra);
	s->disk_bytes = len >= EXTRA_KNOWN ? be64_load(extra + 8) : r->m->h.size_bytes;
	if (len <= EXTRA_KNOWN)
		return 0;
	s->extra_bytes = len - EXTRA_KNOWN;
	s->extra = malloc(s->extra_bytes);
	if (!s->extra)
		return err_errno(err, -ENOMEM, "%s: its snapshot table", r->m->name);
	memcpy(s->extra, extra + EXTRA_KNOWN, s->extra_bytes);
	return 0;
}

static int take_snapshot(struct reader *r, struct qcow2_snapshot *s, struct err *err)
{
	const struct qcow2_header *h = &r->m->h;
	uint8_t p[FIXED_BYTES];
	int rc = take(r, p, sizeof(p), err);

	if (rc < 0)
		return rc;
	s->l1_offset = be64_load(p);
	s->l1_entries = be32_load(p + 8);
	s->date_s = be32_load(p + 16);
	s->date_ns = be32_load(p + 20);
	s->vm_clock_ns = be64_load(p + 24);
	s->vm_state_bytes = be32_load(p + 32);
	rc = take_extra(r, s, be32_load(p + 36), err);
	if (rc == 0)
		rc = take_text(r, be16_load(p + 12), &s->id, err);
	if (rc == 0)
		rc = take_text(r, be16_load(p + 14), &s->name, err);
	if (rc < 0)
		return rc;
	r->offset = (r->offset + 7) & ~UINT64_C(7);
	if ((uint64_t)s->l1_entries * 8 > QCOW2_L1_BYTES_MAX ||
	    (s->l1_offset & (qcow2_cluster_bytes(h) - 1)) != 0 ||
	    (s->l1_entries > 0 && s->l1_offset == 0) ||
	    !range_inside(s->l1_offset, (uint64_t)s->l1_entries * 8, INT64_MAX))
		return err_set(err, -EUCLEAN,
			       "%s: a snapshot's L1 table (%u entries at %#llx) cannot be",
			       r->m->name, s->l1_entries, (unsigned long long)s->l1_offset);
	return 0;
}

/* Memory grows with what was read, not with what the header says. */
static int append(struct qcow2_meta *m, uint32_t count, const struct qcow2_snapshot *s)
{
	if ((count & (count - 1)) == 0) {
		const size_t room = count == 0 ? 1 : (size_t)count * 2;
		struct qcow2_snapshot *grown = realloc(m->snapshots, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		m->snapshots = grown;
	}
	m->snapshots[count] = *s;
	return 0;
}

int qcow2_snapshots_load(struct qcow2_meta *m, struct err *err)
{
	const uint32_t count = m->h.bad_snapshots ? 0 : m->h.snapshot_count;
	struct reader r = { m, m->h.snapshots_offset, count > 0 ? malloc(PIECE_BYTES) : NULL,
			    UINT64_MAX };
	int rc = 0;

	if (count > 0 && !r.piece)
		return err_errno(err, -ENOMEM, "%s: its snapshot table", m->name);
	m->claimed_snapshots = m->h.snapshot_count;
	m->h.snapshot_count = 0;
	while (rc == 0 && m->h.snapshot_count < count) {
		struct qcow2_snapshot s = { .id = NULL };

		rc = take_snapshot(&r, &s, err);
		if (rc == 0 && r.offset - m->h.snapshots_offset > QCOW2_SNAPSHOT_TABLE_BYTES_MAX)
			rc = err_set(err, -EFBIG, "%s: its snapshot table is above 64 MiB",
				     m->name);
		if (rc == 0 && append(m, m->h.snapshot_count, &s) < 0)
			rc = err_errno(err, -ENOMEM, "%s: its snapshot table", m->name);
		if (rc < 0)
			qcow2_snapshot_free(&s);
		else
			m->h.snapshot_count++;
	}
	free(r.piece);
	m->snapshot_table_bytes = count > 0 ? (uint32_t)(r.offset - m->h.snapshots_offset) : 0;
	/* Damage can be repaired around; what just could not be read must not be. */
	if ((rc == -EUCLEAN || rc == -EFBIG || rc == -EINVAL) && m->use == QCOW2_REPAIR) {
		m->h.bad_snapshots = true;
		rc = 0;
	}
	return rc;
}

/* ---- writing ------------------------------------------------------------------------ */

static size_t bytes_of(const struct qcow2_snapshot *s)
{
	const size_t bytes =
		FIXED_BYTES + EXTRA_KNOWN + s->extra_bytes + strlen(s->id) + strlen(s->name);

	return (bytes + 7) & ~(size_t)7;
}

static void store(const struct qcow2_snapshot *s, uint8_t *p)
{
	const size_t id = strlen(s->id), name = strlen(s->name);
	const bool big = s->vm_state_bytes > UINT32_MAX;

	be64_store(p, s->l1_offset);
	be32_store(p + 8, s->l1_entries);
	be16_store(p + 12, (uint16_t)id);
	be16_store(p + 14, (uint16_t)name);
	be32_store(p + 16, s->date_s);
	be32_store(p + 20, s->date_ns);
	be64_store(p + 24, s->vm_clock_ns);
	be32_store(p + 32, big ? 0 : (uint32_t)s->vm_state_bytes);
	be32_store(p + 36, EXTRA_KNOWN + s->extra_bytes);
	be64_store(p + 40, s->vm_state_bytes);
	be64_store(p + 48, s->disk_bytes);
	p += FIXED_BYTES + EXTRA_KNOWN;
	if (s->extra_bytes > 0)
		memcpy(p, s->extra, s->extra_bytes);
	memcpy(p + s->extra_bytes, s->id, id);
	memcpy(p + s->extra_bytes + id, s->name, name);
}

/* The clusters of the old table are free from the commit on. */
static int leave_old(struct qcow2_meta *m, struct err *err)
{
	const uint64_t mask = qcow2_cluster_bytes(&m->h) - 1;

	if (m->old.snapshot_count == 0)
		return 0;
	return qcow2_refs_down(&m->refs, m->old.snapshots_offset >> m->h.cluster_bits,
			       (m->snapshot_table_bytes + mask) >> m->h.cluster_bits, err);
}

int qcow2_snapshots_write(struct qcow2_meta *m, struct err *err)
{
	const uint64_t mask = qcow2_cluster_bytes(&m->h) - 1;
	uint64_t cluster, bytes = 0, at = 0;
	uint8_t *table;
	int rc;

	rc = leave_old(m, err);
	for (uint32_t i = 0; i < m->h.snapshot_count; i++)
		bytes += bytes_of(&m->snapshots[i]);
	if (bytes > QCOW2_SNAPSHOT_TABLE_BYTES_MAX)
		return err_set(err, -EFBIG, "%s: its snapshot table would be above 64 MiB",
			       m->name);
	m->h.snapshots_offset = 0;
	m->snapshot_table_bytes = (uint32_t)bytes;
	if (rc < 0 || bytes == 0)
		return rc;
	rc = qcow2_refs_take(&m->refs, (bytes + mask) >> m->h.cluster_bits, &cluster, err);
	if (rc < 0)
		return rc;
	table = calloc(1, (bytes + mask) & ~mask);
	if (!table)
		return err_errno(err, -ENOMEM, "%s: its snapshot table", m->name);
	for (uint32_t i = 0; i < m->h.snapshot_count; i++) {
		store(&m->snapshots[i], table + at);
		at += bytes_of(&m->snapshots[i]);
	}
	m->h.snapshots_offset = cluster << m->h.cluster_bits;
	rc = qcow2_meta_write(m, m->h.snapshots_offset, table, (bytes + mask) & ~mask,
			      "its snapshot table", err);
	free(table);
	return rc;
}
