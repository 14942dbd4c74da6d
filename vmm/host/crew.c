#include "host/crew.h"

#include <errno.h>
#include <stdlib.h>

#include "host/thread.h"

struct crew {
	struct ioloop *loop;
	pthread_mutex_t mutex;
	pthread_cond_t work;
	/* under the mutex */
	struct crew_task *first, **last;
	bool stop;
	unsigned named;
	/* the owner's */
	unsigned thread_count;
	pthread_t threads[];
};

static void tell_done(void *arg)
{
	struct crew_task *t = arg;

	t->done(t->arg);
}

/* The next task; NULL when it is time to go. */
static struct crew_task *take(struct crew *c)
{
	struct crew_task *t;

	pthread_mutex_lock(&c->mutex);
	while (!c->first && !c->stop)
		pthread_cond_wait(&c->work, &c->mutex);
	t = c->first;
	if (t) {
		c->first = t->next;
		if (!c->first)
			c->last = &c->first;
	}
	pthread_mutex_unlock(&c->mutex);
	return t;
}

static void *crew_main(void *arg)
{
	struct crew *c = arg;
	struct crew_task *t;
	unsigned index;

	pthread_mutex_lock(&c->mutex);
	index = c->named++;
	pthread_mutex_unlock(&c->mutex);
	thread_name("crew", index);
	while ((t = take(c))) {
		t->work(t->arg);
		ioloop_post(c->loop, &t->post);
	}
	return NULL;
}

int crew_create(struct ioloop *loop, unsigned threads, struct crew **out)
{
	struct crew *c = calloc(1, sizeof(*c) + threads * sizeof(c->threads[0]));
	int rc = 0;

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->last = &c->first;
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->work, NULL);
	while (c->thread_count < threads) {
		rc = thread_start(&c->threads[c->thread_count], crew_main, c);
		if (rc < 0)
			break;
		c->thread_count++;
	}
	/* Fewer are slower, and do. */
	if (c->thread_count == 0) {
		crew_destroy(c);
		return rc;
	}
	*out = c;
	return 0;
}

void crew_destroy(struct crew *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->mutex);
	c->stop = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->mutex);
	for (unsigned i = 0; i < c->thread_count; i++)
		pthread_join(c->threads[i], NULL);
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}

void crew_submit(struct crew *c, struct crew_task *t)
{
	t->next = NULL;
	t->post = (struct io_task){ .run = tell_done, .arg = t };
	pthread_mutex_lock(&c->mutex);
	*c->last = t;
	c->last = &t->next;
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->mutex);
}
