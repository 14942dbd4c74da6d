#include "block/throttle.h"

#define ONE ((throttle_u128)NS_PER_S) /* a token, as levels count */

static void bucket_init(struct bucket *k, uint64_t rate, uint64_t burst)
{
	*k = (struct bucket){
		.rate = rate,
		.depth = ONE * (burst ? burst : rate),
	};
}

static void leak(struct bucket *k, uint64_t now_ns)
{
	throttle_u128 gone;

	if (now_ns <= k->leaked_ns)
		return;
	/* Both are below 2^64: the product fits. */
	gone = (throttle_u128)(now_ns - k->leaked_ns) * k->rate;
	k->level = gone < k->level ? k->level - gone : 0;
	k->leaked_ns = now_ns;
}

/* Nanoseconds until there is room for a token. */
static uint64_t bucket_wait_ns(struct bucket *k, uint64_t now_ns)
{
	throttle_u128 wait;

	if (k->rate == 0)
		return 0;
	leak(k, now_ns);
	if (k->level + ONE <= k->depth)
		return 0;
	wait = (k->level + ONE - k->depth + k->rate - 1) / k->rate;
	return wait < UINT64_MAX ? (uint64_t)wait : UINT64_MAX;
}

static void bucket_fill(struct bucket *k, uint64_t tokens, uint64_t now_ns)
{
	if (k->rate == 0)
		return;
	leak(k, now_ns);
	k->level += ONE * tokens; /* wraps after 2^34 requests of 2^64 bytes */
}

void throttle_init(struct throttle *t, uint64_t iops, uint64_t iops_burst, uint64_t bps,
		   uint64_t bps_burst)
{
	pthread_mutex_init(&t->lock, NULL);
	bucket_init(&t->requests, iops, iops_burst);
	bucket_init(&t->bytes, bps, bps_burst);
}

void throttle_destroy(struct throttle *t)
{
	pthread_mutex_destroy(&t->lock);
}

bool throttle_active(const struct throttle *t)
{
	return t->requests.rate != 0 || t->bytes.rate != 0;
}

uint64_t throttle_wait_ns(struct throttle *t, uint64_t now_ns)
{
	uint64_t wait_ns;

	pthread_mutex_lock(&t->lock);
	wait_ns = max_u64(bucket_wait_ns(&t->requests, now_ns), bucket_wait_ns(&t->bytes, now_ns));
	pthread_mutex_unlock(&t->lock);
	return wait_ns;
}

void throttle_account(struct throttle *t, uint64_t bytes, uint64_t now_ns)
{
	pthread_mutex_lock(&t->lock);
	bucket_fill(&t->requests, 1, now_ns);
	bucket_fill(&t->bytes, bytes, now_ns);
	pthread_mutex_unlock(&t->lock);
}
