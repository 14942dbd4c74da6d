/* The I/O loop without io_uring: epoll for kicks and sources, workers for file I/O.
 *
 * An eventfd is watched edge-triggered: each write to it is told once, and nobody
 * has to read it. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host/ioloop_internal.h"

#define BATCH 16u

/* What epoll's data means: an io_source's address, or an io_event's plus one. */
#define TAG_EVENT UINT64_C(1)

struct epoll_engine {
	/* What was fetched and not called back yet: of [at, count). */
	struct epoll_event batch[BATCH];
	unsigned at, count;
	bool no_pwait2;
};

static int control(struct ioloop *l, int op, int fd, uint64_t data, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	return epoll_ctl(l->epoll_fd, op, fd, &ev) < 0 ? -errno : 0;
}

/* Stop listening, and forget what was fetched for it. */
static void forget(struct ioloop *l, int fd, uint64_t data)
{
	struct epoll_engine *e = l->engine;

	control(l, EPOLL_CTL_DEL, fd, data, 0);
	for (unsigned i = e->at; i < e->count; i++)
		if (e->batch[i].data.u64 == data)
			e->batch[i].data.u64 = 0;
}

static uint64_t event_data(const struct io_event *event)
{
	return (uint64_t)(uintptr_t)event | TAG_EVENT;
}

static uint64_t source_data(const struct io_source *s)
{
	return (uint64_t)(uintptr_t)s;
}

static int epoll_add_event(struct ioloop *l, struct io_event *event)
{
	return control(l, EPOLL_CTL_ADD, event->fd, event_data(event), EPOLLIN | EPOLLET);
}

static void epoll_remove_event(struct ioloop *l, struct io_event *event)
{
	forget(l, event->fd, event_data(event));
}

static int epoll_add_source(struct ioloop *l, struct io_source *s, uint32_t events)
{
	return control(l, EPOLL_CTL_ADD, s->fd, source_data(s), events);
}

static int epoll_change_source(struct ioloop *l, struct io_source *s, uint32_t events)
{
	return control(l, EPOLL_CTL_MOD, s->fd, source_data(s), events);
}

static void epoll_remove_source(struct ioloop *l, struct io_source *s)
{
	forget(l, s->fd, source_data(s));
}

/* In whole milliseconds, not too early. */
static int to_ms(uint64_t wait_ns)
{
	const uint64_t ms = (wait_ns + NS_PER_MS - 1) / NS_PER_MS;

	return ms > 1000000 ? 1000000 : (int)ms;
}

static int wait_some(struct ioloop *l, struct epoll_engine *e, uint64_t wait_ns)
{
	const struct timespec ts = { .tv_sec = (time_t)(wait_ns / NS_PER_S),
				     .tv_nsec = (long)(wait_ns % NS_PER_S) };
	long n;

	if (wait_ns == 0 || wait_ns == UINT64_MAX)
		return epoll_wait(l->epoll_fd, e->batch, BATCH, wait_ns == 0 ? 0 : -1);
	if (!e->no_pwait2) { /* Linux 5.11 */
		n = syscall(SYS_epoll_pwait2, l->epoll_fd, e->batch, BATCH, &ts, NULL, 0);
		if (n >= 0 || errno != ENOSYS)
			return (int)n;
		e->no_pwait2 = true;
	}
	return epoll_wait(l->epoll_fd, e->batch, BATCH, to_ms(wait_ns));
}

static void epoll_enter(struct ioloop *l, uint64_t wait_ns)
{
	struct epoll_engine *e = l->engine;
	int n;

	assert(e->at == e->count); /* every round reaps first, and all of it */
	n = wait_some(l, e, wait_ns);
	e->at = 0;
	e->count = n > 0 ? (unsigned)n : 0;
}

static unsigned epoll_reap(struct ioloop *l)
{
	struct epoll_engine *e = l->engine;
	unsigned made = 0;

	/* A callback may run a round, which takes the others and fetches more: no
	 * more than a batch here. */
	for (unsigned i = 0; i < BATCH && e->at < e->count; i++) {
		const struct epoll_event ev = e->batch[e->at++];
		void *p = (void *)(uintptr_t)(ev.data.u64 & ~TAG_EVENT);

		if (!p) /* the loop's own wake-up, or one that was removed */
			continue;
		made++;
		if (ev.data.u64 & TAG_EVENT)
			((struct io_event *)p)->ready(((struct io_event *)p)->arg);
		else
			((struct io_source *)p)->ready(((struct io_source *)p)->arg, ev.events);
	}
	return made;
}

/* Only a system call could tell. */
static bool epoll_pending(const struct ioloop *l)
{
	(void)l;
	return false;
}

static void epoll_submit(struct ioloop *l, struct io_op *op)
{
	io_workers_submit(&l->workers, op);
}

static int epoll_open(struct ioloop *l, struct err *err)
{
	l->engine = calloc(1, sizeof(struct epoll_engine));
	return l->engine ? 0 : err_set(err, -ENOMEM, "no memory for an I/O loop");
}

static void epoll_close(struct ioloop *l)
{
	free(l->engine);
}

const struct io_engine_ops io_engine_epoll = {
	.engine = IO_ENGINE_THREADS,
	.open = epoll_open,
	.close = epoll_close,
	.submit = epoll_submit,
	.add_event = epoll_add_event,
	.remove_event = epoll_remove_event,
	.add_source = epoll_add_source,
	.change_source = epoll_change_source,
	.remove_source = epoll_remove_source,
	.pending = epoll_pending,
	.enter = epoll_enter,
	.reap = epoll_reap,
};
