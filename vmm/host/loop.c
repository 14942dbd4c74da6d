#include "host/loop.h"

#include <errno.h>
#include <unistd.h>

int loop_init(struct loop *l)
{
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return l->epoll_fd < 0 ? -errno : 0;
}

void loop_close(struct loop *l)
{
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	l->epoll_fd = -1;
}

static int control(struct loop *l, int op, struct loop_source *source, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = source };

	return epoll_ctl(l->epoll_fd, op, source->fd, &ev) < 0 ? -errno : 0;
}

int loop_add(struct loop *l, struct loop_source *source, uint32_t events)
{
	return control(l, EPOLL_CTL_ADD, source, events);
}

int loop_change(struct loop *l, struct loop_source *source, uint32_t events)
{
	return control(l, EPOLL_CTL_MOD, source, events);
}

void loop_remove(struct loop *l, struct loop_source *source)
{
	control(l, EPOLL_CTL_DEL, source, 0);
}

int loop_wait(struct loop *l, int timeout_ms)
{
	struct epoll_event ev;

	/* One at a time: a handler may remove any other source, which must then
	 * not be called from a list that was fetched before. */
	if (epoll_wait(l->epoll_fd, &ev, 1, timeout_ms) <= 0)
		return 0;
	const struct loop_source *source = ev.data.ptr;

	source->ready(source->arg, ev.events);
	return 1;
}
