/* nat/neighbour.h: where the guests of a network are: which Ethernet address last spoke
 * from each IP address.  Pure; as large as the network, whatever guests make up.
 *
 * As on any Ethernet, who speaks from another's address takes its packets away: guests on
 * one switch trust each other so far. */
#ifndef BANTAM_NAT_NEIGHBOUR_H
#define BANTAM_NAT_NEIGHBOUR_H

#include "net/net.h"

#define NEIGHBOUR_COUNT 256u /* by the last byte of the address */
/* Who was silent for so long may be gone. */
#define NEIGHBOUR_MEMORY_NS (900 * NS_PER_S)

struct neighbour {
	uint8_t mac[NET_MAC_BYTES];
	uint64_t seen_ns; /* 0: not yet, or gone for good */
};

/* All zero at first. */
struct neighbours {
	struct neighbour hosts[NEIGHBOUR_COUNT];
};

/* mac spoke from ip, an address of the network that is not ours.  now_ns is not 0. */
void neighbour_hear(struct neighbours *t, uint32_t ip, const uint8_t mac[NET_MAC_BYTES],
		    uint64_t now_ns);

/* Where packets for ip go.  All zeros if nobody spoke from there. */
static inline const uint8_t *neighbour_mac(const struct neighbours *t, uint32_t ip)
{
	return t->hosts[ip % NEIGHBOUR_COUNT].mac;
}

/* Whether somebody else than mac spoke from ip of late. */
bool neighbour_is_other(const struct neighbours *t, uint32_t ip, const uint8_t mac[NET_MAC_BYTES],
			uint64_t now_ns);

/* mac has left ip.  What is still on its way is sent there. */
void neighbour_leave(struct neighbours *t, uint32_t ip, const uint8_t mac[NET_MAC_BYTES]);

#endif
