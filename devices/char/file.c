/* Output into a file (or a FIFO or device that was named); no input. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "char/backend.h"

static void on_writable(void *arg, uint32_t events)
{
	(void)events;
	char_writable(arg);
}

static int file_open(struct chardev *c, struct err *err)
{
	struct file_state *s = &c->file;
	int fd;

	if (!c->path || !*c->path)
		return err_set(err, -EINVAL, "file: no name; give file=PATH");
	/* O_NONBLOCK: this open file is ours alone, and a FIFO nobody reads must
	 * not hold the start up. */
	fd = open(c->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	if (fd < 0 && errno == ENXIO)
		return err_set(err, -ENXIO,
			       "file:%s: a FIFO that nobody reads; start its reader first",
			       c->path);
	if (fd < 0)
		return err_errno(err, -errno, "file:%s", c->path);
	s->kind = hostfd_kind(fd);
	hostfd_watch_init(&s->out, c->loop, fd, on_writable, c);
	c->out_fd = fd;
	return 0;
}

static void file_close(struct chardev *c)
{
	hostfd_watch_set(&c->file.out, 0);
	close(c->out_fd);
}

static size_t file_write(struct chardev *c, const uint8_t *bytes, size_t len)
{
	struct file_state *s = &c->file;
	const ssize_t n = hostfd_write(c->out_fd, s->kind, bytes, len);

	if (n >= 0)
		return (size_t)n;
	/* A full disk must not stop the guest.  Said once; what comes after it
	 * is tried again, for space may be made. */
	if (!s->warned) {
		struct err why;

		s->warned = true;
		err_errno(&why, (int)n, "file:%s: output is lost", c->path);
		log_warn("%s", why.text);
	}
	char_drop(c, len);
	return len;
}

static void file_watch_output(struct chardev *c, bool on)
{
	/* A regular file is never busy and not taken by epoll. */
	hostfd_watch_set(&c->file.out, on ? EPOLLOUT : 0);
}

static void file_watch_input(struct chardev *c, bool on)
{
	(void)c;
	(void)on;
}

const struct char_backend char_file = {
	.open = file_open,
	.close = file_close,
	.write = file_write,
	.watch_output = file_watch_output,
	.watch_input = file_watch_input,
};
