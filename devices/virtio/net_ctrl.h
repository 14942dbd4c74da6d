/* virtio/net_ctrl.h: the control queue of a NIC: commands of the driver (virtio 1.2,
 * 5.1.6.5).
 *
 *	readable                        writable
 *	+-------+---------+------+     +-----+
 *	| class | command | data |     | ack |
 *	+-------+---------+------+     +-----+
 *	   u8       u8                   u8
 *
 * The queue's loop need not be a pair's: with MQ it is that of pair 0, without it is
 * where the third queue of the device happens to be.  Commands change what is atomic in
 * struct net_shared.  The one that says how many pairs are used is done when the loop
 * of each pair has seen it: until then its chain is held, and a reset waits. */
#ifndef BANTAM_VIRTIO_NET_CTRL_H
#define BANTAM_VIRTIO_NET_CTRL_H

#include "virtio/hold.h"
#include "virtio/net_pair.h"

struct net_ctrl;

/* Has a pair's loop look at what has changed. */
struct net_look {
	struct net_ctrl *ctrl;
	struct net_pair *pair;
	struct io_task task;
};

struct net_ctrl {
	struct net_shared *shared;
	struct hold hold;
	struct net_look looks[NET_PAIRS_MAX];
	atomic_uint looks_left;
	struct io_task looked; /* on the queue's loop: none is left */
	bool waiting;	       /* for that */
	bool stopping;
};

void net_ctrl_init(struct net_ctrl *c, struct net_shared *shared);
/* The queue does not run. */
void net_ctrl_free(struct net_ctrl *c);

/* As struct virtio_ops has them. */
void net_ctrl_start(struct net_ctrl *c, unsigned index);
void net_ctrl_kick(struct net_ctrl *c);
void net_ctrl_stop(struct net_ctrl *c);

#endif
