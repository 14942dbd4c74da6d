/* Questions of a hostile guest and answers of a hostile resolver, and a resolv.conf of
 * any bytes.
 *
 * Input: 2 bytes of the question's length, the question, the answer; all of it is the
 * resolv.conf. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "nat/dns_wire.h"
#include "nat/resolv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                  \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

/* In memory of its own, so that one byte too many is seen. */
static uint8_t *copy_of(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	CHECK(copy);
	memcpy(copy, bytes, len);
	return copy;
}

static void exchange(uint8_t *query, size_t query_len, uint8_t *answer, size_t answer_len)
{
	struct dns_message q, a;

	if (dns_parse(query, query_len, &q) < 0)
		return;
	CHECK(DNS_HEADER_BYTES + q.question_bytes <= query_len);
	if (dns_parse(answer, answer_len, &a) == 0)
		(void)dns_is_answer(query, &q, answer, &a);
	/* What we say ourselves is an answer. */
	CHECK(dns_make_failure(query, &q, q.id, DNS_RCODE_SERVFAIL) <= query_len);
	CHECK(dns_parse(query, DNS_HEADER_BYTES + q.question_bytes, &a) == 0);
	CHECK(dns_is_answer(query, &q, query, &a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *query, *answer;
	struct resolv r;
	size_t len;

	resolv_parse((const char *)data, size, &r);
	CHECK(r.server_count >= 1 && r.server_count <= RESOLV_SERVERS_MAX);
	CHECK(strlen(r.domain) < RESOLV_DOMAIN_MAX);
	if (size < 2)
		return 0;
	len = min_u64(le16_load(data), size - 2);
	query = copy_of(data + 2, len);
	answer = copy_of(data + 2 + len, size - 2 - len);
	exchange(query, len, answer, size - 2 - len);
	free(query);
	free(answer);
	return 0;
}
