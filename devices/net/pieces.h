/* net/pieces.h: frames in pieces, and the memory that backends copy them to and from. */
#ifndef BANTAM_NET_PIECES_H
#define BANTAM_NET_PIECES_H

#include "net/net.h"

#define NET_HEADED_IOV_MAX (NET_IOV_MAX + 1) /* a frame and a header of our own */

/* Copy the first n bytes, which must be there, out or in. */
void net_gather(const struct iovec *iov, unsigned count, void *to, size_t n);
void net_scatter(const struct iovec *iov, unsigned count, const void *from, size_t n);

/* Fill out[0 .. NET_HEADED_IOV_MAX) with a header of ours and f's pieces behind it.
 * Returns how many. */
unsigned net_behind_header(struct iovec *out, void *header, size_t header_bytes,
			   const struct net_frame *f);

/* Hand a frame of ours to the NIC by copying it.
 * False: the NIC has no room now, and will call rx_ready(). */
bool net_give(struct net_nic *nic, unsigned pair, const struct net_frame *f);

#endif
