/* ARP: who is there. */
#include "nat_fixture.h"

static void ask(struct nat_rig *r, uint32_t sender_ip, uint32_t target_ip)
{
	struct wire_arp a = { .op = WIRE_ARP_REQUEST,
			      .sender_ip = sender_ip,
			      .target_ip = target_ip };
	struct wire_ether e = { .type = WIRE_TYPE_ARP };
	uint8_t bytes[WIRE_ETHER_BYTES + WIRE_ARP_BYTES];

	memset(e.dst, 0xff, sizeof(e.dst));
	memcpy(e.src, r->fake.nic.mac, sizeof(e.src));
	memcpy(a.sender_mac, r->fake.nic.mac, sizeof(a.sender_mac));
	wire_ether_emit(&e, bytes);
	wire_arp_emit(&a, bytes + WIRE_ETHER_BYTES);
	fake_nic_send(&r->fake, r->net, bytes, sizeof(bytes), NULL);
}

static struct wire_arp answer(struct nat_rig *r)
{
	const struct fake_frame *f = fake_nic_next(&r->fake);
	struct wire_arp a;

	assert_non_null(f);
	assert_int_equal(be16_load(f->bytes + 12), WIRE_TYPE_ARP);
	assert_memory_equal(f->bytes, r->fake.nic.mac, NET_MAC_BYTES);
	assert_int_equal(wire_arp_parse(f->bytes + 14, f->len - 14, &a), 0);
	assert_int_equal(a.op, WIRE_ARP_REPLY);
	assert_memory_equal(f->bytes + 6, a.sender_mac, NET_MAC_BYTES);
	assert_memory_equal(a.target_mac, r->fake.nic.mac, NET_MAC_BYTES);
	return a;
}

static void the_router_and_the_name_server_are_there(void **state)
{
	struct nat_rig r;
	struct wire_arp a;

	(void)state;
	rig_start(&r, NULL);
	ask(&r, GUEST, GATEWAY);
	a = answer(&r);
	assert_int_equal(a.sender_ip, GATEWAY);
	assert_int_equal(a.target_ip, GUEST);
	assert_memory_equal(a.sender_mac, r.n->gateway_mac, NET_MAC_BYTES);
	ask(&r, GUEST, DNS);
	assert_memory_equal(answer(&r).sender_mac, r.n->dns_mac, NET_MAC_BYTES);
	rig_end(&r);
}

static void nobody_else_is(void **state)
{
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	ask(&r, GUEST, NAT_NETWORK | 4);
	ask(&r, 0, GUEST);     /* a probe of its own address to be: RFC 5227 */
	ask(&r, GUEST, GUEST); /* gratuitous */
	ask(&r, GUEST, 0x01010101);
	assert_null(fake_nic_next(&r.fake));
	ask(&r, 0, GATEWAY); /* a probe of ours is told that it is taken */
	assert_int_equal(answer(&r).sender_ip, GATEWAY);
	rig_end(&r);
}

static void packets_go_to_where_the_guest_last_spoke_from(void **state)
{
	struct nat_rig r;
	uint8_t first[NET_MAC_BYTES];

	(void)state;
	rig_start(&r, NULL);
	memcpy(first, r.fake.nic.mac, sizeof(first));
	assert_memory_equal(r.n->guest_mac, first, sizeof(first));
	r.fake.nic.mac[5] ^= 1; /* the guest changes its address */
	ask(&r, GUEST, GUEST);
	assert_memory_equal(r.n->guest_mac, r.fake.nic.mac, sizeof(first));
	rig_end(&r);
}

static void answers_wait_for_buffers_but_not_without_end(void **state)
{
	struct nat_rig r;
	unsigned count = 0;

	(void)state;
	rig_start(&r, NULL);
	r.fake.room_count = 0;
	for (unsigned i = 0; i < 100; i++)
		ask(&r, GUEST, GATEWAY);
	assert_int_equal(r.n->stats.no_room, 100 - NAT_SMALL_COUNT);
	assert_int_equal(r.fake.dropped_count, 100 - NAT_SMALL_COUNT);
	r.fake.room_count = 200;
	net_rx_ready(r.net, 0);
	while (fake_nic_next(&r.fake))
		count++;
	assert_int_equal(count, NAT_SMALL_COUNT);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_router_and_the_name_server_are_there),
		cmocka_unit_test(nobody_else_is),
		cmocka_unit_test(packets_go_to_where_the_guest_last_spoke_from),
		cmocka_unit_test(answers_wait_for_buffers_but_not_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
