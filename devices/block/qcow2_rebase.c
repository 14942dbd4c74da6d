/* Another backing file for an image.
 *
 * unsafe   The name alone, as one write of sector 0 (a name too long for it goes to
 *          where the old header has nothing, before).
 * safe     What the guest would see differently is put into the image first, in free
 *          clusters; the new name and the new tables become true together. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block/qcow2_data.h"
#include "block/qcow2_ops.h"

/* ---- the name ------------------------------------------------------------------------------- */

static int rename_backing(struct qcow2_meta *m, const char *backing_name,
			  const char *backing_format, struct err *err)
{
	struct qcow2_name_place old = { 0, 0 };

	if (backing_name &&
	    (*backing_name == '\0' || strlen(backing_name) > QCOW2_BACKING_NAME_MAX ||
	     (backing_format && strlen(backing_format) > QCOW2_BACKING_FORMAT_MAX)))
		return err_set(err, -EINVAL,
			       "%s: a backing file's name has 1 to 1023 bytes, its format up to 15",
			       m->name);
	if (m->h.has_backing)
		old = (struct qcow2_name_place){ m->h.backing_offset,
						 (uint32_t)strlen(m->h.backing_name) };
	m->h.has_backing = backing_name != NULL;
	snprintf(m->h.backing_name, sizeof(m->h.backing_name), "%s",
		 backing_name ? backing_name : "");
	snprintf(m->h.backing_format, sizeof(m->h.backing_format), "%s",
		 backing_name && backing_format ? backing_format : "");
	free(m->cluster0);
	m->cluster0 = malloc(qcow2_cluster_bytes(&m->h));
	if (!m->cluster0)
		return err_errno(err, -ENOMEM, "%s", m->name);
	m->header_changed = true;
	return qcow2_header_emit(&m->h, m->cluster0, old, m->name, err);
}

int qcow2_rebase_unsafe(struct qcow2_meta *m, const char *backing_name, const char *backing_format,
			struct err *err)
{
	int rc = rename_backing(m, backing_name, backing_format, err);

	return rc < 0 ? rc : qcow2_meta_commit(m, err);
}

/* ---- what differs ------------------------------------------------------------------------------
 */

struct rebase {
	struct qcow2_data data; /* over the old backing disk */
	struct sync_io next;
	uint8_t *was;
	uint8_t *will_be;
};

/* Whether a cluster that is partly or not at all in the image looks the same over
 * both; r->was is what the guest sees, and shall see. */
static int compare(struct rebase *r, uint64_t cluster, uint32_t present, bool *same,
		   struct err *err)
{
	const struct qcow2_meta *m = r->data.m;
	const size_t bytes = qcow2_cluster_bytes(&m->h), part = bytes / 32;
	int rc;

	rc = qcow2_data_read(&r->data, cluster, r->was, err);
	if (rc < 0)
		return rc;
	rc = qcow2_disk_read(&r->next, cluster << m->h.cluster_bits, r->will_be, bytes);
	if (rc < 0)
		return err_errno(err, rc, "%s: its new backing disk at %#llx", m->name,
				 (unsigned long long)cluster << m->h.cluster_bits);
	*same = true;
	if (present == 0)
		*same = memcmp(r->was, r->will_be, bytes) == 0;
	for (unsigned i = 0; present != 0 && *same && i < 32; i++)
		*same = (present >> i & 1) != 0 ||
			memcmp(r->was + i * part, r->will_be + i * part, part) == 0;
	return 0;
}

static int rebase_cluster(struct rebase *r, uint64_t cluster, struct err *err)
{
	const size_t bytes = qcow2_cluster_bytes(&r->data.m->h);
	uint64_t entry, bitmap;
	bool same = true;
	uint32_t present;
	int rc;

	rc = qcow2_data_seek(&r->data, cluster, &entry, &bitmap, err);
	if (rc < 0)
		return rc;
	present = qcow2_data_present(r->data.m, entry, bitmap);
	if (present == UINT32_MAX)
		return 0;
	rc = compare(r, cluster, present, &same, err);
	if (rc < 0 || same)
		return rc;
	if (qcow2_is_zero(r->was, bytes))
		return qcow2_data_put_zeros(&r->data, cluster, err);
	return qcow2_data_put(&r->data, cluster, r->was, err);
}

static int rebase_all(struct rebase *r, const struct qcow2_progress *progress, struct err *err)
{
	const struct qcow2_meta *m = r->data.m;
	const uint64_t mask = qcow2_cluster_bytes(&m->h) - 1;
	const uint64_t count = (m->h.size_bytes + mask) >> m->h.cluster_bits;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < count; i++) {
		rc = rebase_cluster(r, i, err);
		if (rc == 0)
			rc = qcow2_step(m, progress, i + 1, count, err);
	}
	return rc < 0 ? rc : qcow2_data_finish(&r->data, err);
}

int qcow2_rebase(struct qcow2_meta *m, struct block *old_backing, struct block *new_backing,
		 const char *backing_name, const char *backing_format,
		 const struct qcow2_progress *progress, struct err *err)
{
	struct rebase r = { .data = { .m = m }, .next = { new_backing, m->io.loop } };
	int rc;

	/* The header first: zeros are put as the new backing file needs them. */
	rc = rename_backing(m, backing_name, backing_format, err);
	if (rc == 0)
		rc = qcow2_data_open(&r.data, m, old_backing, err);
	if (rc < 0)
		return rc;
	r.was = malloc(qcow2_cluster_bytes(&m->h));
	r.will_be = malloc(qcow2_cluster_bytes(&m->h));
	if (!r.was || !r.will_be)
		rc = err_errno(err, -ENOMEM, "%s", m->name);
	else
		rc = rebase_all(&r, progress, err);
	free(r.was);
	free(r.will_be);
	qcow2_data_close(&r.data);
	return rc < 0 ? rc : qcow2_meta_commit(m, err);
}
