/* What other threads hand to a loop: tasks, and operations that workers finished. */
#include <assert.h>
#include <unistd.h>

#include "host/ioloop_internal.h"

/* After something was put into the inbox.  Against sleep_until(): either we see
 * `sleeping` or it sees `posted`, since both sides write one and then read the
 * other in one total order. */
static void wake(struct ioloop *l)
{
	const uint64_t one = 1;

	atomic_store(&l->posted, true);
	if (atomic_exchange(&l->sleeping, false)) {
		const ssize_t n = write(l->wake.fd, &one, sizeof(one));

		assert(n == sizeof(one));
		(void)n;
	}
}

void ioloop_post(struct ioloop *l, struct io_task *t)
{
	pthread_mutex_lock(&l->mutex);
	if (!t->queued) {
		t->queued = true;
		t->next = NULL;
		*l->tasks.last = t;
		l->tasks.last = &t->next;
		l->tasks.count++;
		/* Under the mutex: once t has run, the loop may be gone. */
		wake(l);
	}
	pthread_mutex_unlock(&l->mutex);
}

void ioloop_op_worked(struct ioloop *l, struct io_op *op)
{
	op->next = NULL;
	pthread_mutex_lock(&l->mutex);
	*l->worked.last = op;
	l->worked.last = &op->next;
	pthread_mutex_unlock(&l->mutex);
	wake(l);
}

static struct io_task *take_task(struct ioloop *l)
{
	struct io_task *t;

	pthread_mutex_lock(&l->mutex);
	t = l->tasks.first;
	if (t) {
		l->tasks.first = t->next;
		if (!l->tasks.first)
			l->tasks.last = &l->tasks.first;
		l->tasks.count--;
		t->queued = false;
	}
	atomic_store(&l->posted, l->tasks.first || l->worked.first);
	pthread_mutex_unlock(&l->mutex);
	return t;
}

/* As many tasks as there are now: one that posts itself waits for the next round. */
static unsigned run_tasks(struct ioloop *l)
{
	unsigned count, made = 0;

	pthread_mutex_lock(&l->mutex);
	count = l->tasks.count;
	pthread_mutex_unlock(&l->mutex);
	for (struct io_task *t; made < count && (t = take_task(l)) != NULL; made++)
		t->run(t->arg);
	return made;
}

static void take_worked(struct ioloop *l)
{
	struct io_op **end = &l->finished;

	while (*end)
		end = &(*end)->next;
	pthread_mutex_lock(&l->mutex);
	*end = l->worked.first;
	l->worked.first = NULL;
	l->worked.last = &l->worked.first;
	atomic_store(&l->posted, l->tasks.first != NULL);
	pthread_mutex_unlock(&l->mutex);
}

unsigned ioloop_serve_inbox(struct ioloop *l)
{
	unsigned made = 0;

	if (!atomic_load_explicit(&l->posted, memory_order_relaxed) && !l->finished)
		return 0;
	take_worked(l);
	for (struct io_op *op; (op = l->finished) != NULL; made++) {
		l->finished = op->next;
		ioloop_op_done(l, op, op->result);
	}
	return made + run_tasks(l);
}
