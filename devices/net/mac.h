/* net/mac.h: Ethernet addresses: as text, and made from a name. */
#ifndef BANTAM_NET_MAC_H
#define BANTAM_NET_MAC_H

#include "net/net.h"

#define NET_MAC_TEXT_BYTES 18u /* "52:54:00:12:34:56" and the end */

/* The address of NIC number `index` of the machine `name`: the same ones give the same
 * address on every host, others almost certainly another.  Unicast and locally
 * administered. */
void net_mac_from_name(const char *name, unsigned index, uint8_t mac[NET_MAC_BYTES]);

/* Six pairs of hexadecimal digits with ':' or '-' between.
 * 0; -EINVAL: text is something else; -EADDRNOTAVAIL: a group's address, or all zeros,
 * which no NIC can have. */
int net_mac_parse(const char *text, uint8_t mac[NET_MAC_BYTES]);

void net_mac_format(const uint8_t mac[NET_MAC_BYTES], char text[NET_MAC_TEXT_BYTES]);

/* Multicast or broadcast. */
static inline bool net_mac_is_group(const uint8_t mac[NET_MAC_BYTES])
{
	return mac[0] & 1;
}

#endif
