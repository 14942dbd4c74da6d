#include "nat/tcp_rtt.h"

#define BACKOFF_MAX 9u /* of the least timeout: beyond the largest */

static uint64_t clamp_ns(uint64_t ns)
{
	return min_u64(max_u64(ns, TCP_RTO_MIN_NS), TCP_RTO_MAX_NS);
}

void tcp_rtt_init(struct tcp_rtt *r)
{
	*r = (struct tcp_rtt){ .timeout_ns = TCP_RTO_FIRST_NS };
}

void tcp_rtt_sample(struct tcp_rtt *r, uint64_t sample_ns)
{
	const uint64_t rtt_ns = max_u64(min_u64(sample_ns, TCP_RTO_MAX_NS), 1);

	if (r->smoothed_ns == 0) { /* 2.2 */
		r->smoothed_ns = rtt_ns;
		r->variation_ns = rtt_ns / 2;
	} else { /* 2.3: beta is a quarter, alpha an eighth */
		const uint64_t error_ns =
			rtt_ns > r->smoothed_ns ? rtt_ns - r->smoothed_ns : r->smoothed_ns - rtt_ns;

		r->variation_ns = r->variation_ns - r->variation_ns / 4 + error_ns / 4;
		r->smoothed_ns = r->smoothed_ns - r->smoothed_ns / 8 + rtt_ns / 8;
	}
	r->timeout_ns = clamp_ns(r->smoothed_ns + 4 * r->variation_ns);
	r->backoff = 0;
}

void tcp_rtt_back_off(struct tcp_rtt *r)
{
	if (r->backoff < BACKOFF_MAX)
		r->backoff++;
}

uint64_t tcp_rtt_timeout_ns(const struct tcp_rtt *r)
{
	return clamp_ns(r->timeout_ns << r->backoff);
}
