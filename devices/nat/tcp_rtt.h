/* nat/tcp_rtt.h: how long to wait for an acknowledgment (RFC 6298). */
#ifndef BANTAM_NAT_TCP_RTT_H
#define BANTAM_NAT_TCP_RTT_H

#include "base/types.h"

struct tcp_rtt {
	uint64_t smoothed_ns, variation_ns; /* 0: nothing measured yet */
	uint64_t timeout_ns;		    /* RTO, without back-off */
	unsigned backoff;		    /* how often it was doubled */
};

/* RFC 6298, 2.4 asks for a least timeout of one second, for networks whose delays vary;
 * ours is a queue in memory, and what may be late is the guest's vCPU. */
#define TCP_RTO_MIN_NS	 (200 * NS_PER_MS)
#define TCP_RTO_FIRST_NS NS_PER_S
#define TCP_RTO_MAX_NS	 (60 * NS_PER_S)

void tcp_rtt_init(struct tcp_rtt *r);

/* A segment that was sent once was acknowledged after sample_ns (any value); the
 * timeout is no longer backed off. */
void tcp_rtt_sample(struct tcp_rtt *r, uint64_t sample_ns);

/* The timer expired: the next time-out is twice as long (5.5). */
void tcp_rtt_back_off(struct tcp_rtt *r);

/* How long to wait now, TCP_RTO_MIN_NS..TCP_RTO_MAX_NS. */
uint64_t tcp_rtt_timeout_ns(const struct tcp_rtt *r);

#endif
