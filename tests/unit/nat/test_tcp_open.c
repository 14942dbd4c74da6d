/* Connections that the guest makes: what it hears, and when. */
#include "tcp_fixture.h"

#include <sys/resource.h>

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
		cmocka_unit_test(at_the_cap_the_one_longest_unused_goes),
		cmocka_unit_test(first_numbers_differ_and_cannot_be_foreseen),
	};

	return cmocka_run_group_tests_name("tcp_open", tests, NULL, NULL);
}
