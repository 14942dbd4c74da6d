/* nat/arp.h: ARP of the guest's. */
#ifndef BANTAM_NAT_ARP_H
#define BANTAM_NAT_ARP_H

#include "nat/internal.h"

/* bytes  behind the Ethernet header, a copy, hostile */
void arp_input(struct nat *n, const uint8_t *bytes, size_t len);

#endif
