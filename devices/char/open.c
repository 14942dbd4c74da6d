/* The life of a character device, and the kind without any host side. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "host/now.h"

#include "char/backend.h"

static size_t null_write(struct chardev *c, const uint8_t *bytes, size_t len)
{
	(void)c;
	(void)bytes;
	return len;
}

static int null_open(struct chardev *c, struct err *err)
{
	(void)c;
	(void)err;
	return 0;
}

static void null_close(struct chardev *c)
{
	(void)c;
}

static void null_watch(struct chardev *c, bool on)
{
	(void)c;
	(void)on;
}

static const struct char_backend char_null = {
	.open = null_open,
	.close = null_close,
	.write = null_write,
	.watch_output = null_watch,
	.watch_input = null_watch,
};

static const struct char_backend *const backends[] = {
	[CHARDEV_NULL] = &char_null, [CHARDEV_STDIO] = &char_stdio, [CHARDEV_PTY] = &char_pty,
	[CHARDEV_FILE] = &char_file, [CHARDEV_UNIX] = &char_unix,   [CHARDEV_MEM] = NULL,
};

static int open_timer(struct chardev *c, struct err *err)
{
	const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_errno(err, -errno, "timer of a character device");
	hostfd_watch_init(&c->timer, c->loop, fd, char_on_timer, c);
	rc = hostfd_watch_set(&c->timer, EPOLLIN);
	if (rc < 0) {
		close(fd);
		return err_errno(err, rc, "timer of a character device");
	}
	return 0;
}

static void close_timer(struct chardev *c)
{
	if (!c->loop)
		return;
	hostfd_watch_set(&c->timer, 0);
	close(c->timer.source.fd);
}

static struct chardev *chardev_new(struct loop *loop, const struct chardev_config *config)
{
	struct chardev *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	/* Not the rings: their pages stay untouched until used. */
	memset(c, 0, offsetof(struct chardev, in_bytes));
	c->config = *config;
	c->backend = backends[config->kind];
	c->swallow = config->kind == CHARDEV_NULL && (!config->tap || !loop);
	c->loop = c->swallow || config->kind == CHARDEV_MEM ? NULL : loop;
	c->out_fd = -1;
	c->path = config->path ? strdup(config->path) : NULL;
	if (config->path && !c->path) {
		free(c);
		return NULL;
	}
	ring_init(&c->in, c->in_bytes, IN_RING_BYTES);
	ring_init(&c->out, c->out_bytes, OUT_RING_BYTES);
	atomic_store(&c->connected, true);
	c->progress_ns = host_now_ns();
	return c;
}

int chardev_open(struct loop *loop, const struct chardev_config *config, struct chardev **out,
		 struct err *err)
{
	struct chardev *c;
	int rc = -EINVAL;

	if ((size_t)config->kind >= ARRAY_LEN(backends))
		return err_set(err, rc, "character device: no such kind");
	if (!loop && config->kind != CHARDEV_NULL && config->kind != CHARDEV_MEM)
		return err_set(err, rc, "character device: no event loop");
	if (config->kind == CHARDEV_STDIO)
		hostfd_fill_standard();
	c = chardev_new(loop, config);
	if (!c)
		return err_errno(err, -ENOMEM, "character device");
	if (c->loop) {
		rc = open_timer(c, err);
		if (rc < 0)
			goto fail;
	}
	rc = c->backend ? c->backend->open(c, err) : 0;
	if (rc < 0)
		goto fail_timer;
	*out = c;
	return 0;

fail_timer:
	close_timer(c);
fail:
	free(c->path);
	free(c);
	return rc;
}

/* One step of the last writing out; false when it is over. */
static bool drain_step(struct chardev *c)
{
	struct pollfd p = { .fd = c->out_fd, .events = POLLOUT };

	chardev_flush(c);
	if (!chardev_connected(c) || (backlog_used(&c->backlog) == 0 && ring_used(&c->out) == 0))
		return false;
	if (char_push_backlog(c))
		return true;
	return poll(&p, 1, (int)(STALL_NS / NS_PER_MS)) > 0 && char_push_backlog(c);
}

void chardev_close(struct chardev *c)
{
	if (!c)
		return;
	c->config.ready = NULL; /* the device may be gone already */
	if (c->backend) {
		while (!c->swallow && drain_step(c))
			;
		c->backend->close(c);
	}
	close_timer(c);
	backlog_free(&c->backlog);
	free(c->path);
	free(c);
}
