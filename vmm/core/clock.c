#include "core/clock.h"

#include <assert.h>

void timer_init(struct timer *t, void (*fire)(void *arg, uint64_t now_ns), void *arg)
{
	t->deadline_ns = CLOCK_NEVER;
	t->fire = fire;
	t->arg = arg;
	t->next = NULL;
}

static bool list_remove(struct timer **list, struct timer *t)
{
	for (struct timer **p = list; *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			t->next = NULL;
			return true;
		}
	}
	return false;
}

/* An armed timer hangs on one of the two lists: a handler may move or disarm
 * one that is due in the same clock_run(). */
static void unhook(struct clock *c, struct timer *t)
{
	if (!list_remove(&c->first, t))
		list_remove(&c->due, t);
}

static void list_insert(struct clock *c, struct timer *t)
{
	struct timer **p = &c->first;

	while (*p && (*p)->deadline_ns <= t->deadline_ns)
		p = &(*p)->next;
	t->next = *p;
	*p = t;
}

static uint64_t first_deadline(const struct clock *c)
{
	return c->first ? c->first->deadline_ns : CLOCK_NEVER;
}

static void tell_if_changed(struct clock *c, uint64_t before)
{
	if (first_deadline(c) != before)
		c->rearm(c->ctx, first_deadline(c));
}

void timer_arm(struct clock *c, struct timer *t, uint64_t deadline_ns)
{
	const uint64_t before = first_deadline(c);

	assert(t->fire && deadline_ns != CLOCK_NEVER);
	if (timer_armed(t))
		unhook(c, t);
	t->deadline_ns = deadline_ns;
	list_insert(c, t);
	tell_if_changed(c, before);
}

void timer_disarm(struct clock *c, struct timer *t)
{
	const uint64_t before = first_deadline(c);

	if (!timer_armed(t))
		return;
	unhook(c, t);
	t->deadline_ns = CLOCK_NEVER;
	tell_if_changed(c, before);
}

void clock_run(struct clock *c)
{
	const uint64_t now_ns = clock_now(c);
	struct timer **tail = &c->due;

	assert(!c->due); /* no handler calls clock_run() */
	/* Cut the due ones off first: a handler may arm itself again, even in
	 * the past, without being run twice. */
	while (c->first && c->first->deadline_ns <= now_ns) {
		struct timer *t = c->first;

		c->first = t->next;
		t->next = NULL;
		*tail = t;
		tail = &t->next;
	}
	while (c->due) {
		struct timer *t = c->due;

		c->due = t->next;
		t->next = NULL;
		t->deadline_ns = CLOCK_NEVER;
		t->fire(t->arg, now_ns);
	}
	c->rearm(c->ctx, first_deadline(c));
}

uint64_t ns_to_ticks(uint64_t ns, uint32_t hz)
{
	return (uint64_t)((unsigned __int128)ns * hz / NS_PER_S);
}

uint64_t ticks_to_ns(uint64_t ticks, uint32_t hz)
{
	return (uint64_t)(((unsigned __int128)ticks * NS_PER_S + hz - 1) / hz);
}
