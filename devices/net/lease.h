/* net/lease.h: an address that a network gave to a guest. */
#ifndef BANTAM_NET_LEASE_H
#define BANTAM_NET_LEASE_H

#include "net/net.h"

#define NET_HOSTNAME_BYTES 64u /* with its end */

struct net_lease {
	uint32_t ip; /* IPv4 */
	uint8_t mac[NET_MAC_BYTES];
	char hostname[NET_HOSTNAME_BYTES]; /* what the guest calls itself, harmless; "": nothing */
};

/* Take what a guest calls itself, which is printed, logged and told to others: a host
 * name (RFC 1123, 2.1: letters, digits, "-", ".") or nothing.
 * bytes  hostile; a NUL at the end is none of them */
void net_hostname_take(const uint8_t *bytes, size_t len, char name[NET_HOSTNAME_BYTES]);

#endif
