/* nat/policy.h: where the guest may go: the one place that decides. */
#ifndef BANTAM_NAT_POLICY_H
#define BANTAM_NAT_POLICY_H

#include "nat/internal.h"

enum nat_verdict {
	NAT_GO,	    /* to *host_ip */
	NAT_REFUSE, /* and say so (RST, or ICMP) */
	NAT_IGNORE, /* multicast and broadcast: not a word */
};

/* May the guest send to dst, which is none of our own services there?
 * host_ip  where that is for a socket of the host's: dst itself, or 127.0.0.1 */
enum nat_verdict nat_policy(const struct nat *n, uint32_t dst, uint32_t *host_ip);

/* How a host that sends from host_ip is called in the guest's network: by its own
 * address, or as the router where that would be none of a neighbour's. */
uint32_t nat_policy_peer(const struct nat *n, uint32_t host_ip);

#endif
