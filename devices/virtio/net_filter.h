/* virtio/net_filter.h: which frames of the network are for this guest (virtio 1.2,
 * 5.1.6.5.1 to 5.1.6.5.3).
 *
 * The control queue's loop writes, the loops of all pairs read at the same time, and
 * nobody waits: all that is read is atomic.  A table of addresses is written beside the
 * one in use and then shown as a whole.  A reader that sleeps through two such changes
 * may see some of each: it lets a frame through or not, as a NIC may whose table
 * changes while the frame arrives. */
#ifndef BANTAM_VIRTIO_NET_FILTER_H
#define BANTAM_VIRTIO_NET_FILTER_H

#include <stdatomic.h>

#include "net/net.h"

#define NET_FILTER_MACS	      64u /* unicast and multicast together */
#define NET_FILTER_VLANS      4096u
#define NET_FILTER_PEEK_BYTES (NET_HEADER_BYTES + 4u) /* of a frame: with a VLAN tag */

/* Bits of a mask; those up to NOBCAST in the order of their commands. */
enum net_filter_mode {
	NET_FILTER_PROMISC = 1 << 0,
	NET_FILTER_ALLMULTI = 1 << 1,
	NET_FILTER_ALLUNI = 1 << 2,
	NET_FILTER_NOMULTI = 1 << 3,
	NET_FILTER_NOUNI = 1 << 4,
	NET_FILTER_NOBCAST = 1 << 5,
	NET_FILTER_VLANS_ONLY = 1 << 6, /* tagged frames only of the VLANs in the table */
};

struct net_filter_table {
	atomic_uint count;
	atomic_uint modes; /* net_filter_overflow() */
	_Atomic uint64_t macs[NET_FILTER_MACS];
};

struct net_filter {
	_Atomic uint64_t mac; /* the NIC's own, as net_filter_pack() has it */
	atomic_uint modes;
	atomic_uint current;
	struct net_filter_table tables[2];
	_Atomic uint64_t vlans[NET_FILTER_VLANS / 64]; /* a bit each */
};

static inline uint64_t net_filter_pack(const uint8_t mac[NET_MAC_BYTES])
{
	uint64_t packed = 0;

	for (unsigned i = 0; i < NET_MAC_BYTES; i++)
		packed |= (uint64_t)mac[i] << 8 * i;
	return packed;
}

/* Empty tables, and these modes. */
void net_filter_reset(struct net_filter *f, const uint8_t mac[NET_MAC_BYTES], unsigned modes);

/* ---- the one writer ---- */

void net_filter_mode(struct net_filter *f, enum net_filter_mode mode, bool on);
void net_filter_vlan(struct net_filter *f, unsigned vlan, bool on);

/* A new table: begin, add, and show. */
struct net_filter_table *net_filter_begin(struct net_filter *f);
/* False: it is full. */
bool net_filter_add(struct net_filter_table *t, const uint8_t mac[NET_MAC_BYTES]);
/* There are more of a kind than it holds.
 * all  ALLMULTI or ALLUNI: let all of them through */
void net_filter_overflow(struct net_filter_table *t, enum net_filter_mode all);
void net_filter_show(struct net_filter *f);

/* ---- readers ---- */

/* head  the first bytes of the frame, as many as it has up to NET_FILTER_PEEK_BYTES;
 *       NET_HEADER_BYTES or more */
bool net_filter_accepts(const struct net_filter *f, const uint8_t *head, size_t head_len);

#endif
