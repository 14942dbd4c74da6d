/* virtio/net.h: a NIC (virtio 1.2, 5.1).
 *
 * What it offers follows from the network that it is plugged into: checksums and
 * segmentation as that one's limits say, MQ where there are several pairs, MTU where
 * somebody chose one.  MAC, STATUS, MRG_RXBUF, the control queue and what goes through
 * it are there always. */
#ifndef BANTAM_VIRTIO_NET_H
#define BANTAM_VIRTIO_NET_H

#include "net/net.h"
#include "virtio/pci.h"

#define VIRTIO_NET_QUEUE_SIZE_DEFAULT 256u
#define VIRTIO_NET_QUEUE_SIZE_MIN     4u

struct virtio_net_config {
	/* Pair i runs on loops[i % loop_count]. */
	struct virtio_pci_place place;
	/* Belongs to the device, and is closed by it, once create() succeeded. */
	struct net *net;
	uint8_t mac[NET_MAC_BYTES]; /* a unicast one */
	/* NET_MTU_MIN..limits.mtu_max, and the driver is told; 0: limits.mtu, and it is
	 * told if the network has one. */
	unsigned mtu;
	unsigned pairs;	     /* 1..limits.pairs_max */
	unsigned queue_size; /* 0: the default; a power of two up to VQ_SIZE_MAX */
	/* Bytes a second and at once, as throttle_init() takes them; all pairs together. */
	uint64_t rx_bps, rx_bps_burst;
	uint64_t tx_bps, tx_bps_burst;
};

extern const struct device_type virtio_net_type;

/* What a pair has done so far. */
struct virtio_net_stats {
	uint64_t tx_frames, tx_bytes;
	uint64_t tx_dropped; /* the cable was out */
	uint64_t tx_bad;     /* a header or a length that breaks a rule */
	uint64_t rx_frames, rx_bytes;
	uint64_t rx_dropped;  /* no room, the cable was out, or not what was agreed on */
	uint64_t rx_filtered; /* not for this guest */
};

unsigned virtio_net_pairs(const struct device *dev);
/* Any thread. */
struct virtio_net_stats virtio_net_stats(const struct device *dev, unsigned pair);

/* Any thread: plug the cable in or pull it out.  The driver sees a link when the
 * network's own (net_nic_ops.link) is up, too.  Frames that come while it is down are
 * lost. */
void virtio_net_set_link(struct device *dev, bool up);

/* Any thread: have the guest say on its network where it is now (GUEST_ANNOUNCE), as
 * after a move to another host. */
void virtio_net_announce(struct device *dev);

#endif
