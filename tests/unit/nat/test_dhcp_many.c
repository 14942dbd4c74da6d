/* The NAT as many guests on a switch see it: each has an address of its own, and gets what
 * is its. */
#include "dhcp_fixture.h"

#include <errno.h>

#include "nat/flow.h"
#include "nat/lease.h"

static struct message m;

static void start(struct nat_rig *r)
{
	const struct nat_config c = { .many_guests = true, .host_loopback = true };

	rig_start(r, &c);
}

static void mac_of(unsigned guest, uint8_t mac[NET_MAC_BYTES])
{
	static const uint8_t first[] = { 0x52, 0x54, 0, 0x12, 0x34, 0 };

	memcpy(mac, first, NET_MAC_BYTES);
	be16_store(mac + 4, (uint16_t)(guest + 1));
}

/* A message of guest number so and so. */
static void begin_as(unsigned guest, enum dhcp_type type)
{
	begin(&m, (uint8_t)type);
	mac_of(guest, m.bytes + 28);
}

static void assert_for(const struct fake_frame *f, unsigned guest)
{
	uint8_t mac[NET_MAC_BYTES];

	mac_of(guest, mac);
	assert_memory_equal(f->bytes, mac, NET_MAC_BYTES);
}

/* What is asked of an address that nobody asked for yet. */
static void assert_probed(struct nat_rig *r, uint32_t ip)
{
	static const uint8_t all[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct fake_frame *f = fake_nic_next(&r->fake);
	struct wire_arp a;

	assert_non_null(f);
	assert_memory_equal(f->bytes, all, NET_MAC_BYTES);
	assert_memory_equal(f->bytes + 6, r->n->gateway_mac, NET_MAC_BYTES);
	assert_int_equal(be16_load(f->bytes + 12), WIRE_TYPE_ARP);
	assert_int_equal(wire_arp_parse(f->bytes + 14, f->len - 14, &a), 0);
	assert_int_equal(a.op, WIRE_ARP_REQUEST);
	assert_int_equal(a.sender_ip, GATEWAY);
	if (ip)
		assert_int_equal(a.target_ip, ip);
}

/* guest says that it is at ip, to everybody. */
static void send_arp(struct nat_rig *r, unsigned guest, uint32_t ip)
{
	struct wire_arp a = { .op = WIRE_ARP_REQUEST, .sender_ip = ip, .target_ip = ip };
	struct wire_ether e = { .type = WIRE_TYPE_ARP };
	uint8_t bytes[WIRE_ETHER_BYTES + WIRE_ARP_BYTES];

	memset(e.dst, 0xff, sizeof(e.dst));
	mac_of(guest, e.src);
	mac_of(guest, a.sender_mac);
	wire_ether_emit(&e, bytes);
	wire_arp_emit(&a, bytes + WIRE_ETHER_BYTES);
	fake_nic_send(&r->fake, r->net, bytes, sizeof(bytes), NULL);
}

/* A fresh guest asks: the address that it is offered. */
static uint32_t discover(struct nat_rig *r, unsigned guest)
{
	const struct fake_frame *f;

	begin_as(guest, DHCP_DISCOVER);
	send_message(r, &m, 0, UINT32_MAX);
	assert_probed(r, 0);
	f = answer(r, DHCP_OFFER);
	assert_for(f, guest);
	assert_int_equal(came_ip(f).dst, your_ip(f));
	return your_ip(f);
}

static void request(struct nat_rig *r, unsigned guest, uint32_t ip, uint32_t server)
{
	begin_as(guest, DHCP_REQUEST);
	option_ip(&m, 50, ip);
	if (server)
		option_ip(&m, 54, server);
	send_message(r, &m, 0, UINT32_MAX);
}

static uint32_t join(struct nat_rig *r, unsigned guest)
{
	const uint32_t ip = discover(r, guest);
	const struct fake_frame *f;

	request(r, guest, ip, GATEWAY);
	f = answer(r, DHCP_ACK);
	assert_for(f, guest);
	assert_int_equal(your_ip(f), ip);
	return ip;
}

static void assert_nak(struct nat_rig *r)
{
	const struct fake_frame *f = answer(r, DHCP_NAK);

	assert_int_equal(came_ip(f).dst, UINT32_MAX);
	assert_int_equal(f->bytes[0], 0xff);
	assert_int_equal(your_ip(f), 0);
}

/* ---- addresses ---------------------------------------------------------------------- */

static void each_guest_gets_an_address_of_its_own_and_what_belongs_to_it(void **state)
{
	const struct fake_frame *f;
	struct net_lease lease;
	struct nat_rig r;
	uint32_t a, b;
	uint8_t len;

	(void)state;
	start(&r);
	a = join(&r, 1);
	assert_int_equal(r.fake.lease_count, 1);
	b = discover(&r, 2);
	assert_int_not_equal(a, b);
	assert_in_range(a & 0xff, LEASE_FIRST, LEASE_LAST);
	begin_as(2, DHCP_REQUEST);
	option_ip(&m, 50, b);
	option_ip(&m, 54, GATEWAY);
	option(&m, 12, "second", 6);
	send_message(&r, &m, 0, UINT32_MAX);
	f = answer(&r, DHCP_ACK);
	assert_int_equal(find_ip(f, 1), NAT_NETMASK);
	assert_int_equal(find_ip(f, 3), GATEWAY);
	assert_int_equal(find_ip(f, 6), DNS);
	assert_int_equal(find_ip(f, 51), LEASE_BOUND_S);
	assert_null(find(f, 26, &len)); /* an MTU: its NIC's business */
	assert_null(find(f, 12, &len));
	/* And it is told to whoever is at that port. */
	assert_int_equal(r.fake.lease_count, 2);
	assert_int_equal(r.fake.lease.ip, b);
	assert_memory_equal(r.fake.lease.mac, m.bytes + 28, NET_MAC_BYTES);
	assert_string_equal(r.fake.lease.hostname, "second");
	assert_false(nat_lease(r.net, &lease)); /* that is of one that is alone */
	rig_end(&r);
}

static void another_process_gives_the_same_addresses(void **state)
{
	uint32_t ips[5];
	struct nat_rig r;

	(void)state;
	start(&r);
	for (unsigned i = 0; i < ARRAY_LEN(ips); i++)
		ips[i] = join(&r, i);
	rig_end(&r);
	start(&r); /* which knows nothing */
	for (unsigned i = ARRAY_LEN(ips); i-- > 1;) {
		request(&r, i, ips[i], 0); /* INIT-REBOOT */
		assert_int_equal(your_ip(answer(&r, DHCP_ACK)), ips[i]);
		assert_int_equal(r.fake.lease.ip, ips[i]);
	}
	assert_int_equal(join(&r, 0), ips[0]);
	rig_end(&r);
}

static void who_renews_is_granted_what_it_has(void **state)
{
	static const uint32_t to[] = { GATEWAY, UINT32_MAX }; /* RENEWING, REBINDING */
	const uint32_t ip = NAT_NETWORK | 99;
	const struct fake_frame *f;
	struct nat_rig r;

	(void)state;
	for (unsigned known = 0; known < 2; known++) {
		for (unsigned i = 0; i < ARRAY_LEN(to); i++) {
			start(&r);
			if (known) {
				request(&r, 1, ip, 0);
				answer(&r, DHCP_ACK);
			}
			begin_as(1, DHCP_REQUEST);
			be32_store(m.bytes + 12, ip);
			send_message(&r, &m, ip, to[i]);
			f = answer(&r, DHCP_ACK);
			assert_int_equal(your_ip(f), ip);
			assert_int_equal(came_ip(f).dst, ip);
			assert_for(f, 1);
			rig_end(&r);
		}
	}
}

static void what_another_has_is_refused(void **state)
{
	struct nat_rig r;
	uint32_t ip;

	(void)state;
	start(&r);
	ip = join(&r, 1);
	request(&r, 2, ip, 0);
	assert_nak(&r);
	request(&r, 2, ip, GATEWAY);
	assert_nak(&r);
	begin_as(2, DHCP_REQUEST);
	be32_store(m.bytes + 12, ip);
	send_message(&r, &m, ip, GATEWAY);
	assert_nak(&r);
	/* It is the first one's still, and packets for it go there when it speaks. */
	request(&r, 1, ip, 0);
	assert_for(answer(&r, DHCP_ACK), 1);
	rig_end(&r);
}

static void what_is_none_of_ours_is_refused(void **state)
{
	static const uint32_t ips[] = { 0,	 0xc0a80164,	    GATEWAY,	       DNS,
					GUEST,	 NAT_NETWORK,	    NAT_NETWORK | 255, UINT32_MAX,
					0x10203, NAT_NETWORK + 300, NAT_NETWORK | 5 };
	struct nat_rig r;

	(void)state;
	start(&r);
	for (unsigned i = 0; i < ARRAY_LEN(ips); i++) {
		request(&r, 1, ips[i], 0);
		assert_nak(&r);
	}
	assert_int_equal(r.fake.lease_count, 0);
	rig_end(&r);
}

static void another_servers_offer_ends_ours(void **state)
{
	struct nat_rig r;
	uint32_t ip;

	(void)state;
	start(&r);
	ip = discover(&r, 1);
	request(&r, 2, ip, 0);
	assert_nak(&r);
	request(&r, 1, 0x0a000220, NAT_NETWORK | 9);
	assert_null(fake_nic_next(&r.fake));
	request(&r, 2, ip, 0);
	answer(&r, DHCP_ACK);
	rig_end(&r);
}

static void what_the_client_wants_back_it_gets(void **state)
{
	struct nat_rig r;

	(void)state;
	start(&r);
	begin_as(1, DHCP_DISCOVER);
	option_ip(&m, 50, NAT_NETWORK | 200);
	send_message(&r, &m, 0, UINT32_MAX);
	assert_probed(&r, NAT_NETWORK | 200);
	assert_int_equal(your_ip(answer(&r, DHCP_OFFER)), NAT_NETWORK | 200);
	/* The same last byte elsewhere is another address. */
	begin_as(2, DHCP_DISCOVER);
	option_ip(&m, 50, 0xc0a800c9);
	send_message(&r, &m, 0, UINT32_MAX);
	assert_probed(&r, 0);
	assert_int_not_equal(your_ip(answer(&r, DHCP_OFFER)), NAT_NETWORK | 201);
	rig_end(&r);
}

static void an_address_in_use_is_found_before_it_is_given(void **state)
{
	struct nat_rig r;
	uint32_t ip, next;

	(void)state;
	start(&r);
	ip = discover(&r, 1);
	send_arp(&r, 7, ip); /* the one that has it answers what it was asked */
	request(&r, 1, ip, GATEWAY);
	assert_nak(&r);
	next = join(&r, 1);
	assert_int_not_equal(next, ip);
	rig_end(&r);
}

static void an_address_that_was_declined_is_not_offered(void **state)
{
	struct nat_rig r;
	uint32_t ip;

	(void)state;
	start(&r);
	ip = join(&r, 1);
	begin_as(2, DHCP_DECLINE); /* not its */
	option_ip(&m, 50, ip);
	option_ip(&m, 54, GATEWAY);
	send_message(&r, &m, 0, UINT32_MAX);
	request(&r, 1, ip, 0);
	answer(&r, DHCP_ACK);
	begin_as(1, DHCP_DECLINE);
	option_ip(&m, 50, ip);
	option_ip(&m, 54, GATEWAY);
	send_message(&r, &m, 0, UINT32_MAX);
	assert_null(fake_nic_next(&r.fake));
	assert_int_not_equal(discover(&r, 1), ip);
	request(&r, 2, ip, 0);
	assert_nak(&r);
	rig_pass(&r, LEASE_DECLINED_NS);
	request(&r, 2, ip, 0);
	answer(&r, DHCP_ACK);
	rig_end(&r);
}

static void an_address_that_was_released_is_free(void **state)
{
	struct nat_rig r;
	uint32_t ip;

	(void)state;
	start(&r);
	ip = join(&r, 1);
	begin_as(2, DHCP_RELEASE); /* not its */
	be32_store(m.bytes + 12, ip);
	send_message(&r, &m, 0, GATEWAY);
	request(&r, 2, ip, 0);
	assert_nak(&r);
	begin_as(1, DHCP_RELEASE);
	be32_store(m.bytes + 12, ip);
	send_message(&r, &m, ip, GATEWAY);
	assert_null(fake_nic_next(&r.fake));
	request(&r, 2, ip, 0);
	assert_for(answer(&r, DHCP_ACK), 2);
	rig_end(&r);
}

static void a_lease_that_nobody_renews_ends(void **state)
{
	struct nat_rig r;
	uint32_t ip;

	(void)state;
	start(&r);
	ip = join(&r, 1);
	rig_pass(&r, LEASE_BOUND_S * NS_PER_S - 1);
	request(&r, 2, ip, 0);
	assert_nak(&r);
	rig_pass(&r, 1);
	request(&r, 2, ip, 0);
	answer(&r, DHCP_ACK);
	request(&r, 1, ip, 0);
	assert_nak(&r);
	rig_end(&r);
}

static void inform_is_answered_to_who_asked(void **state)
{
	const struct fake_frame *f;
	struct nat_rig r;
	uint8_t len;

	(void)state;
	start(&r);
	begin_as(1, DHCP_INFORM);
	be32_store(m.bytes + 12, NAT_NETWORK | 5);
	send_message(&r, &m, NAT_NETWORK | 5, GATEWAY);
	f = answer(&r, DHCP_ACK);
	assert_for(f, 1);
	assert_int_equal(your_ip(f), 0);
	assert_null(find(f, 51, &len));
	assert_int_equal(r.fake.lease_count, 0);
	rig_end(&r);
}

static void with_all_addresses_taken_there_is_silence(void **state)
{
	struct nat_rig r;

	(void)state;
	start(&r);
	for (unsigned i = 0; i < LEASE_COUNT; i++)
		join(&r, i);
	begin_as(1000, DHCP_DISCOVER);
	send_message(&r, &m, 0, UINT32_MAX);
	assert_null(fake_nic_next(&r.fake));
	assert_int_equal(r.n->stats.no_address, 1);
	rig_end(&r);
}

static void who_is_nobody_gets_nothing(void **state)
{
	static const uint8_t nobodies[][NET_MAC_BYTES] = { { 0 }, { 1, 0, 0x5e, 0, 0, 1 } };
	struct nat_rig r;

	(void)state;
	start(&r);
	for (unsigned i = 0; i < ARRAY_LEN(nobodies); i++) {
		begin(&m, DHCP_DISCOVER);
		memcpy(m.bytes + 28, nobodies[i], NET_MAC_BYTES);
		send_message(&r, &m, 0, UINT32_MAX);
		assert_null(fake_nic_next(&r.fake));
	}
	assert_int_equal(r.n->stats.malformed, 2);
	rig_end(&r);
}

static void what_cannot_be_published_is_refused(void **state)
{
	const struct nat_publish p = { .guest_port = 22, .host_ip = NAT_LOOPBACK, .text = "0:22" };
	const struct nat_config c = { .many_guests = true, .publishes = &p, .publish_count = 1 };
	struct net *net;
	struct err err;

	(void)state;
	assert_int_equal(nat_create(&c, &net, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no port can be published"));
}

/* ---- whose packets ------------------------------------------------------------------ */

static void send_udp_as(struct nat_rig *r, unsigned guest, uint32_t ip, uint16_t src_port,
			uint16_t port)
{
	static struct frame f;

	frame_udp(&f, ip, src_port, GATEWAY, port, "x", 1);
	mac_of(guest, f.bytes + 6);
	rig_send(r, &f);
	net_flush(r->net, 0);
}

static void each_guest_gets_the_answers_to_its_own(void **state)
{
	const uint32_t ips[] = { NAT_NETWORK | 20, NAT_NETWORK | 21 };
	struct sockaddr_in from[2];
	const struct fake_frame *f;
	struct nat_rig r;
	uint16_t port;
	char byte;
	int fd;

	(void)state;
	start(&r);
	fd = host_socket(SOCK_DGRAM, &port);
	for (unsigned i = 0; i < 2; i++) {
		send_udp_as(&r, i, ips[i], 1234, port); /* the same ports */
		assert_int_equal(host_receive(fd, &byte, 1, &from[i]), 1);
	}
	for (unsigned i = 2; i-- > 0;) {
		host_send(fd, &from[i], "y", 1);
		f = rig_next(&r);
		assert_int_equal(came_ip(f).dst, ips[i]);
		assert_for(f, i);
	}
	/* One moves; the other does not. */
	send_arp(&r, 9, ips[0]);
	for (unsigned i = 0; i < 2; i++) {
		host_send(fd, &from[i], "z", 1);
		assert_for(rig_next(&r), i == 0 ? 9 : 1);
	}
	close(fd);
	rig_end(&r);
}

static void a_slow_guest_holds_up_nobody_else(void **state)
{
	struct sockaddr_in from[2];
	const struct fake_frame *f;
	struct nat_rig r;
	uint16_t port;
	char byte;
	int fd;

	(void)state;
	start(&r);
	fd = host_socket(SOCK_DGRAM, &port);
	for (unsigned i = 0; i < 2; i++) {
		send_udp_as(&r, i, NAT_NETWORK | (20 + i), 1234, port);
		assert_int_equal(host_receive(fd, &byte, 1, &from[i]), 1);
	}
	r.fake.has_slow = true;
	mac_of(0, r.fake.slow_mac);
	for (unsigned i = 0; i < 2; i++)
		host_send(fd, &from[i], "y", 1);
	assert_for(rig_next(&r), 1);
	rig_quiet(&r);
	net_rx_ready(r.net, 0); /* another is ready */
	rig_quiet(&r);
	host_send(fd, &from[1], "y", 1);
	assert_for(rig_next(&r), 1);
	/* The other is slow for a moment, too, and waits behind. */
	mac_of(1, r.fake.slow_mac);
	host_send(fd, &from[1], "y", 1);
	rig_quiet(&r);
	mac_of(0, r.fake.slow_mac);
	net_rx_ready(r.net, 0);
	assert_for(rig_next(&r), 1);
	rig_quiet(&r);
	r.fake.has_slow = false;
	net_rx_ready(r.net, 0);
	f = rig_next(&r); /* nothing was lost */
	assert_for(f, 0);
	assert_int_equal(came_ip(f).dst, NAT_NETWORK | 20);
	close(fd);
	rig_end(&r);
}

static void frames_for_other_guests_are_none_of_ours(void **state)
{
	static struct frame f;
	struct nat_rig r;

	(void)state;
	start(&r);
	frame_udp(&f, NAT_NETWORK | 20, 1, 0x0a000115, 2, "x", 1);
	mac_of(5, f.bytes);
	rig_send(&r, &f);
	assert_null(fake_nic_next(&r.fake));
	assert_int_equal(r.n->stats.flows, 0);
	/* To one inside it does not lead: the switch does. */
	frame_udp(&f, NAT_NETWORK | 20, 1, NAT_NETWORK | 21, 2, "x", 1);
	mac_of(1, f.bytes + 6);
	rig_send(&r, &f);
	assert_int_equal(r.n->stats.flows, 0);
	assert_int_equal(r.n->stats.refused, 1);
	assert_for(fake_nic_next(&r.fake), 1); /* and that is said */
	rig_end(&r);
}

static void nobody_closes(struct nat *n, struct nat_flow *f)
{
	(void)n;
	(void)f;
}

/* A guest that opens all there is takes from itself. */
static void a_full_table_takes_from_whoever_has_the_most(void **state)
{
	static struct nat_flow flows[64];
	struct nat_flow_table t = { .max = 16, .close = nobody_closes };
	struct nat_rig r;

	(void)state;
	start(&r);
	t.nat = r.n;
	for (unsigned i = 0; i < ARRAY_LEN(flows); i++) {
		/* The modest one speaks first, and never again. */
		flows[i].key = (struct nat_flow_key){ NAT_NETWORK | (i < 4 ? 20u : 21u), 1,
						      (uint16_t)i, 1 };
		flows[i].life_ns = NS_PER_S;
		nat_flow_add(&t, &flows[i]);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_ptr_equal(nat_flow_find(&t, &flows[i].key), &flows[i]);
	assert_null(nat_flow_find(&t, &flows[4].key));
	assert_ptr_equal(nat_flow_find(&t, &flows[63].key), &flows[63]);
	assert_int_equal(t.count, 16);
	nat_flow_end_all(&t);
	assert_int_equal(share_largest(&t.shares), 0);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_guest_gets_an_address_of_its_own_and_what_belongs_to_it),
		cmocka_unit_test(another_process_gives_the_same_addresses),
		cmocka_unit_test(who_renews_is_granted_what_it_has),
		cmocka_unit_test(what_another_has_is_refused),
		cmocka_unit_test(what_is_none_of_ours_is_refused),
		cmocka_unit_test(another_servers_offer_ends_ours),
		cmocka_unit_test(what_the_client_wants_back_it_gets),
		cmocka_unit_test(an_address_in_use_is_found_before_it_is_given),
		cmocka_unit_test(an_address_that_was_declined_is_not_offered),
		cmocka_unit_test(an_address_that_was_released_is_free),
		cmocka_unit_test(a_lease_that_nobody_renews_ends),
		cmocka_unit_test(inform_is_answered_to_who_asked),
		cmocka_unit_test(with_all_addresses_taken_there_is_silence),
		cmocka_unit_test(who_is_nobody_gets_nothing),
		cmocka_unit_test(what_cannot_be_published_is_refused),
		cmocka_unit_test(each_guest_gets_the_answers_to_its_own),
		cmocka_unit_test(a_slow_guest_holds_up_nobody_else),
		cmocka_unit_test(frames_for_other_guests_are_none_of_ours),
		cmocka_unit_test(a_full_table_takes_from_whoever_has_the_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
