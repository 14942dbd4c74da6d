/* A Unix stream socket that listens: one client at a time, the next one after it
 * left.  The last KEEP_BYTES of output wait for a client to come. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "char/backend.h"

static void client_left(struct chardev *c)
{
	struct unix_state *s = &c->unix_;

	if (c->out_fd < 0)
		return;
	hostfd_watch_set(&s->client, 0);
	close(c->out_fd);
	c->out_fd = -1;
	char_set_connected(c, false);
	hostfd_watch_set(&s->listener, EPOLLIN);
}

/* EPOLLRDHUP is not waited for: a client that has only shut its sending half
 * still reads.  HUP always comes. */
static uint32_t events_of(const struct chardev *c, bool in, bool out)
{
	return (in && !c->unix_.input_ended ? EPOLLIN : 0u) | (out ? EPOLLOUT : 0u) | EPOLLHUP;
}

static void watch_client(struct chardev *c, bool in, bool out)
{
	if (c->out_fd >= 0)
		hostfd_watch_set(&c->unix_.client, events_of(c, in, out));
}

static void on_client(void *arg, uint32_t events)
{
	struct chardev *c = arg;
	struct unix_state *s = &c->unix_;
	ssize_t n = -EAGAIN;

	if (events & EPOLLIN) {
		n = char_pull(c, c->out_fd, false);
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		if (c->in_paused && !s->input_ended) {
			/* What it sent before it left waits for the guest. */
			hostfd_watch_set(&s->client, 0);
			return;
		}
		n = -EPIPE;
	}
	if (n == 0 && !(events & EPOLLHUP)) {
		s->input_ended = true;
		watch_client(c, false, backlog_used(&c->backlog) > 0);
	} else if (n == 0 || (n < 0 && n != -EAGAIN)) {
		client_left(c);
	} else if (events & EPOLLOUT) {
		char_writable(c);
	}
}

static int accept_client(const struct unix_state *s)
{
	const int fd = accept4(s->listener.source.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static void take_spare(struct unix_state *s)
{
	s->spare_fd = fcntl(s->listener.source.fd, F_DUPFD_CLOEXEC, 0);
}

/* No descriptor is left for a client, who would be told of again and again: with the
 * spare one its connection is taken and closed. */
static void turn_away(struct chardev *c)
{
	struct unix_state *s = &c->unix_;
	int fd;

	if (!s->warned)
		log_warn("unix:%s: too many open files; a client was turned away", c->path);
	s->warned = true;
	if (s->spare_fd < 0) {
		hostfd_watch_set(&s->listener, 0);
		return;
	}
	close(s->spare_fd);
	fd = accept_client(s);
	if (fd >= 0)
		close(fd);
	take_spare(s);
}

static void on_connection(void *arg, uint32_t events)
{
	struct chardev *c = arg;
	struct unix_state *s = &c->unix_;
	const int fd = accept_client(s);

	(void)events;
	if (fd == -EMFILE || fd == -ENFILE)
		turn_away(c);
	if (fd < 0)
		return;
	hostfd_watch_init(&s->client, c->loop, fd, on_client, c);
	s->input_ended = false;
	if (hostfd_watch_set(&s->client, events_of(c, !c->in_paused, false)) < 0) {
		close(fd);
		return;
	}
	hostfd_watch_set(&s->listener, 0);
	c->out_fd = fd;
	char_set_connected(c, true);
}

static int make_listener(struct chardev *c, struct err *err)
{
	struct unix_state *s = &c->unix_;
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct err why;
	int rc;

	if (fd < 0)
		return err_errno(err, -errno, "unix:%s", c->path);
	rc = unix_path_bind(fd, SOCK_STREAM, c->path, &s->name, &why);
	if (rc < 0) {
		close(fd);
		return err_set(err, rc, "unix:%s", why.text);
	}
	hostfd_watch_init(&s->listener, c->loop, fd, on_connection, c);
	rc = listen(fd, 4) < 0 ? -errno : hostfd_watch_set(&s->listener, EPOLLIN);
	if (rc < 0) {
		unix_path_remove(&s->name);
		close(fd);
		return err_errno(err, rc, "unix:%s", c->path);
	}
	take_spare(s);
	return 0;
}

static int unix_open(struct chardev *c, struct err *err)
{
	if (!c->path || !*c->path)
		return err_set(err, -EINVAL, "unix: no path; give unix=PATH");
	atomic_store(&c->connected, false);
	return make_listener(c, err);
}

static void unix_close(struct chardev *c)
{
	struct unix_state *s = &c->unix_;

	if (c->out_fd >= 0) {
		hostfd_watch_set(&s->client, 0);
		close(c->out_fd);
	}
	hostfd_watch_set(&s->listener, 0);
	close(s->listener.source.fd);
	if (s->spare_fd >= 0)
		close(s->spare_fd);
	unix_path_remove(&s->name);
}

static size_t unix_write(struct chardev *c, const uint8_t *bytes, size_t len)
{
	const ssize_t n = hostfd_write(c->out_fd, HOSTFD_SOCKET, bytes, len);

	if (n >= 0)
		return (size_t)n;
	if (c->in_paused && !c->unix_.input_ended) {
		char_drop(c, len); /* gone, but its input is still to be read */
		return len;
	}
	client_left(c);
	return 0;
}

static void unix_watch_output(struct chardev *c, bool on)
{
	watch_client(c, !c->in_paused, on);
}

static void unix_watch_input(struct chardev *c, bool on)
{
	watch_client(c, on, backlog_used(&c->backlog) > 0);
}

static const char *unix_where(const struct chardev *c)
{
	return c->path;
}

const struct char_backend char_unix = {
	.open = unix_open,
	.close = unix_close,
	.write = unix_write,
	.watch_output = unix_watch_output,
	.watch_input = unix_watch_input,
	.where = unix_where,
};
