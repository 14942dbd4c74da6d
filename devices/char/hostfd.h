/* char/hostfd.h: a descriptor that may be shared with other processes, written
 * and watched without ever blocking and without O_NONBLOCK, which would be set
 * for the shell that shares it too. */
#ifndef BANTAM_CHAR_HOSTFD_H
#define BANTAM_CHAR_HOSTFD_H

#include <sys/types.h>

#include "base/types.h"
#include "host/loop.h"

enum hostfd_kind {
	HOSTFD_NONE,  /* not open */
	HOSTFD_PLAIN, /* a file or a device such as /dev/null: always ready */
	HOSTFD_PIPE,
	HOSTFD_TTY,
	HOSTFD_SOCKET,
};

enum hostfd_kind hostfd_kind(int fd);

/* Put /dev/null where descriptor 0, 1 or 2 is not open: the next open(2) would
 * get that number, and the guest's output would go there. */
void hostfd_fill_standard(void);

/* Write what fd takes now, at most a turn's worth (64 KiB).
 * Returns bytes taken, 0 when the reader is busy, -errno (-EPIPE: no reader). */
ssize_t hostfd_write(int fd, enum hostfd_kind kind, const uint8_t *bytes, size_t len);

/* A loop source that is in the epoll set only while something is waited for:
 * one that stays there with no events would still report HUP, again and
 * again. */
struct hostfd_watch {
	struct loop *loop;
	struct loop_source source;
	uint32_t events; /* 0: not in the set */
};

/* Bind; does not watch yet. */
void hostfd_watch_init(struct hostfd_watch *w, struct loop *loop, int fd,
		       void (*ready)(void *arg, uint32_t events), void *arg);

/* Wait for events (0: for nothing).  0 or -errno as loop_add(). */
int hostfd_watch_set(struct hostfd_watch *w, uint32_t events);

#endif
