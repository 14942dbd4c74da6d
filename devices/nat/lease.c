#include "nat/lease.h"

#include <string.h>

#include "base/hash.h"

static bool is_of(const struct lease_place *e, const uint8_t *mac)
{
	return memcmp(e->mac, mac, NET_MAC_BYTES) == 0;
}

static bool is_given(uint8_t host)
{
	return host >= LEASE_FIRST && host <= LEASE_LAST;
}

static bool is_live(const struct lease_place *e, uint64_t now_ns)
{
	return e->state != LEASE_FREE && now_ns < e->until_ns;
}

/* Whether it is kept for mac, or was given to it. */
static bool is_held(const struct lease_place *e, const uint8_t *mac, uint64_t now_ns)
{
	return is_live(e, now_ns) && e->state != LEASE_DECLINED && is_of(e, mac);
}

/* The place that mac has, or, with `past`, that it had and nobody took since; 0: none. */
static uint8_t find(const struct lease_pool *t, const uint8_t *mac, uint64_t now_ns, bool past)
{
	for (unsigned host = LEASE_FIRST; host <= LEASE_LAST; host++) {
		const struct lease_place *e = &t->places[host];

		if (past ? !is_live(e, now_ns) && is_of(e, mac) : is_held(e, mac, now_ns))
			return (uint8_t)host;
	}
	return 0;
}

/* What a guest has it keeps, whoever else speaks from there: it would be told by its own
 * system (RFC 5227), and decline it. */
static bool can_have(const struct lease_pool *t, const struct neighbours *neighbours,
		     const uint8_t *mac, uint8_t host, uint64_t now_ns)
{
	const struct lease_place *e = &t->places[host];

	if (!is_given(host) || (is_live(e, now_ns) && !is_held(e, mac, now_ns)))
		return false;
	return (is_held(e, mac, now_ns) && e->state == LEASE_BOUND) ||
	       !neighbour_is_other(neighbours, host, mac, now_ns);
}

static void put(struct lease_place *e, enum lease_state state, const uint8_t *mac,
		uint64_t until_ns)
{
	e->state = state;
	e->until_ns = until_ns;
	memcpy(e->mac, mac, NET_MAC_BYTES);
}

/* mac has at most one place: an offer that it did not take is over. */
static void leave_others(struct lease_pool *t, const uint8_t *mac, uint8_t but)
{
	for (unsigned host = LEASE_FIRST; host <= LEASE_LAST; host++) {
		struct lease_place *e = &t->places[host];

		if (host != but && e->state != LEASE_DECLINED && is_of(e, mac))
			*e = (struct lease_place){ .state = LEASE_FREE };
	}
}

static uint8_t choose(const struct lease_pool *t, const struct neighbours *neighbours,
		      const uint8_t *mac, uint8_t wanted, uint64_t now_ns)
{
	const uint8_t known[] = { find(t, mac, now_ns, false), find(t, mac, now_ns, true), wanted };
	const unsigned first =
		(unsigned)(hash_mix(hash_bytes(HASH_BASIS, mac, NET_MAC_BYTES)) % LEASE_COUNT);

	for (unsigned i = 0; i < ARRAY_LEN(known); i++) {
		if (can_have(t, neighbours, mac, known[i], now_ns))
			return known[i];
	}
	for (unsigned i = 0; i < LEASE_COUNT; i++) {
		const uint8_t host = (uint8_t)(LEASE_FIRST + (first + i) % LEASE_COUNT);

		if (can_have(t, neighbours, mac, host, now_ns))
			return host;
	}
	return 0;
}

uint8_t lease_offer(struct lease_pool *t, const struct neighbours *neighbours,
		    const uint8_t mac[NET_MAC_BYTES], uint8_t wanted, uint64_t now_ns, bool *fresh)
{
	const uint8_t host = choose(t, neighbours, mac, wanted, now_ns);
	struct lease_place *e = &t->places[host];

	*fresh = false;
	if (host == 0)
		return 0;
	*fresh = !is_held(e, mac, now_ns);
	/* An offer shortens no lease: the guest may go on with that. */
	if (*fresh || e->state == LEASE_OFFERED)
		put(e, LEASE_OFFERED, mac, now_ns + LEASE_OFFERED_NS);
	leave_others(t, mac, host);
	return host;
}

bool lease_take(struct lease_pool *t, const struct neighbours *neighbours,
		const uint8_t mac[NET_MAC_BYTES], uint8_t host, uint64_t now_ns)
{
	const uint8_t held = find(t, mac, now_ns, false);

	if ((held != 0 && held != host) || !can_have(t, neighbours, mac, host, now_ns)) {
		if (held != 0 && t->places[held].state == LEASE_OFFERED)
			lease_refuse(t, mac);
		return false;
	}
	put(&t->places[host], LEASE_BOUND, mac, now_ns + LEASE_BOUND_S * NS_PER_S);
	leave_others(t, mac, host);
	return true;
}

void lease_refuse(struct lease_pool *t, const uint8_t mac[NET_MAC_BYTES])
{
	for (unsigned host = LEASE_FIRST; host <= LEASE_LAST; host++) {
		struct lease_place *e = &t->places[host];

		if (e->state == LEASE_OFFERED && is_of(e, mac))
			e->state = LEASE_FREE;
	}
}

void lease_decline(struct lease_pool *t, const uint8_t mac[NET_MAC_BYTES], uint8_t host,
		   uint64_t now_ns)
{
	struct lease_place *e = &t->places[host];

	if (is_given(host) && is_held(e, mac, now_ns))
		put(e, LEASE_DECLINED, mac, now_ns + LEASE_DECLINED_NS);
}

bool lease_release(struct lease_pool *t, const uint8_t mac[NET_MAC_BYTES], uint8_t host)
{
	struct lease_place *e = &t->places[host];

	if (!is_given(host) || e->state != LEASE_BOUND || !is_of(e, mac))
		return false;
	e->state = LEASE_FREE; /* and it gets the same one again, if it can be */
	return true;
}
