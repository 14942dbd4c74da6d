/* fake/fake_net.h: a network that remembers what the guest sent, and brings frames when
 * the test says.
 *
 *	struct fake_net *fake = fake_net_open();
 *
 *	fake->net.limits.pairs_max = 2;           // before the NIC is made
 *	... the guest sends ...
 *	fake->sent[0].bytes, .len, .offload       // oldest first
 *	fake->refuse = true;                      // send() says -EAGAIN from now on
 *	fake_net_accept(fake, 0);                 // and no longer: tx_ready()
 *	fake_net_bring(fake, 0, bytes, len, 1518, NULL);
 *
 * Each pair's calls come on one loop; different pairs may be on different threads. */
#ifndef BANTAM_FAKE_NET_H
#define BANTAM_FAKE_NET_H

#include <pthread.h>

#include "net/net.h"

#define FAKE_NET_SENT 512u

/* What became of a frame for the guest. */
enum fake_net_fate { FAKE_NET_TAKEN, FAKE_NET_NO_ROOM, FAKE_NET_TOO_LONG };

struct fake_net_frame {
	unsigned pair;
	uint32_t len;
	struct net_offload offload;
	uint8_t *bytes; /* NULL: none was kept */
};

struct fake_net {
	struct net net; /* limits may be changed before attach() */
	struct net_nic *nic;
	/* Told by the NIC. */
	struct ioloop *loop[NET_PAIRS_MAX]; /* NULL: not started */
	atomic_uint starts, stops, offloads_calls, to_guest;
	atomic_uint flushes, rx_readies, refused;
	bool *closed; /* set when it is; the caller's, may be NULL */
	/* What the guest sent; from FAKE_NET_SENT on it is only counted. */
	atomic_uint sent_count;
	struct fake_net_frame sent[FAKE_NET_SENT];
	bool forget; /* do not keep the bytes */
	/* What the network does. */
	atomic_bool refuse;
	unsigned refuse_after; /* frames; 0: never */
	void (*on_send)(struct fake_net *fake, unsigned pair, const struct net_frame *f);
	void (*on_rx_ready)(struct fake_net *fake, unsigned pair);
	void *arg;
	atomic_size_t room_len; /* of the room that was lent last */
	atomic_uint room_pieces;
	pthread_mutex_t lock; /* sent[] */
};

/* One pair, an MTU of up to 65535, all offloads, link up.  Aborts without memory. */
struct fake_net *fake_net_open(void);

/* Ask for room for want bytes and put a frame into it.
 * offload  NULL: nothing is left undone
 * TOO_LONG: the room that was lent was smaller, and the drop was told. */
enum fake_net_fate fake_net_bring(struct fake_net *fake, unsigned pair, const void *bytes,
				  size_t len, size_t want, const struct net_offload *offload);

/* Take frames again, and say so. */
void fake_net_accept(struct fake_net *fake, unsigned pair);

/* Forget what was sent. */
void fake_net_clear(struct fake_net *fake);

#endif
