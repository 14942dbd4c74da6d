/* nat/errqueue.h: what the host's network said of a packet that a socket sent: ip(7),
 * IP_RECVERR. */
#ifndef BANTAM_NAT_ERRQUEUE_H
#define BANTAM_NAT_ERRQUEUE_H

#include "nat/wire.h"

#define NAT_QUOTE_BYTES 64u

struct nat_host_error {
	uint8_t type, code; /* of ICMP */
	uint32_t offender;  /* who said so; 0: this host */
	/* The first bytes of what was sent: of UDP's payload, of ICMP's header. */
	uint32_t quote_len;
	uint8_t quote[NAT_QUOTE_BYTES];
};

/* Have fd keep such words, or forget them. */
void nat_errqueue_keep(int fd, bool keep);
/* Take the next one that is worth passing on.  False: there is none. */
bool nat_errqueue_next(int fd, struct nat_host_error *out);

#endif
