/* A pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986): each node's children are a
 * list, and a node knows what points to it, so that any can be taken out. */
#include "nat/timer.h"

#include <assert.h>

static void hang(struct nat_timer **link, struct nat_timer *t)
{
	*link = t;
	if (t)
		t->link = link;
}

/* Of two heaps one; either may be NULL.  Its root has no link yet. */
static struct nat_timer *meld(struct nat_timer *a, struct nat_timer *b)
{
	struct nat_timer *first, *second;

	if (!a || !b)
		return a ? a : b;
	first = a->key_ns <= b->key_ns ? a : b;
	second = first == a ? b : a;
	hang(&second->sibling, first->child);
	hang(&first->child, second);
	first->sibling = NULL;
	return first;
}

/* One heap of a list of siblings: pairs from the left, then all from the right. */
static struct nat_timer *meld_all(struct nat_timer *list)
{
	struct nat_timer *pairs = NULL, *all = NULL;

	while (list) {
		struct nat_timer *a = list, *b = list->sibling, *pair;

		list = b ? b->sibling : NULL;
		a->sibling = NULL;
		if (b)
			b->sibling = NULL;
		pair = meld(a, b);
		pair->sibling = pairs;
		pairs = pair;
	}
	while (pairs) {
		struct nat_timer *next = pairs->sibling;

		pairs->sibling = NULL;
		all = meld(all, pairs);
		pairs = next;
	}
	return all;
}

static void insert(struct nat_timers *h, struct nat_timer *t)
{
	t->child = t->sibling = NULL;
	hang(&h->root, meld(h->root, t));
}

/* Out of the heap, or out of the list of those that are due. */
static void take_out(struct nat_timers *h, struct nat_timer *t)
{
	struct nat_timer *children = meld_all(t->child);

	hang(t->link, t->sibling);
	t->link = NULL;
	t->child = t->sibling = NULL;
	if (children)
		hang(&h->root, meld(h->root, children));
}

void nat_timers_disarm(struct nat_timers *h, struct nat_timer *t)
{
	if (t->link)
		take_out(h, t);
	t->deadline_ns = NAT_NEVER;
}

void nat_timers_arm(struct nat_timers *h, struct nat_timer *t, uint64_t deadline_ns)
{
	assert(t->fire && deadline_ns != NAT_NEVER);
	if (t->link && deadline_ns >= t->key_ns) {
		t->deadline_ns = deadline_ns;
		return;
	}
	if (t->link)
		take_out(h, t);
	t->deadline_ns = t->key_ns = deadline_ns;
	insert(h, t);
}

uint64_t nat_timers_next_ns(const struct nat_timers *h)
{
	if (h->due)
		return 0;
	return h->root ? h->root->key_ns : NAT_NEVER;
}

/* Fire or, if it has been moved on meanwhile, put back. */
static void serve(struct nat_timers *h, struct nat_timer *t, uint64_t now_ns)
{
	take_out(h, t);
	if (t->deadline_ns > now_ns) {
		t->key_ns = t->deadline_ns;
		insert(h, t);
		return;
	}
	t->deadline_ns = NAT_NEVER;
	t->fire(t, now_ns);
}

void nat_timers_run(struct nat_timers *h, uint64_t now_ns)
{
	struct nat_timer **end = &h->due;

	assert(!h->due); /* no timer calls this */
	while (h->root && h->root->key_ns <= now_ns) {
		struct nat_timer *t = h->root;

		take_out(h, t);
		hang(end, t);
		end = &t->sibling;
	}
	while (h->due)
		serve(h, h->due, now_ns);
}
