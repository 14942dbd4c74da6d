#include "host/io_workers.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "host/ioloop_internal.h"
#include "host/thread.h"

static ssize_t perform_once(const struct io_op *op)
{
	const int iov_count = (int)op->iov_count;

	switch (op->kind) {
	case IO_READ:
		return preadv2(op->fd, op->iov, iov_count, (off_t)op->offset, op->flags);
	case IO_WRITE:
		return pwritev2(op->fd, op->iov, iov_count, (off_t)op->offset, op->flags);
	case IO_SYNC:
		return fdatasync(op->fd);
	case IO_ALLOCATE:
		return fallocate(op->fd, op->flags, (off_t)op->offset, (off_t)op->len);
	}
	errno = EINVAL;
	return -1;
}

int64_t io_op_perform(const struct io_op *op)
{
	for (unsigned i = 0; i < IO_RETRIES_MAX; i++) {
		const ssize_t n = perform_once(op);

		if (n >= 0)
			return n;
		if (errno == EAGAIN) /* memory is short: later there may be some */
			poll(NULL, 0, 1);
		else if (errno != EINTR)
			return -errno;
	}
	return -EIO;
}

/* The next operation, or NULL to stop.  Under the mutex. */
static struct io_op *next_op(struct io_workers *w)
{
	struct io_op *op;

	w->idle++;
	while (!w->first && !w->stop)
		pthread_cond_wait(&w->work, &w->mutex);
	w->idle--;
	op = w->first;
	if (!op)
		return NULL;
	w->first = op->next;
	if (!w->first)
		w->last = &w->first;
	w->waiting--;
	return op;
}

static void *work(void *arg)
{
	struct io_workers *w = arg;
	struct io_op *op;

	ioloop_leave_patience(w->loop);
	pthread_mutex_lock(&w->mutex);
	thread_name("io-worker", w->named++);
	while ((op = next_op(w)) != NULL) {
		pthread_mutex_unlock(&w->mutex);
		op->result = io_op_perform(op);
		ioloop_op_worked(w->loop, op);
		pthread_mutex_lock(&w->mutex);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

void io_workers_init(struct io_workers *w, struct ioloop *loop)
{
	*w = (struct io_workers){ .loop = loop };
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->work, NULL);
	w->last = &w->first;
}

void io_workers_submit(struct io_workers *w, struct io_op *op)
{
	bool more;

	op->next = NULL;
	pthread_mutex_lock(&w->mutex);
	*w->last = op;
	w->last = &op->next;
	w->waiting++;
	more = w->waiting > w->idle;
	pthread_mutex_unlock(&w->mutex);
	pthread_cond_signal(&w->work);

	if (more && w->thread_count < IO_WORKERS_MAX &&
	    thread_start(&w->threads[w->thread_count], work, w) == 0)
		w->thread_count++;
	if (w->thread_count > 0)
		return;
	/* No thread is to be had: slow, but right. */
	assert(w->first == op);
	w->first = NULL;
	w->last = &w->first;
	w->waiting--;
	op->result = io_op_perform(op);
	ioloop_op_worked(w->loop, op);
}

void io_workers_stop(struct io_workers *w)
{
	pthread_mutex_lock(&w->mutex);
	assert(!w->first);
	w->stop = true;
	pthread_mutex_unlock(&w->mutex);
	pthread_cond_broadcast(&w->work);
	for (unsigned i = 0; i < w->thread_count; i++)
		pthread_join(w->threads[i], NULL);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->mutex);
}
