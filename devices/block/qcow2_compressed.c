/* Compressed clusters: their bytes are read, unpacked, and kept for a while, since
 * who reads the first 4 KiB of one soon reads the next. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "block/qcow2_internal.h"
#include "codec/inflate.h"
#include "codec/zstd_decode.h"

/* ---- those that are kept ----------------------------------------------------------- */

static struct qunpacked *find(struct qcow2 *q, uint64_t entry)
{
	for (unsigned i = 0; i < Q_UNPACKED; i++) {
		if (q->unpacked[i].entry == entry)
			return &q->unpacked[i];
	}
	return NULL;
}

static bool copy_kept(struct qjob *job, const struct qspan *s)
{
	struct qcow2 *q = job->q;
	struct qunpacked *u;

	pthread_mutex_lock(&q->lock);
	u = find(q, s->entry);
	if (u) {
		u->used_at = ++q->unpacked_clock;
		q_job_copy_in(job, u->bytes + (job->pos & (q->cluster_bytes - 1)), s->len);
	}
	pthread_mutex_unlock(&q->lock);
	return u != NULL;
}

/* Returns the bytes that nobody keeps any more. */
static uint8_t *keep(struct qcow2 *q, uint64_t entry, uint8_t *bytes)
{
	struct qunpacked *oldest = &q->unpacked[0];

	pthread_mutex_lock(&q->lock);
	if (!find(q, entry)) {
		uint8_t *old;

		for (unsigned i = 1; i < Q_UNPACKED; i++) {
			if (q->unpacked[i].used_at < oldest->used_at)
				oldest = &q->unpacked[i];
		}
		old = oldest->bytes;
		*oldest = (struct qunpacked){ entry, ++q->unpacked_clock, bytes };
		bytes = old;
	}
	pthread_mutex_unlock(&q->lock);
	return bytes;
}

void q_unpacked_free(struct qcow2 *q)
{
	for (unsigned i = 0; i < Q_UNPACKED; i++)
		free(q->unpacked[i].bytes);
}

/* ---- unpacking ------------------------------------------------------------------------ */

static int unpack(struct qop *op, const uint8_t *in, size_t in_len, uint8_t *out)
{
	struct qcow2 *q = op->job->q;
	struct qslot *slot = op->job->slot;

	if (q->h.compression == QCOW2_ZLIB)
		return inflate_raw(in, in_len, out, q->cluster_bytes, NULL);
	if (!slot->unzstd)
		slot->unzstd = malloc(sizeof(*slot->unzstd));
	if (!slot->unzstd)
		return -ENOMEM;
	return zstd_decode(slot->unzstd, in, in_len, out, q->cluster_bytes, NULL);
}

/* The part of the cluster that was asked for. */
static void hand_over(struct qop *op, const uint8_t *cluster)
{
	const uint8_t *from = cluster + op->skip;

	for (unsigned i = 0; i < op->iov_count; i++) {
		memcpy(op->iov[i].iov_base, from, op->iov[i].iov_len);
		from += op->iov[i].iov_len;
	}
}

static void packed_read(struct qop *op, int status)
{
	struct qcow2 *q = op->job->q;
	uint64_t offset, len;
	uint8_t *out;

	if (status < 0) {
		q_op_ended(op, status);
		return;
	}
	out = malloc(q->cluster_bytes);
	qcow2_compressed_place(&q->h, op->entry, &offset, &len);
	status = out ? unpack(op, op->buffer + (offset - op->from), len, out) : -ENOMEM;
	if (status == 0) {
		hand_over(op, out);
		out = keep(q, op->entry, out);
	} else if (status == -EBADMSG) {
		/* One cluster's content, and no reason to distrust the tables. */
		status = -EIO;
	}
	free(out);
	q_op_ended(op, status);
}

int q_read_compressed(struct qjob *job, const struct qspan *s)
{
	struct qcow2 *q = job->q;
	const uint32_t block = q->file->limits.logical_bytes;
	const uint64_t skip = job->pos & (q->cluster_bytes - 1);
	uint64_t offset, len, from, to;
	struct qop *op;
	void *memory;
	int rc;

	if (copy_kept(job, s))
		return 0;
	qcow2_compressed_place(&q->h, s->entry, &offset, &len);
	from = align_down_u64(offset, block);
	if (!align_up_u64(offset + len, block, &to) ||
	    !range_inside(from, to - from, q->file->limits.size_bytes)) {
		q_corrupt(q, "a compressed cluster that cannot be", offset);
		return -EIO;
	}
	op = q_op_new(job, BLOCK_READ, from, to - from, packed_read);
	if (!op)
		return -ENOMEM;
	op->entry = s->entry;
	op->skip = skip;
	op->from = from;
	rc = posix_memalign(&memory, 4096, to - from) == 0 ? 0 : -ENOMEM;
	if (rc == 0) {
		op->buffer = memory;
		rc = q_op_take_iov(op, s->len, 0, 0);
	}
	if (rc < 0) {
		q_op_ended(op, rc);
		return rc;
	}
	op->single = (struct iovec){ .iov_base = memory, .iov_len = to - from };
	op->req.iov = &op->single;
	op->req.iov_count = 1;
	q_op_submit(op, q->file);
	return 0;
}
