/* host/crew.h: threads that compute for a loop, so that it goes on meanwhile.  They
 * wait for nothing but work: files are the loop's. */
#ifndef BANTAM_HOST_CREW_H
#define BANTAM_HOST_CREW_H

#include "host/ioloop.h"

struct crew;

/* The caller's memory, in place until done(). */
struct crew_task {
	void (*work)(void *arg); /* on one of the crew's threads */
	void (*done)(void *arg); /* on the loop's, from ioloop_round() */
	void *arg;
	/* the crew's own */
	struct crew_task *next;
	struct io_task post;
};

/* loop     the one that calls done(); borrowed
 * threads  at least 1
 * out      owned by the caller until crew_destroy()
 * 0 or -errno. */
int crew_create(struct ioloop *loop, unsigned threads, struct crew **out);

/* No task is under way.  NULL is harmless. */
void crew_destroy(struct crew *c);

/* On the loop's thread.  Tasks are begun in order, and end in any. */
void crew_submit(struct crew *c, struct crew_task *t);

#endif
