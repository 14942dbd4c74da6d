#include "nat/flow.h"

#include <assert.h>

/* The guest chooses keys, so the seed is nobody's to know. */
static unsigned bucket_of(const struct nat_flow_table *t, const struct nat_flow_key *k)
{
	uint64_t h = t->nat->hash_seed ^ ((uint64_t)k->guest_ip << 32 | k->peer_ip);

	h *= UINT64_C(0x9e3779b97f4a7c15); /* 2^64 over the golden ratio */
	h ^= h >> 32;
	h ^= (uint64_t)k->guest_port << 16 | k->peer_port;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned)(h >> 56) % NAT_FLOW_BUCKETS;
}

static bool same_key(const struct nat_flow_key *a, const struct nat_flow_key *b)
{
	return a->guest_ip == b->guest_ip && a->peer_ip == b->peer_ip &&
	       a->guest_port == b->guest_port && a->peer_port == b->peer_port;
}

struct nat_flow *nat_flow_find(const struct nat_flow_table *t, const struct nat_flow_key *key)
{
	struct nat_flow *f = t->buckets[bucket_of(t, key)];

	while (f && !same_key(&f->key, key))
		f = f->chain;
	return f;
}

static void age_add(struct nat_flow_table *t, struct nat_flow *f)
{
	f->newer = NULL;
	f->older = t->newest;
	*(t->newest ? &t->newest->newer : &t->oldest) = f;
	t->newest = f;
}

static void age_remove(struct nat_flow_table *t, struct nat_flow *f)
{
	*(f->newer ? &f->newer->older : &t->newest) = f->older;
	*(f->older ? &f->older->newer : &t->oldest) = f->newer;
}

static void expire(struct nat_timer *timer, uint64_t now_ns)
{
	struct nat_flow *f = container_of(timer, struct nat_flow, timer);

	(void)now_ns;
	nat_flow_end(f->table, f);
}

bool nat_flow_make_room(struct nat_flow_table *t)
{
	const uint16_t largest = share_largest(&t->shares);
	struct nat_flow *f = t->oldest;

	if (!f)
		return false;
	while (share_of(&t->shares, f->key.guest_ip) < largest)
		f = f->newer;
	nat_count(&t->nat->stats.evicted);
	nat_flow_end(t, f);
	return true;
}

void nat_flow_add(struct nat_flow_table *t, struct nat_flow *f)
{
	struct nat_flow **bucket = &t->buckets[bucket_of(t, &f->key)];

	if (t->count == t->max)
		nat_flow_make_room(t);
	assert(t->count < t->max);
	t->count++;
	share_add(&t->shares, f->key.guest_ip);
	f->table = t;
	f->chain = *bucket;
	f->chain_link = bucket;
	if (f->chain)
		f->chain->chain_link = &f->chain;
	*bucket = f;
	age_add(t, f);
	nat_timer_init(&f->timer, expire);
	nat_timer_arm(t->nat, &f->timer, nat_now_ns(t->nat) + f->life_ns);
	nat_count(&t->nat->stats.flows);
}

void nat_flow_touch(struct nat_flow_table *t, struct nat_flow *f)
{
	if (t->newest != f) {
		age_remove(t, f);
		age_add(t, f);
	}
	nat_timer_arm(t->nat, &f->timer, nat_now_ns(t->nat) + f->life_ns);
}

void nat_flow_end(struct nat_flow_table *t, struct nat_flow *f)
{
	*f->chain_link = f->chain;
	if (f->chain)
		f->chain->chain_link = f->chain_link;
	age_remove(t, f);
	t->count--;
	share_remove(&t->shares, f->key.guest_ip);
	nat_timer_disarm(t->nat, &f->timer);
	t->close(t->nat, f);
}

void nat_flow_end_all(struct nat_flow_table *t)
{
	while (t->oldest)
		nat_flow_end(t, t->oldest);
}
