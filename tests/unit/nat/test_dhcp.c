/* The DHCP server, as clients and their enemies talk to it. */
#include "dhcp_fixture.h"

#include <errno.h>

static struct message m;

/* ---- the usual way ------------------------------------------------------------------------ */

struct seen {
	unsigned count;
	struct net_lease lease;
};

static void on_lease(void *arg, const struct net_lease *lease)
{
	struct seen *s = arg;

	s->count++;
	s->lease = *lease;
}

static void a_client_gets_its_address_and_all_that_belongs_to_it(void **state)
{
	struct seen seen = { 0 };
	const struct nat_config c = { .hostname = "little",
				      .domain = "example.org",
				      .leased = on_lease,
				      .leased_arg = &seen };
	const struct fake_frame *f;
	struct net_lease lease;
	struct nat_rig r;
	uint8_t len;

	(void)state;
	rig_start(&r, &c);
	begin(&m, DHCP_DISCOVER);
	send_message(&r, &m, 0, UINT32_MAX);
	f = answer(&r, DHCP_OFFER);
	assert_int_equal(your_ip(f), GUEST);
	assert_int_equal(came_ip(f).dst, GUEST);
	assert_false(nat_lease(r.net, &lease));
	begin(&m, DHCP_REQUEST);
	option_ip(&m, 50, GUEST);
	option_ip(&m, 54, GATEWAY);
	option(&m, 12, "guest-1", 7);
	send_message(&r, &m, 0, UINT32_MAX);
	f = answer(&r, DHCP_ACK);
	assert_int_equal(your_ip(f), GUEST);
	assert_int_equal(find_ip(f, 1), NAT_NETMASK);
	assert_int_equal(find_ip(f, 3), GATEWAY);
	assert_int_equal(find_ip(f, 6), DNS);
	assert_int_equal(find_ip(f, 54), GATEWAY);
	assert_int_equal(find_ip(f, 51), 86400);
	assert_int_equal(be16_load(find(f, 26, &len)), 1500);
	assert_memory_equal(find(f, 12, &len), "little", 6);
	assert_memory_equal(find(f, 15, &len), "example.org", 11);
	assert_int_equal(len, 11);
	/* And it is told to others. */
	assert_int_equal(seen.count, 1);
	assert_true(nat_lease(r.net, &lease));
	assert_int_equal(lease.ip, GUEST);
	assert_string_equal(lease.hostname, "guest-1");
	assert_memory_equal(lease.mac, r.fake.nic.mac, NET_MAC_BYTES);
	/* To renew it speaks from its address. */
	begin(&m, DHCP_REQUEST);
	be32_store(m.bytes + 12, GUEST);
	option(&m, 12, "guest-1", 7);
	send_message(&r, &m, GUEST, GATEWAY);
	f = answer(&r, DHCP_ACK);
	assert_int_equal(came_ip(f).dst, GUEST);
	assert_int_equal(seen.count, 2); /* a guest that started anew says the same */
	begin(&m, DHCP_RELEASE);
	send_message(&r, &m, GUEST, GATEWAY);
	assert_false(nat_lease(r.net, &lease));
	assert_null(fake_nic_next(&r.fake));
	rig_end(&r);
}

static void another_network_has_other_addresses(void **state)
{
	const struct nat_config c = { .network = 0xc0a84d00 };
	const struct fake_frame *f;
	struct nat_rig r;

	(void)state;
	rig_start(&r, &c);
	begin(&m, DHCP_DISCOVER);
	send_message(&r, &m, 0, UINT32_MAX);
	f = fake_nic_next(&r.fake);
	assert_int_equal(your_ip(f), 0xc0a84d0f);
	assert_int_equal(find_ip(f, 3), 0xc0a84d02);
	assert_int_equal(find_ip(f, 6), 0xc0a84d03);
	rig_end(&r);
}

static void who_asks_for_a_broadcast_gets_one(void **state)
{
	const struct fake_frame *f;
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	begin(&m, DHCP_DISCOVER);
	be16_store(m.bytes + 10, 0x8000);
	send_message(&r, &m, 0, UINT32_MAX);
	f = answer(&r, DHCP_OFFER);
	assert_int_equal(came_ip(f).dst, UINT32_MAX);
	assert_int_equal(f->bytes[0], 0xff);
	rig_end(&r);
}

static void another_address_is_not_to_be_had(void **state)
{
	struct net_lease lease;
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	begin(&m, DHCP_REQUEST); /* what it had in another network */
	option_ip(&m, 50, 0xc0a80164);
	send_message(&r, &m, 0, UINT32_MAX);
	assert_int_equal(came_ip(answer(&r, DHCP_NAK)).dst, UINT32_MAX);
	begin(&m, DHCP_REQUEST);
	send_message(&r, &m, 0, UINT32_MAX);
	assert_int_equal(your_ip(answer(&r, DHCP_NAK)), 0);
	begin(&m, DHCP_REQUEST); /* another server's offer */
	option_ip(&m, 50, GUEST);
	option_ip(&m, 54, 0x0a000209);
	send_message(&r, &m, 0, UINT32_MAX);
	assert_null(fake_nic_next(&r.fake));
	assert_false(nat_lease(r.net, &lease));
	rig_end(&r);
}

static void a_restart_asks_for_what_it_had(void **state)
{
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	begin(&m, DHCP_REQUEST);
	option_ip(&m, 50, GUEST);
	send_message(&r, &m, 0, UINT32_MAX);
	assert_int_equal(your_ip(answer(&r, DHCP_ACK)), GUEST);
	rig_end(&r);
}

static void inform_is_answered_without_a_lease(void **state)
{
	const struct fake_frame *f;
	struct net_lease lease;
	struct nat_rig r;
	uint8_t len;

	(void)state;
	rig_start(&r, NULL);
	begin(&m, DHCP_INFORM);
	be32_store(m.bytes + 12, NAT_NETWORK | 50);
	send_message(&r, &m, NAT_NETWORK | 50, GATEWAY);
	f = answer(&r, DHCP_ACK);
	assert_int_equal(your_ip(f), 0);
	assert_int_equal(came_ip(f).dst, NAT_NETWORK | 50);
	assert_null(find(f, 51, &len));
	assert_int_equal(find_ip(f, 3), GATEWAY);
	assert_false(nat_lease(r.net, &lease));
	rig_end(&r);
}

static void decline_gives_the_lease_up_and_only_its_holder_does(void **state)
{
	struct net_lease lease;
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	begin(&m, DHCP_REQUEST);
	option_ip(&m, 50, GUEST);
	send_message(&r, &m, 0, UINT32_MAX);
	answer(&r, DHCP_ACK);
	begin(&m, DHCP_DECLINE);
	m.bytes[28 + 5] ^= 1;
	send_message(&r, &m, 0, UINT32_MAX);
	assert_true(nat_lease(r.net, &lease));
	begin(&m, DHCP_DECLINE);
	send_message(&r, &m, 0, UINT32_MAX);
	assert_false(nat_lease(r.net, &lease));
	rig_end(&r);
}

static void a_guest_that_reaches_nothing_is_told_of_no_router(void **state)
{
	const struct nat_config c = { .restrict_ = true };
	const struct fake_frame *f;
	struct nat_rig r;
	uint8_t len;

	(void)state;
	rig_start(&r, &c);
	begin(&m, DHCP_DISCOVER);
	send_message(&r, &m, 0, UINT32_MAX);
	f = answer(&r, DHCP_OFFER);
	assert_null(find(f, 3, &len));
	assert_null(find(f, 6, &len));
	rig_end(&r);
}

/* ---- the hostile way ----------------------------------------------------------------------------
 */

static void what_a_client_calls_itself_comes_back_whole(void **state)
{
	char name[NAT_NAME_MAX], domain[250];
	const struct nat_config c = { .hostname = name, .domain = domain };
	const struct fake_frame *f;
	struct nat_rig r;
	uint8_t id[255], len;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memset(domain, 'd', sizeof(domain) - 1);
	domain[sizeof(domain) - 1] = '\0';
	memset(id, 0xab, sizeof(id));
	rig_start(&r, &c);
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t id_len = i == 0 ? 180 : 255;

		begin(&m, DHCP_DISCOVER);
		option(&m, 61, id, id_len);
		send_message(&r, &m, 0, UINT32_MAX);
		f = answer(&r, DHCP_OFFER);
		assert_memory_equal(find(f, 61, &len), id, id_len);
		assert_int_equal(len, id_len);
		/* What matters fits too; what does not fit is left out. */
		assert_int_equal(find_ip(f, 6), DNS);
		assert_int_equal(find(f, 12, &len) != NULL, i == 0);
		assert_null(find(f, 15, &len));
		assert_true(f->len <= L4_AT + 8 + DHCP_BYTES_MAX);
	}
	rig_end(&r);
}

static void names_that_are_none_are_not_repeated(void **state)
{
	static const char *const bad[] = { "a b", "a\nb", "\x1b[2J", "a/b", "\xc3\xa4" };
	struct dhcp_request q;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		begin(&m, DHCP_REQUEST);
		option(&m, 12, bad[i], (uint8_t)strlen(bad[i]));
		assert_int_equal(dhcp_parse(m.bytes, m.len, &q), 0);
		assert_string_equal(q.hostname, "");
	}
	begin(&m, DHCP_REQUEST);
	option(&m, 12, "vm-1.lan", 9); /* with its end, as some write it */
	assert_int_equal(dhcp_parse(m.bytes, m.len, &q), 0);
	assert_string_equal(q.hostname, "vm-1.lan");
}

static void options_may_run_into_nothing(void **state)
{
	struct dhcp_request q;

	(void)state;
	begin(&m, DHCP_REQUEST);
	option_ip(&m, 50, GUEST);
	/* Cut anywhere, in a buffer that is not a byte longer. */
	for (size_t len = 0; len <= m.len; len++) {
		uint8_t *copy = malloc(len ? len : 1);

		memcpy(copy, m.bytes, len);
		assert_int_equal(dhcp_parse(copy, len, &q), len < 240 ? -EBADMSG : 0);
		assert_int_equal(q.requested_ip, len < m.len ? 0 : GUEST);
		assert_int_equal(q.type, len < 243 ? DHCP_NONE : DHCP_REQUEST);
		free(copy);
	}
}

static void options_go_on_in_other_fields_if_it_says_so(void **state)
{
	static const uint8_t ip[] = { 50, 4, 10, 0, 2, 15, 255 }, type[] = { 53, 1, 3, 255 };
	struct dhcp_request q;

	(void)state;
	begin(&m, DHCP_DISCOVER);
	memcpy(m.bytes + 108, ip, sizeof(ip));
	memcpy(m.bytes + 44, type, sizeof(type));
	assert_int_equal(dhcp_parse(m.bytes, m.len, &q), 0);
	assert_int_equal(q.requested_ip, 0);
	option(&m, 52, "\3", 1);
	assert_int_equal(dhcp_parse(m.bytes, m.len, &q), 0);
	assert_int_equal(q.requested_ip, GUEST);
	assert_int_equal(q.type, DHCP_REQUEST);
}

static void what_is_no_request_is_not_answered(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} rows[] = { { 0, 2 },	 { 1, 6 },   { 2, 16 },	   { 236, 0 }, { 242, 0 }, { 242, 2 },
		     { 242, 5 }, { 242, 9 }, { 242, 255 }, { 241, 2 }, { 24, 10 } };
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		begin(&m, DHCP_DISCOVER);
		m.bytes[rows[i].at] = rows[i].value;
		send_message(&r, &m, 0, UINT32_MAX);
		assert_null(fake_nic_next(&r.fake));
	}
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_gets_its_address_and_all_that_belongs_to_it),
		cmocka_unit_test(another_network_has_other_addresses),
		cmocka_unit_test(who_asks_for_a_broadcast_gets_one),
		cmocka_unit_test(another_address_is_not_to_be_had),
		cmocka_unit_test(a_restart_asks_for_what_it_had),
		cmocka_unit_test(inform_is_answered_without_a_lease),
		cmocka_unit_test(decline_gives_the_lease_up_and_only_its_holder_does),
		cmocka_unit_test(a_guest_that_reaches_nothing_is_told_of_no_router),
		cmocka_unit_test(what_a_client_calls_itself_comes_back_whole),
		cmocka_unit_test(names_that_are_none_are_not_repeated),
		cmocka_unit_test(options_may_run_into_nothing),
		cmocka_unit_test(options_go_on_in_other_fields_if_it_says_so),
		cmocka_unit_test(what_is_no_request_is_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
