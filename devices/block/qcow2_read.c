/* Reads that are not one row of clusters: piece by piece, all at once. */
#include "block/qcow2_internal.h"

#include <errno.h>

static int read_from(struct qjob *job, struct block *b, uint64_t offset, uint64_t len)
{
	struct qop *op = q_op_new(job, BLOCK_READ, offset, len, q_op_ended);
	int rc;

	if (!op)
		return -ENOMEM;
	rc = q_op_take_iov(op, len, 0, 0);
	if (rc < 0) {
		q_op_ended(op, rc);
		return rc;
	}
	op->req.iov = op->iov;
	op->req.iov_count = op->iov_count;
	q_op_submit(op, b);
	return 0;
}

static int read_nothing(struct qjob *job, uint64_t len)
{
	struct qcow2 *q = job->q;

	if (job->pos >= q->backing_bytes) {
		q_job_zero(job, len);
		return 0;
	}
	len = min_u64(len, q->backing_bytes - job->pos);
	return read_from(job, q->backing, job->pos, len);
}

static int read_span(struct qjob *job, const struct qspan *s)
{
	switch (s->kind) {
	case Q_DATA:
		return read_from(job, job->q->file, s->host, s->len);
	case Q_ZERO:
		q_job_zero(job, s->len);
		return 0;
	case Q_NOTHING:
		return read_nothing(job, s->len);
	case Q_COMPRESSED:
		return q_read_compressed(job, s);
	default:
		q_bad_at(job->q, job->pos);
		return -EIO;
	}
}

bool q_read_step(struct qjob *job)
{
	struct qcow2 *q = job->q;
	struct qspan s;
	int rc = 0;

	while (rc == 0 && job->status == 0 && job->pos < job->end) {
		q_map(q, job->pos, job->end - job->pos, &s);
		if (s.kind != Q_TABLE)
			rc = read_span(job, &s);
		else if (q_table_want(q, job->pos >> q->l1_shift, job))
			return false;
	}
	if (rc < 0 && job->status == 0)
		job->status = rc;
	return true;
}
