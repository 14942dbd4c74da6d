#include "nat/policy.h"

/* Addresses by their first bits; the first row that fits decides. */
static const struct {
	uint32_t prefix, mask;
	enum nat_verdict verdict;
} special[] = {
	{ 0x00000000, 0xff000000, NAT_REFUSE }, /* 0/8, "this network": RFC 1122, 3.2.1.3 */
	{ 0x7f000000, 0xff000000, NAT_REFUSE }, /* 127/8, loopback: the same */
	/* Link-local, never routed: RFC 3927, 2.7.  A cloud's metadata and keys are there. */
	{ 0xa9fe0000, 0xffff0000, NAT_REFUSE },
	{ 0xe0000000, 0xf0000000, NAT_IGNORE }, /* 224/4, multicast: RFC 5771 */
	{ 0xffffffff, 0xffffffff, NAT_IGNORE }, /* limited broadcast: RFC 919 */
	{ 0xf0000000, 0xf0000000, NAT_REFUSE }, /* 240/4, reserved: RFC 1112, 4 */
};

static bool is_own(const struct nat *n, uint32_t ip)
{
	for (unsigned i = 0; i < n->own_count; i++) {
		if (n->own_ips[i] == ip)
			return true;
	}
	return false;
}

static bool is_inside(const struct nat *n, uint32_t ip)
{
	return (ip & NAT_NETMASK) == n->network_ip;
}

static enum nat_verdict inside(const struct nat *n, uint32_t dst, uint32_t *host_ip)
{
	if (dst == (n->network_ip | ~NAT_NETMASK) || dst == n->network_ip)
		return NAT_IGNORE; /* the network's broadcast, new and old: RFC 1122, 3.3.6 */
	if (dst != n->gateway_ip || !n->host_loopback || n->restrict_)
		return NAT_REFUSE;
	*host_ip = NAT_LOOPBACK;
	return NAT_GO;
}

enum nat_verdict nat_policy(const struct nat *n, uint32_t dst, uint32_t *host_ip)
{
	if (is_inside(n, dst))
		return inside(n, dst, host_ip);
	for (unsigned i = 0; i < ARRAY_LEN(special); i++) {
		if ((dst & special[i].mask) == special[i].prefix)
			return special[i].verdict;
	}
	if (n->restrict_ || (is_own(n, dst) && !n->host_loopback))
		return NAT_REFUSE;
	*host_ip = dst;
	return NAT_GO;
}

uint32_t nat_policy_peer(const struct nat *n, uint32_t host_ip)
{
	const bool nearby =
		(host_ip & 0xff000000) == 0x7f000000 || is_own(n, host_ip) || is_inside(n, host_ip);

	return nearby ? n->gateway_ip : host_ip;
}
