/* UDP: flows of the guest's, published ports, and the policy that both obey. */
#include "nat_fixture.h"

#include <errno.h>
#include <sys/resource.h>

#include "nat/udp_internal.h"

static const struct nat_config with_host = { .host_loopback = true };

static void a_datagram_goes_out_and_its_answer_comes_back(void **state)
{
	struct nat_rig r;
	struct sockaddr_in from;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	const struct fake_frame *f;
	char bytes[32];

	(void)state;
	rig_start(&r, &with_host);
	rig_send_udp(&r, 4000, GATEWAY, port, "question", 8);
	assert_int_equal(host_receive(fd, bytes, sizeof(bytes), &from), 8);
	assert_memory_equal(bytes, "question", 8);
	host_send(fd, &from, "answer", 6);
	f = rig_next(&r);
	assert_int_equal(came_ip(f).src, GATEWAY);
	assert_int_equal(came_ip(f).dst, GUEST);
	assert_int_equal(came_udp(f).src_port, port);
	assert_int_equal(came_udp(f).dst_port, 4000);
	assert_memory_equal(f->bytes + L4_AT + 8, "answer", 6);
	assert_memory_equal(f->bytes, r.fake.nic.mac, NET_MAC_BYTES);
	rig_end(&r);
	close(fd);
}

static void a_stranger_gets_nothing_into_a_flow(void **state)
{
	struct nat_rig r;
	struct sockaddr_in from;
	uint16_t port, other;
	const int fd = host_socket(SOCK_DGRAM, &port), stranger = host_socket(SOCK_DGRAM, &other);
	char bytes[32];

	(void)state;
	rig_start(&r, &with_host);
	rig_send_udp(&r, 4000, GATEWAY, port, "question", 8);
	host_receive(fd, bytes, sizeof(bytes), &from);
	host_send(stranger, &from, "poison", 6);
	rig_quiet(&r);
	rig_end(&r);
	close(fd);
	close(stranger);
}

static void datagrams_of_one_pair_of_ports_share_a_socket(void **state)
{
	struct nat_rig r;
	struct sockaddr_in from[3];
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	char bytes[32];

	(void)state;
	rig_start(&r, &with_host);
	for (unsigned i = 0; i < 3; i++) {
		rig_send_udp(&r, i < 2 ? 4000 : 4001, GATEWAY, port, "x", 1);
		host_receive(fd, bytes, sizeof(bytes), &from[i]);
	}
	assert_int_equal(from[0].sin_port, from[1].sin_port);
	assert_int_not_equal(from[0].sin_port, from[2].sin_port);
	assert_int_equal(r.n->stats.flows, 2);
	rig_end(&r);
	close(fd);
}

static void an_empty_datagram_is_one_all_the_same(void **state)
{
	struct nat_rig r;
	struct sockaddr_in from;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	char bytes[8];

	(void)state;
	rig_start(&r, &with_host);
	rig_send_udp(&r, 4000, GATEWAY, port, "", 0);
	assert_int_equal(host_receive(fd, bytes, sizeof(bytes), &from), 0);
	host_send(fd, &from, "", 0);
	assert_int_equal(came_udp(rig_next(&r)).len, 8);
	rig_end(&r);
	close(fd);
}

/* Put together the fragments of one datagram. */
static size_t reassemble(struct nat_rig *r, uint8_t *to)
{
	bool more = true;
	size_t len = 0;
	uint16_t id = 0;

	while (more) {
		const struct fake_frame *f = rig_next(r);
		const struct wire_ip4 ip = came_ip(f);

		assert_true(f->len <= 14 + 1500);
		assert_int_equal(ip.fragment_at, len);
		assert_true(len == 0 || ip.id == id);
		id = ip.id;
		memcpy(to + len, f->bytes + L4_AT, f->len - L4_AT);
		len += f->len - L4_AT;
		more = ip.more_fragments;
	}
	return len;
}

static void what_is_longer_than_the_guests_mtu_comes_in_fragments(void **state)
{
	static uint8_t sent[5000], got[6000];
	struct nat_rig r;
	struct sockaddr_in from;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	struct wire_udp udp;
	uint64_t sum;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 >> 3);
	rig_start(&r, &with_host);
	r.fake.piece_bytes = 700;
	rig_send_udp(&r, 4000, GATEWAY, port, "x", 1);
	host_receive(fd, got, sizeof(got), &from);
	host_send(fd, &from, sent, sizeof(sent));
	len = reassemble(&r, got);
	assert_int_equal(len, 8 + sizeof(sent));
	assert_int_equal(wire_udp_parse(got, len, len, &udp), 0);
	assert_int_equal(udp.len, len);
	assert_memory_equal(got + 8, sent, sizeof(sent));
	sum = wire_sum_pseudo(GATEWAY, GUEST, WIRE_PROTO_UDP, (uint32_t)len);
	assert_int_equal(wire_sum_fold(wire_sum(sum, got, len)), 0xffff);
	rig_end(&r);
	close(fd);
}

static void a_closed_port_of_the_hosts_is_unreachable(void **state)
{
	struct nat_rig r;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	const struct fake_frame *f;
	struct wire_icmp icmp;

	(void)state;
	close(fd);
	rig_start(&r, &with_host);
	rig_send_udp(&r, 4000, GATEWAY, port, "hello", 5);
	f = rig_next(&r);
	icmp = came_icmp(f);
	assert_int_equal(icmp.type, WIRE_ICMP_UNREACHABLE);
	assert_int_equal(icmp.code, WIRE_ICMP_PORT);
	assert_int_equal(came_ip(f).src, GATEWAY);
	/* What it quotes is what the guest sent. */
	assert_int_equal(be32_load(f->bytes + L4_AT + 8 + 12), GUEST);
	assert_int_equal(be32_load(f->bytes + L4_AT + 8 + 16), GATEWAY);
	assert_int_equal(be16_load(f->bytes + L4_AT + 28), 4000);
	assert_int_equal(be16_load(f->bytes + L4_AT + 30), port);
	assert_memory_equal(f->bytes + L4_AT + 36, "hello", 5);
	/* And the next ones are sent all the same: each is told of. */
	for (unsigned i = 0; i < 3; i++)
		rig_send_udp(&r, 4000, GATEWAY, port, "again", 5);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(came_icmp(rig_next(&r)).code, WIRE_ICMP_PORT);
	rig_end(&r);
}

static void an_idle_flow_ends_and_a_busy_one_does_not(void **state)
{
	struct nat_rig r;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);

	(void)state;
	rig_start(&r, &with_host);
	rig_send_udp(&r, 4000, GATEWAY, port, "x", 1);
	rig_send_udp(&r, 4001, GATEWAY, port, "x", 1);
	for (unsigned i = 0; i < 5; i++) {
		rig_pass(&r, 20 * NS_PER_S);
		rig_send_udp(&r, 4001, GATEWAY, port, "x", 1);
	}
	assert_int_equal(r.n->stats.flows, 2);
	assert_int_equal(r.n->udp->flows.count, 1);
	assert_int_equal(r.n->udp->flows.newest->key.guest_port, 4001);
	rig_pass(&r, 61 * NS_PER_S);
	assert_int_equal(r.n->udp->flows.count, 0);
	assert_int_equal(nat_timers_next_ns(&r.n->timers), NAT_NEVER);
	rig_end(&r);
	close(fd);
}

static void the_least_recently_used_flow_makes_room(void **state)
{
	struct nat_rig r;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	const struct nat_flow_key first = { GUEST, GATEWAY, 1000, port },
				  second = { GUEST, GATEWAY, 1001, port };

	(void)state;
	rig_start(&r, &with_host);
	for (uint16_t i = 0; i < 512; i++)
		rig_send_udp(&r, (uint16_t)(1000 + i), GATEWAY, port, "x", 1);
	rig_send_udp(&r, 1000, GATEWAY, port, "x", 1);
	rig_send_udp(&r, 5000, GATEWAY, port, "x", 1);
	assert_int_equal(r.n->udp->flows.count, 512);
	assert_int_equal(r.n->stats.evicted, 1);
	assert_non_null(nat_flow_find(&r.n->udp->flows, &first));
	assert_null(nat_flow_find(&r.n->udp->flows, &second));
	rig_end(&r);
	close(fd);
}

static void a_guest_without_buffers_loses_nothing(void **state)
{
	struct nat_rig r;
	struct sockaddr_in from;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	char bytes[32];

	(void)state;
	rig_start(&r, &with_host);
	rig_send_udp(&r, 4000, GATEWAY, port, "x", 1);
	host_receive(fd, bytes, sizeof(bytes), &from);
	r.fake.room_count = 1;
	for (char c = 'a'; c <= 'd'; c++)
		host_send(fd, &from, &c, 1);
	assert_int_equal(rig_next(&r)->bytes[L4_AT + 8], 'a');
	rig_quiet(&r);
	assert_true(r.fake.refused_count < 5); /* it does not ask again and again */
	r.fake.room_count = 2;
	net_rx_ready(r.net, 0);
	assert_int_equal(rig_next(&r)->bytes[L4_AT + 8], 'b');
	assert_int_equal(rig_next(&r)->bytes[L4_AT + 8], 'c');
	r.fake.room_count = 9;
	net_rx_ready(r.net, 0);
	assert_int_equal(rig_next(&r)->bytes[L4_AT + 8], 'd');
	/* The loop watches it again. */
	host_send(fd, &from, "e", 1);
	assert_int_equal(rig_next(&r)->bytes[L4_AT + 8], 'e');
	rig_end(&r);
	close(fd);
}

static void flows_survive_that_the_guests_rings_stop_and_start(void **state)
{
	struct nat_rig r;
	struct sockaddr_in from;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	struct ioloop *other;
	char bytes[8];

	(void)state;
	rig_start(&r, &with_host);
	rig_send_udp(&r, 4000, GATEWAY, port, "x", 1);
	host_receive(fd, bytes, sizeof(bytes), &from);
	net_stop(r.net, 0);
	host_send(fd, &from, "y", 1);
	rig_quiet(&r);
	assert_int_equal(ioloop_create(IO_ENGINE_THREADS, &other, NULL), 0);
	ioloop_destroy(r.loop);
	r.loop = other;
	net_start(r.net, 0, other);
	assert_int_equal(rig_next(&r)->bytes[L4_AT + 8], 'y');
	rig_end(&r);
	close(fd);
}

static void the_guest_may_make_the_checksum_itself(void **state)
{
	struct nat_rig r;
	struct sockaddr_in from;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	const struct fake_frame *f;
	char bytes[8];
	uint64_t sum;

	(void)state;
	rig_start(&r, &with_host);
	net_offloads(r.net, NET_CAN_CSUM | NET_CAN_TSO4);
	rig_send_udp(&r, 4000, GATEWAY, port, "x", 1);
	host_receive(fd, bytes, sizeof(bytes), &from);
	host_send(fd, &from, "answer", 6);
	f = rig_next(&r);
	assert_true(f->offload.needs_csum);
	assert_int_equal(f->offload.csum_start, L4_AT);
	assert_int_equal(f->offload.csum_offset, WIRE_UDP_CSUM_OFFSET);
	assert_int_equal(f->offload.gso, NET_GSO_NONE);
	sum = wire_sum_pseudo(GATEWAY, GUEST, WIRE_PROTO_UDP, 14);
	assert_int_equal(be16_load(f->bytes + L4_AT + 6), wire_sum_fold(sum));
	rig_end(&r);
	close(fd);
}

static void a_checksum_left_to_us_is_not_looked_at(void **state)
{
	struct nat_rig r;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	const struct net_offload left = { .needs_csum = true,
					  .csum_start = L4_AT,
					  .csum_offset = WIRE_UDP_CSUM_OFFSET };
	static struct frame f;
	char bytes[8];

	(void)state;
	rig_start(&r, &with_host);
	frame_udp(&f, GUEST, 4000, GATEWAY, port, "wrong", 5);
	f.bytes[L4_AT + 6] ^= 1;
	rig_send(&r, &f);
	assert_int_equal(r.n->stats.malformed, 1);
	fake_nic_send(&r.fake, r.net, f.bytes, f.len, &left);
	net_flush(r.net, 0);
	assert_int_equal(host_receive(fd, bytes, sizeof(bytes), NULL), 5);
	/* Nor one that is not there. */
	be16_store(f.bytes + L4_AT + 6, 0);
	rig_send(&r, &f);
	net_flush(r.net, 0);
	assert_int_equal(host_receive(fd, bytes, sizeof(bytes), NULL), 5);
	assert_int_equal(r.n->stats.malformed, 1);
	rig_end(&r);
	close(fd);
}

static void without_descriptors_the_oldest_flow_gives_up_its_own(void **state)
{
	struct rlimit before, few;
	struct nat_rig r;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	char bytes[8];

	(void)state;
	rig_start(&r, &with_host);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)fd + 20;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (uint16_t i = 0; i < 100; i++) {
		rig_send_udp(&r, (uint16_t)(4000 + i), GATEWAY, port, "x", 1);
		assert_int_equal(host_receive(fd, bytes, sizeof(bytes), NULL), 1);
	}
	assert_true(r.n->stats.evicted >= 80);
	assert_int_equal(r.n->stats.no_socket, 0);
	/* Not even one: nothing is sent, and nothing breaks. */
	nat_flow_end_all(&r.n->udp->flows);
	few.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	rig_send_udp(&r, 4000, GATEWAY, port, "x", 1);
	assert_int_equal(r.n->stats.no_socket, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	rig_end(&r);
	close(fd);
}

static void a_network_that_is_left_leaves_no_descriptor(void **state)
{
	const struct nat_publish p = { NAT_UDP, NAT_LOOPBACK, 0, 53, "udp::0:53" };
	const struct nat_config c = { .host_loopback = true, .publishes = &p, .publish_count = 1 };
	struct nat_rig r;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	const int before = dup(fd);
	int after;

	(void)state;
	close(before);
	rig_start(&r, &c);
	for (uint16_t i = 0; i < 20; i++)
		rig_send_udp(&r, (uint16_t)(4000 + i), GATEWAY, port, "x", 1);
	rig_end(&r);
	after = dup(fd);
	assert_int_equal(after, before);
	close(after);
	close(fd);
}

static void what_is_not_for_the_guest_alone_is_refused_or_ignored(void **state)
{
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	rig_send_udp(&r, 4000, GATEWAY, 9, "x", 1);
	assert_int_equal(came_icmp(rig_next(&r)).code, WIRE_ICMP_PORT);
	rig_send_udp(&r, 4000, NAT_LOOPBACK, 9, "x", 1);
	assert_int_equal(came_icmp(rig_next(&r)).code, WIRE_ICMP_PROHIBITED);
	rig_send_udp(&r, 4000, 0xe00000fb, 5353, "x", 1);
	rig_send_udp(&r, 4000, NAT_NETWORK | 255, 9, "x", 1);
	rig_quiet(&r);
	assert_int_equal(r.n->stats.refused, 4);
	assert_int_equal(r.n->stats.flows, 0);
	rig_end(&r);
}

/* The time to live of a datagram that the host received. */
static int received_ttl(int fd)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control;
	uint8_t byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	int ttl;

	assert_int_equal(recvmsg(fd, &msg, 0), 1);
	assert_int_equal(CMSG_FIRSTHDR(&msg)->cmsg_type, IP_TTL);
	memcpy(&ttl, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(ttl));
	return ttl;
}

static void few_hops_are_as_few_for_the_host(void **state)
{
	static const uint8_t ttls[] = { 64, 5, 5, 2, 255 };
	static const int seen[] = { 0, 4, 4, 1, 0 };
	static struct frame f;
	struct nat_rig r;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port), on = 1;
	struct wire_ip4 ip;
	int usual = 0;

	(void)state;
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)), 0);
	rig_start(&r, &with_host);
	for (unsigned i = 0; i < ARRAY_LEN(ttls); i++) {
		int ttl;

		frame_udp(&f, GUEST, 4000, GATEWAY, port, "x", 1);
		assert_int_equal(wire_ip4_parse(f.bytes + 14, 20, f.len - 14, &ip), 0);
		ip.ttl = ttls[i];
		wire_ip4_emit(&ip, f.bytes + 14);
		rig_send(&r, &f);
		net_flush(r.net, 0);
		ttl = received_ttl(fd);
		if (i == 0)
			usual = ttl;
		assert_int_equal(ttl, seen[i] ? seen[i] : usual);
	}
	rig_end(&r);
	close(fd);
}

static void lengths_that_lie_are_malformed(void **state)
{
	static struct frame f;
	struct nat_rig r;

	(void)state;
	rig_start(&r, &with_host);
	for (unsigned i = 0; i < 3; i++) {
		static const uint16_t lengths[] = { 7, 100, 0 };

		frame_udp(&f, GUEST, 4000, GATEWAY, 9, "hello", 5);
		be16_store(f.bytes + L4_AT + 4, lengths[i]);
		frame_sum(&f, WIRE_UDP_CSUM_OFFSET);
		rig_send(&r, &f);
		assert_int_equal(r.n->stats.malformed, i + 1);
	}
	frame_udp(&f, GUEST, 4000, GATEWAY, 0, "hello", 5);
	rig_send(&r, &f);
	assert_int_equal(r.n->stats.malformed, 4);
	rig_quiet(&r);
	rig_end(&r);
}

/* ---- published ports ------------------------------------------------------------------------ */

static void start_published(struct nat_rig *r, bool restrict_)
{
	const struct nat_publish p[] = {
		{ NAT_UDP, NAT_LOOPBACK, 0, 53, "udp::0:53" },
		{ NAT_UDP, NAT_LOOPBACK, 0, 99, "udp::0:99" },
	};
	const struct nat_config c = { .publishes = p, .publish_count = 2, .restrict_ = restrict_ };

	rig_start(r, &c);
}

static void a_published_port_leads_to_the_guest_and_back(void **state)
{
	struct nat_rig r;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	struct sockaddr_in to, from;
	const struct fake_frame *f;
	char bytes[32];

	(void)state;
	start_published(&r, true); /* restrict keeps nobody out of these */
	assert_int_not_equal(nat_published(r.net, 0), 0);
	assert_int_not_equal(nat_published(r.net, 0), nat_published(r.net, 1));
	to = host_address(NAT_LOOPBACK, nat_published(r.net, 1));
	host_send(fd, &to, "hello", 5);
	f = rig_next(&r);
	assert_int_equal(came_ip(f).src, GATEWAY);
	assert_int_equal(came_udp(f).dst_port, 99);
	assert_int_equal(came_udp(f).src_port, port);
	rig_send_udp(&r, 99, GATEWAY, came_udp(f).src_port, "welcome", 7);
	assert_int_equal(host_receive(fd, bytes, sizeof(bytes), &from), 7);
	assert_memory_equal(&from.sin_port, &to.sin_port, sizeof(to.sin_port));
	rig_end(&r);
	close(fd);
}

static void peers_with_the_same_port_have_ports_of_their_own(void **state)
{
	struct nat_rig r;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	const int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in second = host_address(0x7f000002, port);
	struct sockaddr_in to;
	uint16_t seen[3];
	char bytes[8];

	(void)state;
	start_published(&r, false);
	to = host_address(NAT_LOOPBACK, nat_published(r.net, 0));
	assert_int_equal(bind(other, (const struct sockaddr *)&second, sizeof(second)), 0);
	host_send(fd, &to, "1", 1);
	seen[0] = came_udp(rig_next(&r)).src_port;
	host_send(other, &to, "2", 1);
	seen[1] = came_udp(rig_next(&r)).src_port;
	host_send(other, &to, "3", 1);
	seen[2] = came_udp(rig_next(&r)).src_port;
	assert_int_not_equal(seen[0], seen[1]);
	assert_int_equal(seen[1], seen[2]);
	rig_send_udp(&r, 53, GATEWAY, seen[1], "two", 3);
	assert_int_equal(host_receive(other, bytes, sizeof(bytes), NULL), 3);
	rig_send_udp(&r, 53, GATEWAY, seen[0], "one!", 4);
	assert_int_equal(host_receive(fd, bytes, sizeof(bytes), NULL), 4);
	rig_end(&r);
	close(fd);
	close(other);
}

static void an_answer_comes_from_where_the_question_went(void **state)
{
	const struct nat_publish p = { NAT_UDP, 0, 0, 53, "udp:0.0.0.0:0:53" };
	const struct nat_config c = { .publishes = &p, .publish_count = 1 };
	struct nat_rig r;
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	struct sockaddr_in to;
	char bytes[8];

	(void)state;
	rig_start(&r, &c);
	to = host_address(0x7f000009, nat_published(r.net, 0));
	/* Connected: from another address nothing would come through. */
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	rig_send_udp(&r, 53, GATEWAY, came_udp(rig_next(&r)).src_port, "yz", 2);
	assert_int_equal(host_receive(fd, bytes, sizeof(bytes), NULL), 2);
	rig_end(&r);
	close(fd);
}

static void a_port_in_use_is_said_before_anything_starts(void **state)
{
	uint16_t port;
	const int fd = host_socket(SOCK_DGRAM, &port);
	const struct nat_publish p = { NAT_UDP, NAT_LOOPBACK, port, 53, "udp:127.0.0.1:x:53" };
	const struct nat_config c = { .publishes = &p, .publish_count = 1 };
	struct net *net = NULL;
	struct err err;

	(void)state;
	assert_int_equal(nat_create(&c, &net, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "udp:127.0.0.1:x:53"));
	assert_non_null(strstr(err.text, "in use"));
	assert_null(net);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_goes_out_and_its_answer_comes_back),
		cmocka_unit_test(a_stranger_gets_nothing_into_a_flow),
		cmocka_unit_test(datagrams_of_one_pair_of_ports_share_a_socket),
		cmocka_unit_test(an_empty_datagram_is_one_all_the_same),
		cmocka_unit_test(what_is_longer_than_the_guests_mtu_comes_in_fragments),
		cmocka_unit_test(a_closed_port_of_the_hosts_is_unreachable),
		cmocka_unit_test(an_idle_flow_ends_and_a_busy_one_does_not),
		cmocka_unit_test(the_least_recently_used_flow_makes_room),
		cmocka_unit_test(a_guest_without_buffers_loses_nothing),
		cmocka_unit_test(flows_survive_that_the_guests_rings_stop_and_start),
		cmocka_unit_test(the_guest_may_make_the_checksum_itself),
		cmocka_unit_test(a_checksum_left_to_us_is_not_looked_at),
		cmocka_unit_test(without_descriptors_the_oldest_flow_gives_up_its_own),
		cmocka_unit_test(a_network_that_is_left_leaves_no_descriptor),
		cmocka_unit_test(what_is_not_for_the_guest_alone_is_refused_or_ignored),
		cmocka_unit_test(few_hops_are_as_few_for_the_host),
		cmocka_unit_test(lengths_that_lie_are_malformed),
		cmocka_unit_test(a_published_port_leads_to_the_guest_and_back),
		cmocka_unit_test(peers_with_the_same_port_have_ports_of_their_own),
		cmocka_unit_test(an_answer_comes_from_where_the_question_went),
		cmocka_unit_test(a_port_in_use_is_said_before_anything_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
