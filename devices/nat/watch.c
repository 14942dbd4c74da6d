/* The sockets of the NAT, on whatever loop runs the guest's rings. */
#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "nat/internal.h"

static void append(struct nat_watch_list *list, struct nat_watch *w)
{
	w->list = list;
	w->next = NULL;
	w->link = list->end;
	*list->end = w;
	list->end = &w->next;
}

static void take_out(struct nat_watch *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	else
		w->list->end = w->link;
}

static void move(struct nat_watch *w, struct nat_watch_list *list)
{
	take_out(w);
	append(list, w);
}

void nat_watch_init(struct nat_watch *w, void (*ready)(void *arg, uint32_t events), void *arg)
{
	*w = (struct nat_watch){ .source = { .fd = -1, .ready = ready, .arg = arg } };
}

/* Have the loop do what is wanted.  A watch that wants nothing is no source at all:
 * a source would be told of errors and of the other side's end for ever. */
static int settle(struct nat *n, struct nat_watch *w, uint32_t before)
{
	const uint32_t wanted = n->loop && !w->stalled ? w->events : 0;
	int rc = 0;

	if (!w->watched && wanted) {
		rc = ioloop_add_source(n->loop, &w->source, wanted);
		w->watched = rc == 0;
	} else if (w->watched && !wanted) {
		ioloop_remove_source(n->loop, &w->source);
		w->watched = false;
	} else if (w->watched && wanted != before) {
		rc = ioloop_change_source(n->loop, &w->source, wanted);
	}
	return rc;
}

int nat_watch_open(struct nat *n, struct nat_watch *w, int fd, uint32_t events)
{
	int rc;

	assert(w->source.fd < 0 && fd >= 0);
	w->source.fd = fd;
	w->events = events;
	rc = settle(n, w, 0);
	if (rc < 0) {
		w->source.fd = -1;
		return rc;
	}
	append(&n->watches, w);
	return 0;
}

void nat_watch_set(struct nat *n, struct nat_watch *w, uint32_t events)
{
	const uint32_t before = w->events;

	w->events = events;
	if (events != before)
		settle(n, w, before);
}

void nat_watch_stall(struct nat *n, struct nat_watch *w)
{
	if (w->stalled)
		return;
	w->stalled = true;
	settle(n, w, w->events);
	move(w, &n->stalled);
}

void nat_watch_close(struct nat *n, struct nat_watch *w)
{
	if (w->source.fd < 0)
		return;
	w->events = 0;
	settle(n, w, 0);
	take_out(w);
	close(w->source.fd);
	w->source.fd = -1;
	w->stalled = false;
	if (n->resuming == w)
		n->resuming = NULL;
}

/* ---- all of them --------------------------------------------------------------------------- */

void nat_watches_init(struct nat *n)
{
	n->watches.end = &n->watches.first;
	n->stalled.end = &n->stalled.first;
}

void nat_watches_start(struct nat *n)
{
	for (struct nat_watch *w; (w = n->stalled.first) != NULL;) {
		w->stalled = false;
		move(w, &n->watches);
	}
	for (struct nat_watch *w = n->watches.first; w; w = w->next)
		settle(n, w, 0);
}

void nat_watches_stop(struct nat *n)
{
	/* Those that are stalled are not on the loop. */
	for (struct nat_watch *w = n->watches.first; w; w = w->next) {
		if (w->watched)
			ioloop_remove_source(n->loop, &w->source);
		w->watched = false;
	}
}

static unsigned count(const struct nat_watch_list *list)
{
	unsigned n = 0;

	for (const struct nat_watch *w = list->first; w; w = w->next)
		n++;
	return n;
}

/* Ask one after the other, the longest-waiting first, until one finds that there is
 * still no room; with many guests each has a turn, as one may have room where another
 * has none.  One whose buffers come in time never goes back to the loop between. */
void nat_watches_resume(struct nat *n)
{
	struct nat_watch *w;

	for (unsigned left = count(&n->stalled); left > 0 && (w = n->stalled.first); left--) {
		w->stalled = false;
		move(w, &n->watches);
		n->resuming = w; /* NULL once it has been closed, and maybe freed */
		w->source.ready(w->source.arg, w->events & EPOLLIN);
		if (n->resuming != w)
			continue;
		n->resuming = NULL;
		if (w->stalled && !n->many_guests)
			break;
		settle(n, w, 0);
	}
}
