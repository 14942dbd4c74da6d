/* A pseudo-terminal: ours is the master, the user opens the name.
 *
 * A master whose other side nobody has open is in permanent hang-up: polling it
 * would spin, and nothing wakes us when somebody opens the other side.  So the
 * master is watched only while connected, and inotify tells of opens.  Where
 * inotify cannot (a mount namespace without /dev/pts, no watches left), we keep
 * the other side open ourselves: then input and output work the same, but the
 * peer counts as always connected. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "char/backend.h"

static void peer_left(struct chardev *c)
{
	if (c->pty.peer_fd >= 0)
		return; /* ours is still open: not a real hang-up */
	hostfd_watch_set(&c->pty.master, 0);
	char_set_connected(c, false);
}

static void on_master(void *arg, uint32_t events)
{
	struct chardev *c = arg;
	ssize_t n = -EAGAIN;

	if (events & EPOLLIN)
		n = char_pull(c, c->out_fd, false);
	else if (events & (EPOLLHUP | EPOLLERR))
		n = -EIO;
	if (n == 0 || (n < 0 && n != -EAGAIN))
		peer_left(c);
	else if (events & EPOLLOUT)
		char_writable(c);
}

static void peer_came(struct chardev *c)
{
	if (!c->in_paused)
		hostfd_watch_set(&c->pty.master, EPOLLIN);
	char_set_connected(c, true);
}

static void on_opened(void *arg, uint32_t events)
{
	struct chardev *c = arg;
	struct pollfd p = { .fd = c->out_fd };
	char queue[512];

	(void)events;
	while (read(c->pty.opened.source.fd, queue, sizeof(queue)) > 0)
		;
	if (!chardev_connected(c) && poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP))
		peer_came(c);
}

static int open_peer(struct chardev *c)
{
	struct termios t;
	int fd = ioctl(c->out_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0) /* before Linux 4.13 */
		fd = open(c->pty.name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* The guest's own terminal driver echoes and edits.  The mode stays for
	 * as long as the master is open. */
	if (tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	return fd;
}

/* Watch for opens of the other side.  False where that does not work. */
static bool watch_opens(struct chardev *c)
{
	const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return false;
	hostfd_watch_init(&c->pty.opened, c->loop, fd, on_opened, c);
	if (inotify_add_watch(fd, c->pty.name, IN_OPEN) < 0 ||
	    hostfd_watch_set(&c->pty.opened, EPOLLIN) < 0) {
		close(fd);
		c->pty.opened.loop = NULL;
		return false;
	}
	return true;
}

static int open_master(struct chardev *c)
{
	int unlock = 0;
	unsigned number;

	c->out_fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (c->out_fd < 0)
		return -errno;
	if (ioctl(c->out_fd, TIOCSPTLCK, &unlock) < 0 || ioctl(c->out_fd, TIOCGPTN, &number) < 0)
		return -errno;
	snprintf(c->pty.name, sizeof(c->pty.name), "/dev/pts/%u", number);
	return 0;
}

static int pty_open(struct chardev *c, struct err *err)
{
	struct pty_state *s = &c->pty;
	int rc = open_master(c);

	if (rc == 0)
		rc = s->peer_fd = open_peer(c);
	if (rc < 0) {
		if (c->out_fd >= 0)
			close(c->out_fd);
		return err_errno(err, rc, "pty: cannot make a pseudo-terminal (/dev/ptmx)");
	}
	hostfd_watch_init(&s->master, c->loop, c->out_fd, on_master, c);
	if (watch_opens(c)) {
		close(s->peer_fd);
		s->peer_fd = -1;
		atomic_store(&c->connected, false);
		return 0;
	}
	rc = hostfd_watch_set(&s->master, EPOLLIN);
	if (rc == 0)
		return 0;
	close(s->peer_fd);
	close(c->out_fd);
	return err_errno(err, rc, "pty");
}

static void pty_close(struct chardev *c)
{
	struct pty_state *s = &c->pty;

	hostfd_watch_set(&s->master, 0);
	if (s->opened.loop) {
		hostfd_watch_set(&s->opened, 0);
		close(s->opened.source.fd);
	}
	if (s->peer_fd >= 0)
		close(s->peer_fd);
	close(c->out_fd);
}

static size_t pty_write(struct chardev *c, const uint8_t *bytes, size_t len)
{
	/* The master is ours alone and O_NONBLOCK: no need to ask first. */
	const ssize_t n = hostfd_write(c->out_fd, HOSTFD_PLAIN, bytes, len);

	if (n >= 0)
		return (size_t)n;
	peer_left(c);
	return 0;
}

static uint32_t events_of(const struct chardev *c, bool in, bool out)
{
	if (!chardev_connected(c))
		return 0;
	return (in ? EPOLLIN : 0u) | (out ? EPOLLOUT : 0u);
}

static void pty_watch_output(struct chardev *c, bool on)
{
	hostfd_watch_set(&c->pty.master, events_of(c, !c->in_paused, on));
}

static void pty_watch_input(struct chardev *c, bool on)
{
	hostfd_watch_set(&c->pty.master, events_of(c, on, backlog_used(&c->backlog) > 0));
}

static const char *pty_where(const struct chardev *c)
{
	return c->pty.name;
}

const struct char_backend char_pty = {
	.open = pty_open,
	.close = pty_close,
	.write = pty_write,
	.watch_output = pty_watch_output,
	.watch_input = pty_watch_input,
	.where = pty_where,
};
