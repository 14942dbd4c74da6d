/* virtio/net_features.h: the feature bits of a NIC (virtio 1.2, 5.1.3), and what of
 * them is about offloads.  Pure. */
#ifndef BANTAM_VIRTIO_NET_FEATURES_H
#define BANTAM_VIRTIO_NET_FEATURES_H

#include "net/net.h"

#define NET_F_CSUM		  (UINT64_C(1) << 0)
#define NET_F_GUEST_CSUM	  (UINT64_C(1) << 1)
#define NET_F_CTRL_GUEST_OFFLOADS (UINT64_C(1) << 2)
#define NET_F_MTU		  (UINT64_C(1) << 3)
#define NET_F_MAC		  (UINT64_C(1) << 5)
#define NET_F_GUEST_TSO4	  (UINT64_C(1) << 7)
#define NET_F_GUEST_TSO6	  (UINT64_C(1) << 8)
#define NET_F_GUEST_ECN		  (UINT64_C(1) << 9)
#define NET_F_GUEST_UFO		  (UINT64_C(1) << 10)
#define NET_F_HOST_TSO4		  (UINT64_C(1) << 11)
#define NET_F_HOST_TSO6		  (UINT64_C(1) << 12)
#define NET_F_HOST_ECN		  (UINT64_C(1) << 13)
#define NET_F_HOST_UFO		  (UINT64_C(1) << 14)
#define NET_F_MRG_RXBUF		  (UINT64_C(1) << 15)
#define NET_F_STATUS		  (UINT64_C(1) << 16)
#define NET_F_CTRL_VQ		  (UINT64_C(1) << 17)
#define NET_F_CTRL_RX		  (UINT64_C(1) << 18)
#define NET_F_CTRL_VLAN		  (UINT64_C(1) << 19)
#define NET_F_CTRL_RX_EXTRA	  (UINT64_C(1) << 20)
#define NET_F_GUEST_ANNOUNCE	  (UINT64_C(1) << 21)
#define NET_F_MQ		  (UINT64_C(1) << 22)
#define NET_F_CTRL_MAC_ADDR	  (UINT64_C(1) << 23)
#define NET_F_GUEST_USO4	  (UINT64_C(1) << 54)
#define NET_F_GUEST_USO6	  (UINT64_C(1) << 55)
#define NET_F_HOST_USO		  (UINT64_C(1) << 56)

/* What a NIC offers before such a network. */
uint64_t net_features_offered(const struct net_limits *limits, unsigned pairs, bool mtu);

/* Whether each feature comes with those that it requires (5.1.3.1). */
bool net_features_agree(uint64_t features);

/* The offloads that a driver took, masks of enum net_can. */
unsigned net_features_from_guest(uint64_t features);
unsigned net_features_to_guest(uint64_t features);

/* Those of the features that CTRL_GUEST_OFFLOADS switches (5.1.6.5.6.1). */
uint64_t net_features_switchable(uint64_t features);

#endif
