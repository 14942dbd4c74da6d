#include "char/hostfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TURN_BYTES KIB(64)

/* How much a descriptor that poll(2) calls writable takes without blocking.  A
 * pipe: one free slot, a page (PIPE_BUF).  A terminal: a pty with any room at
 * all takes one more buffer of 256 bytes, and output processing may double what
 * we send. */
#define PIPE_STEP 4096u
#define TTY_STEP  128u

enum hostfd_kind hostfd_kind(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return HOSTFD_NONE;
	if (S_ISFIFO(st.st_mode))
		return HOSTFD_PIPE;
	if (S_ISSOCK(st.st_mode))
		return HOSTFD_SOCKET;
	return S_ISCHR(st.st_mode) && isatty(fd) ? HOSTFD_TTY : HOSTFD_PLAIN;
}

void hostfd_fill_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return; /* no /dev/null: as it was */
}

/* One write of what surely fits: bytes, 0 when busy, -errno. */
static ssize_t write_step(int fd, enum hostfd_kind kind, const uint8_t *bytes, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	if (kind == HOSTFD_SOCKET) {
		n = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else if (kind == HOSTFD_PLAIN) {
		n = write(fd, bytes, len);
	} else {
		/* POLLERR or POLLHUP without a reader: write(2) says why. */
		if (poll(&p, 1, 0) <= 0)
			return 0;
		n = write(fd, bytes, min_u64(len, kind == HOSTFD_PIPE ? PIPE_STEP : TTY_STEP));
	}
	if (n >= 0)
		return n;
	return errno == EAGAIN ? 0 : -errno;
}

ssize_t hostfd_write(int fd, enum hostfd_kind kind, const uint8_t *bytes, size_t len)
{
	size_t done = 0;

	if (kind == HOSTFD_NONE)
		return -EBADF;
	len = min_u64(len, TURN_BYTES);
	while (done < len) {
		const ssize_t n = write_step(fd, kind, bytes + done, len - done);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return done ? (ssize_t)done : n;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

void hostfd_watch_init(struct hostfd_watch *w, struct loop *loop, int fd,
		       void (*ready)(void *arg, uint32_t events), void *arg)
{
	*w = (struct hostfd_watch){
		.loop = loop,
		.source = { .fd = fd, .ready = ready, .arg = arg },
	};
}

int hostfd_watch_set(struct hostfd_watch *w, uint32_t events)
{
	int rc = 0;

	if (events == w->events)
		return 0;
	if (events == 0)
		loop_remove(w->loop, &w->source);
	else if (w->events == 0)
		rc = loop_add(w->loop, &w->source, events);
	else
		rc = loop_change(w->loop, &w->source, events);
	if (rc == 0)
		w->events = events;
	return rc;
}
