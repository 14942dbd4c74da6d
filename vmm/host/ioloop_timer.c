/* A loop's timers: a sorted list, for there are few. */
#include <assert.h>

#include "host/ioloop_internal.h"
#include "host/now.h"

#define NEVER UINT64_MAX

void io_timer_init(struct io_timer *t, void (*fire)(void *arg, uint64_t now_ns), void *arg)
{
	*t = (struct io_timer){ .deadline_ns = NEVER, .fire = fire, .arg = arg };
}

static bool unhook(struct io_timer **list, struct io_timer *t)
{
	for (struct io_timer **p = list; *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			return true;
		}
	}
	return false;
}

void ioloop_disarm(struct ioloop *l, struct io_timer *t)
{
	if (t->deadline_ns == NEVER)
		return;
	if (!unhook(&l->timers, t))
		unhook(&l->due, t);
	t->deadline_ns = NEVER;
}

void ioloop_arm(struct ioloop *l, struct io_timer *t, uint64_t deadline_ns)
{
	struct io_timer **p = &l->timers;

	assert(t->fire);
	ioloop_disarm(l, t);
	if (deadline_ns == NEVER)
		return;
	t->deadline_ns = deadline_ns;
	while (*p && (*p)->deadline_ns <= deadline_ns)
		p = &(*p)->next;
	t->next = *p;
	*p = t;
}

/* The timers that are due now move to a list of their own: one that is armed again
 * waits for the next round, one that is disarmed meanwhile is still found. */
unsigned ioloop_fire_timers(struct ioloop *l)
{
	struct io_timer **end = &l->timers;
	unsigned made = 0;
	uint64_t now_ns;

	if (!l->timers && !l->due)
		return 0;
	now_ns = host_now_ns();
	while (*end && (*end)->deadline_ns <= now_ns)
		end = &(*end)->next;
	if (end != &l->timers && !l->due) {
		l->due = l->timers;
		l->timers = *end;
		*end = NULL;
	}
	for (struct io_timer *t; (t = l->due) != NULL; made++) {
		l->due = t->next;
		t->deadline_ns = NEVER;
		t->fire(t->arg, now_ns);
	}
	return made;
}
