/* net/network_internal.h: what network.c (who serves, and being connected) and
 * network_frames.c share. */
#ifndef BANTAM_NET_NETWORK_INTERNAL_H
#define BANTAM_NET_NETWORK_INTERNAL_H

#include <pthread.h>

#include "host/iothread.h"
#include "net/network.h"
#include "net/network_place.h"
#include "net/switch_packet.h"
#include "net/switch_server.h"

struct network {
	struct net net;
	struct net_nic *nic;
	struct network_place place;
	struct net *uplink;
	struct iothread *thread; /* the server's, whether it serves or not */
	struct switch_server *server;
	struct io_task try_task; /* for that thread */
	void (*leased)(void *arg);
	void *leased_arg;
	pthread_mutex_t lock; /* of the two below: net_network_lease() comes from any thread */
	bool has_lease;
	struct net_lease lease;

	/* The pair's loop. */
	struct ioloop *loop; /* NULL: stopped */
	int fd;		     /* -1: not connected */
	struct io_source source;
	uint32_t events;
	struct io_timer retry;
	uint64_t retry_ns, lost_ns;
	bool link_up, refusal_told;
	_Atomic uint64_t lost_frames; /* of the guest's, when nobody served */
	atomic_uint to_guest;	      /* enum net_can */
	uint8_t header[SWITCH_HEADER_BYTES];
	uint8_t frame[NET_FRAME_BYTES_MAX]; /* one that has to be finished */
};

static inline struct network *network_of(struct net *n)
{
	return container_of(n, struct network, net);
}

/* All on the pair's loop. */

/* The connection is of no more use: get another one. */
void network_lose(struct network *w);
/* The server said something that is no frame; false: the connection has to end.
 * raw  of a lease: the message, hostile */
bool network_take_answer(struct network *w, const struct switch_packet *packet,
			 const uint8_t raw[SWITCH_LEASE_BYTES]);

/* ---- network_frames.c ---- */

/* The source's. */
void network_ready(void *arg, uint32_t events);
/* As struct net_ops. */
int network_send(struct net *n, unsigned pair, const struct net_frame *f);
void network_rx_ready(struct net *n, unsigned pair);

#endif
