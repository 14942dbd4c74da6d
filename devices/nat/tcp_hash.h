/* nat/tcp_hash.h: numbers that a guest cannot foresee, of the addresses of a connection:
 * places in the table, and first sequence numbers (RFC 6528).  SipHash-2-4 of 16 bytes. */
#ifndef BANTAM_NAT_TCP_HASH_H
#define BANTAM_NAT_TCP_HASH_H

#include "base/types.h"

struct tcp_key {
	uint64_t k[2];
};

uint64_t tcp_hash(const struct tcp_key *key, uint64_t a, uint64_t b);

#endif
