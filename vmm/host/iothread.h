/* host/iothread.h: a thread that runs an ioloop. */
#ifndef BANTAM_HOST_IOTHREAD_H
#define BANTAM_HOST_IOTHREAD_H

#include "host/ioloop.h"

struct iothread;

/* Start a thread that makes its loop and runs it.
 * index  for its name, "io0", "io1", ...
 * out    owned by the caller until iothread_stop()
 * 0, or -errno with err filled: a loop that cannot be made is reported here only
 * with `engine` given by force; AUTO always finds one. */
int iothread_start(enum io_engine engine, unsigned index, struct iothread **out, struct err *err);

/* End the thread; its loop's events and pollers are gone already.  NULL is
 * harmless. */
void iothread_stop(struct iothread *t);

/* The loop, for ioloop_post() and for code on that thread. */
struct ioloop *iothread_loop(struct iothread *t);

/* Run fn(arg) on the thread and wait until it returned.  Not from that thread
 * itself (there, call fn), and not while holding what fn may wait for. */
void iothread_call(struct iothread *t, void (*fn)(void *arg), void *arg);

#endif
