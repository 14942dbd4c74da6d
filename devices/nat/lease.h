/* nat/lease.h: which of many guests has which address: what a DHCP server has to know
 * (RFC 2131, 3.1 and 4.3), without its messages.  Pure; bounded; ends of leases are seen
 * when somebody asks, so that an idle network has no timers.
 *
 * A guest is its Ethernet address, not its client identifier (RFC 2131, 4.2, would have
 * that): firmware, installer and system have one each, and are one machine.  Its place
 * follows from that address, so that another process that knows nothing yet gives it the
 * same one. */
#ifndef BANTAM_NAT_LEASE_H
#define BANTAM_NAT_LEASE_H

#include "nat/neighbour.h"

/* Last bytes of the addresses that are given: beyond that of a guest that is alone. */
#define LEASE_FIRST 16u
#define LEASE_LAST  254u
#define LEASE_COUNT (LEASE_LAST - LEASE_FIRST + 1)

/* Short: after the service has moved, and after guests were killed, what is known is soon
 * what is so. */
#define LEASE_BOUND_S	  900u
#define LEASE_OFFERED_NS  (60 * NS_PER_S)
#define LEASE_DECLINED_NS (600 * NS_PER_S)

enum lease_state {
	LEASE_FREE,
	LEASE_OFFERED,
	LEASE_BOUND,
	LEASE_DECLINED /* somebody whom we do not know uses it */
};

struct lease_place {
	enum lease_state state;
	uint8_t mac[NET_MAC_BYTES]; /* whose it is, or, where it is free, was */
	uint64_t until_ns;	    /* free from then on */
};

/* All zero at first. */
struct lease_pool {
	struct lease_place places[NEIGHBOUR_COUNT]; /* by last byte */
};

/* An address for mac (RFC 2131, 4.3.1): what it has; what it had; what it wants, if that
 * can be had; its place, or the next free one.  It is kept for it for a moment.
 * wanted     last byte, hostile: 0 or any
 * neighbours  who speaks from an address has it, whatever we know
 * fresh      set if the place was not mac's already: nobody has looked there yet
 * Last byte; 0: all are taken. */
uint8_t lease_offer(struct lease_pool *t, const struct neighbours *neighbours,
		    const uint8_t mac[NET_MAC_BYTES], uint8_t wanted, uint64_t now_ns, bool *fresh);

/* mac wants this place and no other (4.3.2): take it, or have it for longer.
 * host  last byte, hostile
 * False: it is another's, or none that we give, or mac has another one. */
bool lease_take(struct lease_pool *t, const struct neighbours *neighbours,
		const uint8_t mac[NET_MAC_BYTES], uint8_t host, uint64_t now_ns);

/* mac took another server's offer: ours is over. */
void lease_refuse(struct lease_pool *t, const uint8_t mac[NET_MAC_BYTES]);

/* mac found host in use by another (4.3.3): nobody gets it for a while.  Of what is not
 * mac's nothing happens. */
void lease_decline(struct lease_pool *t, const uint8_t mac[NET_MAC_BYTES], uint8_t host,
		   uint64_t now_ns);

/* mac gives host back (4.3.4).  False: it was not mac's. */
bool lease_release(struct lease_pool *t, const uint8_t mac[NET_MAC_BYTES], uint8_t host);

#endif
