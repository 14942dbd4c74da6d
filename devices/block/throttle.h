/* block/throttle.h: how fast a guest may use a disk: two leaky buckets, requests
 * and bytes.  Pure arithmetic on the time it is told; any thread. */
#ifndef BANTAM_BLOCK_THROTTLE_H
#define BANTAM_BLOCK_THROTTLE_H

#include <pthread.h>

#include "base/types.h"

__extension__ typedef unsigned __int128 throttle_u128;

/* Levels are in units that leak exactly once a nanosecond (tokens times 10^9), so
 * nothing is ever rounded and the rate is exact over any time. */
struct bucket {
	uint64_t rate; /* tokens a second; 0: no limit */
	throttle_u128 depth;
	throttle_u128 level; /* above depth: debt */
	uint64_t leaked_ns;  /* until when the level has leaked */
};

struct throttle {
	pthread_mutex_t lock;
	struct bucket requests;
	struct bucket bytes;
};

/* Rates per second, 0: no limit.  Bursts in requests and bytes, what may go at
 * once after a rest; 0: a second's worth.  Any values. */
void throttle_init(struct throttle *t, uint64_t iops, uint64_t iops_burst, uint64_t bps,
		   uint64_t bps_burst);
void throttle_destroy(struct throttle *t);

/* Whether there is any limit; constant. */
bool throttle_active(const struct throttle *t);

/* 0: a request may start now, whatever its size; else the nanoseconds until one
 * may, if none other starts before (UINT64_MAX: more than that).
 * now_ns  host monotonic; earlier than at the last call counts as no time passed */
uint64_t throttle_wait_ns(struct throttle *t, uint64_t now_ns);

/* A request of so many bytes starts.  A large one makes a debt, which the next
 * ones wait for. */
void throttle_account(struct throttle *t, uint64_t bytes, uint64_t now_ns);

#endif
