#include "nat/dns_wire.h"

#include <errno.h>

#include "base/bytes.h"

/* RFC 1035, 4.1.1. */
#define FLAGS_AT   2u
#define COUNTS_AT  4u /* questions, answers, authorities, more: 16 bits each */
#define FLAG_QR	   0x8000u
#define FLAG_RD	   0x0100u
#define FLAG_RA	   0x0080u
#define OPCODE	   0x7800u
#define LABEL_MAX  63u
#define NAME_BYTES 255u
#define TYPE_CLASS 4u /* bytes behind the name */

/* Bytes of a question; 0: there is none, or a compressed name, which has nothing to
 * refer to here. */
static size_t question_bytes(const uint8_t *bytes, size_t len)
{
	size_t at = 0;

	while (at < len && bytes[at] != 0) {
		if (bytes[at] > LABEL_MAX)
			return 0;
		at += 1u + bytes[at];
		if (at >= NAME_BYTES)
			return 0;
	}
	at += 1 + TYPE_CLASS;
	return at <= len ? at : 0;
}

int dns_parse(const uint8_t *bytes, size_t len, struct dns_message *out)
{
	if (len < DNS_HEADER_BYTES || be16_load(bytes + COUNTS_AT) != 1)
		return -EBADMSG;
	out->id = be16_load(bytes);
	out->is_response = be16_load(bytes + FLAGS_AT) & FLAG_QR;
	out->question_bytes = question_bytes(bytes + DNS_HEADER_BYTES, len - DNS_HEADER_BYTES);
	return out->question_bytes > 0 ? 0 : -EBADMSG;
}

/* Lengths of labels are below 64, and so no letters. */
static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool dns_is_answer(const uint8_t *query, const struct dns_message *q, const uint8_t *response,
		   const struct dns_message *r)
{
	const size_t name = q->question_bytes - TYPE_CLASS;

	if (!r->is_response || r->question_bytes != q->question_bytes)
		return false;
	query += DNS_HEADER_BYTES;
	response += DNS_HEADER_BYTES;
	for (size_t i = 0; i < q->question_bytes; i++) {
		if (i < name ? lower(query[i]) != lower(response[i]) : query[i] != response[i])
			return false;
	}
	return true;
}

size_t dns_make_failure(uint8_t *bytes, const struct dns_message *q, uint16_t id, unsigned rcode)
{
	const uint16_t kept = be16_load(bytes + FLAGS_AT) & (OPCODE | FLAG_RD);

	be16_store(bytes, id);
	be16_store(bytes + FLAGS_AT, (uint16_t)(FLAG_QR | FLAG_RA | kept | rcode));
	be16_store(bytes + COUNTS_AT + 2, 0);
	be16_store(bytes + COUNTS_AT + 4, 0);
	be16_store(bytes + COUNTS_AT + 6, 0);
	return DNS_HEADER_BYTES + q->question_bytes;
}
