#include "nat/neighbour.h"

#include <string.h>

#include "net/mac.h"

void neighbour_hear(struct neighbours *t, uint32_t ip, const uint8_t mac[NET_MAC_BYTES],
		    uint64_t now_ns)
{
	struct neighbour *e = &t->hosts[ip % NEIGHBOUR_COUNT];

	if (net_mac_is_group(mac))
		return;
	memcpy(e->mac, mac, NET_MAC_BYTES);
	e->seen_ns = now_ns;
}

bool neighbour_is_other(const struct neighbours *t, uint32_t ip, const uint8_t mac[NET_MAC_BYTES],
			uint64_t now_ns)
{
	const struct neighbour *e = &t->hosts[ip % NEIGHBOUR_COUNT];

	return e->seen_ns != 0 && now_ns - e->seen_ns < NEIGHBOUR_MEMORY_NS &&
	       memcmp(e->mac, mac, NET_MAC_BYTES) != 0;
}

void neighbour_leave(struct neighbours *t, uint32_t ip, const uint8_t mac[NET_MAC_BYTES])
{
	struct neighbour *e = &t->hosts[ip % NEIGHBOUR_COUNT];

	if (memcmp(e->mac, mac, NET_MAC_BYTES) == 0)
		e->seen_ns = 0;
}
