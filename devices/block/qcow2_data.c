#include "block/qcow2_data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/inflate.h"

#define PARTS 32u

int qcow2_data_open(struct qcow2_data *d, struct qcow2_meta *m, struct block *backing,
		    struct err *err)
{
	*d = (struct qcow2_data){ .m = m, .backing = { backing, m->io.loop } };
	d->table = malloc(qcow2_cluster_bytes(&m->h));
	return d->table ? 0 : err_errno(err, -ENOMEM, "%s", m->name);
}

void qcow2_data_close(struct qcow2_data *d)
{
	free(d->table);
	free(d->packed);
	free(d->zstd);
}

int qcow2_data_finish(struct qcow2_data *d, struct err *err)
{
	if (!d->changed)
		return 0;
	d->changed = false;
	return qcow2_l2_place(d->m, d->index, d->table, err);
}

/* ---- tables ------------------------------------------------------------------------------------
 */

static int load(struct qcow2_data *d, uint32_t index, struct err *err)
{
	int rc;

	if (d->loaded && d->index == index)
		return 0;
	rc = qcow2_data_finish(d, err);
	if (rc == 0)
		rc = qcow2_l2_read(d->m, d->m->l1[index], d->table, err);
	d->loaded = rc == 0;
	d->index = index;
	return rc;
}

static uint64_t index_in_table(const struct qcow2_meta *m, uint64_t cluster)
{
	return cluster & (qcow2_entry_count(m) - 1);
}

int qcow2_data_seek(struct qcow2_data *d, uint64_t cluster, uint64_t *entry, uint64_t *bitmap,
		    struct err *err)
{
	const struct qcow2_meta *m = d->m;
	const int rc = load(d, (uint32_t)(cluster >> qcow2_l2_bits(&m->h)), err);

	if (rc < 0)
		return rc;
	*entry = qcow2_entry(m, d->table, index_in_table(m, cluster));
	*bitmap = qcow2_entry_bitmap(m, d->table, index_in_table(m, cluster));
	if ((*entry & QCOW2_ZERO) && !(*entry & QCOW2_COMPRESSED) &&
	    (m->h.version < 3 || qcow2_is_extended(&m->h)))
		return err_set(err, -EUCLEAN,
			       "%s: an L2 entry of %#llx cannot be; 'check' tells more", m->name,
			       (unsigned long long)*entry);
	return 0;
}

/* The cluster's new entry; what the old one used is free from the commit on. */
static int replace(struct qcow2_data *d, uint64_t cluster, uint64_t entry, uint64_t bitmap,
		   struct err *err)
{
	struct qcow2_span span;
	uint64_t was, was_bitmap;
	int rc;

	rc = qcow2_data_seek(d, cluster, &was, &was_bitmap, err);
	if (rc == 0)
		rc = qcow2_entry_span(d->m, was, &span, err);
	if (rc == 0)
		rc = qcow2_refs_down(&d->m->refs, span.cluster, span.count, err);
	if (rc < 0)
		return rc;
	qcow2_entry_set(d->m, d->table, index_in_table(d->m, cluster), entry, bitmap);
	d->changed = true;
	return 0;
}

/* ---- reading ------------------------------------------------------------------------ */

uint32_t qcow2_data_present(const struct qcow2_meta *m, uint64_t entry, uint64_t bitmap)
{
	if (entry & QCOW2_COMPRESSED)
		return UINT32_MAX;
	if (qcow2_is_extended(&m->h))
		return (uint32_t)bitmap | (uint32_t)(bitmap >> 32);
	return entry & (QCOW2_OFFSET_MASK | QCOW2_ZERO) ? UINT32_MAX : 0;
}

int qcow2_disk_read(const struct sync_io *disk, uint64_t offset, uint8_t *to, size_t len)
{
	const uint64_t size = disk->block ? disk->block->limits.size_bytes : 0;
	const size_t there = offset < size ? (size_t)min_u64(len, size - offset) : 0;

	memset(to + there, 0, len - there);
	return there > 0 ? sync_read(disk, offset, to, there) : 0;
}

static int unpack(struct qcow2_data *d, uint64_t entry, uint8_t *to, struct err *err)
{
	const struct qcow2_meta *m = d->m;
	const size_t bytes = qcow2_cluster_bytes(&m->h);
	uint64_t offset, len;
	int rc;

	qcow2_compressed_place(&m->h, entry, &offset, &len);
	if (!d->packed) /* its length has cluster_bits - 8 bits, in sectors */
		d->packed = malloc(2 * bytes + QCOW2_SECTOR_BYTES);
	if (!d->zstd && m->h.compression == QCOW2_ZSTD)
		d->zstd = malloc(sizeof(*d->zstd));
	if (!d->packed || (m->h.compression == QCOW2_ZSTD && !d->zstd))
		return err_errno(err, -ENOMEM, "%s", m->name);
	rc = sync_read(&m->io, offset, d->packed, len);
	if (rc == 0 && m->h.compression == QCOW2_ZSTD)
		rc = zstd_decode(d->zstd, d->packed, len, to, bytes, NULL);
	else if (rc == 0)
		rc = inflate_raw(d->packed, len, to, bytes, NULL);
	return rc < 0 ? err_errno(err, rc, "%s: compressed data at %#llx", m->name,
				  (unsigned long long)offset)
		      : 0;
}

/* Part by part: data, zeros, or what is behind. */
static int read_parts(struct qcow2_data *d, uint64_t entry, uint64_t bitmap, uint64_t guest,
		      uint8_t *to)
{
	const struct qcow2_meta *m = d->m;
	const size_t bytes = qcow2_cluster_bytes(&m->h) / PARTS;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < PARTS; i++) {
		const uint64_t at = (uint64_t)i * bytes;

		if (bitmap >> (32 + i) & 1)
			memset(to + at, 0, bytes);
		else if (bitmap >> i & 1)
			rc = sync_read(&m->io, (entry & QCOW2_OFFSET_MASK) + at, to + at, bytes);
		else
			rc = qcow2_disk_read(&d->backing, guest + at, to + at, bytes);
	}
	return rc;
}

static int read_standard(struct qcow2_data *d, uint64_t entry, uint64_t bitmap, uint64_t guest,
			 uint8_t *to)
{
	const struct qcow2_meta *m = d->m;
	const size_t bytes = qcow2_cluster_bytes(&m->h);
	const uint32_t present = qcow2_data_present(m, entry, bitmap);

	if (present == 0)
		return qcow2_disk_read(&d->backing, guest, to, bytes);
	if (qcow2_is_extended(&m->h) && (uint32_t)bitmap != UINT32_MAX)
		return read_parts(d, entry, bitmap, guest, to);
	if (entry & QCOW2_ZERO) {
		memset(to, 0, bytes);
		return 0;
	}
	return sync_read(&m->io, entry & QCOW2_OFFSET_MASK, to, bytes);
}

int qcow2_data_read(struct qcow2_data *d, uint64_t cluster, uint8_t *to, struct err *err)
{
	struct qcow2_span span = { 0, 0 };
	uint64_t entry, bitmap;
	int rc;

	rc = qcow2_data_seek(d, cluster, &entry, &bitmap, err);
	if (rc == 0)
		rc = qcow2_entry_span(d->m, entry, &span, err); /* judges it */
	if (rc < 0)
		return rc;
	if ((uint32_t)bitmap != 0 && span.count == 0)
		return err_set(err, -EUCLEAN,
			       "%s: subclusters with data that is nowhere; 'check' tells more",
			       d->m->name);
	if (entry & QCOW2_COMPRESSED)
		return unpack(d, entry, to, err);
	rc = read_standard(d, entry, bitmap, cluster << d->m->h.cluster_bits, to);
	return rc < 0 ? err_errno(err, rc, "%s: its disk at %#llx", d->m->name,
				  (unsigned long long)cluster << d->m->h.cluster_bits)
		      : 0;
}

bool qcow2_is_zero(const uint8_t *bytes, size_t len)
{
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* ---- changing ----------------------------------------------------------------------- */

int qcow2_data_put(struct qcow2_data *d, uint64_t cluster, const uint8_t *from, struct err *err)
{
	struct qcow2_meta *m = d->m;
	uint64_t place;
	int rc;

	rc = qcow2_refs_take(&m->refs, 1, &place, err);
	if (rc == 0)
		rc = replace(d, cluster, place << m->h.cluster_bits | QCOW2_COPIED, UINT32_MAX,
			     err);
	if (rc < 0)
		return rc;
	return qcow2_meta_write(m, place << m->h.cluster_bits, from, qcow2_cluster_bytes(&m->h),
				"data", err);
}

int qcow2_data_put_zeros(struct qcow2_data *d, uint64_t cluster, struct err *err)
{
	struct qcow2_meta *m = d->m;
	uint8_t *zeros;
	int rc;

	if (!m->h.has_backing)
		return replace(d, cluster, 0, 0, err);
	if (qcow2_is_extended(&m->h))
		return replace(d, cluster, 0, UINT64_C(0xffffffff) << 32, err);
	if (m->h.version >= 3)
		return replace(d, cluster, QCOW2_ZERO, 0, err);
	zeros = calloc(1, qcow2_cluster_bytes(&m->h));
	if (!zeros)
		return err_errno(err, -ENOMEM, "%s", m->name);
	rc = qcow2_data_put(d, cluster, zeros, err);
	free(zeros);
	return rc;
}
