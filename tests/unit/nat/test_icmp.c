/* Pings, and what goes wrong. */
#include "nat_fixture.h"

#include "own_network.h"

static void frame_ping(struct frame *f, uint32_t dst, uint16_t id, uint16_t seq, size_t len)
{
	const struct wire_icmp i = { WIRE_ICMP_ECHO, 0, (uint32_t)id << 16 | seq };

	frame_ip(f, GUEST, dst, WIRE_PROTO_ICMP, 8 + len);
	wire_icmp_emit(&i, f->bytes + L4_AT);
	for (size_t k = 0; k < len; k++)
		f->bytes[L4_AT + 8 + k] = (uint8_t)(k * 3);
	frame_sum(f, 2);
}

static struct frame f;

static void the_router_answers_itself(void **state)
{
	const uint32_t ours[] = { GATEWAY, DNS };
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	for (unsigned i = 0; i < ARRAY_LEN(ours); i++) {
		const struct fake_frame *came;

		frame_ping(&f, ours[i], 77, 3, 56);
		rig_send(&r, &f);
		came = fake_nic_next(&r.fake);
		assert_non_null(came);
		assert_int_equal(came_ip(came).src, ours[i]);
		assert_int_equal(came_icmp(came).type, WIRE_ICMP_ECHO_REPLY);
		assert_int_equal(came_icmp(came).rest, 77u << 16 | 3);
		assert_int_equal(came->len, f.len);
		assert_memory_equal(came->bytes + L4_AT + 8, f.bytes + L4_AT + 8, 56);
	}
	rig_end(&r);
}

static const struct nat_config with_host = { .host_loopback = true };
static bool alone; /* in a network of our own */

static void allow_pings(bool on)
{
	if (!alone || !write_text("/proc/sys/net/ipv4/ping_group_range", on ? "0 0" : "1 0"))
		skip();
}

static void a_ping_goes_out_and_its_answer_comes_back(void **state)
{
	const struct fake_frame *came;
	struct nat_rig r;

	(void)state;
	allow_pings(true);
	rig_start(&r, &with_host);
	r.fake.piece_bytes = 50;
	for (uint16_t seq = 9; seq < 12; seq++) {
		frame_ping(&f, OWN_IP, 0xbeef, seq, 333);
		rig_send(&r, &f);
		came = rig_next(&r);
		assert_int_equal(came_icmp(came).type, WIRE_ICMP_ECHO_REPLY);
		assert_int_equal(came_icmp(came).rest, UINT32_C(0xbeef0000) | seq);
		assert_int_equal(came_ip(came).src, OWN_IP);
		assert_int_equal(came->len, f.len);
		assert_memory_equal(came->bytes + L4_AT + 8, f.bytes + L4_AT + 8, 333);
	}
	assert_int_equal(r.n->stats.flows, 1);
	rig_pass(&r, 31 * NS_PER_S);
	assert_int_equal(nat_timers_next_ns(&r.n->timers), NAT_NEVER);
	rig_end(&r);
}

static void pings_are_bounded(void **state)
{
	struct nat_rig r;

	(void)state;
	allow_pings(true);
	rig_start(&r, &with_host);
	for (uint16_t id = 0; id < 200; id++) {
		frame_ping(&f, OWN_IP, id, 1, 8);
		rig_send(&r, &f);
	}
	assert_int_equal(r.n->stats.flows, 200);
	assert_int_equal(r.n->stats.evicted, 200 - 64);
	rig_end(&r);
}

static void where_the_host_allows_no_pings_none_is_made_up(void **state)
{
	struct nat_rig r;

	(void)state;
	allow_pings(false);
	rig_start(&r, &with_host);
	frame_ping(&f, OWN_IP, 1, 1, 8);
	rig_send(&r, &f);
	assert_int_equal(came_icmp(rig_next(&r)).code, WIRE_ICMP_PROHIBITED);
	rig_quiet(&r);
	rig_end(&r);
}

static void a_host_without_a_route_is_unreachable(void **state)
{
	struct nat_rig r;

	(void)state;
	allow_pings(true);
	rig_start(&r, NULL);
	frame_ping(&f, 0xc6336401, 1, 1, 8);
	rig_send(&r, &f);
	assert_int_equal(came_icmp(rig_next(&r)).code, WIRE_ICMP_HOST);
	rig_send_udp(&r, 1, 0xc6336401, 9, "x", 1);
	assert_int_equal(came_icmp(rig_next(&r)).code, WIRE_ICMP_HOST);
	assert_int_equal(r.n->stats.flows, 0);
	rig_end(&r);
}

static void a_ping_of_the_hosts_loopback_is_refused(void **state)
{
	const struct fake_frame *came;
	struct nat_rig r;

	(void)state;
	rig_start(&r, &with_host);
	frame_ping(&f, NAT_LOOPBACK, 1, 1, 8);
	rig_send(&r, &f);
	came = rig_next(&r);
	assert_int_equal(came_icmp(came).code, WIRE_ICMP_PROHIBITED);
	assert_int_equal(came_ip(came).src, GATEWAY);
	/* It quotes the packet: IP header and more. */
	assert_memory_equal(came->bytes + L4_AT + 8, f.bytes + 14, f.len - 14);
	rig_end(&r);
}

static void set_ttl(struct frame *frame, uint8_t ttl)
{
	struct wire_ip4 ip;

	assert_int_equal(wire_ip4_parse(frame->bytes + 14, 20, frame->len - 14, &ip), 0);
	ip.ttl = ttl;
	wire_ip4_emit(&ip, frame->bytes + 14);
}

static void a_packet_at_the_end_of_its_life_names_the_router(void **state)
{
	const struct fake_frame *came;
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	frame_udp(&f, GUEST, 33000, 0xc6336401, 33434, "x", 1);
	set_ttl(&f, 1);
	rig_send(&r, &f);
	came = rig_next(&r);
	assert_int_equal(came_icmp(came).type, WIRE_ICMP_TIME_EXCEEDED);
	assert_int_equal(came_ip(came).src, GATEWAY);
	assert_int_equal(r.n->stats.flows, 0);
	rig_end(&r);
}

static void an_unknown_protocol_is_said_to_be_unknown(void **state)
{
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	frame_ip(&f, GUEST, 0xc6336401, 47, 20);
	rig_send(&r, &f);
	assert_int_equal(came_icmp(rig_next(&r)).code, WIRE_ICMP_PROTOCOL);
	assert_int_equal(r.n->stats.unsupported, 1);
	rig_end(&r);
}

static void nothing_is_said_about_an_error_or_to_a_crowd(void **state)
{
	const struct wire_icmp error = { WIRE_ICMP_UNREACHABLE, WIRE_ICMP_PORT, 0 };
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	for (uint8_t ttl = 1; ttl < 3; ttl++) {
		frame_ip(&f, GUEST, 0xc6336401, WIRE_PROTO_ICMP, 36);
		wire_icmp_emit(&error, f.bytes + L4_AT);
		frame_sum(&f, 2);
		set_ttl(&f, ttl);
		rig_send(&r, &f);
	}
	frame_ip(&f, GUEST, 0xe0000001, 47, 20); /* multicast */
	rig_send(&r, &f);
	frame_ip(&f, GUEST, UINT32_MAX, 47, 20);
	rig_send(&r, &f);
	frame_ip(&f, GUEST, 0xc6336401, 47, 20);
	memset(f.bytes, 0xff, 6); /* to all by Ethernet */
	rig_send(&r, &f);
	rig_quiet(&r);
	rig_end(&r);
}

static void wrong_frames_are_dropped_and_counted(void **state)
{
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	frame_ping(&f, GATEWAY, 1, 1, 8);
	f.bytes[L4_AT + 9] ^= 1; /* the payload, under the checksum */
	rig_send(&r, &f);
	assert_int_equal(r.n->stats.malformed, 1);
	frame_ping(&f, GATEWAY, 1, 1, 8);
	f.bytes[14 + 8] ^= 1; /* the IP header, under its own */
	rig_send(&r, &f);
	assert_int_equal(r.n->stats.malformed, 2);
	frame_ping(&f, GATEWAY, 1, 1, 8);
	fake_nic_send(&r.fake, r.net, f.bytes, f.len - 1, NULL);
	assert_int_equal(r.n->stats.malformed, 3);
	for (size_t len = 0; len < L4_AT; len++)
		fake_nic_send(&r.fake, r.net, f.bytes, len, NULL);
	assert_int_equal(r.n->stats.malformed, 3 + L4_AT);
	rig_quiet(&r);
	rig_end(&r);
}

static void fragments_are_dropped_and_counted(void **state)
{
	struct wire_ip4 ip = { .src = GUEST,
			       .dst = GATEWAY,
			       .proto = WIRE_PROTO_ICMP,
			       .ttl = 64,
			       .total_bytes = 36,
			       .more_fragments = true };
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	frame_ping(&f, GATEWAY, 1, 1, 8);
	wire_ip4_emit(&ip, f.bytes + 14);
	rig_send(&r, &f);
	ip.more_fragments = false;
	ip.fragment_at = 1480;
	wire_ip4_emit(&ip, f.bytes + 14);
	rig_send(&r, &f);
	assert_int_equal(r.n->stats.fragments, 2);
	rig_quiet(&r);
	rig_end(&r);
}

static void only_a_host_of_the_network_may_send(void **state)
{
	static const uint32_t strangers[] = { 0x0a000302, 0xc0a80101,  NAT_LOOPBACK,	  GATEWAY,
					      DNS,	  NAT_NETWORK, NAT_NETWORK | 255, 0 };
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	for (unsigned i = 0; i < ARRAY_LEN(strangers); i++) {
		frame_ping(&f, GATEWAY, 1, 1, 8);
		frame_ip(&f, strangers[i], GATEWAY, WIRE_PROTO_ICMP, 16);
		rig_send(&r, &f);
	}
	assert_int_equal(r.n->stats.refused, ARRAY_LEN(strangers));
	rig_quiet(&r);
	frame_ip(&f, NAT_NETWORK | 77, GATEWAY, WIRE_PROTO_ICMP, 16);
	rig_send(&r, &f);
	assert_int_equal(came_ip(rig_next(&r)).dst, NAT_NETWORK | 77);
	rig_end(&r);
}

static void options_of_ip_are_stepped_over(void **state)
{
	struct nat_rig r;
	uint8_t icmp[16];

	(void)state;
	rig_start(&r, NULL);
	frame_ping(&f, GATEWAY, 1, 1, 8);
	memcpy(icmp, f.bytes + L4_AT, sizeof(icmp));
	f.bytes[14] = 0x4f; /* 60 bytes: 40 of NOP */
	be16_store(f.bytes + 16, 76);
	memset(f.bytes + L4_AT, 1, 40);
	memcpy(f.bytes + 74, icmp, sizeof(icmp));
	be16_store(f.bytes + 24, 0);
	be16_store(f.bytes + 24, (uint16_t)~wire_sum_fold(wire_sum(0, f.bytes + 14, 60)));
	f.len = 90;
	rig_send(&r, &f);
	assert_int_equal(came_icmp(rig_next(&r)).type, WIRE_ICMP_ECHO_REPLY);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_router_answers_itself),
		cmocka_unit_test(a_ping_goes_out_and_its_answer_comes_back),
		cmocka_unit_test(pings_are_bounded),
		cmocka_unit_test(where_the_host_allows_no_pings_none_is_made_up),
		cmocka_unit_test(a_host_without_a_route_is_unreachable),
		cmocka_unit_test(a_ping_of_the_hosts_loopback_is_refused),
		cmocka_unit_test(a_packet_at_the_end_of_its_life_names_the_router),
		cmocka_unit_test(an_unknown_protocol_is_said_to_be_unknown),
		cmocka_unit_test(nothing_is_said_about_an_error_or_to_a_crowd),
		cmocka_unit_test(wrong_frames_are_dropped_and_counted),
		cmocka_unit_test(fragments_are_dropped_and_counted),
		cmocka_unit_test(only_a_host_of_the_network_may_send),
		cmocka_unit_test(options_of_ip_are_stepped_over),
	};

	alone = own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
