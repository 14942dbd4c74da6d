/* host/loop.h: one thread's event loop over epoll. */
#ifndef BANTAM_HOST_LOOP_H
#define BANTAM_HOST_LOOP_H

#include <sys/epoll.h>

#include "base/types.h"

/* A file descriptor that the loop watches.  Owned by the caller; stays in
 * place from loop_add() to loop_remove(). */
struct loop_source {
	int fd;
	void (*ready)(void *arg, uint32_t events); /* EPOLLIN | EPOLLOUT | ... */
	void *arg;
};

struct loop {
	int epoll_fd;
};

/* 0 or -errno. */
int loop_init(struct loop *l);
void loop_close(struct loop *l);

/* Watch source->fd for events (EPOLLIN, EPOLLOUT or 0).  0 or -errno; -EPERM
 * for a regular file, which epoll does not take: it is always ready. */
int loop_add(struct loop *l, struct loop_source *source, uint32_t events);
int loop_change(struct loop *l, struct loop_source *source, uint32_t events);
void loop_remove(struct loop *l, struct loop_source *source);

/* Wait up to timeout_ms (-1: for ever) and call ready() for what is ready.
 * Returns how many sources were served, 0 on timeout or signal. */
int loop_wait(struct loop *l, int timeout_ms);

#endif
