#include "host/iothread.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "host/ioloop_internal.h"
#include "host/thread.h"

struct iothread {
	struct ioloop *loop; /* the thread ends it */
	pthread_t thread;
	enum io_engine engine;
	unsigned index;
	struct err err;
	struct io_task stop_task;
	bool stopping; /* the thread's */

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* under the mutex */
	bool opened;
	int rc; /* what ioloop_open() said */
};

static void announce(struct iothread *t, int rc)
{
	pthread_mutex_lock(&t->mutex);
	t->opened = true;
	t->rc = rc;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->mutex);
}

static void *iothread_main(void *arg)
{
	struct iothread *t = arg;
	int rc;

	thread_name("io", t->index);
	rc = ioloop_open(t->loop, t->engine, &t->err);
	if (rc == 0 && t->engine == IO_ENGINE_AUTO && ioloop_engine(t->loop) != IO_ENGINE_URING)
		log_info("%s: disks use worker threads", t->err.text);
	if (rc == 0)
		ioloop_be_patient(t->loop);
	announce(t, rc);
	while (rc == 0 && !t->stopping)
		ioloop_round(t->loop, -1);
	ioloop_destroy(t->loop);
	return NULL;
}

static void stop(void *arg)
{
	((struct iothread *)arg)->stopping = true;
}

static int wait_opened(struct iothread *t)
{
	int rc;

	pthread_mutex_lock(&t->mutex);
	while (!t->opened)
		pthread_cond_wait(&t->changed, &t->mutex);
	rc = t->rc;
	pthread_mutex_unlock(&t->mutex);
	return rc;
}

static void free_iothread(struct iothread *t)
{
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->mutex);
	free(t);
}

int iothread_start(enum io_engine engine, unsigned index, struct iothread **out, struct err *err)
{
	struct iothread *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return err_set(err, -ENOMEM, "no memory for an I/O thread");
	rc = ioloop_alloc(&t->loop, err);
	if (rc < 0) {
		free(t);
		return rc;
	}
	t->engine = engine;
	t->index = index;
	t->stop_task = (struct io_task){ .run = stop, .arg = t };
	pthread_mutex_init(&t->mutex, NULL);
	pthread_cond_init(&t->changed, NULL);
	rc = thread_start(&t->thread, iothread_main, t);
	if (rc < 0) {
		ioloop_destroy(t->loop);
		free_iothread(t);
		return err_errno(err, rc, "cannot start an I/O thread");
	}
	/* A ring may be refused.  The others cannot: the start does not wait. */
	if (engine == IO_ENGINE_URING) {
		rc = wait_opened(t);
		if (rc < 0) {
			pthread_join(t->thread, NULL);
			err_set(err, rc, "%s", t->err.text);
			free_iothread(t);
			return rc;
		}
	}
	*out = t;
	return 0;
}

void iothread_stop(struct iothread *t)
{
	if (!t)
		return;
	ioloop_post(t->loop, &t->stop_task);
	pthread_join(t->thread, NULL);
	free_iothread(t);
}

struct ioloop *iothread_loop(struct iothread *t)
{
	return t->loop;
}

struct call {
	struct iothread *t;
	void (*fn)(void *arg);
	void *arg;
	bool returned; /* under t's mutex */
	struct io_task task;
};

static void run_call(void *arg)
{
	struct call *c = arg;
	struct iothread *t = c->t;

	c->fn(c->arg);
	pthread_mutex_lock(&t->mutex);
	c->returned = true; /* c is gone as soon as the caller sees it */
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->mutex);
}

void iothread_call(struct iothread *t, void (*fn)(void *arg), void *arg)
{
	struct call c = { .t = t, .fn = fn, .arg = arg, .task = { .run = run_call, .arg = &c } };

	ioloop_post(t->loop, &c.task);
	pthread_mutex_lock(&t->mutex);
	while (!c.returned)
		pthread_cond_wait(&t->changed, &t->mutex);
	pthread_mutex_unlock(&t->mutex);
}
