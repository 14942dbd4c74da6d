/* The steward: one thread an image that may be written to, which does in order what
 * must be in an order.  It is called, does all there is to do, and looks again after
 * a while if something is left. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "block/qcow2_internal.h"
#include "host/now.h"

#define STEWARD_INDEX 90u		 /* io90, among the threads' names */
#define DIRTY_NS      (2 * NS_PER_S)	 /* without a guest's flush */
#define GRACE_NS      (5 * NS_PER_MS)

static bool is_dirty(struct qcow2 *q)
{
	return atomic_load(&q->dirty_seq) != atomic_load(&q->durable_seq);
}

static void serve_run(struct qcow2 *q)
{
	struct qjob *waiters;
	bool wanted;
	int rc;

	pthread_mutex_lock(&q->lock);
	wanted = q->run_wanted;
	pthread_mutex_unlock(&q->lock);
	if (!wanted)
		return;
	rc = q_reserve(q);
	pthread_mutex_lock(&q->lock);
	q->run_wanted = false;
	q->run_status = rc;
	waiters = q->run_waiters;
	q->run_waiters = NULL;
	/* Ahead of need it may fail in silence. */
	if (q->run.cluster_count > 0)
		rc = 0;
	pthread_mutex_unlock(&q->lock);
	q_jobs_wake(waiters, rc);
}

static void serve_flush(struct qcow2 *q)
{
	struct qjob *waiters;
	bool due;
	int rc;

	pthread_mutex_lock(&q->lock);
	waiters = q->flush_waiters;
	q->flush_waiters = NULL;
	due = q->flush_wanted;
	q->flush_wanted = false;
	pthread_mutex_unlock(&q->lock);
	due |= q->dirty_since_ns != 0 && host_now_ns() - q->dirty_since_ns >= DIRTY_NS;
	if (!waiters && !due)
		return;
	rc = q_flush(q);
	q->dirty_since_ns = 0;
	q_jobs_wake(waiters, rc);
}

static void serve_corrupt(struct qcow2 *q)
{
	if (!atomic_load(&q->corrupt) || q->marked_corrupt)
		return;
	q->marked_corrupt = true;
	if (!q->v3)
		return;
	q->h.incompatible |= QCOW2_CORRUPT;
	if (q_header_write(q) < 0)
		log_warn("%s cannot be marked as damaged", q->name);
}

static void finish(struct qcow2 *q)
{
	int rc = 0;

	ioloop_disarm(q->io.loop, &q->timer);
	serve_corrupt(q);
	if (is_dirty(q))
		rc = q_flush(q);
	while (rc == 0 && q_settle(q, true))
		;
	if (rc == 0 && !atomic_load(&q->corrupt) &&
	    (q->run.extent_count > 0 || q_refcounts_dirty(q)))
		rc = q_give_back(q);
	if (rc < 0)
		log_error("%s: what was written last is not all in the image: %s", q->name,
			  strerror(-rc));
	pthread_mutex_lock(&q->lock);
	q->finished = true;
	pthread_cond_signal(&q->finished_cond);
	pthread_mutex_unlock(&q->lock);
}

/* Until there is no more to do.  A round inside a waiting call comes here, too: then
 * who waits does it all after. */
static void work(struct qcow2 *q)
{
	bool more = false;
	uint64_t now_ns;

	q->again = true;
	if (q->busy)
		return;
	q->busy = true;
	while (q->again || atomic_load(&q->steward_called) || (more && q->grace == 0)) {
		q->again = false;
		atomic_store(&q->steward_called, false);
		serve_corrupt(q);
		serve_run(q);
		serve_flush(q);
		more = q_settle(q, false);
	}
	q->busy = false;
	if (q->closing) {
		q->busy = true;
		finish(q);
		return;
	}
	now_ns = host_now_ns();
	if (q->dirty_since_ns == 0 && (is_dirty(q) || q_refcounts_dirty(q)))
		q->dirty_since_ns = now_ns;
	if (q->grace > 0)
		ioloop_arm(q->io.loop, &q->timer, now_ns + GRACE_NS);
	else if (q->dirty_since_ns != 0)
		ioloop_arm(q->io.loop, &q->timer, q->dirty_since_ns + DIRTY_NS);
}

static void run_task(void *arg)
{
	work(arg);
}

static void fire(void *arg, uint64_t now_ns)
{
	(void)now_ns;
	work(arg);
}

void q_steward_call(struct qcow2 *q)
{
	if (!atomic_exchange(&q->steward_called, true))
		ioloop_post(q->io.loop, &q->steward_task);
}

static void close_task(void *arg)
{
	struct qcow2 *q = arg;

	q->closing = true;
	work(q);
}

int q_steward_start(struct qcow2 *q, struct err *err)
{
	const int rc = iothread_start(IO_ENGINE_AUTO, STEWARD_INDEX, &q->steward, err);

	if (rc < 0)
		return rc;
	q->io = (struct sync_io){ .block = q->file, .loop = iothread_loop(q->steward) };
	q->steward_task = (struct io_task){ .run = run_task, .arg = q };
	io_timer_init(&q->timer, fire, q);
	return 0;
}

void q_steward_stop(struct qcow2 *q)
{
	struct io_task task = { .run = close_task, .arg = q };

	if (!q->steward)
		return;
	pthread_cond_init(&q->finished_cond, NULL);
	ioloop_post(q->io.loop, &task);
	pthread_mutex_lock(&q->lock);
	while (!q->finished)
		pthread_cond_wait(&q->finished_cond, &q->lock);
	pthread_mutex_unlock(&q->lock);
	pthread_cond_destroy(&q->finished_cond);
	iothread_stop(q->steward);
}
