#include "machine/events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "machine/timeline.h"

int events_open(struct events *e, const char *path, int fd, const struct timeline *timeline,
		struct err *err)
{
	e->timeline = timeline;
	e->owned = path != NULL;
	e->fd = fd;
	if (path) {
		e->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (e->fd < 0)
			return err_errno(err, -errno, "--events %s", path);
	} else if (fd >= 0 && fcntl(fd, F_GETFD) < 0) {
		e->fd = -1;
		return err_errno(err, -errno, "--events %d", fd);
	}
	return 0;
}

void events_close(struct events *e)
{
	if (e->owned && e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

struct json *events_begin(struct events *e, const char *event)
{
	json_begin(&e->json, e->line, sizeof(e->line) - 1); /* room for the newline */
	json_object(&e->json, NULL);
	json_uint(&e->json, "t_ns", timeline_now(e->timeline));
	json_string(&e->json, "event", event);
	return &e->json;
}

void events_end(struct events *e)
{
	struct pollfd p = { .fd = e->fd, .events = POLLOUT };
	int len;

	json_close_object(&e->json);
	len = json_end(&e->json);
	if (e->fd < 0 || len < 0)
		return;
	/* A full pipe must not hold the machine; lines are shorter than
	 * PIPE_BUF, so a writable pipe takes one whole. */
	if (poll(&p, 1, 0) <= 0 || !(p.revents & POLLOUT)) {
		log_info("--events: nobody reads: one line is lost");
		return;
	}
	e->line[len] = '\n';
	if (write(e->fd, e->line, (size_t)len + 1) < 0) {
		log_warn("--events: %s: events end here", strerror(errno));
		events_close(e);
		e->fd = -1;
	}
}

void events_emit(struct events *e, const char *event, const char *key, const char *text)
{
	struct json *j;

	if (e->fd < 0)
		return;
	j = events_begin(e, event);
	if (key)
		json_string(j, key, text);
	events_end(e);
}
