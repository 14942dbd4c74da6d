/* nat/ip.h: IPv4 from the guest, to the protocol it is for. */
#ifndef BANTAM_NAT_IP_H
#define BANTAM_NAT_IP_H

#include "nat/internal.h"

/* in  frame, head and ether are there; the rest is filled in here */
void ip_input(struct nat *n, struct nat_in *in);

#endif
