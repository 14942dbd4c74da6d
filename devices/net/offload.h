/* net/offload.h: offloads on the wire: struct virtio_net_hdr of 12 bytes (virtio 1.2,
 * 5.1.6), as guests, taps and socket peers write it. */
#ifndef BANTAM_NET_OFFLOAD_H
#define BANTAM_NET_OFFLOAD_H

#include "net/net.h"

#define NET_VNET_HEADER_BYTES 12u

/* What came with a frame of frame_len bytes, from a guest or a peer: hostile.
 * can  enum net_can that was agreed on
 * 0; -EBADMSG: a rule is broken: drop the frame.  num_buffers is not looked at. */
int net_offload_parse(const uint8_t raw[NET_VNET_HEADER_BYTES], size_t frame_len, unsigned can,
		      struct net_offload *out);

/* num_buffers is set to 1. */
void net_offload_emit(const struct net_offload *o, uint8_t raw[NET_VNET_HEADER_BYTES]);

/* The mask of enum net_can that a receiver of such a frame must have. */
unsigned net_offload_needs(const struct net_offload *o);

#endif
