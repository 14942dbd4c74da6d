/* virtio/net_rx.h: the receive queue of a pair: room for frames, lent to the network.
 *
 * Chains are taken from the ring as the room that is asked for needs them, and no more.
 * Those that a frame did not fill stay in reserve for the next one:
 *
 *	held[]:    | oldest       | next         | ...
 *	window[]:  .. [hdr] piece piece | piece piece | ...        pieces of their memory
 *	                    ▲ begin                       ▲ end
 *
 * The header's place is cut off the oldest chain, so that what is lent is the window
 * itself, and the element before it is free.
 *
 * With MRG_RXBUF a frame goes on into further chains.  Where the ring does not hold
 * what was asked for, the guest gets some time to add to it; one that does not is
 * taken to be unable to, until it has had as much after all, and what there is is lent.
 * Without MRG_RXBUF a frame has one chain, and more time would not make it longer. */
#ifndef BANTAM_VIRTIO_NET_RX_H
#define BANTAM_VIRTIO_NET_RX_H

#include "net/net.h"
#include "net/offload.h"
#include "virtio/queue.h"

struct net_pair;

struct net_rx {
	bool running;
	bool wanted; /* room() said no; the network waits for rx_ready() */
	/* A ring of held_max, a power of two. */
	struct chain *held; /* owned; in_count: pieces in the window; iov means nothing */
	unsigned held_max, held_first, held_count;
	struct iovec *window;		 /* owned */
	unsigned window_max, begin, end; /* begin is 1 or more */
	size_t room_bytes;		 /* what the window holds */
	size_t lent_bytes;		 /* of it; 0: nothing is lent */
	/* Where the header goes: in one piece, unless a driver is odd. */
	struct iovec header[NET_VNET_HEADER_BYTES];
	unsigned header_count; /* 0: not cut off */
	struct io_timer patience, throttle_timer;
	size_t awaited_bytes; /* of room, while patience lasts */
	size_t unable_bytes;  /* the guest had its time for that much; 0: none known */
};

void net_rx_init(struct net_pair *p);
void net_rx_free(struct net_pair *p);

/* As struct virtio_ops has them. */
void net_rx_start(struct net_pair *p);
void net_rx_kick(struct net_pair *p);
void net_rx_stop(struct net_pair *p);

/* As struct net_nic_ops has them. */
bool net_rx_room(struct net_pair *p, size_t want, struct net_room *room);
void net_rx_commit(struct net_pair *p, size_t len, const struct net_offload *offload);

#endif
