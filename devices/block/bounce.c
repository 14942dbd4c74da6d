#include "block/bounce.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

int bounce_init(struct bounce *p)
{
	uint8_t *memory = mmap(NULL, BOUNCE_PIECES * BOUNCE_PIECE_BYTES, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*p = (struct bounce){ .memory = memory, .free_count = BOUNCE_PIECES };
	pthread_mutex_init(&p->lock, NULL);
	for (unsigned i = 0; i < BOUNCE_PIECES; i++)
		p->free[i] = memory + i * BOUNCE_PIECE_BYTES;
	p->last = &p->first;
	return 0;
}

void bounce_destroy(struct bounce *p)
{
	if (!p->memory)
		return;
	assert(p->free_count == BOUNCE_PIECES);
	pthread_mutex_destroy(&p->lock);
	munmap(p->memory, BOUNCE_PIECES * BOUNCE_PIECE_BYTES);
	p->memory = NULL;
}

static void run_got(void *arg)
{
	struct bounce_wait *w = arg;

	w->got(w);
}

bool bounce_take(struct bounce *p, struct bounce_wait *w)
{
	bool taken;

	pthread_mutex_lock(&p->lock);
	taken = p->free_count > 0;
	if (taken) {
		w->piece = p->free[--p->free_count];
	} else {
		w->next = NULL;
		*p->last = w;
		p->last = &w->next;
	}
	pthread_mutex_unlock(&p->lock);
	return taken;
}

void bounce_give(struct bounce *p, uint8_t *piece)
{
	struct bounce_wait *w;

	pthread_mutex_lock(&p->lock);
	w = p->first;
	if (w) {
		p->first = w->next;
		if (!p->first)
			p->last = &p->first;
	} else {
		assert(p->free_count < BOUNCE_PIECES);
		p->free[p->free_count++] = piece;
	}
	pthread_mutex_unlock(&p->lock);
	if (!w)
		return;
	w->piece = piece;
	w->task = (struct io_task){ .run = run_got, .arg = w };
	ioloop_post(w->loop, &w->task);
}
