/* nat/tcp_seq.h: sequence numbers, which wrap (RFC 9293, 3.4).  Two that are compared
 * are never 2^31 or more apart: no window is that large. */
#ifndef BANTAM_NAT_TCP_SEQ_H
#define BANTAM_NAT_TCP_SEQ_H

#include "base/types.h"

/* b comes after a. */
static inline bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_after(uint32_t a, uint32_t b)
{
	return seq_before(b, a);
}

/* Whether s is in [first, first + len). */
static inline bool seq_within(uint32_t s, uint32_t first, uint32_t len)
{
	return s - first < len;
}

/* Whether s is in (after, upto]: an acknowledgment of something new that was sent. */
static inline bool seq_acks(uint32_t s, uint32_t after, uint32_t upto)
{
	return s - after - 1 < upto - after;
}

static inline uint32_t seq_later(uint32_t a, uint32_t b)
{
	return seq_before(a, b) ? b : a;
}

#endif
