/* fake/fake_nic.h: a NIC whose guest is the test: what the network behind it sends is
 * kept, and buffers are there when the test says.
 *
 *	struct fake_nic fake;
 *
 *	fake_nic_init(&fake);
 *	fake.room_count = 2;                    // two frames, then no more
 *	net_attach(net, &fake.nic);
 *	fake_nic_send(&fake, net, bytes, len);  // as one frame of the guest's
 *	while ((f = fake_nic_next(&fake)) ...   // what came, oldest first
 *
 * One thread, except for link(). */
#ifndef BANTAM_FAKE_NIC_H
#define BANTAM_FAKE_NIC_H

#include "net/lease.h"

#define FAKE_NIC_FRAMES 1024u

struct fake_frame {
	uint8_t *bytes;
	size_t len;
	struct net_offload offload;
	unsigned pair;
};

struct fake_nic {
	struct net_nic nic;
	/* For the test to set. */
	unsigned room_count; /* how many frames there are buffers for; UINT_MAX: any */
	size_t room_bytes;   /* the longest frame that they hold */
	size_t piece_bytes;  /* what they are cut into; 0: whole */
	bool has_slow;	     /* as a switch: the guest that has slow_mac takes nothing now */
	uint8_t slow_mac[NET_MAC_BYTES];
	void (*came)(void *arg); /* a frame came, and the loan is over; NULL */
	void *came_arg;
	/* For the test to read. */
	unsigned frame_count;	/* that came, in all */
	unsigned refused_count; /* room() said no */
	unsigned dropped_count; /* dropped() was said */
	unsigned tx_ready_count;
	_Atomic unsigned link_count; /* link() was said */
	atomic_bool link_up;
	unsigned lease_count; /* leased() was said */
	struct net_lease lease;
	/* The fake's own. */
	unsigned next; /* to be taken */
	bool lent;
	uint8_t *room;
	size_t room_len;
	struct iovec *iov; /* with its spare element */
	struct fake_frame frames[FAKE_NIC_FRAMES];
};

void fake_nic_init(struct fake_nic *f);
void fake_nic_fini(struct fake_nic *f);

/* The oldest frame that came and was not taken; the fake's until fake_nic_fini().
 * NULL: there is none. */
const struct fake_frame *fake_nic_next(struct fake_nic *f);

/* Send as the guest, on pair 0, in memory of its own, cut into piece_bytes; offload may be NULL.
 * Returns what net_send() did. */
int fake_nic_send(struct fake_nic *f, struct net *net, const void *bytes, size_t len,
		  const struct net_offload *offload);

#endif
