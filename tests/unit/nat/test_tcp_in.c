/* Segments from the guest, honest and hostile: what becomes of them at the host, and what
 * the guest is answered. */
#include "tcp_fixture.h"

/* ---- data -------------------------------------------------------------------------------- */

static void data_reach_the_host_and_a_burst_is_acknowledged_once(void **state)
{
	uint8_t *bytes = some_bytes(8000);
	struct splice s;

	(void)state;
	splice_start(&s);
	for (unsigned i = 0; i < 8; i++) {
		peer_put(&s.peer, ACK, s.peer.snd, s.peer.rcv, bytes + 1000 * i, 1000);
		s.peer.snd += 1000;
	}
	net_flush(s.rig.net, 0);
	peer_acked(&s.peer);
	rig_quiet(&s.rig);
	host_reads(s.fd, bytes, 8000);
	splice_end(&s);
	free(bytes);
}

static void a_frame_of_64_kib_in_pieces_is_written_whole(void **state)
{
	uint8_t *bytes = some_bytes(64000);
	struct splice s;

	(void)state;
	splice_start(&s);
	s.rig.fake.piece_bytes = 99; /* hundreds */
	peer_write(&s.peer, bytes, 64000);
	peer_acked(&s.peer);
	host_reads(s.fd, bytes, 64000);
	splice_end(&s);
	free(bytes);
}

static void little_data_is_acknowledged_by_the_answer(void **state)
{
	struct splice s;
	struct came c;

	(void)state;
	splice_start(&s);
	peer_write(&s.peer, "question", 8);
	assert_int_equal(s.rig.fake.frame_count, 1); /* the handshake */
	host_reads(s.fd, "question", 8);
	host_writes(s.fd, "answer", 6);
	c = peer_read(&s.peer, ACK, "answer", 6);
	assert_int_equal(c.tcp.ack, s.peer.snd);
	assert_true(c.tcp.flags & PSH); /* there is no more for now */
	rig_pass(&s.rig, NS_PER_S / 10);
	peer_ack(&s.peer);
	rig_quiet(&s.rig);
	splice_end(&s);
}

static void what_is_owed_goes_with_data_if_there_are_some(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	s.peer.window = 0;
	peer_ack(&s.peer);
	host_writes(s.fd, "abc", 3);
	rig_quiet(&s.rig);
	s.peer.window = 100;
	peer_fin(&s.peer);
	assert_int_equal(peer_read(&s.peer, ACK, "abc", 3).tcp.ack, s.peer.snd);
	rig_quiet(&s.rig);
	splice_end(&s);
}

static void without_an_answer_little_data_is_acknowledged_soon(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	peer_write(&s.peer, "x", 1);
	rig_quiet(&s.rig);
	rig_pass(&s.rig, TCP_ACK_DELAY_NS);
	peer_acked(&s.peer);
	splice_end(&s);
}

static void what_came_before_is_acknowledged_but_not_written_again(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	peer_write(&s.peer, "abc", 3);
	peer_send(&s.peer, ACK, s.peer.snd - 3, s.peer.rcv, "abc", 3);
	peer_acked(&s.peer);
	peer_send(&s.peer, ACK, s.peer.snd - 2, s.peer.rcv, "bcde", 4); /* half of it new */
	s.peer.snd += 2;
	rig_pass(&s.rig, TCP_ACK_DELAY_NS);
	peer_acked(&s.peer);
	host_reads(s.fd, "abcde", 5);
	splice_end(&s);
}

static void a_hole_is_told_by_a_duplicate_for_each_segment(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	for (unsigned i = 1; i <= 3; i++)
		peer_put(&s.peer, ACK, s.peer.snd + 3 * i, s.peer.rcv, "xyz", 3);
	net_flush(s.rig.net, 0);
	for (unsigned i = 0; i < 3; i++)
		peer_acked(&s.peer);
	rig_quiet(&s.rig);
	peer_write(&s.peer, "abc", 3);
	host_reads(s.fd, "abc", 3);
	splice_end(&s);
}

static void what_fills_a_hole_is_acknowledged_at_once(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	peer_send(&s.peer, ACK, s.peer.snd + 6, s.peer.rcv, "ghi", 3);
	peer_acked(&s.peer);
	for (unsigned i = 0; i < 3; i++) { /* the third is what was thrown away */
		peer_write(&s.peer, "abc", 3);
		peer_acked(&s.peer);
	}
	peer_write(&s.peer, "jkl", 3);
	rig_quiet(&s.rig);
	host_reads(s.fd, "abcabcabcjkl", 12);
	splice_end(&s);
}

static void data_beyond_the_window_are_not_taken(void **state)
{
	struct splice s;
	struct conn *c;

	(void)state;
	splice_start(&s);
	c = splice_conn(&s);
	c->rcv_edge = c->rcv_nxt + 4;
	peer_send(&s.peer, FIN | ACK, s.peer.snd, s.peer.rcv, "abcdefgh", 8);
	s.peer.snd += 4;
	peer_acked(&s.peer); /* nor is the FIN behind them */
	assert_int_equal(c->state, CONN_ESTABLISHED);
	host_reads(s.fd, "abcd", 4);
	c->rcv_edge = c->rcv_nxt;
	c->credit_bytes = 0;
	c->credit_old = false;
	peer_send(&s.peer, ACK, s.peer.snd, s.peer.rcv, "e", 1); /* a probe */
	assert_int_equal(peer_acked(&s.peer).tcp.window, 0);
	splice_end(&s);
}

static void an_acknowledgment_at_a_closed_window_counts(void **state)
{
	struct splice s;
	struct conn *c;

	(void)state;
	splice_start(&s);
	c = splice_conn(&s);
	host_writes(s.fd, "abc", 3);
	peer_read(&s.peer, ACK, "abc", 3);
	c->rcv_edge = c->rcv_nxt; /* RFC 9293, 3.10.7.4: even then */
	c->credit_bytes = 0;
	peer_send(&s.peer, ACK, s.peer.snd, s.peer.rcv, "x", 1);
	assert_int_equal(c->snd_una, s.peer.rcv);
	assert_int_equal(c->rcv_nxt, s.peer.snd);
	splice_end(&s);
}

/* A host that does not read: the window closes before its socket is full, and opens when
 * there is room, without a segment of the guest's. */
static void the_window_follows_the_room_of_the_hosts_socket(void **state)
{
	const size_t len = 16u << 20;
	uint8_t *bytes = some_bytes(len);
	struct splice s;
	struct conn *c;
	size_t at = 0;

	(void)state;
	splice_start(&s);
	c = splice_conn(&s);
	while (at < len && c->rcv_edge != s.peer.snd) {
		const size_t n = min_u64(min_u64(32000, c->rcv_edge - s.peer.snd), len - at);

		peer_write(&s.peer, bytes + at, n);
		at += n;
		while (fake_nic_next(&s.rig.fake))
			;
		fake_nic_fini(&s.rig.fake);
	}
	assert_true(at < len);
	assert_int_equal(c->rcv_nxt, s.peer.snd); /* nothing was refused */
	assert_true(c->host_full);
	host_reads(s.fd, bytes, at);
	assert_true(peer_acked(&s.peer).tcp.window > 0);
	splice_end(&s);
	free(bytes);
}

/* A system call for each small write would be one of two. */
static void the_hosts_room_is_asked_for_when_half_of_it_is_used(void **state)
{
	uint8_t *bytes = some_bytes(60000);
	struct splice s;
	uint32_t room, piece;
	struct conn *c;

	(void)state;
	splice_start(&s);
	c = splice_conn(&s);
	room = c->credit_bytes;
	piece = (uint32_t)min_u64(min_u64(room, TCP_WINDOW_MAX) / 32, 60000);
	for (unsigned i = 1; i <= 8; i++) { /* a quarter at most */
		peer_write(&s.peer, bytes, piece);
		host_reads(s.fd, bytes, piece);
		assert_int_equal(c->credit_bytes, room - i * piece);
	}
	c->credit_bytes = c->credit_asks + 1;
	peer_write(&s.peer, bytes, 2);
	assert_in_range(c->credit_bytes, c->credit_asks, UINT32_MAX);
	assert_int_not_equal(c->credit_bytes, c->credit_asks - 1); /* but a new answer */
	splice_end(&s);
	free(bytes);
}

static void what_the_socket_refuses_is_not_acknowledged_and_asked_for_again(void **state)
{
	const size_t chunk = 60000, most = 64u << 20;
	uint8_t *bytes = some_bytes(chunk);
	uint32_t taken;
	struct came first;
	struct splice s;
	struct conn *c;
	size_t at = 0;

	(void)state;
	splice_start(&s);
	c = splice_conn(&s);
	for (; at < most && !c->refused; at += chunk) {
		c->rcv_edge = c->rcv_nxt + (uint32_t)chunk; /* whatever was told */
		peer_put(&s.peer, ACK, s.peer.snd, s.peer.rcv, bytes, chunk);
		s.peer.snd += (uint32_t)chunk;
	}
	assert_true(c->refused);
	taken = c->rcv_nxt;
	assert_true(seq_before(taken, s.peer.snd));
	net_flush(s.rig.net, 0);
	first = peer_expect(&s.peer, ACK, NULL, 0);
	assert_int_equal(first.tcp.ack, taken);
	assert_int_equal(first.tcp.window, 0);
	for (size_t read = 0; read < at - (s.peer.snd - taken);) {
		uint8_t buffer[65536];
		const ssize_t n = recv(s.fd, buffer, sizeof(buffer), MSG_DONTWAIT);

		rig_rounds(&s.rig);
		read += n > 0 ? (size_t)n : 0;
	}
	/* There is room: three duplicates have the guest send again. */
	for (unsigned i = 0; i < 4; i++) {
		const struct came a = peer_expect(&s.peer, ACK, NULL, 0);

		assert_int_equal(a.tcp.ack, taken);
		assert_true(a.tcp.window > 0);
	}
	splice_end(&s);
	free(bytes);
}

/* ---- ends -------------------------------------------------------------------------------------
 */

static void a_guest_that_is_through_can_still_read(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	peer_send(&s.peer, FIN | ACK, s.peer.snd, s.peer.rcv, "last", 4);
	s.peer.snd += 5;
	peer_acked(&s.peer);
	host_reads(s.fd, "last", 4);
	assert_int_equal(host_ends(s.fd), 0);
	for (unsigned i = 0; i < 3; i++) {
		host_writes(s.fd, "more", 4);
		peer_read(&s.peer, ACK, "more", 4);
		peer_ack(&s.peer);
	}
	close(s.fd);
	s.fd = -1;
	peer_read(&s.peer, FIN | ACK, NULL, 0);
	assert_int_equal(splice_conn(&s)->state, CONN_LAST_ACK);
	peer_ack(&s.peer);
	assert_int_equal(splice_count(&s), 0);
	splice_end(&s);
}

static void a_host_that_is_through_can_still_read(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	host_writes(s.fd, "last", 4);
	shutdown(s.fd, SHUT_WR);
	peer_read(&s.peer, ACK, "last", 4);
	peer_read(&s.peer, FIN | ACK, NULL, 0);
	peer_ack(&s.peer);
	assert_int_equal(splice_conn(&s)->state, CONN_FIN_WAIT_2);
	peer_write(&s.peer, "abc", 3);
	peer_write(&s.peer, "def", 3);
	host_reads(s.fd, "abcdef", 6);
	peer_fin(&s.peer);
	peer_acked(&s.peer);
	assert_int_equal(host_ends(s.fd), 0);
	assert_int_equal(splice_conn(&s)->state, CONN_TIME_WAIT);
	splice_end(&s);
}

static void both_may_be_through_at_once(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	shutdown(s.fd, SHUT_WR);
	peer_expect(&s.peer, FIN | ACK, NULL, 0);
	peer_fin(&s.peer); /* sent before that came */
	s.peer.rcv++;
	peer_acked(&s.peer);
	assert_int_equal(splice_conn(&s)->state, CONN_CLOSING);
	peer_ack(&s.peer);
	assert_int_equal(splice_conn(&s)->state, CONN_TIME_WAIT);
	assert_int_equal(host_ends(s.fd), 0);
	splice_end(&s);
}

/* The host's other side must see an end, not a reset, though nothing of what it sent was
 * taken out before the very last segment. */
static void a_last_segment_that_acknowledges_all_ends_without_reset(void **state)
{
	struct splice s;
	const size_t len = 1u << 20; /* more than the other side's buffer: some is queued */
	uint8_t *bytes = some_bytes(len);

	(void)state;
	splice_start(&s);
	for (size_t at = 0; at < len; at += 1u << 15)
		peer_write(&s.peer, bytes + at, 1u << 15);
	rig_pass(&s.rig, TCP_ACK_DELAY_NS);
	for (const struct fake_frame *f; (f = fake_nic_next(&s.rig.fake));)
		assert_int_equal(came_tcp(f).tcp.flags, ACK);
	host_writes(s.fd, "all", 3);
	shutdown(s.fd, SHUT_WR);
	peer_read(&s.peer, ACK, "all", 3);
	peer_read(&s.peer, FIN | ACK, NULL, 0);
	peer_fin(&s.peer); /* acknowledges the data, our FIN, and ends */
	peer_acked(&s.peer);
	assert_int_equal(splice_conn(&s)->state, CONN_TIME_WAIT);
	host_reads(s.fd, bytes, len);
	assert_int_equal(host_ends(s.fd), 0);
	splice_end(&s);
	free(bytes);
}

static void a_fin_sent_again_is_acknowledged_again(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	peer_fin(&s.peer);
	peer_acked(&s.peer);
	peer_send(&s.peer, FIN | ACK, s.peer.snd - 1, s.peer.rcv, NULL, 0);
	peer_acked(&s.peer);
	shutdown(s.fd, SHUT_WR);
	peer_read(&s.peer, FIN | ACK, NULL, 0);
	peer_ack(&s.peer);
	assert_int_equal(splice_count(&s), 0);
	splice_end(&s);
}

static void a_fin_behind_a_hole_waits(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	peer_send(&s.peer, FIN | ACK, s.peer.snd + 3, s.peer.rcv, NULL, 0);
	peer_acked(&s.peer);
	assert_int_equal(splice_conn(&s)->state, CONN_ESTABLISHED);
	peer_write(&s.peer, "abc", 3);
	peer_acked(&s.peer);
	peer_fin(&s.peer);
	peer_acked(&s.peer);
	host_reads(s.fd, "abc", 3);
	assert_int_equal(host_ends(s.fd), 0);
	splice_end(&s);
}

static void data_behind_a_fin_are_nothing(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	peer_fin(&s.peer);
	peer_acked(&s.peer);
	peer_send(&s.peer, ACK, s.peer.snd, s.peer.rcv, "ghost", 5);
	assert_int_equal(host_ends(s.fd), 0);
	assert_int_equal(splice_conn(&s)->state, CONN_CLOSE_WAIT);
	splice_end(&s);
}

/* ---- resets ------------------------------------------------------------------------- */

static void a_reset_of_the_guests_is_one_at_the_host(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	peer_send(&s.peer, RST, s.peer.snd, 0, NULL, 0);
	assert_int_equal(splice_count(&s), 0);
	assert_int_equal(host_ends(s.fd), -ECONNRESET);
	rig_quiet(&s.rig);
	splice_end(&s);
}

static void a_guessed_reset_is_challenged(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	peer_send(&s.peer, RST, s.peer.snd + 100, 0, NULL, 0); /* RFC 5961, 3.2 */
	peer_acked(&s.peer);
	peer_send(&s.peer, RST, s.peer.snd - 1, 0, NULL, 0);
	peer_send(&s.peer, RST, s.peer.snd + 0x7fffffff, 0, NULL, 0);
	rig_quiet(&s.rig);
	assert_int_equal(splice_conn(&s)->state, CONN_ESTABLISHED);
	splice_end(&s);
}

static void a_syn_in_a_connection_is_challenged(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	peer_send(&s.peer, SYN, s.peer.snd + 5, 0, NULL, 0); /* RFC 5961, 4.2 */
	peer_acked(&s.peer);
	peer_send(&s.peer, SYN, s.peer.snd - 0x10000, 0, NULL, 0); /* of a guest that rebooted */
	peer_acked(&s.peer);
	/* It has no connection that this acknowledges, and says so. */
	peer_send(&s.peer, RST, s.peer.snd, 0, NULL, 0);
	assert_int_equal(splice_count(&s), 0);
	splice_end(&s);
}

/* ---- other lies --------------------------------------------------------------------- */

static void what_was_never_sent_cannot_be_acknowledged(void **state)
{
	struct splice s;
	struct conn *c;

	(void)state;
	splice_start(&s);
	c = splice_conn(&s);
	peer_send(&s.peer, ACK, s.peer.snd, s.peer.rcv + 1, "abc", 3);
	peer_acked(&s.peer);
	assert_int_equal(c->snd_una, s.peer.rcv);
	peer_send(&s.peer, ACK, s.peer.snd, s.peer.rcv + 0x7fffffff, NULL, 0);
	peer_acked(&s.peer);
	peer_send(&s.peer, ACK, s.peer.snd, s.peer.rcv - 70000, "abc", 3); /* old: taken */
	s.peer.snd += 3;
	assert_int_equal(c->snd_una, s.peer.rcv);
	host_reads(s.fd, "abc", 3);
	splice_end(&s);
}

static void a_handshake_ended_by_a_wrong_number_is_reset(void **state)
{
	struct splice s;
	struct came c;

	(void)state;
	splice_start_with(&s, &with_host);
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	c = peer_expect(&s.peer, SYN | ACK, NULL, 0);
	peer_send(&s.peer, ACK, ISS + 1, c.tcp.seq + 2, "abc", 3);
	assert_int_equal(peer_expect(&s.peer, RST, NULL, 0).tcp.seq, c.tcp.seq + 2);
	peer_send(&s.peer, ACK, ISS + 1, c.tcp.seq + 1, "abc", 3); /* data with it are welcome */
	s.fd = host_accept(s.listener);
	host_reads(s.fd, "abc", 3);
	splice_end(&s);
}

static void segments_without_ack_are_nothing(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	peer_send(&s.peer, 0, s.peer.snd, s.peer.rcv, "abc", 3);
	peer_send(&s.peer, FIN, s.peer.snd, s.peer.rcv, NULL, 0);
	rig_quiet(&s.rig);
	assert_int_equal(splice_conn(&s)->rcv_nxt, s.peer.snd);
	splice_end(&s);
}

static void headers_that_lie_and_wrong_checksums_are_counted(void **state)
{
	static struct frame f;
	struct splice s;
	const struct wire_tcp syn = {
		.src_port = 1, .dst_port = 2, .flags = SYN, .window_scale = -1
	};

	(void)state;
	splice_start(&s);
	frame_ip(&f, GUEST, GATEWAY, WIRE_PROTO_TCP, 20);
	wire_tcp_emit(&syn, f.bytes + L4_AT);
	f.bytes[L4_AT + 12] = 0xf0; /* 60 bytes of header in 20 */
	frame_sum(&f, WIRE_TCP_CSUM_OFFSET);
	rig_send(&s.rig, &f);
	f.bytes[L4_AT + 12] = 0x40; /* 16 */
	frame_sum(&f, WIRE_TCP_CSUM_OFFSET);
	rig_send(&s.rig, &f);
	f.bytes[L4_AT + 12] = 0x50;
	rig_send(&s.rig, &f); /* its sum is wrong now */
	frame_ip(&f, GUEST, GATEWAY, WIRE_PROTO_TCP, 8);
	frame_sum(&f, 6);
	rig_send(&s.rig, &f); /* too short */
	assert_int_equal(s.rig.n->stats.malformed, 4);
	rig_quiet(&s.rig);
	assert_int_equal(splice_count(&s), 1);
	splice_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_reach_the_host_and_a_burst_is_acknowledged_once),
		cmocka_unit_test(a_frame_of_64_kib_in_pieces_is_written_whole),
		cmocka_unit_test(little_data_is_acknowledged_by_the_answer),
		cmocka_unit_test(what_is_owed_goes_with_data_if_there_are_some),
		cmocka_unit_test(without_an_answer_little_data_is_acknowledged_soon),
		cmocka_unit_test(what_came_before_is_acknowledged_but_not_written_again),
		cmocka_unit_test(a_hole_is_told_by_a_duplicate_for_each_segment),
		cmocka_unit_test(what_fills_a_hole_is_acknowledged_at_once),
		cmocka_unit_test(data_beyond_the_window_are_not_taken),
		cmocka_unit_test(an_acknowledgment_at_a_closed_window_counts),
		cmocka_unit_test(the_window_follows_the_room_of_the_hosts_socket),
		cmocka_unit_test(the_hosts_room_is_asked_for_when_half_of_it_is_used),
		cmocka_unit_test(what_the_socket_refuses_is_not_acknowledged_and_asked_for_again),
		cmocka_unit_test(a_guest_that_is_through_can_still_read),
		cmocka_unit_test(a_host_that_is_through_can_still_read),
		cmocka_unit_test(both_may_be_through_at_once),
		cmocka_unit_test(a_last_segment_that_acknowledges_all_ends_without_reset),
		cmocka_unit_test(a_fin_sent_again_is_acknowledged_again),
		cmocka_unit_test(a_fin_behind_a_hole_waits),
		cmocka_unit_test(data_behind_a_fin_are_nothing),
		cmocka_unit_test(a_reset_of_the_guests_is_one_at_the_host),
		cmocka_unit_test(a_guessed_reset_is_challenged),
		cmocka_unit_test(a_syn_in_a_connection_is_challenged),
		cmocka_unit_test(what_was_never_sent_cannot_be_acknowledged),
		cmocka_unit_test(a_handshake_ended_by_a_wrong_number_is_reset),
		cmocka_unit_test(segments_without_ack_are_nothing),
		cmocka_unit_test(headers_that_lie_and_wrong_checksums_are_counted),
	};

	return cmocka_run_group_tests_name("tcp_in", tests, NULL, NULL);
}
