#include "machine/events.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "host/output.h"
#include "machine/timeline.h"

/* The machine has ended: a reader who is only slow gets the last line. */
#define LAST_LINE_WAIT_MS 1000

int events_open(struct events *e, const char *path, int fd, const struct timeline *timeline,
		struct err *err)
{
	e->timeline = timeline;
	e->owned = path != NULL;
	e->fd = fd;
	if (path) {
		const int opened = output_open(path);

		e->fd = opened < 0 ? -1 : opened;
		if (opened < 0)
			return output_refused(err, opened, "--events", path);
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

static void write_out(struct events *e, int wait_ms)
{
	int len, rc;

	json_close_object(&e->json);
	len = json_end(&e->json);
	if (e->fd < 0 || len < 0)
		return;
	e->line[len] = '\n';
	rc = output_line(e->fd, e->line, (size_t)len + 1, wait_ms);
	if (rc == -EAGAIN) {
		e->lost++;
		log_info("--events: nobody reads: one line is lost");
	} else if (rc < 0) {
		log_warn("--events: %s: events end here", strerror(-rc));
		events_close(e);
	}
}

void events_end(struct events *e)
{
	write_out(e, 0);
}

void events_end_last(struct events *e)
{
	if (e->lost > 0)
		json_uint(&e->json, "lost", e->lost);
	write_out(e, LAST_LINE_WAIT_MS);
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
