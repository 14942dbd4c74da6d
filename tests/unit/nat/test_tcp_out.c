/* Segments to the guest: data of the host's, at the guest's pace, and again if they were
 * lost. */
#include "tcp_fixture.h"

#define KEEP 200000u /* bytes of a stream; fits the host's buffers */

static uint8_t *stream;

static int make_stream(void **state)
{
	(void)state;
	stream = some_bytes(KEEP);
	return 0;
}

static int free_stream(void **state)
{
	(void)state;
	free(stream);
	return 0;
}

static void data_come_in_segments_of_the_guests_size(void **state)
{
	struct splice s;

	(void)state;
	splice_start_with(&s, &with_host);
	s.peer.mss = 1000;
	splice_handshake(&s);
	host_writes(s.fd, stream, 10000);
	assert_int_equal(peer_reads_all(&s.peer, stream, 10000), 10);
	rig_quiet(&s.rig);
	splice_end(&s);
}

static void a_guest_that_names_no_size_gets_536_and_a_tiny_one_28(void **state)
{
	static const struct {
		uint16_t says, gets;
	} rows[] = { { 0, 536 }, { 1, 28 }, { 65535, 1460 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct splice s;

		splice_start_with(&s, &with_host);
		s.peer.mss = rows[i].says;
		splice_handshake(&s);
		host_writes(s.fd, stream, 2000);
		peer_read(&s.peer, ACK, stream, rows[i].gets);
		splice_end(&s);
	}
}

static void a_small_mtu_makes_small_segments(void **state)
{
	struct splice s;
	struct came c;

	(void)state;
	splice_start_with(&s, &with_host);
	s.rig.fake.nic.mtu = 576;
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	c = peer_expect(&s.peer, SYN | ACK, NULL, 0);
	assert_int_equal(c.tcp.mss, 536);
	s.peer.snd++;
	s.peer.rcv = c.tcp.seq + 1;
	s.fd = host_accept(s.listener);
	peer_ack(&s.peer);
	host_writes(s.fd, stream, 2000);
	peer_read(&s.peer, ACK, stream, 536);
	splice_end(&s);
}

static void with_segmentation_offload_much_comes_in_one_frame(void **state)
{
	struct splice s;
	size_t largest = 0, at = 0;

	(void)state;
	splice_start_with(&s, &with_host);
	net_offloads(s.rig.net, NET_CAN_CSUM | NET_CAN_TSO4);
	splice_handshake(&s);
	host_writes(s.fd, stream, KEEP);
	while (at < KEEP) {
		const struct came c = peer_next(&s.peer);

		assert_int_equal(c.tcp.seq, s.peer.rcv);
		assert_memory_equal(c.payload, stream + at, c.len);
		assert_true(c.offload.needs_csum);
		assert_int_equal(c.offload.gso, c.len > 1460 ? NET_GSO_TCP4 : NET_GSO_NONE);
		assert_int_equal(c.offload.gso_bytes, c.len > 1460 ? 1460 : 0);
		largest = c.len > largest ? c.len : largest;
		at += c.len;
		s.peer.rcv += (uint32_t)c.len;
		peer_ack(&s.peer);
	}
	assert_int_equal(largest, 44 * 1460); /* whole segments, below 64 KiB */
	splice_end(&s);
}

static void windows_are_kept_scaled_or_not(void **state)
{
	static const struct {
		int scale;
		uint32_t bytes;
	} rows[] = { { -1, 2 * 1460 }, { 0, 2 * 1460 }, { 3, 16 * 1460 } }; /* whole segments */

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t got = 0;
		struct splice s;

		splice_start_with(&s, &with_host);
		s.peer.scale = rows[i].scale;
		s.peer.window = 3000;
		splice_handshake(&s);
		host_writes(s.fd, stream, KEEP);
		while (got < rows[i].bytes)
			got += (uint32_t)peer_next(&s.peer).len;
		assert_int_equal(got, rows[i].bytes);
		rig_quiet(&s.rig);
		splice_end(&s);
	}
}

static void data_stay_in_the_socket_until_acknowledged(void **state)
{
	struct splice s;
	struct conn *c;

	(void)state;
	splice_start(&s);
	c = splice_conn(&s);
	host_writes(s.fd, "abcdef", 6);
	peer_read(&s.peer, ACK, "abcdef", 6);
	assert_int_equal(s.peer.rcv - c->taken, 6);
	peer_send(&s.peer, ACK, s.peer.snd, s.peer.rcv - 2, NULL, 0);
	host_writes(s.fd, "ghi", 3);
	peer_read(&s.peer, ACK, "ghi", 3);
	peer_ack(&s.peer);
	assert_int_equal(c->taken, s.peer.rcv);
	splice_end(&s);
}

/* ---- lost --------------------------------------------------------------------------- */

static void what_is_not_acknowledged_comes_again_later_and_later(void **state)
{
	uint64_t wait_ns = NS_PER_S;
	struct splice s;

	(void)state;
	splice_start(&s);
	host_writes(s.fd, "abc", 3);
	peer_read(&s.peer, ACK, "abc", 3);
	for (unsigned i = 0; i < 5; i++) {
		rig_pass(&s.rig, wait_ns - NS_PER_MS);
		rig_quiet(&s.rig);
		rig_pass(&s.rig, NS_PER_MS);
		s.peer.rcv -= 3;
		peer_read(&s.peer, ACK, "abc", 3);
		wait_ns *= 2;
	}
	peer_ack(&s.peer);
	rig_pass(&s.rig, 100 * NS_PER_S);
	rig_quiet(&s.rig);
	splice_end(&s);
}

static void after_a_time_out_all_comes_again_beginning_slowly(void **state)
{
	struct splice s;
	uint32_t first;

	(void)state;
	splice_start(&s);
	first = s.peer.rcv;
	host_writes(s.fd, stream, 14600);
	for (unsigned i = 0; i < 10; i++)
		peer_next(&s.peer); /* all lost */
	rig_pass(&s.rig, NS_PER_S);
	peer_read(&s.peer, ACK, stream, 1460);
	rig_quiet(&s.rig); /* one segment, until it is acknowledged */
	assert_int_equal(s.peer.rcv, first + 1460);
	peer_ack(&s.peer);
	peer_reads_all(&s.peer, stream + 1460, 14600 - 1460);
	splice_end(&s);
}

static void a_guest_that_never_answers_is_given_up(void **state)
{
	struct splice s;
	unsigned sent = 0;

	(void)state;
	splice_start(&s);
	host_writes(s.fd, "abc", 3);
	peer_read(&s.peer, ACK, "abc", 3);
	for (unsigned i = 0; i < 1000 && splice_count(&s); i++) {
		rig_pass(&s.rig, NS_PER_S);
		for (const struct fake_frame *f; (f = fake_nic_next(&s.rig.fake)); sent++)
			s.peer.rcv = came_tcp(f).tcp.seq;
	}
	assert_int_equal(splice_count(&s), 0);
	assert_int_equal(sent, TCP_RETRIES_MAX + 1); /* and the reset */
	assert_int_equal(host_ends(s.fd), -ECONNRESET);
	splice_end(&s);
}

static void three_duplicates_bring_the_hole_at_once_and_only_once(void **state)
{
	struct splice s;
	uint32_t hole;

	(void)state;
	splice_start(&s);
	host_writes(s.fd, stream, 14600);
	hole = s.peer.rcv;
	for (unsigned i = 0; i < 10; i++)
		peer_next(&s.peer);
	for (unsigned i = 0; i < 2; i++)
		peer_ack(&s.peer);
	rig_quiet(&s.rig);
	peer_ack(&s.peer);
	peer_read(&s.peer, ACK, stream, 1460);
	s.peer.rcv = hole;
	for (unsigned i = 0; i < 50; i++)
		peer_ack(&s.peer);
	rig_quiet(&s.rig);
	/* The next hole, by a partial acknowledgment: RFC 6582. */
	s.peer.rcv = hole + 2920;
	peer_ack(&s.peer);
	peer_read(&s.peer, ACK, stream + 2920, 1460);
	s.peer.rcv = hole + 2920;
	for (unsigned i = 0; i < 5; i++)
		peer_ack(&s.peer);
	rig_quiet(&s.rig);
	s.peer.rcv = hole + 14600;
	peer_ack(&s.peer);
	host_writes(s.fd, "new", 3);
	peer_read(&s.peer, ACK, "new", 3);
	splice_end(&s);
}

static void a_lost_fin_comes_again(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	host_writes(s.fd, "abc", 3);
	shutdown(s.fd, SHUT_WR);
	peer_read(&s.peer, ACK, "abc", 3);
	peer_expect(&s.peer, FIN | ACK, NULL, 0);
	peer_ack(&s.peer); /* of the data */
	rig_pass(&s.rig, NS_PER_S);
	peer_read(&s.peer, FIN | ACK, NULL, 0);
	peer_ack(&s.peer);
	assert_int_equal(splice_conn(&s)->state, CONN_FIN_WAIT_2);
	splice_end(&s);
}

/* ---- a guest that cannot take it ---------------------------------------------------- */

static void a_closed_window_is_probed_until_it_opens(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	s.peer.window = 0;
	peer_ack(&s.peer);
	host_writes(s.fd, "abc", 3);
	rig_quiet(&s.rig);
	for (unsigned i = 0; i < 100; i++) { /* it may last, if the guest answers */
		rig_pass(&s.rig, TCP_RTO_MAX_NS);
		assert_int_equal(peer_expect(&s.peer, ACK, NULL, 0).tcp.seq, s.peer.rcv - 1);
		peer_ack(&s.peer);
	}
	s.peer.window = 100;
	peer_ack(&s.peer); /* the word of its opening */
	peer_read(&s.peer, ACK, "abc", 3);
	splice_end(&s);
}

static void a_window_that_closes_over_what_was_sent_loses_nothing(void **state)
{
	struct splice s;
	const uint16_t open = 0xffff;

	(void)state;
	splice_start(&s);
	host_writes(s.fd, stream, 2920);
	peer_next(&s.peer);
	peer_next(&s.peer);
	s.peer.window = 0; /* RFC 9293, 3.8.6: must be coped with */
	peer_ack(&s.peer);
	for (unsigned i = 0; i < 4; i++) {
		rig_pass(&s.rig, TCP_RTO_MAX_NS);
		while (fake_nic_next(&s.rig.fake))
			;
	}
	s.peer.window = open;
	peer_ack(&s.peer);
	peer_reads_all(&s.peer, stream, 2920);
	splice_end(&s);
}

static void a_fin_waits_for_the_window_as_data_do(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	s.peer.window = 0;
	peer_ack(&s.peer);
	shutdown(s.fd, SHUT_WR);
	rig_quiet(&s.rig);
	s.peer.window = 1;
	peer_ack(&s.peer);
	peer_read(&s.peer, FIN | ACK, NULL, 0);
	splice_end(&s);
}

static void without_buffers_of_the_guests_nothing_is_lost_or_spins(void **state)
{
	struct splice s;
	unsigned frames = 0;

	(void)state;
	splice_start(&s);
	s.rig.fake.room_count = 2;
	host_writes(s.fd, stream, 14600);
	rig_rounds(&s.rig);
	for (unsigned i = 0; i < 20; i++)
		ioloop_round(s.rig.loop, 1);
	assert_int_equal(s.rig.fake.refused_count, 1);
	for (; frames < 10; frames++) {
		peer_read(&s.peer, ACK, stream + 1460 * frames, 1460);
		s.rig.fake.room_count++;
		net_rx_ready(s.rig.net, 0);
	}
	assert_true(s.rig.fake.refused_count <= 10);
	splice_end(&s);
}

static void a_guest_without_buffers_for_long_keeps_its_connection(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	s.rig.fake.room_count = 1;
	host_writes(s.fd, stream, 2920);
	peer_read(&s.peer, ACK, stream, 1460);
	for (unsigned i = 0; i < 600; i++)
		rig_pass(&s.rig, NS_PER_S);
	assert_int_equal(splice_count(&s), 1);
	s.rig.fake.room_count = 100;
	net_rx_ready(s.rig.net, 0);
	peer_reads_all(&s.peer, stream + 1460, 1460);
	splice_end(&s);
}

/* The slow one waits first; and nothing of it is lost. */
static void a_slow_guest_holds_up_no_connection_of_others(void **state)
{
	const struct nat_config many = { .host_loopback = true, .many_guests = true };
	struct splice s;
	struct peer slow;
	int slow_fd;

	(void)state;
	splice_start_with(&s, &many);
	splice_handshake(&s);
	slow = s.peer;
	slow_fd = s.fd;
	s.peer = peer_of(&s.rig, slow.port);
	s.peer.guest_ip = GUEST + 1;
	splice_handshake(&s);
	s.rig.fake.has_slow = true;
	memcpy(s.rig.fake.slow_mac, s.rig.fake.nic.mac, NET_MAC_BYTES);
	host_writes(slow_fd, stream, 1460);
	rig_quiet(&s.rig);
	s.rig.fake.slow_mac[5]++; /* for a moment the other one is, and waits behind */
	host_writes(s.fd, stream, 1460);
	rig_quiet(&s.rig);
	s.rig.fake.slow_mac[5]--;
	net_rx_ready(s.rig.net, 0);
	peer_read(&s.peer, ACK, stream, 1460);
	rig_quiet(&s.rig);
	s.rig.fake.has_slow = false;
	net_rx_ready(s.rig.net, 0);
	peer_read(&slow, ACK, stream, 1460);
	close(slow_fd);
	splice_end(&s);
}

static void small_buffers_of_the_guests_make_small_frames(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	s.rig.fake.room_bytes = 554; /* 500 of payload */
	s.rig.fake.piece_bytes = 60;
	host_writes(s.fd, stream, 5000);
	assert_int_equal(peer_reads_all(&s.peer, stream, 5000), 10);
	splice_end(&s);
}

static void rings_that_stop_and_start_lose_nothing(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	net_stop(s.rig.net, 0);
	host_writes(s.fd, stream, 5000);
	rig_quiet(&s.rig);
	net_start(s.rig.net, 0, s.rig.loop);
	peer_reads_all(&s.peer, stream, 5000);
	splice_end(&s);
}

/* ---- the host's oddities ------------------------------------------------------------ */

static void an_urgent_byte_is_a_byte_of_the_stream(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	host_writes(s.fd, "ab", 2);
	assert_int_equal(send(s.fd, "!", 1, MSG_OOB), 1);
	host_writes(s.fd, "cd", 2);
	for (size_t at = 0; at < 5;) {
		const struct fake_frame *f = NULL;

		for (unsigned i = 0; i < 10 && !f; i++) {
			ioloop_round(s.rig.loop, 5);
			f = fake_nic_next(&s.rig.fake);
		}
		if (!f) {
			rig_pass(&s.rig, TCP_LOOK_DELAY_NS);
			continue;
		}
		const struct came c = came_tcp(f);

		assert_memory_equal(c.payload, &"ab!cd"[at], c.len);
		at += c.len;
		s.peer.rcv += (uint32_t)c.len;
		peer_ack(&s.peer);
	}
	splice_end(&s);
}

static void a_kernel_without_peek_off_does_as_well(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	splice_forget_peek_off(&s);
	host_writes(s.fd, stream, 50000);
	peer_reads_all(&s.peer, stream, 50000);
	host_writes(s.fd, stream, 14600);
	for (unsigned i = 0; i < 10; i++)
		peer_next(&s.peer); /* lost */
	rig_pass(&s.rig, NS_PER_S);
	shutdown(s.fd, SHUT_WR);
	peer_reads_all(&s.peer, stream, 14600);
	peer_read(&s.peer, FIN | ACK, NULL, 0);
	splice_end(&s);
}

static void an_end_behind_data_in_flight_is_seen_without_peek_off(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	splice_forget_peek_off(&s);
	host_writes(s.fd, "abc", 3);
	peer_read(&s.peer, ACK, "abc", 3); /* and not acknowledged */
	shutdown(s.fd, SHUT_WR);
	peer_read(&s.peer, FIN | ACK, NULL, 0);
	splice_end(&s);
}

/* A read that begins before an urgent byte ends there, however much comes behind, and
 * whether or not that is the end. */
static void an_urgent_byte_is_no_end_without_peek_off(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	splice_forget_peek_off(&s);
	host_writes(s.fd, "ab", 2);
	assert_int_equal(send(s.fd, "!", 1, MSG_OOB), 1);
	host_writes(s.fd, "cd", 2);
	shutdown(s.fd, SHUT_WR);
	peer_read(&s.peer, ACK, "ab", 2); /* and not acknowledged for some time */
	rig_pass(&s.rig, 3 * TCP_LOOK_DELAY_NS);
	rig_quiet(&s.rig);
	peer_ack(&s.peer);
	rig_pass(&s.rig, TCP_LOOK_DELAY_NS);
	peer_reads_all(&s.peer, (const uint8_t *)"!cd", 3);
	peer_read(&s.peer, FIN | ACK, NULL, 0);
	splice_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_come_in_segments_of_the_guests_size),
		cmocka_unit_test(a_guest_that_names_no_size_gets_536_and_a_tiny_one_28),
		cmocka_unit_test(a_small_mtu_makes_small_segments),
		cmocka_unit_test(with_segmentation_offload_much_comes_in_one_frame),
		cmocka_unit_test(windows_are_kept_scaled_or_not),
		cmocka_unit_test(data_stay_in_the_socket_until_acknowledged),
		cmocka_unit_test(what_is_not_acknowledged_comes_again_later_and_later),
		cmocka_unit_test(after_a_time_out_all_comes_again_beginning_slowly),
		cmocka_unit_test(a_guest_that_never_answers_is_given_up),
		cmocka_unit_test(three_duplicates_bring_the_hole_at_once_and_only_once),
		cmocka_unit_test(a_lost_fin_comes_again),
		cmocka_unit_test(a_closed_window_is_probed_until_it_opens),
		cmocka_unit_test(a_window_that_closes_over_what_was_sent_loses_nothing),
		cmocka_unit_test(a_fin_waits_for_the_window_as_data_do),
		cmocka_unit_test(without_buffers_of_the_guests_nothing_is_lost_or_spins),
		cmocka_unit_test(a_guest_without_buffers_for_long_keeps_its_connection),
		cmocka_unit_test(a_slow_guest_holds_up_no_connection_of_others),
		cmocka_unit_test(small_buffers_of_the_guests_make_small_frames),
		cmocka_unit_test(rings_that_stop_and_start_lose_nothing),
		cmocka_unit_test(an_urgent_byte_is_a_byte_of_the_stream),
		cmocka_unit_test(a_kernel_without_peek_off_does_as_well),
		cmocka_unit_test(an_end_behind_data_in_flight_is_seen_without_peek_off),
		cmocka_unit_test(an_urgent_byte_is_no_end_without_peek_off),
	};

	return cmocka_run_group_tests_name("tcp_out", tests, make_stream, free_stream);
}
