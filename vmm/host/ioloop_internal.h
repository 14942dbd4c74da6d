/* host/ioloop_internal.h: what the files of the I/O loop share: ioloop.c (rounds),
 * ioloop_inbox.c (from other threads), ioloop_timer.c, ioloop_uring.c and ioloop_epoll.c (what a
 * round stands on), io_workers.c (file I/O by threads), iothread.c.  Nobody else includes it but
 * their tests. */
#ifndef BANTAM_HOST_IOLOOP_INTERNAL_H
#define BANTAM_HOST_IOLOOP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "host/io_patience.h"
#include "host/io_workers.h"
#include "host/ioloop.h"

/* How a round reaches the kernel. */
struct io_engine_ops {
	enum io_engine engine;
	int (*open)(struct ioloop *l, struct err *err);
	void (*close)(struct ioloop *l);
	void (*submit)(struct ioloop *l, struct io_op *op);
	int (*add_event)(struct ioloop *l, struct io_event *e);
	void (*remove_event)(struct ioloop *l, struct io_event *e);
	int (*add_source)(struct ioloop *l, struct io_source *s, uint32_t events);
	int (*change_source)(struct ioloop *l, struct io_source *s, uint32_t events);
	void (*remove_source)(struct ioloop *l, struct io_source *s);
	/* Whether enter(0) would find something, as far as memory tells. */
	bool (*pending)(const struct ioloop *l);
	/* Give the kernel what was gathered; wait up to wait_ns (0: do not,
	 * UINT64_MAX: for ever) for something to reap.  No callbacks. */
	void (*enter)(struct ioloop *l, uint64_t wait_ns);
	/* Call back for what the last enter() brought, no system call.  Bounded.
	 * How many callbacks. */
	unsigned (*reap)(struct ioloop *l);
};

extern const struct io_engine_ops io_engine_uring, io_engine_epoll;

/* A walk over the pollers, which may be removed and added meanwhile. */
struct poller_walk {
	struct io_poller *next;
	struct poller_walk *outer;
};

struct ioloop {
	const struct io_engine_ops *ops; /* NULL until ioloop_open() */
	void *engine;			 /* the engine's own */
	int epoll_fd;			 /* made beforehand: see ioloop_alloc() */
	_Atomic(pthread_t) owner;
	unsigned in_flight;
	struct io_timer *timers, *due; /* earliest first; due: in this round */
	struct io_poller *pollers;
	struct poller_walk *walk;
	uint64_t poll_ns, poll_max_ns; /* the look now, and at most */
	uint64_t no_look_until_ns;     /* the processor is wanted by others */
	struct io_patience patience;
	atomic_bool may_wait;	/* patience is ours to have: ioloop_be_patient() */
	uint64_t chains;	/* since the last sleep */
	struct io_workers workers;
	struct io_op *finished; /* by workers, taken out of the inbox */
	struct io_op *through, **through_last; /* done at once, to be called back */
	unsigned through_count;
	struct io_event wake;	/* an eventfd for other threads */

	/* From other threads.  `posted` says that a list is not empty; `sleeping`
	 * that the loop wants a write to wake.fd for it. */
	atomic_bool posted, sleeping;
	pthread_mutex_t mutex;
	struct {
		struct io_task *first, **last;
		unsigned count;
	} tasks;
	struct {
		struct io_op *first, **last;
	} worked;
};

/* A loop that takes posts already; ioloop_open(), on the thread that will own it,
 * makes it whole.  What the epoll engine needs is made here: AUTO can fall back on
 * it without any failure of its own. */
int ioloop_alloc(struct ioloop **out, struct err *err);
int ioloop_open(struct ioloop *l, enum io_engine engine, struct err *err);

/* For engines: op is through. */
void ioloop_op_done(struct ioloop *l, struct io_op *op, int64_t result);

/* For workers: op, whose result is set, is through. */
void ioloop_op_worked(struct ioloop *l, struct io_op *op);

/* A look begins with this many nanoseconds. */
#define IO_POLL_FIRST_NS UINT64_C(4000)
/* A step of a look that took longer than this was interrupted by another thread;
 * no look for so long, then. */
#define IO_POLL_PREEMPTED_NS UINT64_C(50000)
#define IO_POLL_REST_NS	     (20 * NS_PER_MS)

/* With may_wait: the thread woke; tell the scheduler how it shall wake from now on. */
void ioloop_choose_policy(struct ioloop *l, uint64_t now_ns);

/* A new thread that the loop's own made: it inherited its policy, and drops it. */
void ioloop_leave_patience(const struct ioloop *l);

/* Run what other threads handed over.  How many callbacks. */
unsigned ioloop_serve_inbox(struct ioloop *l);

/* Fire the timers that are due.  How many. */
unsigned ioloop_fire_timers(struct ioloop *l);

/* How often -EAGAIN or -EINTR is tried again before it becomes -EIO,
 * a millisecond apart but for the first. */
#define IO_RETRIES_MAX 100u

#endif
