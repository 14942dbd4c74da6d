#include "net/switch_table.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "net/mac.h"

static struct switch_entry *set_of(struct switch_table *t, const uint8_t *mac)
{
	const uint64_t address = (uint64_t)le16_load(mac) << 32 | le32_load(mac + 2);

	/* Fibonacci hashing: the upper bits of a product with 2^64 / phi. */
	return t->entries[(address * UINT64_C(0x9e3779b97f4a7c15)) >> 57];
}

_Static_assert(SWITCH_SETS == 1u << (64 - 57), "the hash gives a set");

static bool fresh(const struct switch_entry *e, uint64_t now_ns)
{
	return e->seen_ns != 0 && now_ns - e->seen_ns < SWITCH_MEMORY_NS;
}

static struct switch_entry *find(struct switch_table *t, const uint8_t *mac, uint64_t now_ns)
{
	struct switch_entry *set = set_of(t, mac);

	for (unsigned i = 0; i < SWITCH_WAYS; i++) {
		if (fresh(&set[i], now_ns) && memcmp(set[i].mac, mac, NET_MAC_BYTES) == 0)
			return &set[i];
	}
	return NULL;
}

/* An entry for a new address at port: a free one; else the port's own oldest, so that
 * a guest that makes up addresses mostly forgets its own; else the oldest. */
static struct switch_entry *find_place(struct switch_entry *set, unsigned port, uint64_t now_ns)
{
	struct switch_entry *oldest = &set[0], *own = NULL;

	for (unsigned i = 0; i < SWITCH_WAYS; i++) {
		struct switch_entry *e = &set[i];

		if (!fresh(e, now_ns))
			return e;
		if (e->seen_ns < oldest->seen_ns)
			oldest = e;
		if (e->port == port && (!own || e->seen_ns < own->seen_ns))
			own = e;
	}
	return own ? own : oldest;
}

static void learn(struct switch_table *t, const uint8_t *mac, unsigned port, uint64_t now_ns)
{
	struct switch_entry *e;

	if (net_mac_is_group(mac))
		return;
	e = find(t, mac, now_ns);
	if (!e) {
		e = find_place(set_of(t, mac), port, now_ns);
		memcpy(e->mac, mac, NET_MAC_BYTES);
	}
	e->port = (uint8_t)port;
	e->seen_ns = now_ns;
}

uint64_t switch_route(struct switch_table *t, const uint8_t *frame, unsigned from, uint64_t ports,
		      uint64_t now_ns)
{
	const uint8_t *destination = frame, *source = frame + NET_MAC_BYTES;
	const struct switch_entry *e = NULL;

	assert(from < SWITCH_PORTS_MAX && now_ns != 0);
	learn(t, source, from, now_ns);
	if (!net_mac_is_group(destination))
		e = find(t, destination, now_ns);
	return (e ? UINT64_C(1) << e->port : UINT64_MAX) & ports & ~(UINT64_C(1) << from);
}

int switch_find(struct switch_table *t, const uint8_t mac[NET_MAC_BYTES], uint64_t now_ns)
{
	const struct switch_entry *e = find(t, mac, now_ns);

	return e ? e->port : -1;
}

void switch_forget(struct switch_table *t, unsigned port)
{
	for (unsigned i = 0; i < SWITCH_SETS * SWITCH_WAYS; i++) {
		struct switch_entry *e = &t->entries[i / SWITCH_WAYS][i % SWITCH_WAYS];

		if (e->port == port)
			e->seen_ns = 0;
	}
}
