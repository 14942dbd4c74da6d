/* Requests that take more than handing them on: jobs, and their operations. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block/qcow2_internal.h"

#define FREE_OPS_MAX 512u

/* ---- slots ------------------------------------------------------------------------- */

static struct qslot *add_slot(struct qcow2 *q, struct ioloop *loop)
{
	void *memory;
	struct qslot *slot;

	if (posix_memalign(&memory, _Alignof(struct qslot), sizeof(*slot)) != 0)
		return NULL;
	slot = memory;
	memset(slot, 0, sizeof(*slot));
	slot->loop = loop;
	pthread_mutex_lock(&q->lock);
	slot->next = atomic_load_explicit(&q->slots, memory_order_relaxed);
	/* In one order with q_settle()'s look at all slots, as q_enter() is. */
	atomic_store(&q->slots, slot);
	pthread_mutex_unlock(&q->lock);
	return slot;
}

struct qslot *q_slot(struct qcow2 *q, struct ioloop *loop)
{
	struct qslot *slot = atomic_load_explicit(&q->slots, memory_order_acquire);

	while (slot && slot->loop != loop)
		slot = slot->next;
	return slot ? slot : add_slot(q, loop);
}

/* ---- jobs ---------------------------------------------------------------------------- */

static void run_step(struct qjob *job)
{
	if (job->step(job))
		q_job_put(job, 0);
}

static void run_task(void *arg)
{
	struct qjob *job = arg;

	if (job->wait_status < 0)
		q_job_put(job, job->wait_status);
	else
		run_step(job);
}

void q_job_start(struct qcow2 *q, struct block_req *req, struct qslot *slot,
		 bool (*step)(struct qjob *job))
{
	struct qjob *job = (struct qjob *)(void *)req->private_bytes;

	*job = (struct qjob){
		.task = { .run = run_task, .arg = job },
		.q = q,
		.slot = slot,
		.step = step,
		.pos = req->offset,
		.end = req->offset + req->len,
		.iov = req->iov,
		.outstanding = 2, /* one for us */
		.parity = q_enter(q, slot),
		.starting = true,
	};
	run_step(job);
	if (job->outstanding > 1)
		job->starting = false;
	q_job_put(job, 0);
}

static bool wants_flush(struct qjob *job)
{
	const struct block_req *req = q_request(job);

	return job->status == 0 && (req->op == BLOCK_WRITE || req->op == BLOCK_ZERO) &&
	       (req->durable || job->q->durable_writes) && job->step != q_flush_step;
}

void q_job_put(struct qjob *job, int status)
{
	struct block_req *req = q_request(job);

	if (status < 0 && job->status == 0)
		job->status = status;
	if (--job->outstanding > 0)
		return;
	if (wants_flush(job)) {
		job->step = q_flush_step;
		job->outstanding = 1;
		run_step(job);
		return;
	}
	q_leave(job->slot, job->parity);
	if (job->starting)
		block_done_later(req, job->status);
	else
		block_done(req, job->status);
}

void q_job_wake(struct qjob *job, int status)
{
	job->wait_status = status;
	ioloop_post(q_request(job)->loop, &job->task);
}

void q_jobs_wake(struct qjob *first, int status)
{
	while (first) {
		struct qjob *next = first->next;

		q_job_wake(first, status);
		first = next;
	}
}

bool q_flush_step(struct qjob *job)
{
	struct qcow2 *q = job->q;
	struct qop *op;

	if (job->flushed)
		return true;
	job->flushed = true;
	if (atomic_load(&q->dirty_seq) == atomic_load(&q->durable_seq)) {
		op = q_op_new(job, BLOCK_FLUSH, 0, 0, q_op_ended);
		if (op)
			q_op_submit(op, q->file);
		else
			job->status = -ENOMEM;
		return true;
	}
	pthread_mutex_lock(&q->lock);
	job->next = q->flush_waiters;
	q->flush_waiters = job;
	pthread_mutex_unlock(&q->lock);
	q_steward_call(q);
	return false;
}

/* ---- gates ----------------------------------------------------------------------------- */

bool q_may_write(struct qjob *job, bool *waits)
{
	struct qcow2 *q = job->q;

	*waits = false;
	if (atomic_load_explicit(&q->corrupt, memory_order_relaxed)) {
		job->status = job->status ? job->status : -EIO;
		return false;
	}
	if (atomic_load_explicit(&q->prepared, memory_order_acquire))
		return true;
	pthread_mutex_lock(&q->lock);
	if (!atomic_load(&q->prepared)) {
		q_run_wait(q, job);
		*waits = true;
	}
	pthread_mutex_unlock(&q->lock);
	return !*waits;
}

/* ---- their memory -------------------------------------------------------------------- */

void q_job_skip(struct qjob *job, uint64_t len)
{
	job->pos += len;
	while (len > 0) {
		const uint64_t part = min_u64(len, job->iov->iov_len - job->iov_skip);

		len -= part;
		job->iov_skip += part;
		if (job->iov_skip == job->iov->iov_len) {
			job->iov++;
			job->iov_skip = 0;
		}
	}
}

/* from NULL: zeros */
static void fill(struct qjob *job, const uint8_t *from, uint64_t len)
{
	while (len > 0) {
		const uint64_t part = min_u64(len, job->iov->iov_len - job->iov_skip);
		uint8_t *to = (uint8_t *)job->iov->iov_base + job->iov_skip;

		if (from) {
			memcpy(to, from, part);
			from += part;
		} else {
			memset(to, 0, part);
		}
		q_job_skip(job, part);
		len -= part;
		if (len > 0 && part == 0)
			q_job_skip(job, 0);
	}
}

void q_job_zero(struct qjob *job, uint64_t len)
{
	fill(job, NULL, len);
}

void q_job_copy_in(struct qjob *job, const uint8_t *from, uint64_t len)
{
	fill(job, from, len);
}

/* ---- operations ------------------------------------------------------------------------ */

static void op_done(struct block_req *req, int status)
{
	struct qop *op = container_of(req, struct qop, req);

	op->ended(op, status);
}

struct qop *q_op_new(struct qjob *job, enum block_op kind, uint64_t offset, uint64_t len,
		     void (*ended)(struct qop *op, int status))
{
	struct qslot *slot = job->slot;
	struct qop *op = slot->free_ops;

	if (op) {
		slot->free_ops = op->next;
		slot->free_count--;
	} else {
		op = malloc(sizeof(*op));
		if (!op)
			return NULL;
	}
	op->req.op = kind;
	op->req.durable = false;
	op->req.may_unmap = false;
	op->req.offset = offset;
	op->req.len = len;
	op->req.iov = NULL;
	op->req.iov_count = 0;
	op->req.loop = q_request(job)->loop;
	op->req.done = op_done;
	op->job = job;
	op->ended = ended;
	op->iov = op->own;
	op->iov_count = 0;
	op->buffer = NULL;
	job->outstanding++;
	return op;
}

void q_op_free(struct qop *op)
{
	struct qslot *slot = op->job->slot;

	if (op->iov != op->own)
		free(op->iov);
	free(op->buffer);
	if (slot->free_count == FREE_OPS_MAX) {
		free(op);
		return;
	}
	op->next = slot->free_ops;
	slot->free_ops = op;
	slot->free_count++;
}

void q_op_ended(struct qop *op, int status)
{
	struct qjob *job = op->job;

	q_op_free(op);
	q_job_put(job, status);
}

/* Elements that [iov_skip, +len) of the job's memory touches. */
static unsigned count_iov(const struct qjob *job, uint64_t len)
{
	uint64_t seen = 0;
	unsigned n = 0;

	while (seen < len)
		seen += job->iov[n].iov_len - (n == 0 ? job->iov_skip : 0), n++;
	return n;
}

int q_op_take_iov(struct qop *op, uint64_t len, unsigned before, unsigned after)
{
	struct qjob *job = op->job;
	const unsigned count = count_iov(job, len);
	unsigned n = before;

	if (before + count + after > Q_OPERATION_IOVS) {
		struct iovec *many = malloc((before + count + after) * sizeof(*many));

		if (!many)
			return -ENOMEM;
		op->iov = many;
	}
	while (len > 0) {
		const uint64_t part = min_u64(len, job->iov->iov_len - job->iov_skip);

		op->iov[n++] = (struct iovec){
			.iov_base = (uint8_t *)job->iov->iov_base + job->iov_skip,
			.iov_len = part,
		};
		q_job_skip(job, part);
		len -= part;
	}
	assert(n <= before + count);
	op->iov_count = n + after;
	return 0;
}

void q_op_submit(struct qop *op, struct block *to)
{
	block_submit(to, &op->req);
}
