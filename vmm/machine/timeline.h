/* machine/timeline.h: how long each step of a run took.
 *
 * A mark costs one clock read.  Any thread; two threads may mark at once. */
#ifndef BANTAM_MACHINE_TIMELINE_H
#define BANTAM_MACHINE_TIMELINE_H

#include <stdatomic.h>
#include <stdio.h>

#include "base/types.h"

#define TIMELINE_MARKS_MAX 48

struct timeline {
	uint64_t zero_ns; /* host monotonic time of the program's start */
	atomic_uint count;
	struct {
		const char *what;
		uint64_t t_ns; /* since zero_ns */
	} marks[TIMELINE_MARKS_MAX];
};

/* Remember that `what` (static) is done now; more marks than fit are dropped. */
void timeline_mark(struct timeline *t, const char *what);

/* Nanoseconds since the program's start. */
uint64_t timeline_now(const struct timeline *t);

/* One line a mark, in order of time: milliseconds since start, since the line
 * before, what. */
void timeline_print(const struct timeline *t, FILE *out);

#endif
