/* nat/udp.h: UDP, RFC 768: flows of the guest's, and published ports. */
#ifndef BANTAM_NAT_UDP_H
#define BANTAM_NAT_UDP_H

#include "nat/internal.h"

int udp_init(struct nat *n);
void udp_fini(struct nat *n);
/* A packet of the guest's: what it is to send may wait until udp_flush(). */
void udp_input(struct nat *n, const struct nat_in *in);
void udp_flush(struct nat *n);

/* Bind a port of the host's now.
 * port  the one that was bound
 * 0, or -errno (bind's) */
int udp_publish(struct nat *n, const struct nat_publish *p, uint16_t *port);

/* How many flows each of those guests has who have the most. */
uint16_t udp_largest_share(const struct nat *n);
/* Close the least recently used one of theirs, for its descriptor.  False: there is none. */
bool udp_make_room(struct nat *n);

#endif
