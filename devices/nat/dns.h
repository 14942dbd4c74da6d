/* nat/dns.h: the name server at .3: it forwards to the host's resolvers. */
#ifndef BANTAM_NAT_DNS_H
#define BANTAM_NAT_DNS_H

#include "nat/internal.h"

int dns_init(struct nat *n, const struct nat_config *c);
void dns_fini(struct nat *n);
void dns_input(struct nat *n, const struct nat_in *in, const struct wire_udp *udp);

#endif
