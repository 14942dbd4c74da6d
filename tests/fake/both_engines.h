/* fake/both_engines.h: a test of the I/O loop runs once on io_uring and once on
 * epoll and worker threads. */
#ifndef BANTAM_FAKE_BOTH_ENGINES_H
#define BANTAM_FAKE_BOTH_ENGINES_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "host/ioloop.h"

/* Two rows of a table of tests. */
#define BOTH_ENGINES(f)                                                                           \
	{ #f "_io_uring", f, both_setup, both_teardown, (void *)(uintptr_t)IO_ENGINE_URING },     \
	{                                                                                         \
#f "_threads", f, both_setup, both_teardown, (void *)(uintptr_t)IO_ENGINE_THREADS \
	}

/* *state becomes a loop, or NULL where io_uring may not be used. */
static inline int both_setup(void **state)
{
	const enum io_engine engine = (enum io_engine)(uintptr_t)*state;
	struct ioloop *l = NULL;
	struct err err;

	alarm(100);
	if (engine != IO_ENGINE_URING || io_uring_usable(&err) == 0)
		assert_int_equal(ioloop_create(engine, &l, &err), 0);
	*state = l;
	return 0;
}

static inline int both_teardown(void **state)
{
	ioloop_destroy(*state);
	alarm(0);
	return 0;
}

/* The loop; the test ends here where there is none. */
static inline struct ioloop *loop_of(void **state)
{
	if (!*state)
		skip();
	return *state;
}

/* Run fn where io_uring_setup(2) fails with `code`, as under a container's seccomp
 * profile: in a child.  Returns what fn returned, 0..254, or -1. */
int without_io_uring(int code, int (*fn)(void));

#endif
