/* Connections that nobody uses, and handshakes that nobody ends. */
#include "tcp_fixture.h"

static void an_idle_connection_lives_two_hours_and_is_reset_then(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	rig_pass(&s.rig, 7439 * NS_PER_S);
	peer_ack(&s.peer); /* that is use */
	rig_pass(&s.rig, 7439 * NS_PER_S);
	rig_quiet(&s.rig);
	rig_pass(&s.rig, NS_PER_S);
	peer_expect(&s.peer, RST | ACK, NULL, 0);
	assert_int_equal(splice_count(&s), 0);
	assert_int_equal(host_ends(s.fd), -ECONNRESET);
	splice_end(&s);
}

static void half_a_connection_lives_half_an_hour(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	shutdown(s.fd, SHUT_WR);
	peer_read(&s.peer, FIN | ACK, NULL, 0);
	peer_ack(&s.peer); /* and then never closes */
	rig_pass(&s.rig, 1799 * NS_PER_S);
	assert_int_equal(splice_count(&s), 1);
	rig_pass(&s.rig, NS_PER_S);
	assert_int_equal(splice_count(&s), 0);
	splice_end(&s);
}

static void time_wait_is_short_answers_and_holds_no_socket(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	shutdown(s.fd, SHUT_WR);
	peer_read(&s.peer, FIN | ACK, NULL, 0);
	peer_fin(&s.peer);
	peer_acked(&s.peer);
	assert_int_equal(splice_conn(&s)->state, CONN_TIME_WAIT);
	assert_int_equal(splice_conn(&s)->host.source.fd, -1);
	rig_pass(&s.rig, NS_PER_S / 2);
	peer_send(&s.peer, FIN | ACK, s.peer.snd - 1, s.peer.rcv, NULL, 0);
	peer_acked(&s.peer);
	rig_pass(&s.rig, NS_PER_S / 2);
	assert_int_equal(splice_count(&s), 0);
	rig_quiet(&s.rig);
	splice_end(&s);
}

static void a_port_in_time_wait_may_be_used_again(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	shutdown(s.fd, SHUT_WR);
	peer_read(&s.peer, FIN | ACK, NULL, 0);
	peer_fin(&s.peer);
	peer_acked(&s.peer);
	close(s.fd);
	peer_send(&s.peer, SYN, s.peer.snd - 10, 0, NULL, 0); /* an old one */
	peer_acked(&s.peer);
	s.peer.snd += 1000;
	splice_handshake(&s);
	assert_int_equal(splice_conn(&s)->state, CONN_ESTABLISHED);
	splice_end(&s);
}

static void a_handshake_that_the_guest_leaves_is_given_up(void **state)
{
	struct splice s;
	unsigned syns = 0;
	uint8_t last = 0;

	(void)state;
	splice_start_with(&s, &with_host);
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	s.fd = host_accept(s.listener);
	peer_expect(&s.peer, SYN | ACK, NULL, 0);
	for (unsigned i = 0; i < 300 && splice_count(&s); i++) {
		rig_pass(&s.rig, NS_PER_S);
		for (const struct fake_frame *f; (f = fake_nic_next(&s.rig.fake)); syns++)
			last = came_tcp(f).tcp.flags;
	}
	assert_int_equal(syns, TCP_SYN_RETRIES + 1);
	assert_int_equal(last, RST | ACK);
	assert_int_equal(host_ends(s.fd), -ECONNRESET);
	splice_end(&s);
}

/* An idle guest costs nobody anything: after the last look there is one timer, hours away. */
static void an_idle_connection_wakes_nobody(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	host_writes(s.fd, "abc", 3);
	peer_read(&s.peer, ACK, "abc", 3);
	peer_write(&s.peer, "def", 3);
	for (unsigned i = 0; i < 20; i++)
		rig_pass(&s.rig, NS_PER_S / 10);
	assert_true(nat_timers_next_ns(&s.rig.n->timers) > s.rig.now_ns + 3600 * NS_PER_S);
	splice_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_connection_lives_two_hours_and_is_reset_then),
		cmocka_unit_test(half_a_connection_lives_half_an_hour),
		cmocka_unit_test(time_wait_is_short_answers_and_holds_no_socket),
		cmocka_unit_test(a_port_in_time_wait_may_be_used_again),
		cmocka_unit_test(a_handshake_that_the_guest_leaves_is_given_up),
		cmocka_unit_test(an_idle_connection_wakes_nobody),
	};

	return cmocka_run_group_tests_name("tcp_timer", tests, NULL, NULL);
}
