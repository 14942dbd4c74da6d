/* nat/arp.h: ARP, with the guests. */
#ifndef BANTAM_NAT_ARP_H
#define BANTAM_NAT_ARP_H

#include "nat/internal.h"

/* bytes  behind the Ethernet header, a copy, hostile */
void arp_input(struct nat *n, const uint8_t *bytes, size_t len);
/* Ask who has ip: an answer comes as a neighbour. */
void arp_probe(struct nat *n, uint32_t ip);

#endif
