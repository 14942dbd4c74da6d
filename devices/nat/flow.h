/* nat/flow.h: who of the guest's speaks to whom, without a connection (UDP, pings): a
 * bounded table, in which the least recently used makes room, and an idle one ends.  With
 * many guests that is the least recently used of one that has the most. */
#ifndef BANTAM_NAT_FLOW_H
#define BANTAM_NAT_FLOW_H

#include "nat/internal.h"
#include "nat/share.h"

#define NAT_FLOW_BUCKETS 256u

/* As the guest sees it. */
struct nat_flow_key {
	uint32_t guest_ip, peer_ip;
	uint16_t guest_port, peer_port;
};

struct nat_flow_table;

/* Embedded in what a protocol keeps of a flow. */
struct nat_flow {
	struct nat_flow_key key;
	uint64_t life_ns; /* how long it may be idle */
	/* the table's own */
	struct nat_flow_table *table;
	struct nat_timer timer;
	struct nat_flow *chain, **chain_link;
	struct nat_flow *newer, *older;
};

struct nat_flow_table {
	struct nat *nat;
	/* The flow is out of the table: close and free it. */
	void (*close)(struct nat *n, struct nat_flow *f);
	unsigned count, max;
	struct nat_flow *newest, *oldest;
	struct shares shares;
	struct nat_flow *buckets[NAT_FLOW_BUCKETS];
};

/* NULL: there is none. */
struct nat_flow *nat_flow_find(const struct nat_flow_table *t, const struct nat_flow_key *key);
/* f: key and life_ns are set, and nobody has that key.  A full table makes room. */
void nat_flow_add(struct nat_flow_table *t, struct nat_flow *f);
/* Something went through it. */
void nat_flow_touch(struct nat_flow_table *t, struct nat_flow *f);
/* Close one that nobody will miss, as if the table were full.  False: it is empty. */
bool nat_flow_make_room(struct nat_flow_table *t);
/* Closes it, too. */
void nat_flow_end(struct nat_flow_table *t, struct nat_flow *f);
void nat_flow_end_all(struct nat_flow_table *t);

#endif
