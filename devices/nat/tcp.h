/* nat/tcp.h: TCP of the guest's, ended here and opened again as the host's. */
#ifndef BANTAM_NAT_TCP_H
#define BANTAM_NAT_TCP_H

#include "nat/internal.h"

/* Makes n->tcp.  0, -ENOMEM. */
int tcp_init(struct nat *n);
/* Listens on a port of the host's: binds now, and connects to the guest when somebody
 * comes.
 * port  the port that was bound
 * 0, or -errno (bind's and listen's) */
int tcp_publish(struct nat *n, const struct nat_publish *p, uint16_t *port);
/* A segment (maybe a long one, by segmentation offload) from the guest.  Its checksum
 * is right, its header is in in->head as far as the lengths are honest. */
void tcp_input(struct nat *n, const struct nat_in *in);
/* The burst of segments is over: acknowledge, and send what they made room for. */
void tcp_flush(struct nat *n);
/* The guest may have buffers again, or its rings run again. */
void tcp_rx_ready(struct nat *n);
/* How many connections each of those guests has who have the most. */
uint16_t tcp_largest_share(const struct nat *n);
/* Close the least recently used one of theirs, for its descriptor.  False: none of theirs
 * has one. */
bool tcp_make_room(struct nat *n);
/* Ends all; n->tcp may be NULL. */
void tcp_fini(struct nat *n);

#endif
