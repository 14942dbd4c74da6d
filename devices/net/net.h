/* net/net.h: what a NIC's other end is: a tap, a socket, a switch, our own NAT, or a
 * layer over one of them.
 *
 *	virtio/net.c ──net_send()──▶ dump, faults ... ──▶ tap, socket, nat
 *	             ◀──nic ops───── dump, faults ... ◀──
 *
 * Frames are Ethernet frames without FCS, in memory of this process, never named by a
 * guest address: what the guest sends is read where it is, and what it receives is
 * written straight into its buffers.  With each frame goes what its sender left to
 * others (checksum, segmentation), in the terms of virtio 1.2, 5.1.6.
 *
 * A NIC has queue pairs.  All that concerns a pair happens on one loop, the pair's;
 * pairs of one NIC may be on several loops at once.  A network may lose frames:
 * whoever cannot take one drops it and counts it. */
#ifndef BANTAM_NET_NET_H
#define BANTAM_NET_NET_H

#include <stdatomic.h>
#include <stdio.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/types.h"
#include "host/ioloop.h"

#define NET_MAC_BYTES	 6u
#define NET_HEADER_BYTES 14u /* destination, source, type */
#define NET_MTU_DEFAULT	 1500u
#define NET_MTU_MIN	 68u /* RFC 791 */
#define NET_MTU_MAX	 65535u
#define NET_PAIRS_MAX	 8u
/* The longest frame, by segmentation offload: an IP packet of 65535 bytes with an
 * Ethernet header and a VLAN tag. */
#define NET_FRAME_BYTES_MAX (65535u + NET_HEADER_BYTES + 4u)
/* Pieces of memory that a frame is in: with one more, for a header, still no more than
 * one system call takes. */
#define NET_IOV_MAX (IO_IOV_MAX - 1)

/* What a frame's sender left undone, or a receiver need not do.  Always consistent
 * with the frame: see net_offload_parse(). */
enum net_gso {
	NET_GSO_NONE = 0,
	NET_GSO_TCP4 = 1,
	NET_GSO_UDP = 3,
	NET_GSO_TCP6 = 4,
	NET_GSO_UDP_L4 = 5
};

struct net_offload {
	bool needs_csum; /* the 16 bits at csum_start + csum_offset hold the pseudo
			  * header's sum, and want that of all from csum_start on */
	bool csum_valid; /* nobody need check the checksum */
	bool ecn;	 /* TCP: the first segment has CWR */
	enum net_gso gso;
	uint16_t header_bytes; /* of all headers, a hint; 0: not known */
	uint16_t gso_bytes;    /* payload of a segment; 0 where gso is NONE */
	uint16_t csum_start, csum_offset;
};

/* One frame that is sent. */
struct net_frame {
	const struct iovec *iov; /* NET_HEADER_BYTES or more, in all */
	unsigned iov_count;	 /* 1..NET_IOV_MAX */
	uint32_t len;		 /* what iov holds; at most NET_FRAME_BYTES_MAX */
	struct net_offload offload;
};

/* What may be left to the other side of a NIC.  Bits of a mask. */
enum net_can {
	NET_CAN_CSUM = 1 << 0,
	NET_CAN_TSO4 = 1 << 1, /* those below only with CSUM */
	NET_CAN_TSO6 = 1 << 2,
	NET_CAN_ECN = 1 << 3, /* with TSO4 or TSO6 */
	NET_CAN_UFO = 1 << 4,
	NET_CAN_USO = 1 << 5,
};

struct net;
struct net_lease;
struct net_nic;

/* ---- the NIC, as a backend sees it --------------------------------------------------- */

/* Room for frames of the guest: iov[-1] is a spare element for whoever is lent the
 * room, to read a header of its own in one system call. */
struct net_room {
	struct iovec *iov;
	unsigned iov_count; /* 1..NET_IOV_MAX */
	size_t len;	    /* what iov holds; NET_HEADER_BYTES or more */
};

struct net_nic_ops {
	/* Lend room for one frame, of want bytes if the guest can have that much: less
	 * where its buffers are too small for it (room->len says), and a longer frame
	 * is dropped then.  iov[0 .. iov_count) stays as it is.
	 * False: the guest has no such buffers now (or none at all: the NIC counts the
	 * drop only if told by dropped()); rx_ready() is called when there may be room
	 * again.
	 * With true, exactly one commit() follows, on the same loop, before anything
	 * else is asked of this pair and before the loop's callback returns. */
	bool (*room)(struct net_nic *nic, unsigned pair, size_t want, struct net_room *room);
	/* The frame in the room that was lent is len bytes long; 0: there is none. */
	void (*commit)(struct net_nic *nic, unsigned pair, size_t len,
		       const struct net_offload *offload);
	/* A frame for the guest was lost for want of room. */
	void (*dropped)(struct net_nic *nic, unsigned pair);
	/* send() said -EAGAIN, and may work now. */
	void (*tx_ready)(struct net_nic *nic, unsigned pair);
	/* Any thread: the cable was plugged in or pulled out. */
	void (*link)(struct net_nic *nic, bool up);

	/* The rest is for a NIC that is a switch, and NULL for others. */

	/* Whether the guest that has mac takes less than comes for it: frames for it are
	 * better kept until rx_ready(), or they may be dropped. */
	bool (*is_slow)(struct net_nic *nic, unsigned pair, const uint8_t mac[NET_MAC_BYTES]);
	/* One of its guests was given an address. */
	void (*leased)(struct net_nic *nic, unsigned pair, const struct net_lease *lease);
};

struct net_nic {
	const struct net_nic_ops *ops;
	/* Fixed before attach(). */
	uint8_t mac[NET_MAC_BYTES];
	unsigned mtu;
	unsigned pair_count; /* 1..limits.pairs_max */
};

/* ---- a backend ------------------------------------------------------------------------- */

/* All but close on the pair's loop, unless it says otherwise.  Any but send and close
 * may be NULL. */
struct net_ops {
	const char *name; /* "tap", "nat", ... */
	/* Once, on the thread that makes the machine, before all else. */
	void (*attach)(struct net *n, struct net_nic *nic);
	/* The guest's driver is there: what the frames for it may leave undone, a mask
	 * of enum net_can inside limits.to_guest.  Comes before the first start(), and
	 * again when the driver changes its mind while pairs run.  Any thread, never
	 * two at once. */
	void (*offloads)(struct net *n, unsigned to_guest);
	/* The pair's rings run on loop, and the driver uses the pair; and no longer: no
	 * more calls of the NIC's for this pair until the next start.  Frames that are
	 * held for it may be dropped or kept.  Pairs above 0 start when the driver says
	 * that it uses them. */
	void (*start)(struct net *n, unsigned pair, struct ioloop *loop);
	void (*stop)(struct net *n, unsigned pair);
	/* A frame from the guest.  Its memory is the guest's, can change at any moment,
	 * and is the NIC's again when this returns.
	 * 0: sent, or dropped and counted; -EAGAIN: not now, call again after tx_ready(). */
	int (*send)(struct net *n, unsigned pair, const struct net_frame *f);
	/* The end of a burst of send(). */
	void (*flush)(struct net *n, unsigned pair);
	/* room() may work again. */
	void (*rx_ready)(struct net *n, unsigned pair);
	/* Any thread: what was counted, for --stats: lines that begin "stats: LABEL ";
	 * of what is below, too. */
	void (*print)(const struct net *n, const char *label, FILE *out);
	/* On the thread that ends the machine; no pair is started.  Closes what is
	 * below, too. */
	void (*close)(struct net *n);
};

struct net_limits {
	unsigned pairs_max;  /* 1..NET_PAIRS_MAX */
	unsigned mtu;	     /* the default of a NIC here; 0: NET_MTU_DEFAULT */
	unsigned mtu_max;    /* the largest that works */
	unsigned from_guest; /* enum net_can: what frames of the guest may leave to it */
	unsigned to_guest;   /* what it may leave to the guest */
	bool link_up;	     /* at first */
};

/* What was counted; each written on one loop at a time, read by any thread. */
struct net_stats {
	_Atomic uint64_t tx_frames, tx_bytes, tx_dropped; /* from the guest */
	_Atomic uint64_t rx_frames, rx_bytes, rx_dropped; /* to it */
};

/* Add n where only one thread adds at a time and others read. */
static inline void net_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

struct net {
	const struct net_ops *ops;
	struct net_limits limits;
};

static inline int net_send(struct net *n, unsigned pair, const struct net_frame *f)
{
	return n->ops->send(n, pair, f);
}

void net_attach(struct net *n, struct net_nic *nic);
void net_offloads(struct net *n, unsigned to_guest);
void net_start(struct net *n, unsigned pair, struct ioloop *loop);
void net_stop(struct net *n, unsigned pair);
void net_flush(struct net *n, unsigned pair);
void net_rx_ready(struct net *n, unsigned pair);
void net_print(const struct net *n, const char *label, FILE *out);
/* NULL is harmless. */
void net_close(struct net *n);

#endif
