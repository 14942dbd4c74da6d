/* Rounds: what has come is called back, then a look round, then sleep.
 *
 *	serve() ─▶ look() ─▶ settle() ─▶ engine: submit and wait ─▶ serve()
 *
 * Each step that called something back ends the waiting part of the round.  In a
 * round that waits, the engine's enter() is the only system call. */
#include "host/ioloop.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/io_now.h"
#include "host/ioloop_internal.h"
#include "host/now.h"

#define NEVER UINT64_MAX /* a deadline */

const char *const io_engine_names[] = { "auto", "io_uring", "threads" };

/* ---- pollers ------------------------------------------------------------------------ */

void ioloop_add_poller(struct ioloop *l, struct io_poller *p)
{
	p->next = l->pollers;
	l->pollers = p;
}

void ioloop_remove_poller(struct ioloop *l, struct io_poller *p)
{
	struct io_poller **at = &l->pollers;

	while (*at && *at != p)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = p->next;
	for (struct poller_walk *w = l->walk; w; w = w->outer)
		if (w->next == p)
			w->next = p->next;
}

typedef bool (*poller_step)(struct io_poller *p);

static bool step_poll(struct io_poller *p)
{
	return p->poll && p->poll(p->arg);
}

static bool step_settle(struct io_poller *p)
{
	return p->settle && p->settle(p->arg);
}

static bool step_finish(struct io_poller *p)
{
	if (p->finish)
		p->finish(p->arg);
	return false;
}

/* How many said that they served something. */
static unsigned each_poller(struct ioloop *l, poller_step step)
{
	struct poller_walk walk = { .next = l->pollers, .outer = l->walk };
	unsigned served = 0;

	l->walk = &walk;
	for (struct io_poller *p; (p = walk.next) != NULL;) {
		walk.next = p->next;
		served += step(p);
	}
	l->walk = walk.outer;
	return served;
}

/* ---- a round --------------------------------------------------------------------------- */

/* Call back for what was done at once, but not for what the callbacks add. */
static unsigned serve_through(struct ioloop *l)
{
	unsigned made = 0;

	/* A callback may run a round, which takes the others. */
	for (unsigned count = l->through_count; count > 0 && l->through; count--) {
		struct io_op *op = l->through;

		l->through = op->next;
		if (!l->through)
			l->through_last = &l->through;
		l->through_count--;
		ioloop_op_done(l, op, op->result);
		made++;
	}
	return made;
}

/* Call back what is there, without a system call.  What callbacks add comes in the
 * next round, so this ends. */
static unsigned serve(struct ioloop *l)
{
	unsigned made = ioloop_serve_inbox(l);

	made += ioloop_fire_timers(l);
	made += l->ops->reap(l);
	made += serve_through(l);
	if (made > 0)
		each_poller(l, step_finish);
	return made;
}

static unsigned submit_and_serve(struct ioloop *l)
{
	l->ops->enter(l, 0);
	return serve(l);
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

/* Poll until something was served, at most until end_ns. */
static unsigned look(struct ioloop *l, uint64_t end_ns)
{
	unsigned served = submit_and_serve(l); /* under way meanwhile */
	uint64_t now_ns = host_now_ns(), last_ns = now_ns;

	for (; served == 0 && now_ns < end_ns; now_ns = host_now_ns()) {
		served = each_poller(l, step_poll);
		if (served > 0)
			each_poller(l, step_finish);
		else if (l->ops->pending(l))
			served = submit_and_serve(l);
		else if (atomic_load_explicit(&l->posted, memory_order_relaxed))
			served = serve(l);
		else
			cpu_relax();
		last_ns = now_ns;
	}
	/* Nothing here takes that long: someone else had this processor, and may
	 * well be whom we wait for.  A look is only for an idle one. */
	if (served == 0 && now_ns - last_ns > IO_POLL_PREEMPTED_NS) {
		l->poll_ns = 0;
		l->no_look_until_ns = now_ns + IO_POLL_REST_NS;
	}
	return served;
}

/* As KVM does for halted vCPUs: looking longer pays where waits turned out shorter
 * than the longest look, and is given up where they did not. */
static void adapt(struct ioloop *l, uint64_t waited_ns, uint64_t now_ns)
{
	if (now_ns < l->no_look_until_ns)
		return;
	if (waited_ns < l->poll_max_ns)
		l->poll_ns = min_u64(max_u64(2 * l->poll_ns, IO_POLL_FIRST_NS), l->poll_max_ns);
	else if (l->poll_ns > IO_POLL_FIRST_NS)
		l->poll_ns /= 2;
	else
		l->poll_ns = 0;
}

/* end_ns, or earlier for a timer. */
static uint64_t next_end(const struct ioloop *l, uint64_t end_ns)
{
	return l->timers ? min_u64(end_ns, l->timers->deadline_ns) : end_ns;
}

static void sleep_until(struct ioloop *l, uint64_t begun_ns, uint64_t end_ns)
{
	uint64_t now_ns = end_ns == NEVER ? 0 : host_now_ns();

	atomic_store(&l->sleeping, true);
	/* See wake() in ioloop_inbox.c. */
	if (atomic_load(&l->posted) || l->through || now_ns >= end_ns)
		l->ops->enter(l, 0);
	else
		l->ops->enter(l, end_ns == NEVER ? NEVER : end_ns - now_ns);
	atomic_store(&l->sleeping, false);
	now_ns = host_now_ns();
	adapt(l, now_ns - begun_ns, now_ns);
	if (l->may_wait)
		ioloop_choose_policy(l, now_ns);
}

/* Nothing was there: look, settle, sleep. */
static unsigned wait_and_serve(struct ioloop *l, int timeout_ms)
{
	const uint64_t begun_ns = host_now_ns();
	const uint64_t end_ns =
		timeout_ms > 0 ? begun_ns + (uint64_t)timeout_ms * NS_PER_MS : NEVER;
	unsigned made = 0;

	if (l->poll_ns > 0)
		made = look(l, next_end(l, min_u64(end_ns, begun_ns + l->poll_ns)));
	if (made > 0)
		return made;
	made = each_poller(l, step_settle);
	if (made > 0) {
		each_poller(l, step_finish);
		return made + submit_and_serve(l);
	}
	sleep_until(l, begun_ns, next_end(l, end_ns)); /* settle() may have armed one */
	return serve(l);
}

unsigned ioloop_round(struct ioloop *l, int timeout_ms)
{
	unsigned made;

	assert(ioloop_is_mine(l));
	made = serve(l);
	if (made == 0 && timeout_ms != 0)
		return wait_and_serve(l, timeout_ms);
	if (made == 0) {
		made = each_poller(l, step_poll);
		if (made > 0)
			each_poller(l, step_finish);
	}
	return made + submit_and_serve(l);
}

void ioloop_set_poll_ns(struct ioloop *l, uint64_t ns)
{
	l->poll_max_ns = ns;
	l->poll_ns = min_u64(l->poll_ns, ns);
}

/* ---- operations and descriptors ----------------------------------------------------------- */

void ioloop_submit(struct ioloop *l, struct io_op *op)
{
	assert(op->done && op->iov_count <= IO_IOV_MAX);
	op->retries = 0;
	l->in_flight++;
	if (op->pace && io_now(op)) {
		op->next = NULL;
		*l->through_last = op;
		l->through_last = &op->next;
		l->through_count++;
	} else if (op->by_thread) {
		io_workers_submit(&l->workers, op);
	} else {
		l->ops->submit(l, op);
	}
}

void ioloop_op_done(struct ioloop *l, struct io_op *op, int64_t result)
{
	l->in_flight--;
	op->done(op, result);
}

unsigned ioloop_in_flight(const struct ioloop *l)
{
	return l->in_flight;
}

/* What epoll says at once io_uring would say later, or, for a file that is always
 * ready, again and again. */
static int check_pollable(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? -EPERM : 0;
}

int ioloop_add_event(struct ioloop *l, struct io_event *e)
{
	const int rc = check_pollable(e->fd);

	return rc < 0 ? rc : l->ops->add_event(l, e);
}

void ioloop_remove_event(struct ioloop *l, struct io_event *e)
{
	l->ops->remove_event(l, e);
}

int ioloop_add_source(struct ioloop *l, struct io_source *s, uint32_t events)
{
	const int rc = check_pollable(s->fd);

	return rc < 0 ? rc : l->ops->add_source(l, s, events);
}

int ioloop_change_source(struct ioloop *l, struct io_source *s, uint32_t events)
{
	return l->ops->change_source(l, s, events);
}

void ioloop_remove_source(struct ioloop *l, struct io_source *s)
{
	l->ops->remove_source(l, s);
}

/* ---- life ------------------------------------------------------------------------------------ */

static int make_descriptors(struct ioloop *l)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.ptr = NULL };
	int rc;

	l->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake.fd < 0)
		return -errno;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd >= 0 && epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->wake.fd, &ev) == 0)
		return 0;
	rc = -errno;
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	close(l->wake.fd);
	return rc;
}

int ioloop_alloc(struct ioloop **out, struct err *err)
{
	struct ioloop *l = calloc(1, sizeof(*l));
	int rc;

	if (!l) {
		err_set(err, -ENOMEM, "no memory for an I/O loop");
		return -ENOMEM;
	}
	rc = make_descriptors(l);
	if (rc < 0) {
		free(l);
		err_errno(err, rc, "cannot make an I/O loop");
		return rc;
	}
	pthread_mutex_init(&l->mutex, NULL);
	l->through_last = &l->through;
	l->tasks.last = &l->tasks.first;
	l->worked.last = &l->worked.first;
	io_workers_init(&l->workers, l);
	*out = l;
	return 0;
}

/* With a single processor a look only keeps others from making what it looks for. */
static bool may_look(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 || CPU_COUNT(&set) > 1;
}

int ioloop_open(struct ioloop *l, enum io_engine engine, struct err *err)
{
	int rc = -EOPNOTSUPP;

	atomic_store(&l->owner, pthread_self());
	l->poll_max_ns = may_look() ? IO_POLL_NS : 0;
	if (engine != IO_ENGINE_THREADS) {
		l->ops = &io_engine_uring;
		rc = l->ops->open(l, err);
	}
	if (rc < 0 && engine != IO_ENGINE_URING) {
		l->ops = &io_engine_epoll;
		rc = l->ops->open(l, err);
	}
	if (rc < 0)
		l->ops = NULL;
	return rc;
}

int ioloop_create(enum io_engine engine, struct ioloop **out, struct err *err)
{
	struct ioloop *l;
	int rc = ioloop_alloc(&l, err);

	if (rc < 0)
		return rc;
	rc = ioloop_open(l, engine, err);
	if (rc < 0)
		ioloop_destroy(l);
	else
		*out = l;
	return rc;
}

void ioloop_destroy(struct ioloop *l)
{
	if (!l)
		return;
	assert(l->in_flight == 0);
	io_workers_stop(&l->workers);
	if (l->ops)
		l->ops->close(l);
	close(l->epoll_fd);
	close(l->wake.fd);
	pthread_mutex_destroy(&l->mutex);
	free(l);
}

enum io_engine ioloop_engine(const struct ioloop *l)
{
	return l->ops->engine;
}

bool ioloop_is_mine(const struct ioloop *l)
{
	return atomic_load_explicit(&l->owner, memory_order_relaxed) == pthread_self();
}
