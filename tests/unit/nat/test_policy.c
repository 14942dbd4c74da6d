/* Where the guest may go. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nat/policy.h"

static struct nat make(bool host_loopback, bool restrict_)
{
	return (struct nat){
		.network_ip = NAT_NETWORK,
		.gateway_ip = NAT_NETWORK | NAT_HOST_GATEWAY,
		.dns_ip = NAT_NETWORK | NAT_HOST_DNS,
		.host_loopback = host_loopback,
		.restrict_ = restrict_,
		.own_count = 1,
		.own_ips = { 0xcb007105 }, /* 203.0.113.5 */
	};
}

struct row {
	uint32_t dst;
	enum nat_verdict usual, with_host, restricted;
	uint32_t host_ip; /* where it leads, where it leads anywhere */
};

static const struct row rows[] = {
	{ 0x01010101, NAT_GO, NAT_GO, NAT_REFUSE, 0x01010101 },
	{ 0xc0a80101, NAT_GO, NAT_GO, NAT_REFUSE, 0xc0a80101 },
	{ 0x0a000202, NAT_REFUSE, NAT_GO, NAT_REFUSE, 0x7f000001 }, /* the router */
	{ 0x0a000203, NAT_REFUSE, NAT_REFUSE, NAT_REFUSE, 0 },
	{ 0x0a00020f, NAT_REFUSE, NAT_REFUSE, NAT_REFUSE, 0 },
	{ 0x0a0002ff, NAT_IGNORE, NAT_IGNORE, NAT_IGNORE, 0 },
	{ 0x0a000200, NAT_IGNORE, NAT_IGNORE, NAT_IGNORE, 0 },
	{ 0x0a000302, NAT_GO, NAT_GO, NAT_REFUSE, 0x0a000302 },
	{ 0x7f000001, NAT_REFUSE, NAT_REFUSE, NAT_REFUSE, 0 },
	{ 0x7fffffff, NAT_REFUSE, NAT_REFUSE, NAT_REFUSE, 0 },
	{ 0x00000000, NAT_REFUSE, NAT_REFUSE, NAT_REFUSE, 0 },
	{ 0x00010203, NAT_REFUSE, NAT_REFUSE, NAT_REFUSE, 0 },
	{ 0xa9fea9fe, NAT_REFUSE, NAT_REFUSE, NAT_REFUSE, 0 }, /* a cloud's metadata */
	{ 0xe00000fb, NAT_IGNORE, NAT_IGNORE, NAT_IGNORE, 0 },
	{ 0xefffffff, NAT_IGNORE, NAT_IGNORE, NAT_IGNORE, 0 },
	{ 0xf0000001, NAT_REFUSE, NAT_REFUSE, NAT_REFUSE, 0 },
	{ 0xffffffff, NAT_IGNORE, NAT_IGNORE, NAT_IGNORE, 0 },
	{ 0xcb007105, NAT_REFUSE, NAT_GO, NAT_REFUSE, 0xcb007105 }, /* on the host's lo */
	{ 0xcb007106, NAT_GO, NAT_GO, NAT_REFUSE, 0xcb007106 },
};

static void check(const struct nat *n, const struct row *r, enum nat_verdict expected)
{
	uint32_t host_ip = 0;

	assert_int_equal(nat_policy(n, r->dst, &host_ip), expected);
	if (expected == NAT_GO)
		assert_int_equal(host_ip, r->host_ip);
}

static void every_destination_has_its_verdict(void **state)
{
	const struct nat usual = make(false, false), with_host = make(true, false);
	const struct nat restricted = make(false, true), both = make(true, true);

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		check(&usual, &rows[i], rows[i].usual);
		check(&with_host, &rows[i], rows[i].with_host);
		check(&restricted, &rows[i], rows[i].restricted);
		check(&both, &rows[i], rows[i].restricted);
	}
}

static void the_hosts_private_addresses_look_like_the_router(void **state)
{
	const struct nat n = make(false, false);

	(void)state;
	assert_int_equal(nat_policy_peer(&n, 0x7f000001), n.gateway_ip);
	assert_int_equal(nat_policy_peer(&n, 0x7f000035), n.gateway_ip);
	assert_int_equal(nat_policy_peer(&n, 0xcb007105), n.gateway_ip);
	assert_int_equal(nat_policy_peer(&n, 0x0a00020f), n.gateway_ip); /* in another NAT */
	assert_int_equal(nat_policy_peer(&n, 0xc0a80101), 0xc0a80101);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_destination_has_its_verdict),
		cmocka_unit_test(the_hosts_private_addresses_look_like_the_router),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
