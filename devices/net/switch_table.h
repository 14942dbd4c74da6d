/* net/switch_table.h: where a switch sends a frame: addresses learned from senders, and
 * everywhere where it does not know.  Pure; bounded, whatever addresses guests make up. */
#ifndef BANTAM_NET_SWITCH_TABLE_H
#define BANTAM_NET_SWITCH_TABLE_H

#include "net/net.h"

#define SWITCH_PORTS_MAX 64u /* ports are bits of a mask */
#define SWITCH_SETS	 128u
#define SWITCH_WAYS	 8u
#define SWITCH_MEMORY_NS (300 * NS_PER_S) /* as IEEE 802.1Q's default, 8.8.3 */

struct switch_entry {
	uint8_t mac[NET_MAC_BYTES];
	uint8_t port;
	uint64_t seen_ns; /* 0: free */
};

/* All zero at first. */
struct switch_table {
	struct switch_entry entries[SWITCH_SETS][SWITCH_WAYS];
};

/* A frame came in at port `from`, which is learned.
 * frame   its first NET_HEADER_BYTES bytes, hostile
 * ports   mask of those that are in use
 * now_ns  host monotonic, not 0
 * The ports it goes out at; never `from` itself. */
uint64_t switch_route(struct switch_table *t, const uint8_t *frame, unsigned from, uint64_t ports,
		      uint64_t now_ns);

/* The port where mac was heard; -1: not known. */
int switch_find(struct switch_table *t, const uint8_t mac[NET_MAC_BYTES], uint64_t now_ns);

/* Nobody is at port any more. */
void switch_forget(struct switch_table *t, unsigned port);

#endif
