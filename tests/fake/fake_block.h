/* fake/fake_block.h: a block in memory whose requests end when and how the test
 * says.
 *
 *      struct fake_block *fake = fake_block_open(MIB(1));
 *
 *      fake->fail_at = 3;                      // the third request ends with
 *      fake->fail_status = -ENOSPC;            // this, and has no effect
 *      fake->hold = true;                      // requests wait
 *      block_submit(&fake->block, &req);
 *      fake_block_end(fake, 0, 0);             // the oldest one is served now
 *
 * Without `hold` requests end by the loop that they were submitted on; with it no
 * loop is needed, and data moves when the request ends, as by a slow disk.  Any
 * thread may submit. */
#ifndef BANTAM_FAKE_BLOCK_H
#define BANTAM_FAKE_BLOCK_H

#include <pthread.h>

#include "block/block.h"

#define FAKE_BLOCK_HELD 2048u

struct fake_block {
	struct block block; /* the limits may be changed before the first request */
	uint8_t *bytes;	    /* the content */
	uint64_t fail_at;   /* counted from 1 over all requests; 0: none */
	int fail_status;
	bool hold;
	unsigned held_count;
	struct block_req *held[FAKE_BLOCK_HELD]; /* oldest first */
	/* What was submitted, in total and by kind. */
	uint64_t submitted;
	uint64_t submitted_of[BLOCK_ZERO + 1];
	uint64_t durable_count; /* WRITE and ZERO with durable set */
	/* Not to be touched by tests. */
	pthread_mutex_t lock;
};

/* Zeros, 512-byte blocks, all operations offered.  Aborts without memory. */
struct fake_block *fake_block_open(uint64_t size_bytes);
/* For a test that did not hand it to block_close(). */
void fake_block_close(struct fake_block *fake);

/* Serve held request number `index` (0: the oldest) and end it on this thread.
 * status  0: as it went; else end it with this, without effect */
void fake_block_end(struct fake_block *fake, unsigned index, int status);

/* End all that is held, oldest first, and what is submitted meanwhile, at most
 * `limit` requests.  Returns how many ended. */
unsigned fake_block_end_all(struct fake_block *fake, unsigned limit);

#endif
