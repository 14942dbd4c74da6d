/* net/layer.h: what layers over a network share: to the NIC they are its network, to the
 * network below they are its NIC.  A layer replaces the calls it is interested in and
 * leaves the others to these. */
#ifndef BANTAM_NET_LAYER_H
#define BANTAM_NET_LAYER_H

#include "net/net.h"

struct net_layer {
	struct net net;	       /* for the NIC above */
	struct net_nic nic;    /* for the network below */
	struct net *below;     /* owned */
	struct net_nic *above; /* from attach() on */
};

/* Limits are those of below. */
void net_layer_init(struct net_layer *l, const struct net_ops *ops,
		    const struct net_nic_ops *nic_ops, struct net *below);

struct net_layer *net_layer_of(struct net *n);
struct net_layer *net_layer_of_nic(struct net_nic *nic);

/* struct net_ops, handed down. */
void net_layer_attach(struct net *n, struct net_nic *nic);
void net_layer_offloads(struct net *n, unsigned to_guest);
void net_layer_start(struct net *n, unsigned pair, struct ioloop *loop);
void net_layer_stop(struct net *n, unsigned pair);
void net_layer_flush(struct net *n, unsigned pair);
void net_layer_rx_ready(struct net *n, unsigned pair);
void net_layer_print(const struct net *n, const char *label, FILE *out);

/* struct net_nic_ops, handed up. */
bool net_layer_room(struct net_nic *nic, unsigned pair, size_t want, struct net_room *room);
void net_layer_commit(struct net_nic *nic, unsigned pair, size_t len,
		      const struct net_offload *offload);
void net_layer_dropped(struct net_nic *nic, unsigned pair);
void net_layer_tx_ready(struct net_nic *nic, unsigned pair);
void net_layer_link(struct net_nic *nic, bool up);

#endif
