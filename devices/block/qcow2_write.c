/* Writes: where a cluster is ours alone, in place; else into new clusters.
 *
 * Where zeros are read now, a new cluster, which is zeros, takes their place at once,
 * and the write is one in place: whatever becomes of it, nothing else is ever seen.
 * Where other data is, its place is only taken by what is complete:
 *
 *      plan      under the lock: claim clusters of the disk, take clusters of the run
 *      fill      read what is around the guest's data
 *      write     head, guest's data and tail, as one
 *      commit    under the lock: set the entries, wake who waited for the clusters */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "block/qcow2_internal.h"

enum { PLANNED, WAITS = 1 };

static uint64_t to_pos(const struct qcow2 *q, uint64_t cluster)
{
	return cluster << q->cluster_bits;
}

static int over_a_table(struct qcow2 *q, uint64_t host)
{
	q_corrupt(q, "an L2 table names a cluster that is a table's", host);
	return -EIO;
}

/* ---- commit ------------------------------------------------------------------------------ */

/* Bits of the subclusters of the cluster at `start` that [from, to) touches. */
static uint32_t subclusters(const struct qcow2 *q, uint64_t start, uint64_t from, uint64_t to)
{
	const uint64_t first = (max_u64(from, start) - start) >> q->grain_bits;
	const uint64_t last = (min_u64(to, start + q->cluster_bytes) - 1 - start) >> q->grain_bits;

	return (UINT32_MAX >> (31 - last)) & (UINT32_MAX << first);
}

static void set_entry(struct qcow2 *q, const struct qop *op, uint64_t cluster)
{
	const uint64_t i = q_entry_index(q, to_pos(q, cluster));
	const uint64_t old = op->table->word[i * q->entry_words];
	const uint64_t host = op->host + ((cluster - op->claim.first) << q->cluster_bits);
	uint64_t bitmap = 0;
	struct qentry e;

	q_entry_get(q, op->table, i, &e);
	if (q->extended) {
		const uint32_t mask = subclusters(q, to_pos(q, cluster), op->from, op->to);

		bitmap = op->own_cluster ? (uint64_t)(e.data | mask) : mask;
		bitmap |= (uint64_t)(e.zeros & ~mask) << 32;
	}
	if (!op->own_cluster)
		q_entry_freed(q, old);
	q_entry_set(q, op->table, i, host | QCOW2_COPIED, bitmap);
}

static void set_entries(struct qcow2 *q, const struct qop *op)
{
	for (uint64_t n = 0; n < op->claim.count; n++)
		set_entry(q, op, op->claim.first + n);
}

static void unclaim(struct qcow2 *q, struct qop *op)
{
	struct qclaim **at = &q->claims;

	while (*at != &op->claim)
		at = &(*at)->next;
	*at = op->claim.next;
	op->table->pins--;
}

static void written(struct qop *op, int status)
{
	struct qcow2 *q = op->job->q;

	pthread_mutex_lock(&q->lock);
	if (status == 0) {
		set_entries(q, op);
		q->replaced = true;
	} else if (!op->own_cluster) {
		/* No longer zeros, perhaps. */
		q_freed_add(&q->freed, q_cluster(q, op->host), op->claim.count);
		q_dirtied(q);
	}
	unclaim(q, op);
	pthread_mutex_unlock(&q->lock);
	q_jobs_wake(op->claim.waiters, 0);
	q_op_ended(op, status);
}

/* ---- fill and write -------------------------------------------------------------------------- */

static void write_out(struct qop *op)
{
	struct qcow2 *q = op->job->q;
	const uint64_t end = op->pos + op->len;
	const uint64_t head = op->pos - op->from, tail = op->to - end;

	if (head > 0)
		op->iov[0] = (struct iovec){ .iov_base = op->buffer, .iov_len = head };
	if (tail > 0)
		op->iov[op->iov_count - 1] = (struct iovec){
			.iov_base = op->buffer + (end - op->from),
			.iov_len = tail,
		};
	op->req.offset = op->host + (op->from - to_pos(q, op->claim.first));
	op->req.len = op->to - op->from;
	op->req.iov = op->iov;
	op->req.iov_count = op->iov_count;
	q_op_submit(op, q->file);
}

static void filled(struct qop *fill, int status)
{
	struct qop *op = fill->parent;

	if (status < 0)
		op->fill_status = status;
	q_op_ended(fill, 0);
	if (--op->fills > 0)
		return;
	if (op->fill_status < 0)
		written(op, op->fill_status);
	else
		write_out(op);
}

/* What the guest sees in [from, to) now, into the buffer.  Behind the disk's end are
 * zeros. */
static int fill(struct qop *op, uint64_t from, uint64_t to)
{
	struct qcow2 *q = op->job->q;
	const uint64_t end = min_u64(to, q->block.limits.size_bytes);
	struct qop *f;

	if (end < to)
		memset(op->buffer + (max_u64(end, from) - op->from), 0, to - max_u64(end, from));
	if (from >= end)
		return 0;
	f = q_op_new(op->job, BLOCK_READ, from, end - from, filled);
	if (!f)
		return -ENOMEM;
	f->parent = op;
	f->single = (struct iovec){ .iov_base = op->buffer + (from - op->from),
				    .iov_len = end - from };
	f->req.iov = &f->single;
	f->req.iov_count = 1;
	op->fills++;
	q_op_submit(f, &q->block);
	return 0;
}

static int start_fills(struct qop *op)
{
	const uint64_t end = op->pos + op->len;
	void *memory;
	int rc = 0;

	if (op->from == op->pos && op->to == end)
		return 0;
	if (posix_memalign(&memory, 4096, op->to - op->from) != 0)
		return -ENOMEM;
	op->buffer = memory;
	if (op->from < op->pos && end < op->to && op->claim.count == 1)
		return fill(op, op->from, op->to); /* one read, though for too much */
	if (op->from < op->pos)
		rc = fill(op, op->from, op->pos);
	if (rc == 0 && end < op->to)
		rc = fill(op, end, op->to);
	return rc;
}

static void start(struct qop *op)
{
	int rc = q_op_take_iov(op, op->len, op->from < op->pos, op->pos + op->len < op->to);

	if (rc < 0)
		q_job_skip(op->job, op->len);
	op->fills = 1; /* ours: who comes last goes on */
	op->fill_status = rc;
	if (rc == 0)
		op->fill_status = start_fills(op);
	if (--op->fills > 0)
		return;
	if (op->fill_status < 0)
		op->ended(op, op->fill_status);
	else
		write_out(op);
}

/* ---- plan: under the lock ------------------------------------------------------------------------ */

/* Whether a cluster's present content must be copied as a whole. */
static bool is_elsewhere(const struct qentry *e)
{
	return e->kind == Q_COMPRESSED || (e->kind == Q_DATA && !e->in_place);
}

static bool reads_zeros(const struct qcow2 *q, const struct qentry *e, uint64_t pos)
{
	if (e->kind == Q_ZERO || (e->kind == Q_NOTHING && q->extended && e->zeros == UINT32_MAX))
		return true;
	return e->kind == Q_NOTHING && !q_is_backed(q, pos);
}

/* How many clusters from the first on get new places together. */
static uint64_t count_alike(struct qcow2 *q, struct qtable *t, uint64_t first, uint64_t limit)
{
	struct qentry e;
	uint64_t n = 1;

	for (; n < limit && !q_claim_find(q, first + n, 1); n++) {
		q_entry_get(q, t, q_entry_index(q, to_pos(q, first + n)), &e);
		if (e.kind == Q_BAD || e.in_place)
			break;
	}
	return n;
}

static void set_extent(struct qcow2 *q, struct qop *op)
{
	const uint64_t grain = UINT64_C(1) << q->grain_bits;
	const uint64_t last = op->claim.first + op->claim.count - 1;
	const uint64_t end = op->pos + op->len;
	struct qentry e;

	op->from = op->pos;
	op->to = end;
	op->replaces = op->own_cluster;
	for (uint64_t n = 0; n < op->claim.count && !op->replaces; n++) {
		const uint64_t pos = to_pos(q, op->claim.first + n);

		q_entry_get(q, op->table, q_entry_index(q, pos), &e);
		op->replaces = !reads_zeros(q, &e, pos);
	}
	if (!op->replaces)
		return;
	q_entry_get(q, op->table, q_entry_index(q, op->pos), &e);
	op->from = align_down_u64(op->pos, is_elsewhere(&e) ? q->cluster_bytes : grain);
	q_entry_get(q, op->table, q_entry_index(q, to_pos(q, last)), &e);
	align_up_u64(end, is_elsewhere(&e) ? q->cluster_bytes : grain, &op->to);
}

/* The cluster at pos of a table that is ours and in memory. */
static int place(struct qop *op, struct qjob *job, uint64_t limit)
{
	struct qcow2 *q = job->q;
	const uint64_t first = q_cluster(q, job->pos);
	uint64_t cluster, count = 1;
	struct qspan now;
	struct qentry e;

	q_entry_get(q, op->table, q_entry_index(q, job->pos), &e);
	q_map(q, job->pos, BLOCK_SECTOR_BYTES, &now);
	if (e.kind == Q_BAD || (now.kind == Q_DATA && now.in_place))
		return -EAGAIN;
	if (e.in_place && q_is_on_table(q, e.host, q->cluster_bytes))
		return over_a_table(q, e.host);
	op->own_cluster = e.in_place;
	op->host = e.host;
	if (!op->own_cluster) {
		count = q_run_take(q, count_alike(q, op->table, first, limit), &cluster);
		if (count == 0) {
			q_run_wait(q, job);
			return WAITS;
		}
		op->host = cluster << q->cluster_bits;
	}
	op->claim = (struct qclaim){ .first = first, .count = count, .next = q->claims };
	op->pos = job->pos;
	op->len = min_u64(job->end, to_pos(q, first + count)) - job->pos;
	/* With subclusters that are there behind this: they are for another round. */
	if (op->own_cluster && q->extended)
		op->len = min_u64(op->len, (UINT64_C(1) << q->grain_bits) -
					   (job->pos & ((UINT64_C(1) << q->grain_bits) - 1)));
	set_extent(q, op);
	if (op->replaces) {
		q->claims = &op->claim;
		return PLANNED;
	}
	set_entries(q, op);
	op->table->pins--;
	op->ended = q_op_ended;
	return PLANNED;
}

/* PLANNED; WAITS: the job is on a list; -EAGAIN: look at the map again; or -errno. */
static int plan(struct qop *op, struct qjob *job)
{
	struct qcow2 *q = job->q;
	const uint64_t index = job->pos >> q->l1_shift;
	const uint64_t last = min_u64(job->end - 1, ((index + 1) << q->l1_shift) - 1);
	struct qclaim *other = q_claim_find(q, q_cluster(q, job->pos), 1);
	int rc;

	if (other) {
		job->next = other->waiters;
		other->waiters = job;
		return WAITS;
	}
	rc = q_table_own(q, index, &op->table);
	if (rc == -ENOSPC) {
		q_run_wait(q, job);
		return WAITS;
	}
	if (rc < 0)
		return rc;
	rc = place(op, job, q_cluster(q, last) - q_cluster(q, job->pos) + 1);
	if (rc != PLANNED)
		op->table->pins--;
	return rc;
}

/* ---- steps ------------------------------------------------------------------------------------------ */

static int write_new(struct qjob *job)
{
	struct qcow2 *q = job->q;
	struct qop *op = q_op_new(job, BLOCK_WRITE, 0, 0, written);
	int rc;

	if (!op)
		return -ENOMEM;
	pthread_mutex_lock(&q->lock);
	rc = plan(op, job);
	/* Who waits may be called again before we get any further: but only on this
	 * thread, later. */
	pthread_mutex_unlock(&q->lock);
	if (rc == PLANNED) {
		start(op);
		return 0;
	}
	q_op_free(op);
	job->outstanding--;
	return rc == -EAGAIN ? 0 : rc;
}

static int write_in_place(struct qjob *job, const struct qspan *s)
{
	struct qop *op;
	int rc;

	if (q_is_on_table(job->q, s->host, s->len))
		return over_a_table(job->q, s->host);
	op = q_op_new(job, BLOCK_WRITE, s->host, s->len, q_op_ended);
	if (!op)
		return -ENOMEM;
	rc = q_op_take_iov(op, s->len, 0, 0);
	if (rc < 0) {
		q_op_ended(op, rc);
		return rc;
	}
	op->req.iov = op->iov;
	op->req.iov_count = op->iov_count;
	q_op_submit(op, job->q->file);
	return 0;
}

bool q_write_step(struct qjob *job)
{
	struct qcow2 *q = job->q;
	struct qspan s;
	bool waits;
	int rc = 0;

	if (!q_may_write(job, &waits))
		return !waits;
	while (rc == 0 && job->status == 0 && job->pos < job->end) {
		q_map(q, job->pos, job->end - job->pos, &s);
		if (s.kind == Q_DATA && s.in_place) {
			rc = write_in_place(job, &s);
		} else if (s.kind == Q_BAD) {
			q_bad_at(q, job->pos);
			rc = -EIO;
		} else if (s.kind != Q_TABLE) {
			rc = write_new(job);
			if (rc == WAITS)
				return false;
		} else if (q_table_want(q, job->pos >> q->l1_shift, job)) {
			return false;
		}
	}
	if (rc < 0 && job->status == 0)
		job->status = rc;
	return true;
}
