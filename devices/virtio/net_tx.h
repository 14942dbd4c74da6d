/* virtio/net_tx.h: the transmit queue of a pair: frames from the guest to the network,
 * straight out of its memory.
 *
 * A frame that the network cannot take now is kept, and those behind it wait in the
 * ring.  Each time so many frames are sent at most that others on the loop come in
 * between. */
#ifndef BANTAM_VIRTIO_NET_TX_H
#define BANTAM_VIRTIO_NET_TX_H

#include "net/net.h"
#include "virtio/queue.h"

struct net_pair;

struct net_tx {
	bool running;
	bool busy;    /* frame, out of chain, is to be sent */
	bool blocked; /* send() said -EAGAIN; until tx_ready() */
	struct chain chain;
	struct iovec *iov; /* owned */
	unsigned iov_max;
	struct net_frame frame;
	struct io_timer throttle_timer;
};

void net_tx_init(struct net_pair *p);
void net_tx_free(struct net_pair *p);

/* As struct virtio_ops has them. */
void net_tx_start(struct net_pair *p);
void net_tx_kick(struct net_pair *p);
void net_tx_stop(struct net_pair *p);

/* The network can take frames (again). */
void net_tx_unblock(struct net_pair *p);

#endif
