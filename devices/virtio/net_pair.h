/* virtio/net_pair.h: one pair of queues of a NIC, and what all pairs share.
 *
 *	network ──room()──▶ net_rx.c: chains in reserve ──commit()──▶ virtio_push
 *	ring ──vq_pop──▶ net_tx.c: header checked ──net_send()──▶ network, virtio_push
 *
 * Both queues of a pair run on one loop, and all of a pair but its counters is that
 * loop's.  What pairs share is fixed while queues run, atomic, or locked inside struct
 * throttle, which only a NIC with limits uses. */
#ifndef BANTAM_VIRTIO_NET_PAIR_H
#define BANTAM_VIRTIO_NET_PAIR_H

#include "block/throttle.h"
#include "virtio/net_filter.h"
#include "virtio/net_rx.h"
#include "virtio/net_tx.h"
#include "virtio/virtio.h"

/* Why there is no link; bits of a mask. */
enum net_link_bit {
	NET_LINK_NO_CABLE = 1 << 0,   /* virtio_net_set_link() */
	NET_LINK_NO_CARRIER = 1 << 1, /* the network's own */
};

struct net_shared {
	struct virtio *v;
	struct net *net;
	struct net_nic nic;
	struct net_pair *pairs; /* nic.pair_count */
	/* What was agreed on: written while no queue runs. */
	bool mergeable;	     /* MRG_RXBUF */
	unsigned from_guest; /* enum net_can */
	/* Fixed. */
	size_t plain_bytes_max; /* of a frame that nobody will cut into segments */
	bool rx_limited, tx_limited;
	/* Any thread's. */
	atomic_uint to_guest; /* enum net_can; the driver changes its mind */
	atomic_uint active;   /* pairs that it uses, 1..nic.pair_count */
	atomic_uint link;     /* enum net_link_bit; 0: it is up */
	atomic_bool announce; /* the guest is to say where it is */
	struct net_filter filter;
	struct throttle rx_throttle, tx_throttle;
};

/* What the network calls. */
extern const struct net_nic_ops net_pair_nic_ops;

struct net_pair {
	struct net_shared *shared;
	unsigned index;
	bool started; /* the network was told */
	struct net_rx rx;
	struct net_tx tx;
	struct net_stats stats;
	_Atomic uint64_t tx_bad, rx_filtered;
};

void net_pair_init(struct net_pair *p, struct net_shared *shared, unsigned index);
/* Neither queue runs. */
void net_pair_free(struct net_pair *p);

/* Start or stop the pair's side of the network, as its queues run and the driver uses
 * it. */
void net_pair_settle(struct net_pair *p);

static inline unsigned net_pair_rx_index(const struct net_pair *p)
{
	return 2 * p->index;
}

static inline unsigned net_pair_tx_index(const struct net_pair *p)
{
	return 2 * p->index + 1;
}

static inline struct ioloop *net_pair_loop(const struct net_pair *p)
{
	return p->shared->v->queues[net_pair_rx_index(p)].loop;
}

/* A reason for no link comes or goes.  Any thread. */
void net_link_change(struct net_shared *s, enum net_link_bit bit, bool up);

static inline bool net_link_is_down(const struct net_shared *s)
{
	return atomic_load_explicit(&s->link, memory_order_relaxed) != 0;
}

/* If t allows no more now: true, and timer is armed for when it does. */
bool net_pair_must_wait(const struct net_pair *p, struct throttle *t, struct io_timer *timer);

#endif
