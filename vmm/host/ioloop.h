/* host/ioloop.h: the loop of an I/O thread: file I/O that completes later, kicks,
 * timers, and a short look round before going to sleep.
 *
 * One io_uring per loop carries everything, so that a round costs one system call:
 * it submits what was gathered, waits, and brings back kicks and completions
 * alike.  Where io_uring is forbidden the same loop stands on epoll, and a few
 * worker threads do the file I/O.
 *
 * A loop belongs to the thread that made it; only ioloop_post() and
 * ioloop_is_mine() may be called by others. */
#ifndef BANTAM_HOST_IOLOOP_H
#define BANTAM_HOST_IOLOOP_H

#include <sys/uio.h>

#include "base/err.h"
#include "base/types.h"

struct io_pace;
struct ioloop;

enum io_engine {
	IO_ENGINE_AUTO, /* io_uring if this process may, else threads */
	IO_ENGINE_URING,
	IO_ENGINE_THREADS,
};

/* "auto", "io_uring", "threads". */
extern const char *const io_engine_names[];

/* Whether this process may use io_uring: 0; or -errno with err saying why not and
 * what would help (kernel.io_uring_disabled, seccomp, an old kernel). */
int io_uring_usable(struct err *err);

/* engine  AUTO or one of the others by force
 * out     owned by the caller until ioloop_destroy()
 * 0, or -errno with err filled. */
int ioloop_create(enum io_engine engine, struct ioloop **out, struct err *err);

/* Nothing may be in flight.  NULL is harmless. */
void ioloop_destroy(struct ioloop *l);

/* What the loop stands on: URING or THREADS. */
enum io_engine ioloop_engine(const struct ioloop *l);

/* One round: submit, wait up to timeout_ms (-1: for ever, 0: only look), call back.
 * What is ready without waiting is served, and the round does not wait then.  A
 * signal ends the wait.  A callback may run a round itself.
 * Returns how many callbacks were made, polls that served something among them. */
unsigned ioloop_round(struct ioloop *l, int timeout_ms);

/* ---- file I/O --------------------------------------------------------------- */

enum io_kind {
	IO_READ,     /* preadv2(2) */
	IO_WRITE,    /* pwritev2(2) */
	IO_SYNC,     /* fdatasync(2) */
	IO_ALLOCATE, /* fallocate(2) of [offset, offset+len), mode in flags */
};

/* One operation, the caller's memory; stays in place until done(). */
struct io_op {
	enum io_kind kind;
	int fd;
	int flags;		 /* RWF_*, or fallocate's mode */
	bool by_thread;		 /* by a worker thread, whatever the loop stands on */
	struct io_pace *pace;	 /* the file's: try it at once (io_now.h); NULL: do not */
	uint64_t offset;	 /* bytes */
	uint64_t len;		 /* ALLOCATE */
	const struct iovec *iov; /* READ, WRITE: at most IO_IOV_MAX, unchanged until done */
	unsigned iov_count;
	/* On the loop's thread, from ioloop_round(), never from within
	 * ioloop_submit().  result: bytes (maybe fewer than asked), 0, or -errno.
	 * -EAGAIN and -EINTR never come: the loop tries again itself. */
	void (*done)(struct io_op *op, int64_t result);
	/* the loop's own */
	struct io_op *next;
	int64_t result;
	unsigned retries;
};

#define IO_IOV_MAX 1024

/* Gather op; it goes to the kernel with this round or the next.  Never fails: what
 * cannot be queued waits inside the loop.  Operations may complete in any order. */
void ioloop_submit(struct ioloop *l, struct io_op *op);

/* Whether the calling thread is the one that made the loop. */
bool ioloop_is_mine(const struct ioloop *l);

/* Operations submitted and not done. */
unsigned ioloop_in_flight(const struct ioloop *l);

/* ---- kicks ------------------------------------------------------------------ */

struct io_watch;

/* An eventfd.  ready() comes after each write, once for several that came close
 * together.  The loop sees the write itself and never reads the counter: a kick costs
 * no system call.  The caller's memory, in place from add to remove. */
struct io_event {
	int fd; /* owned by the caller */
	void (*ready)(void *arg);
	void *arg;
	/* the loop's own */
	struct io_watch *watch;
};

/* A counter that is not 0 is a first kick.
 * 0; -EBADF; -EPERM for a file that cannot be polled; -ENOMEM, -ENOSPC */
int ioloop_add_event(struct ioloop *l, struct io_event *e);
/* No ready() comes after this returns.  The descriptor may be closed then. */
void ioloop_remove_event(struct ioloop *l, struct io_event *e);

/* Any descriptor that can be polled (tap, socket): level-triggered, or by edges.  The
 * caller's memory, in place from add to remove.
 * events  EPOLLIN | EPOLLOUT | EPOLLRDHUP, or 0 for a rest (in which EPOLLERR and
 *         EPOLLHUP may come all the same); with EPOLLET ready() comes when more has
 *         happened than before, maybe without need, and once at first for what is */
struct io_source {
	int fd;
	void (*ready)(void *arg, uint32_t events);
	void *arg;
	/* the loop's own */
	struct io_watch *watch;
};

int ioloop_add_source(struct ioloop *l, struct io_source *s, uint32_t events);
int ioloop_change_source(struct ioloop *l, struct io_source *s, uint32_t events);
/* No ready() comes after this returns.  The descriptor may be closed then. */
void ioloop_remove_source(struct ioloop *l, struct io_source *s);

/* ---- timers (host monotonic time, core/clock.h's rules) ------------------------ */

struct io_timer {
	uint64_t deadline_ns; /* UINT64_MAX: not armed */
	void (*fire)(void *arg, uint64_t now_ns);
	void *arg;
	struct io_timer *next;
};

void io_timer_init(struct io_timer *t, void (*fire)(void *arg, uint64_t now_ns), void *arg);
/* Arm or move; a past deadline fires in the next round. */
void ioloop_arm(struct ioloop *l, struct io_timer *t, uint64_t deadline_ns);
void ioloop_disarm(struct ioloop *l, struct io_timer *t);

/* ---- looking before sleeping ---------------------------------------------------- */

/* Something that may become ready without a system call, such as a ring in guest
 * memory.  Before the loop sleeps it asks for a while, for longer when that has
 * been worth it of late, and not at all when it has not.  Any may be NULL. */
struct io_poller {
	/* Serve what is there; whether there was anything.  A round that only
	 * looks (timeout 0) asks once. */
	bool (*poll)(void *arg);
	/* The loop is about to sleep: arrange to be woken.  True if something came
	 * in the meantime and was served: then it does not sleep yet. */
	bool (*settle)(void *arg);
	/* The end of a round that made callbacks: publish what they gathered. */
	void (*finish)(void *arg);
	void *arg;
	struct io_poller *next;
};

void ioloop_add_poller(struct ioloop *l, struct io_poller *p);
void ioloop_remove_poller(struct ioloop *l, struct io_poller *p);
/* The longest look, in nanoseconds; 0: never.  Default IO_POLL_NS. */
void ioloop_set_poll_ns(struct ioloop *l, uint64_t ns);

#define IO_POLL_NS UINT64_C(32000)

/* ---- sharing a processor with those who kick (io_patience.h) ------------------------- */

/* The thread may change its own scheduling policy, where that is the usual one.  For a
 * thread that does nothing but run this loop. */
void ioloop_be_patient(struct ioloop *l);
/* So many chains were given back to a guest, at once. */
void ioloop_gave_back(struct ioloop *l, unsigned chains);

/* ---- from other threads ----------------------------------------------------------- */

/* Work for the loop's thread; the caller's memory, in place until run() is called. */
struct io_task {
	void (*run)(void *arg);
	void *arg;
	struct io_task *next;
	bool queued; /* under the loop's mutex */
};

/* Any thread: have the loop run t soon.  A task that is still queued stays queued
 * once.  All that this thread wrote before is visible to run(). */
void ioloop_post(struct ioloop *l, struct io_task *t);

#endif
