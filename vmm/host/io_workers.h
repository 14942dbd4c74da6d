/* host/io_workers.h: a few threads that do file I/O for a loop, by system calls
 * that block: where io_uring is forbidden, and for io_op.by_thread.
 *
 * Threads are started when there is work for them and stay. */
#ifndef BANTAM_HOST_IO_WORKERS_H
#define BANTAM_HOST_IO_WORKERS_H

#include <pthread.h>

#include "host/ioloop.h"

#define IO_WORKERS_MAX 4u

struct io_workers {
	struct ioloop *loop;
	pthread_mutex_t mutex;
	pthread_cond_t work;
	/* under the mutex */
	struct io_op *first, **last;
	unsigned waiting; /* operations in the list */
	unsigned idle;	  /* threads that wait for one */
	unsigned named;	  /* threads that gave themselves a name */
	bool stop;
	/* the loop's */
	unsigned thread_count;
	pthread_t threads[IO_WORKERS_MAX];
};

void io_workers_init(struct io_workers *w, struct ioloop *loop);

/* On the loop's thread.  op comes back by ioloop_op_worked(). */
void io_workers_submit(struct io_workers *w, struct io_op *op);

/* On the loop's thread: end the threads; no work is left. */
void io_workers_stop(struct io_workers *w);

/* Do op here and now.  Bytes, 0 or -errno, never -EAGAIN or -EINTR. */
int64_t io_op_perform(const struct io_op *op);

#endif
