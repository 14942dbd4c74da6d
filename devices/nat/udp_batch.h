/* nat/udp_batch.h: datagrams of one flow that come together go to the host's kernel
 * together: one call, one way through its network, one wake-up of their receiver
 * (udp(7), UDP_SEGMENT).  They arrive as the datagrams that they were. */
#ifndef BANTAM_NAT_UDP_BATCH_H
#define BANTAM_NAT_UDP_BATCH_H

#include <sys/uio.h>

#include "nat/wire.h"

#define UDP_BATCH_DATAGRAMS 64u /* UDP_MAX_SEGMENTS of Linux */
#define UDP_BATCH_BYTES	    WIRE_UDP_PAYLOAD_MAX /* all together */
/* Those that are longer go by themselves: the kernel cuts them, and no batch of them. */
#define UDP_BATCH_LONGEST 1472u

struct nat;
struct udp_flow;

struct udp_batch {
	struct udp_flow *flow; /* whose; NULL: none is kept */
	uint8_t guest_ttl;
	uint16_t each; /* bytes of a datagram; of the last one perhaps less */
	unsigned count;
	uint32_t len;
	/* A copy: what lies in the guest's buffers is the guest's again before the batch
	 * ends.  It takes less than the call that it saves. */
	uint8_t bytes[UDP_BATCH_BYTES];
};

/* One of f's, which has a socket of its own, of len bytes: send it, now or with those
 * that follow, in their order.
 * iov  what it holds; not needed any more afterwards */
void udp_batch_add(struct nat *n, struct udp_flow *f, uint8_t guest_ttl, const struct iovec *iov,
		   unsigned iov_count, size_t len);
/* Send what is kept: none follow for now, or its flow ends. */
void udp_batch_end(struct nat *n);

#endif
