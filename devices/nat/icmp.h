/* nat/icmp.h: ICMP, RFC 792: pings of the guest's, and what went wrong. */
#ifndef BANTAM_NAT_ICMP_H
#define BANTAM_NAT_ICMP_H

#include "nat/errqueue.h"
#include "nat/internal.h"

int icmp_init(struct nat *n);
void icmp_fini(struct nat *n);
void icmp_input(struct nat *n, const struct nat_in *in);

/* Pass on what the host's network said of a packet that the guest sent long ago.
 * sent       its source, destination and protocol, as the guest wrote them
 * host_ip    where it was sent instead
 * quote      its transport header and what is known of its payload */
void icmp_pass_on(struct nat *n, const struct nat_to *sent, uint32_t host_ip,
		  const struct nat_host_error *e, const uint8_t *quote, size_t quote_len);

#endif
