/* DHCP messages of a hostile client: what is understood of them is in bounds, and any
 * answer to them is a message that can be read again.
 *
 * Input: 1 byte of what the answer says, then the message. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nat/dhcp_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                  \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

static void check_options(const uint8_t *bytes, size_t len)
{
	size_t at = 240;

	while (at < len && bytes[at] != 255) {
		CHECK(at + 1 < len && bytes[at] != 0);
		at += 2u + bytes[at + 1];
	}
	CHECK(at < len);
}

static void answer(const struct dhcp_request *q, uint8_t say)
{
	char domain[256];
	const struct dhcp_reply r = {
		.type = say & 1	  ? DHCP_ACK
			: say & 2 ? DHCP_NAK
				  : DHCP_OFFER,
		.your_ip = NAT_NETWORK | NAT_HOST_GUEST,
		.server_ip = NAT_NETWORK | NAT_HOST_GATEWAY,
		.netmask = NAT_NETMASK,
		.router_ip = say & 4 ? 1 : 0,
		.dns_ip = say & 4 ? 1 : 0,
		.lease_s = say & 8 ? UINT32_MAX : 0,
		.mtu = 1500,
		.hostname = say & 16 ? q->hostname : NULL,
		.domain = domain,
	};
	uint8_t *bytes = malloc(DHCP_BYTES_MAX);
	size_t len;

	CHECK(bytes);
	memset(domain, 'd', sizeof(domain));
	domain[say] = '\0';
	len = dhcp_emit(q, &r, bytes);
	CHECK(len >= 300 && len <= DHCP_BYTES_MAX);
	check_options(bytes, len);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dhcp_request q;
	uint8_t *copy;

	if (size < 1)
		return 0;
	copy = malloc(size - 1 ? size - 1 : 1); /* no byte behind the message */
	CHECK(copy);
	memcpy(copy, data + 1, size - 1);
	if (dhcp_parse(copy, size - 1, &q) == 0) {
		CHECK(q.type <= DHCP_INFORM);
		CHECK(strlen(q.hostname) < NAT_NAME_MAX);
		for (const char *c = q.hostname; *c; c++)
			CHECK(*c > ' ' && *c < 0x7f);
		answer(&q, data[0]);
	}
	free(copy);
	return 0;
}
