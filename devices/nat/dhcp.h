/* nat/dhcp.h: the DHCP server, RFC 2131: one address, for whoever asks; or one for each
 * of many guests. */
#ifndef BANTAM_NAT_DHCP_H
#define BANTAM_NAT_DHCP_H

#include "nat/internal.h"

#define DHCP_SERVER_PORT 67u
#define DHCP_CLIENT_PORT 68u

int dhcp_init(struct nat *n, const struct nat_config *c);
void dhcp_fini(struct nat *n);
void dhcp_input(struct nat *n, const struct nat_in *in, const struct wire_udp *udp);

#endif
