/* block/bounce.h: aligned memory for direct I/O whose guest buffers are not: a
 * fixed number of pieces, and a queue for those who find none. */
#ifndef BANTAM_BLOCK_BOUNCE_H
#define BANTAM_BLOCK_BOUNCE_H

#include <pthread.h>

#include "base/types.h"
#include "host/ioloop.h"

#define BOUNCE_PIECE_BYTES ((size_t)KIB(256))
#define BOUNCE_PIECES	   16u

/* Who wants a piece; the caller's memory, in place until got(). */
struct bounce_wait {
	uint8_t *piece;
	void (*got)(struct bounce_wait *w);
	struct ioloop *loop; /* where got() is called */
	/* the pool's own */
	struct io_task task;
	struct bounce_wait *next;
};

struct bounce {
	pthread_mutex_t lock;
	uint8_t *memory; /* touched on use only */
	unsigned free_count;
	uint8_t *free[BOUNCE_PIECES];
	struct bounce_wait *first; /* waiting, in order */
	struct bounce_wait **last;
};

/* 0 or -errno. */
int bounce_init(struct bounce *p);
/* All pieces are back.  Harmless on zeros. */
void bounce_destroy(struct bounce *p);

/* True: w->piece is set.  False: got() is called when it is, from a round of
 * w->loop. */
bool bounce_take(struct bounce *p, struct bounce_wait *w);
void bounce_give(struct bounce *p, uint8_t *piece);

#endif
