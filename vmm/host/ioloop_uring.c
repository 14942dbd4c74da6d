/* The I/O loop on one io_uring.
 *
 * Orders are written only in enter(), right before the system call: what is
 * submitted waits in a list until then, however much it is.
 *
 * Kicks are watched by a multishot poll: armed once, it gives a result for each
 * write to the eventfd (a poll of io_uring is edge-triggered), so that a kick costs
 * no order and no read(2).  A source is watched by a poll that is armed again after
 * each result, which makes it level-triggered, or as kicks are if it wants edges.
 *
 * Guest RAM is not registered as fixed buffers: that would pin, and so populate, all
 * of it.  Descriptors are not registered either: the look-up saved is small beside
 * the I/O, and they come and go. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "host/ioloop_internal.h"
#include "host/now.h"
#include "host/uring.h"

#define SQ_ENTRIES 128u
#define CQ_ENTRIES 1024u

/* What user_data means: the low bits of an aligned pointer. */
#define TAG_MASK  UINT64_C(7)
#define TAG_OP	  UINT64_C(0) /* struct io_op; NULL: nobody waits for this */
#define TAG_WATCH UINT64_C(1) /* struct io_watch */

/* One arming of an event or a source.  The kernel's results name it, so it outlives
 * the removal until the last of them came. */
struct io_watch {
	struct io_watch *next, **link; /* all of them */
	struct io_watch *todo_next;    /* those with an order to be written */
	struct io_event *event;	       /* one of these two; neither: removed */
	struct io_source *source;
	int fd;
	uint32_t events;
	bool armed; /* the kernel has it, or an order says so: results will come */
	bool todo;
};

struct ring_engine {
	struct uring ring;
	struct io_op *first, **last; /* submitted, no order yet */
	unsigned in_kernel;	     /* operations */
	struct io_op *later;	     /* those to be tried again when `retry` fires */
	struct io_timer retry;
	struct io_watch *watches, *todo;
};

/* ---- orders --------------------------------------------------------------------- */

static uint64_t to_pointer(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static void prepare_op(struct io_uring_sqe *sqe, const struct io_op *op)
{
	/* A single buffer spares the kernel the copy of the vector. */
	const bool one = op->iov_count == 1 && op->iov[0].iov_len <= INT_MAX;
	const bool write = op->kind == IO_WRITE;

	sqe->fd = op->fd;
	sqe->off = op->offset;
	sqe->user_data = to_pointer(op) | TAG_OP;
	if (op->retries > 0)
		sqe->flags = IOSQE_ASYNC; /* by a thread of the kernel's that may block */
	switch (op->kind) {
	case IO_READ:
	case IO_WRITE:
		if (one)
			sqe->opcode = write ? IORING_OP_WRITE : IORING_OP_READ;
		else
			sqe->opcode = write ? IORING_OP_WRITEV : IORING_OP_READV;
		sqe->addr = to_pointer(one ? op->iov[0].iov_base : op->iov);
		sqe->len = one ? (uint32_t)op->iov[0].iov_len : op->iov_count;
		sqe->rw_flags = (__u32)op->flags;
		break;
	case IO_SYNC:
		sqe->opcode = IORING_OP_FSYNC;
		sqe->off = 0; /* the whole file */
		sqe->fsync_flags = IORING_FSYNC_DATASYNC;
		break;
	case IO_ALLOCATE:
		sqe->opcode = IORING_OP_FALLOCATE;
		sqe->addr = op->len;
		sqe->len = (uint32_t)op->flags;
		break;
	}
}

static void prepare_watch(struct io_uring_sqe *sqe, struct io_watch *w)
{
	if (!w->armed) {
		sqe->opcode = IORING_OP_POLL_ADD;
		sqe->fd = w->fd;
		sqe->poll32_events = w->events;
		sqe->len = w->event || w->events & EPOLLET ? IORING_POLL_ADD_MULTI : 0;
		sqe->user_data = to_pointer(w) | TAG_WATCH;
		w->armed = true;
	} else {
		/* Not POLL_REMOVE, which gives up on a poll that fires just now. */
		sqe->opcode = IORING_OP_ASYNC_CANCEL;
		sqe->fd = -1;
		sqe->addr = to_pointer(w) | TAG_WATCH;
	}
}

static bool is_live(const struct io_watch *w)
{
	return w->event || w->source;
}

static void free_watch(struct io_watch *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	free(w);
}

/* Arm what is live, cancel what is not; false if the ring is full. */
static bool order_watches(struct ring_engine *e)
{
	for (struct io_watch *w; (w = e->todo) != NULL;) {
		const bool wanted = is_live(w) != w->armed;
		struct io_uring_sqe *sqe = wanted ? uring_sqe(&e->ring) : NULL;

		if (wanted && !sqe)
			return false;
		e->todo = w->todo_next;
		w->todo = false;
		if (wanted)
			prepare_watch(sqe, w);
		else if (!w->armed)
			free_watch(w);
	}
	return true;
}

/* False if the ring is full.  No more are in the kernel than results have room:
 * it would keep the others, but at a cost. */
static bool order_ops(struct ring_engine *e)
{
	for (struct io_op *op; (op = e->first) != NULL && e->in_kernel < CQ_ENTRIES;) {
		struct io_uring_sqe *sqe = uring_sqe(&e->ring);

		if (!sqe)
			return false;
		e->first = op->next;
		if (!e->first)
			e->last = &e->first;
		prepare_op(sqe, op);
		e->in_kernel++;
	}
	return true;
}

/* The kernel takes no orders because memory is short, or room for results. */
static void step_back(struct ring_engine *e, uint64_t wait_ns)
{
	if (wait_ns > 0 && uring_results(&e->ring) == 0)
		uring_wait(&e->ring, min_u64(wait_ns, NS_PER_MS));
}

static void ring_enter(struct ioloop *l, uint64_t wait_ns)
{
	struct ring_engine *e = l->engine;

	for (;;) { /* as long as the kernel takes some, and there are more */
		const bool all = order_watches(e) && order_ops(e);
		int rc;

		if (wait_ns == 0 && uring_unsubmitted(&e->ring) == 0 && !uring_pending(&e->ring))
			return;
		rc = uring_enter(&e->ring, all ? wait_ns : 0);
		if (rc == -EAGAIN || rc == -EBUSY)
			step_back(e, wait_ns);
		if (rc <= 0 || (all && uring_unsubmitted(&e->ring) == 0))
			return;
	}
}

/* ---- results -------------------------------------------------------------------- */

static void queue_op(struct ring_engine *e, struct io_op *op)
{
	op->next = NULL;
	*e->last = op;
	e->last = &op->next;
}

static void todo(struct ring_engine *e, struct io_watch *w)
{
	if (w->todo)
		return;
	w->todo = true;
	w->todo_next = e->todo;
	e->todo = w;
}

static void retry_ops(void *arg, uint64_t now_ns)
{
	struct ring_engine *e = arg;

	(void)now_ns;
	for (struct io_op *op; (op = e->later) != NULL;) {
		e->later = op->next;
		queue_op(e, op);
	}
}

/* Memory was short, or a signal came: once more where it may block, then later.
 * False: enough. */
static bool try_again(struct ioloop *l, struct io_op *op)
{
	struct ring_engine *e = l->engine;

	if (op->retries == IO_RETRIES_MAX)
		return false;
	if (op->retries++ == 0) {
		queue_op(e, op);
		return true;
	}
	op->next = e->later;
	e->later = op;
	if (e->retry.deadline_ns == UINT64_MAX)
		ioloop_arm(l, &e->retry, host_now_ns() + NS_PER_MS);
	return true;
}

static unsigned op_result(struct ioloop *l, struct io_op *op, int32_t result)
{
	struct ring_engine *e = l->engine;

	e->in_kernel--;
	if (result == -EAGAIN || result == -EINTR) {
		if (try_again(l, op))
			return 0;
		result = -EIO;
	}
	ioloop_op_done(l, op, result);
	return 1;
}

/* The callback comes last: it may remove w, and run rounds that free it. */
static unsigned watch_result(struct ioloop *l, struct io_watch *w, const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE)) {
		w->armed = false;
		if (!is_live(w) || cqe->res >= 0)
			todo(l->engine, w); /* to be freed, or armed again */
		else
			log_error("I/O loop: cannot poll descriptor %d: error %d", w->fd,
				  -cqe->res);
	}
	if (cqe->res < 0)
		return 0;
	if (w->event && w->event->ready) {
		w->event->ready(w->event->arg);
		return 1;
	}
	if (w->source) {
		w->source->ready(w->source->arg, (uint32_t)cqe->res);
		return 1;
	}
	return 0;
}

static unsigned ring_reap(struct ioloop *l)
{
	struct ring_engine *e = l->engine;
	const unsigned count = uring_results(&e->ring);
	struct io_uring_cqe cqe;
	unsigned made = 0;

	/* One at a time: a callback may run a round, which takes the others. */
	for (unsigned i = 0; i < count && uring_take(&e->ring, &cqe); i++) {
		void *p = (void *)(uintptr_t)(cqe.user_data & ~TAG_MASK);

		if ((cqe.user_data & TAG_MASK) == TAG_WATCH)
			made += watch_result(l, p, &cqe);
		else if (p)
			made += op_result(l, p, cqe.res);
	}
	return made;
}

static bool ring_pending(const struct ioloop *l)
{
	const struct ring_engine *e = l->engine;

	return uring_results(&e->ring) > 0 || uring_pending(&e->ring);
}

static void ring_submit(struct ioloop *l, struct io_op *op)
{
	queue_op(l->engine, op);
}

/* ---- events and sources ------------------------------------------------------------ */

static struct io_watch *add_watch(struct ring_engine *e, int fd, uint32_t events)
{
	struct io_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->fd = fd;
	w->events = events;
	w->next = e->watches;
	w->link = &e->watches;
	if (w->next)
		w->next->link = &w->next;
	e->watches = w;
	todo(e, w);
	return w;
}

/* No result reaches the owner any more; the kernel lets go in the next enter(). */
static void drop_watch(struct ring_engine *e, struct io_watch *w)
{
	/* An order that the kernel refused to take for now names a descriptor that
	 * may be another file's when it does. */
	if (w->armed && uring_unsubmitted(&e->ring) > 0 &&
	    uring_retract(&e->ring, to_pointer(w) | TAG_WATCH))
		w->armed = false;
	w->event = NULL;
	w->source = NULL;
	todo(e, w);
}

static int ring_add_event(struct ioloop *l, struct io_event *event)
{
	event->watch = add_watch(l->engine, event->fd, EPOLLIN);
	if (!event->watch)
		return -ENOMEM;
	event->watch->event = event;
	return 0;
}

static void ring_remove_event(struct ioloop *l, struct io_event *event)
{
	if (!event->watch)
		return;
	drop_watch(l->engine, event->watch);
	event->watch = NULL;
}

static int ring_add_source(struct ioloop *l, struct io_source *s, uint32_t events)
{
	s->watch = add_watch(l->engine, s->fd, events);
	if (!s->watch)
		return -ENOMEM;
	s->watch->source = s;
	return 0;
}

static void ring_remove_source(struct ioloop *l, struct io_source *s)
{
	if (!s->watch)
		return;
	drop_watch(l->engine, s->watch);
	s->watch = NULL;
}

/* By a new watch: a result of the old one may be under way. */
static int ring_change_source(struct ioloop *l, struct io_source *s, uint32_t events)
{
	struct io_watch *old = s->watch;
	int rc;

	if (!old)
		return -ENOENT;
	if (old->events == events)
		return 0;
	rc = ring_add_source(l, s, events);
	if (rc < 0)
		s->watch = old;
	else
		drop_watch(l->engine, old);
	return rc;
}

/* ---- life ------------------------------------------------------------------------------ */

static int ring_open(struct ioloop *l, struct err *err)
{
	struct ring_engine *e = calloc(1, sizeof(*e));
	int rc;

	if (!e)
		return err_set(err, -ENOMEM, "no memory for an I/O loop");
	rc = uring_open(&e->ring, SQ_ENTRIES, CQ_ENTRIES);
	if (rc < 0) {
		free(e);
		/* It asks once more, to say why. */
		return io_uring_usable(err) < 0 ? rc
						: err_errno(err, rc, "io_uring cannot be used");
	}
	e->last = &e->first;
	io_timer_init(&e->retry, retry_ops, e);
	l->engine = e;
	rc = ring_add_event(l, &l->wake);
	if (rc < 0) {
		l->ops->close(l);
		return err_set(err, rc, "no memory for an I/O loop");
	}
	return 0;
}

static void ring_close(struct ioloop *l)
{
	struct ring_engine *e = l->engine;

	uring_close(&e->ring);
	for (struct io_watch *w, *next = e->watches; (w = next) != NULL;) {
		next = w->next;
		free(w);
	}
	free(e);
}

const struct io_engine_ops io_engine_uring = {
	.engine = IO_ENGINE_URING,
	.open = ring_open,
	.close = ring_close,
	.submit = ring_submit,
	.add_event = ring_add_event,
	.remove_event = ring_remove_event,
	.add_source = ring_add_source,
	.change_source = ring_change_source,
	.remove_source = ring_remove_source,
	.pending = ring_pending,
	.enter = ring_enter,
	.reap = ring_reap,
};
