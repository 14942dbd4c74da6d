/* nat/dns_wire.h: DNS messages, RFC 1035, section 4: what a forwarder must know of them. */
#ifndef BANTAM_NAT_DNS_WIRE_H
#define BANTAM_NAT_DNS_WIRE_H

#include "base/types.h"

#define DNS_PORT	   53u
#define DNS_HEADER_BYTES   12u
#define DNS_RCODE_SERVFAIL 2u

struct dns_message {
	uint16_t id;
	bool is_response;
	size_t question_bytes; /* right behind the header */
};

/* A message with one question, as all that are asked by resolvers.
 * 0; -EBADMSG */
int dns_parse(const uint8_t *bytes, size_t len, struct dns_message *out);

/* Whether a response is to this query: the same question, letters of either case
 * (RFC 5452, 9.1; RFC 4343). */
bool dns_is_answer(const uint8_t *query, const struct dns_message *q, const uint8_t *response,
		   const struct dns_message *r);

/* The query with id becomes a response that says no more than rcode.
 * Returns its length: header and question. */
size_t dns_make_failure(uint8_t *bytes, const struct dns_message *q, uint16_t id, unsigned rcode);

#endif
