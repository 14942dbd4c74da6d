/* Discards and zeroes: entries change, clusters are freed.
 *
 * What is zeroed by the cluster (with extended L2: the subcluster) is a flag; what is
 * less, or cannot be said by one (version 2), is written. */
#include <errno.h>

#include "base/checked.h"
#include "block/qcow2_internal.h"

enum { DONE, WRITE_IT, WAITS };

static const uint8_t zeros[4096];

/* ---- what cannot be a flag ---------------------------------------------------------- */

static int write_zeros(struct qjob *job, uint64_t len)
{
	struct qop *op;

	len = min_u64(len, Q_OPERATION_IOVS * sizeof(zeros));
	op = q_op_new(job, BLOCK_WRITE, job->pos, len, q_op_ended);
	if (!op)
		return -ENOMEM;
	job->pos += len;
	while (len > 0) {
		const uint64_t part = min_u64(len, sizeof(zeros));

		op->iov[op->iov_count++] = (struct iovec){
			.iov_base = (uint8_t *)(uintptr_t)zeros, /* only read */
			.iov_len = part,
		};
		len -= part;
	}
	op->req.iov = op->iov;
	op->req.iov_count = op->iov_count;
	q_op_submit(op, &job->q->block);
	return 0;
}

/* ---- what is: under the lock ----------------------------------------------------------- */

/* Subclusters of the cluster at job->pos that are inside the job. */
static uint32_t whole_subclusters(const struct qcow2 *q, uint64_t pos, uint64_t end)
{
	const uint64_t start = align_down_u64(pos, q->cluster_bytes);
	const unsigned first = (unsigned)((pos - start) >> q->grain_bits);
	uint64_t count = (end - pos) >> q->grain_bits;

	if (end >= q->disk_bytes)
		count = Q_SUBCLUSTERS;
	count = min_u64(count, Q_SUBCLUSTERS - first);
	return count == 0 ? 0 : (UINT32_MAX >> (Q_SUBCLUSTERS - count)) << first;
}

static void replace(struct qcow2 *q, struct qtable *t, uint64_t i, uint64_t entry, uint64_t bitmap)
{
	q_entry_freed(q, t->word[i * q->entry_words]);
	q_entry_set(q, t, i, entry, bitmap);
}

static int zero_extended(struct qjob *job, struct qtable *t, uint64_t i, const struct qentry *e)
{
	struct qcow2 *q = job->q;
	const uint32_t mask = whole_subclusters(q, job->pos, job->end);
	const bool unmap = q_request(job)->may_unmap || !e->in_place;
	const uint64_t bitmap = (uint64_t)(e->zeros | mask) << 32 | (e->data & ~mask);

	if (e->kind == Q_COMPRESSED && mask != UINT32_MAX)
		return WRITE_IT;
	if (e->kind == Q_COMPRESSED || ((e->data & ~mask) == 0 && unmap))
		replace(q, t, i, 0, e->kind == Q_COMPRESSED ? (uint64_t)UINT32_MAX << 32 : bitmap);
	else
		q_entry_set(q, t, i, t->word[2 * i], bitmap);
	return DONE;
}

/* A cluster that reads as something else than zeros, or wants to be freed. */
static int zero_cluster(struct qjob *job, struct qtable *t, uint64_t i, const struct qentry *e)
{
	struct qcow2 *q = job->q;
	const bool unmap = q_request(job)->may_unmap;

	if (e->kind == Q_BAD)
		return -EIO;
	if (q->extended)
		return zero_extended(job, t, i, e);
	if (!q->v3 && (q_is_backed(q, job->pos) || (e->in_place && !unmap)))
		return WRITE_IT;
	if (!q->v3)
		replace(q, t, i, 0, 0);
	else if (e->in_place && !unmap)
		q_entry_set(q, t, i, e->host | QCOW2_COPIED | QCOW2_ZERO, 0);
	else
		replace(q, t, i, QCOW2_ZERO, 0);
	return DONE;
}

static bool is_zero_already(struct qjob *job, const struct qentry *e)
{
	struct qcow2 *q = job->q;

	if (e->kind == Q_ZERO)
		return !e->host || !q_request(job)->may_unmap;
	if (e->kind != Q_NOTHING)
		return false;
	return !q_is_backed(q, job->pos) || (q->extended && e->zeros == UINT32_MAX);
}

static int discard_cluster(struct qjob *job, struct qtable *t, uint64_t i, const struct qentry *e)
{
	struct qcow2 *q = job->q;
	const bool backed = q_is_backed(q, job->pos);

	/* Never let the backing disk be seen again. */
	if (e->kind == Q_NOTHING || e->kind == Q_BAD || (e->kind == Q_ZERO && !e->host) ||
	    (backed && !q->v3))
		return DONE;
	if (q->extended)
		replace(q, t, i, 0, backed ? (uint64_t)UINT32_MAX << 32 : 0);
	else
		replace(q, t, i, backed ? QCOW2_ZERO : 0, 0);
	return DONE;
}

/* The end of what one look handles: of the cluster, or the job's. */
static uint64_t cluster_end(const struct qjob *job)
{
	return min_u64(job->end, align_down_u64(job->pos, job->q->cluster_bytes) +
					 job->q->cluster_bytes);
}

/* As far as it goes in one table without waiting. */
static int change_some(struct qjob *job,
		       int (*change)(struct qjob *job, struct qtable *t, uint64_t i,
				     const struct qentry *e))
{
	struct qcow2 *q = job->q;
	const uint64_t index = job->pos >> q->l1_shift;
	struct qtable *t;
	int rc = q_table_own(q, index, &t);

	if (rc == -ENOSPC) {
		q_run_wait(q, job);
		return WAITS;
	}
	if (rc < 0)
		return rc;
	while (rc == DONE && job->pos < job->end && job->pos >> q->l1_shift == index) {
		struct qclaim *claim = q_claim_find(q, q_cluster(q, job->pos), 1);
		const uint64_t i = q_entry_index(q, job->pos);
		struct qentry e;

		if (claim) {
			job->next = claim->waiters;
			claim->waiters = job;
			rc = WAITS;
			break;
		}
		if (job->end - job->pos < (UINT64_C(1) << q->grain_bits) &&
		    job->end < q->disk_bytes)
			break;
		q_entry_get(q, t, i, &e);
		if (!is_zero_already(job, &e))
			rc = change(job, t, i, &e);
		if (rc == DONE)
			job->pos = min_u64(cluster_end(job),
					   job->end >= q->disk_bytes ?
						   job->end :
						   align_down_u64(job->end, UINT64_C(1)
									    << q->grain_bits));
	}
	t->pins--;
	return rc;
}

/* ---- steps --------------------------------------------------------------------------------- */

/* Bytes from pos on that need no change at all; -1: the table must be read first, and
 * the job waits. */
static int skip_unchanged(struct qjob *job, bool discard)
{
	struct qcow2 *q = job->q;
	struct qspan s;

	q_map(q, job->pos, job->end - job->pos, &s);
	if (s.kind == Q_TABLE)
		return q_table_want(q, job->pos >> q->l1_shift, job) ? WAITS : DONE;
	if (s.kind == Q_NOTHING && (discard || job->pos >= q->backing_bytes))
		job->pos += s.len;
	return DONE;
}

bool q_discard_step(struct qjob *job)
{
	struct qcow2 *q = job->q;
	bool waits;
	int rc = DONE;

	if (!q_may_write(job, &waits))
		return !waits;
	/* Only whole clusters, or the disk's last; of which the guest may not see the
	 * end. */
	if (job->end < q->disk_bytes)
		job->end = align_down_u64(job->end, q->cluster_bytes);
	align_up_u64(job->pos, q->cluster_bytes, &job->pos);
	while (rc == DONE && job->pos < job->end) {
		const uint64_t at = job->pos;

		rc = skip_unchanged(job, true);
		align_up_u64(job->pos, q->cluster_bytes, &job->pos);
		if (rc != DONE || job->pos != at)
			continue;
		pthread_mutex_lock(&q->lock);
		rc = change_some(job, discard_cluster);
		pthread_mutex_unlock(&q->lock);
		if (rc == -EAGAIN)
			rc = DONE;
	}
	if (rc < 0 && job->status == 0)
		job->status = rc;
	return rc != WAITS;
}

/* What is before the next whole grain, or after the last one. */
static uint64_t ragged(const struct qjob *job)
{
	const struct qcow2 *q = job->q;
	const uint64_t grain = UINT64_C(1) << q->grain_bits;
	const uint64_t head = -job->pos & (grain - 1);

	if (head > 0)
		return min_u64(head, job->end - job->pos);
	if (job->end - job->pos < grain && job->end < q->disk_bytes)
		return job->end - job->pos;
	return 0;
}

bool q_zero_step(struct qjob *job)
{
	struct qcow2 *q = job->q;
	bool waits;
	int rc = DONE;

	if (!q_may_write(job, &waits))
		return !waits;
	while (rc == DONE && job->pos < job->end) {
		const uint64_t at = job->pos;
		const uint64_t part = ragged(job);

		rc = skip_unchanged(job, false);
		if (rc != DONE || job->pos != at)
			continue;
		if (part > 0) {
			rc = write_zeros(job, part);
			continue;
		}
		pthread_mutex_lock(&q->lock);
		rc = change_some(job, zero_cluster);
		pthread_mutex_unlock(&q->lock);
		if (rc == WRITE_IT)
			rc = write_zeros(job, cluster_end(job) - job->pos);
		else if (rc == -EAGAIN)
			rc = DONE;
	}
	if (rc == -EIO)
		q_bad_at(q, job->pos);
	if (rc < 0 && job->status == 0)
		job->status = rc;
	return rc != WAITS;
}
