/* Connections that the guest makes: what it hears, and when. */
#include "own_network.h"
#include "tcp_fixture.h"

#include <sys/resource.h>

static bool alone; /* in a network of our own */

static void success_is_told_when_the_host_has_connected(void **state)
{
	struct splice s;
	struct came c;

	(void)state;
	splice_start_with(&s, &with_host);
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	assert_int_equal(s.rig.fake.frame_count, 0);
	c = peer_expect(&s.peer, SYN | ACK, NULL, 0);
	assert_int_equal(c.tcp.ack, ISS + 1);
	assert_int_equal(c.tcp.mss, 1460);
	assert_int_equal(c.tcp.window_scale, TCP_OUR_SCALE);
	assert_true(c.tcp.window > 0);
	s.fd = host_accept(s.listener);
	splice_end(&s);
}

static void a_guest_without_window_scale_gets_none(void **state)
{
	struct splice s;

	(void)state;
	splice_start_with(&s, &with_host);
	s.peer.scale = -1;
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	assert_int_equal(peer_expect(&s.peer, SYN | ACK, NULL, 0).tcp.window_scale, -1);
	splice_end(&s);
}

static void a_refused_connection_is_reset(void **state)
{
	struct splice s;
	struct came c;

	(void)state;
	splice_start_with(&s, &with_host);
	close(s.listener);
	s.listener = socket(AF_INET, SOCK_STREAM, 0);
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	c = peer_expect(&s.peer, RST | ACK, NULL, 0);
	assert_int_equal(c.tcp.ack, ISS + 1);
	assert_int_equal(splice_count(&s), 0);
	splice_end(&s);
}

static void what_the_policy_forbids_is_reset_or_ignored(void **state)
{
	struct splice s;
	struct came c;

	(void)state;
	splice_start_with(&s, NULL); /* no way to the host's loopback */
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	c = peer_expect(&s.peer, RST | ACK, NULL, 0);
	assert_int_equal(c.tcp.ack, ISS + 1);
	s.peer.ip = 0xe0000001; /* multicast */
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	rig_quiet(&s.rig);
	assert_int_equal(splice_count(&s), 0);
	splice_end(&s);
}

static void an_unreachable_host_is_told_by_icmp(void **state)
{
	static char path[] = "/tmp/bantam-resolv-XXXXXX";
	/* A broadcast address: TCP has no route there. */
	static const char text[] = "nameserver 127.255.255.255\n";
	const struct nat_config config = { .resolv_conf = path };
	const struct fake_frame *f;
	const int fd = mkstemp(path);
	struct splice s;
	struct wire_icmp icmp;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	splice_start_with(&s, &config);
	s.peer.ip = DNS;
	s.peer.port = 53;
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	f = rig_next(&s.rig);
	icmp = came_icmp(f);
	assert_int_equal(icmp.type, WIRE_ICMP_UNREACHABLE);
	assert_int_equal(icmp.code, WIRE_ICMP_NET);
	/* It quotes the SYN: addresses, ports and number. */
	assert_int_equal(be32_load(f->bytes + L4_AT + 8 + 12), GUEST);
	assert_int_equal(be32_load(f->bytes + L4_AT + 8 + 16), DNS);
	assert_int_equal(be16_load(f->bytes + L4_AT + 28), s.peer.guest_port);
	assert_int_equal(be16_load(f->bytes + L4_AT + 30), 53);
	assert_int_equal(be32_load(f->bytes + L4_AT + 32), ISS);
	assert_int_equal(splice_count(&s), 0);
	splice_end(&s);
	close(fd);
	unlink(path);
}

static void the_name_server_has_port_53_alone(void **state)
{
	struct splice s;

	(void)state;
	splice_start_with(&s, &with_host);
	s.peer.ip = DNS;
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	peer_expect(&s.peer, RST | ACK, NULL, 0);
	splice_end(&s);
}

static void a_syn_sent_again_makes_no_second_connection(void **state)
{
	struct splice s;

	(void)state;
	splice_start_with(&s, &with_host);
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	assert_int_equal(splice_count(&s), 1);
	peer_expect(&s.peer, SYN | ACK, NULL, 0);
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0); /* our answer was lost */
	peer_expect(&s.peer, SYN | ACK, NULL, 0);
	rig_quiet(&s.rig);
	splice_end(&s);
}

static void a_guest_that_began_anew_is_served(void **state)
{
	struct splice s;

	(void)state;
	splice_start_with(&s, &with_host);
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	peer_send(&s.peer, SYN, ISS + 70000, 0, NULL, 0);
	assert_int_equal(splice_count(&s), 1);
	assert_int_equal(peer_expect(&s.peer, SYN | ACK, NULL, 0).tcp.ack, ISS + 70001);
	splice_end(&s);
}

static void segments_of_no_connection_are_reset(void **state)
{
	struct splice s;
	struct came c;

	(void)state;
	splice_start_with(&s, &with_host);
	peer_send(&s.peer, ACK, 1000, 2000, "data", 4);
	c = peer_expect(&s.peer, RST, NULL, 0);
	assert_int_equal(c.tcp.seq, 2000);
	peer_send(&s.peer, FIN, 1000, 0, "data", 4);
	c = peer_expect(&s.peer, RST | ACK, NULL, 0);
	assert_int_equal(c.tcp.ack, 1005);
	peer_send(&s.peer, RST, 1000, 0, NULL, 0);
	peer_send(&s.peer, RST | ACK, 1000, 0, NULL, 0);
	rig_quiet(&s.rig);
	splice_end(&s);
}

static void a_host_out_of_descriptors_refuses_and_goes_on(void **state)
{
	struct rlimit before, none;
	struct splice s;

	(void)state;
	splice_start_with(&s, &with_host);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	setrlimit(RLIMIT_NOFILE, &before);
	peer_expect(&s.peer, RST | ACK, NULL, 0);
	assert_int_equal(splice_count(&s), 0);
	s.peer.snd = ISS;
	splice_handshake(&s);
	splice_end(&s);
}

/* The one who has them all gives one back, so that another can have any. */
static void of_many_guests_the_one_with_the_most_gives_a_descriptor(void **state)
{
	const struct nat_config many = { .host_loopback = true, .many_guests = true };
	struct rlimit before, none;
	struct peer greedy;
	struct splice s;
	int fds[2];

	(void)state;
	splice_start_with(&s, &many);
	for (unsigned i = 0; i < ARRAY_LEN(fds); i++, s.peer.guest_port++) {
		s.peer.snd = ISS;
		splice_handshake(&s);
		fds[i] = s.fd;
	}
	greedy = s.peer;
	s.peer = peer_of(&s.rig, greedy.port);
	s.peer.guest_ip = GUEST + 1;
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = (rlim_t)fds[1]; /* all below are in use */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	peer_send(&s.peer, SYN, s.peer.snd, 0, NULL, 0);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(host_ends(fds[0]), -ECONNRESET);
	assert_int_equal(splice_count(&s), 2);
	assert_non_null(splice_conn(&s));
	greedy.guest_port -= 2;
	peer_expect(&greedy, RST | ACK, NULL, 0);
	s.fd = host_accept(s.listener);
	s.peer.snd++;
	peer_expect(&s.peer, SYN | ACK, NULL, 0);
	for (unsigned i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	splice_end(&s);
}

/* Connections take descriptors on both sides, all of them this process's. */
static void at_the_cap_the_one_longest_unused_goes(void **state)
{
	struct splice s;
	struct conn *c;

	(void)state;
	splice_start(&s);
	s.rig.n->tcp->conn_count = TCP_CONNS_MAX; /* as if there were more */
	s.peer.guest_port++;
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	s.peer.guest_port--;
	peer_expect(&s.peer, RST | ACK, NULL, 0);
	assert_int_equal(host_ends(s.fd), -ECONNRESET);
	assert_null(splice_conn(&s));
	s.peer.guest_port++;
	c = splice_conn(&s);
	assert_non_null(c);
	s.rig.n->tcp->conn_count = 1;
	splice_end(&s);
}

static void first_numbers_differ_and_cannot_be_foreseen(void **state)
{
	struct splice a, b;

	(void)state;
	splice_start(&a);
	splice_start(&b);
	assert_int_not_equal(a.peer.rcv, b.peer.rcv); /* the same tuple but for a port */
	splice_end(&a);
	splice_end(&b);
}

/* ---- few hops ------------------------------------------------------------------------ */

#define IP_BYTES 20u
#define OFFENDER UINT32_C(0xc6336409) /* 198.51.100.9 */

/* The next segment with such flags for port that the host's sockets sent. */
static size_t overhear(int raw, uint16_t port, uint8_t flags, uint8_t packet[256])
{
	for (unsigned i = 0; i < 100; i++) {
		struct pollfd p = { .fd = raw, .events = POLLIN };
		ssize_t len;

		assert_int_equal(poll(&p, 1, 5000), 1);
		len = recv(raw, packet, 256, 0);
		if (len >= 40 && be16_load(packet + IP_BYTES + 2) == port &&
		    (packet[IP_BYTES + 13] & (SYN | ACK)) == flags)
			return (size_t)len;
	}
	fail();
	return 0;
}

static void few_hops_are_as_few_for_a_connection_until_it_is_there(void **state)
{
	const int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	uint8_t packet[256];
	struct splice s;
	uint8_t usual;

	(void)state;
	if (!alone || raw < 0)
		skip();
	splice_start_with(&s, &with_host);
	close(host_connect(s.peer.port));
	overhear(raw, s.peer.port, SYN, packet);
	usual = packet[8];
	close(host_accept(s.listener));
	s.peer.ttl = 5;
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	overhear(raw, s.peer.port, SYN, packet);
	assert_int_equal(packet[8], 4);
	s.peer.rcv = peer_expect(&s.peer, SYN | ACK, NULL, 0).tcp.seq + 1;
	s.peer.snd = ISS + 1;
	s.fd = host_accept(s.listener);
	peer_write(&s.peer, "x", 1);
	do
		overhear(raw, s.peer.port, ACK, packet);
	while (!(packet[IP_BYTES + 13] & PSH));
	assert_int_equal(packet[8], usual);
	close(raw);
	splice_end(&s);
}

/* What a router says of a packet whose life ended there. */
static void say_time_exceeded(const uint8_t packet[256])
{
	const struct wire_icmp icmp = { WIRE_ICMP_TIME_EXCEEDED, 0, 0 };
	const struct wire_ip4 ip = { .src = OFFENDER,
				     .dst = be32_load(packet + 12),
				     .proto = WIRE_PROTO_ICMP,
				     .ttl = 64,
				     .total_bytes = IP_BYTES + 8 + IP_BYTES + 8 };
	const struct sockaddr_in to = host_address(ip.dst, 0);
	const int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	uint8_t bytes[IP_BYTES + 8 + IP_BYTES + 8];

	wire_ip4_emit(&ip, bytes);
	wire_icmp_emit(&icmp, bytes + IP_BYTES);
	memcpy(bytes + IP_BYTES + 8, packet, IP_BYTES + 8);
	be16_store(bytes + IP_BYTES + 2,
		   (uint16_t)~wire_sum_fold(wire_sum(0, bytes + IP_BYTES, 8 + IP_BYTES + 8)));
	assert_int_equal(
		sendto(raw, bytes, sizeof(bytes), 0, (const struct sockaddr *)&to, sizeof(to)),
		sizeof(bytes));
	close(raw);
}

static void a_syn_whose_hops_are_used_up_names_who_stopped_it(void **state)
{
	const int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	const struct fake_frame *f;
	uint8_t packet[256];
	struct splice s;
	int filler;

	(void)state;
	if (!alone || raw < 0)
		skip();
	splice_start_with(&s, &with_host);
	assert_int_equal(listen(s.listener, 0), 0);
	filler = host_connect(s.peer.port); /* the next SYN is not answered */
	overhear(raw, s.peer.port, SYN, packet);
	s.peer.ttl = 3;
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	overhear(raw, s.peer.port, SYN, packet);
	assert_int_equal(packet[8], 2);
	say_time_exceeded(packet);
	f = rig_next(&s.rig);
	assert_int_equal(came_icmp(f).type, WIRE_ICMP_TIME_EXCEEDED);
	assert_int_equal(came_ip(f).src, OFFENDER);
	/* It quotes the guest's SYN, not the host's. */
	assert_int_equal(be32_load(f->bytes + L4_AT + 8 + 12), GUEST);
	assert_int_equal(be32_load(f->bytes + L4_AT + 8 + 16), s.peer.ip);
	assert_int_equal(be16_load(f->bytes + L4_AT + 28), s.peer.guest_port);
	assert_int_equal(be32_load(f->bytes + L4_AT + 32), ISS);
	assert_int_equal(splice_count(&s), 0);
	close(raw);
	close(filler);
	splice_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(success_is_told_when_the_host_has_connected),
		cmocka_unit_test(a_guest_without_window_scale_gets_none),
		cmocka_unit_test(a_refused_connection_is_reset),
		cmocka_unit_test(what_the_policy_forbids_is_reset_or_ignored),
		cmocka_unit_test(an_unreachable_host_is_told_by_icmp),
		cmocka_unit_test(the_name_server_has_port_53_alone),
		cmocka_unit_test(a_syn_sent_again_makes_no_second_connection),
		cmocka_unit_test(a_guest_that_began_anew_is_served),
		cmocka_unit_test(segments_of_no_connection_are_reset),
		cmocka_unit_test(a_host_out_of_descriptors_refuses_and_goes_on),
		cmocka_unit_test(of_many_guests_the_one_with_the_most_gives_a_descriptor),
		cmocka_unit_test(at_the_cap_the_one_longest_unused_goes),
		cmocka_unit_test(first_numbers_differ_and_cannot_be_foreseen),
		cmocka_unit_test(few_hops_are_as_few_for_a_connection_until_it_is_there),
		cmocka_unit_test(a_syn_whose_hops_are_used_up_names_who_stopped_it),
	};

	alone = own_network();
	return cmocka_run_group_tests_name("tcp_open", tests, NULL, NULL);
}
