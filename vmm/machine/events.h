/* machine/events.h: the machine's life as JSON lines, for programs.
 *
 * Each line is one object {"t_ns":…,"event":"…",…} written by one write(2), on
 * the main thread.  A reader that stops reading loses lines, never time. */
#ifndef BANTAM_MACHINE_EVENTS_H
#define BANTAM_MACHINE_EVENTS_H

#include "base/err.h"
#include "base/json.h"
#include "base/types.h"

struct timeline;

struct events {
	int fd; /* -1: nobody listens, all calls do nothing */
	bool owned;
	unsigned lost; /* lines that nobody had room for */
	const struct timeline *timeline; /* for t_ns */
	char line[2048]; /* a console line or an err, each byte six in JSON; < PIPE_BUF */
	struct json json;
};

/* path: a file to make or truncate; else fd >= 0: an inherited descriptor; else
 * no events.  0, or -errno with err filled. */
int events_open(struct events *e, const char *path, int fd, const struct timeline *timeline,
		struct err *err);
void events_close(struct events *e);

/* Begin a line; add members to the result by json_*(); events_end() writes it. */
struct json *events_begin(struct events *e, const char *event);
void events_end(struct events *e);
/* The same for the last line of all: it waits a moment for a slow reader and says
 * how many lines were lost before it. */
void events_end_last(struct events *e);

/* A line with no member, or with one text member, of its own. */
void events_emit(struct events *e, const char *event, const char *key, const char *text);

#endif
