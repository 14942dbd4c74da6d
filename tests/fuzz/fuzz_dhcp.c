/* DHCP messages of a hostile client: what is understood of them is in bounds, any answer
 * to them is a message that can be read again, and a pool that does what they say gives
 * each client one address at most.
 *
 * Input: 1 byte of what the answer says, then the message. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nat/dhcp_wire.h"
#include "nat/lease.h"

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

/* The pool of all inputs: any of them may follow any other. */
static void ask_pool(const struct dhcp_request *q, uint8_t say)
{
	static struct lease_pool pool;
	static struct neighbours seen;
	static uint64_t now_ns = NS_PER_S;
	const uint8_t host = (uint8_t)q->requested_ip;
	unsigned held = 0;
	uint8_t offered;
	bool fresh;

	now_ns += say * NS_PER_S;
	if (say & 1)
		neighbour_hear(&seen, q->client_ip, q->mac, now_ns);
	switch (q->type) {
	case DHCP_DISCOVER:
		offered = lease_offer(&pool, &seen, q->mac, host, now_ns, &fresh);
		CHECK(offered == 0 || (offered >= LEASE_FIRST && offered <= LEASE_LAST));
		break;
	case DHCP_REQUEST:
		CHECK(!lease_take(&pool, &seen, q->mac, host, now_ns) ||
		      pool.places[host].until_ns > now_ns);
		break;
	case DHCP_DECLINE:
		lease_decline(&pool, q->mac, host, now_ns);
		break;
	case DHCP_RELEASE:
		lease_release(&pool, q->mac, host);
		break;
	default:
		lease_refuse(&pool, q->mac);
		break;
	}
	for (unsigned i = 0; i <= UINT8_MAX; i++) {
		const struct lease_place *p = &pool.places[i];

		held += (p->state == LEASE_OFFERED || p->state == LEASE_BOUND) &&
			p->until_ns > now_ns && memcmp(p->mac, q->mac, NET_MAC_BYTES) == 0;
	}
	CHECK(held <= 1);
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
		CHECK(strlen(q.hostname) < NET_HOSTNAME_BYTES);
		for (const char *c = q.hostname; *c; c++)
			CHECK(*c > ' ' && *c < 0x7f);
		answer(&q, data[0]);
		ask_pool(&q, data[0]);
	}
	free(copy);
	return 0;
}
