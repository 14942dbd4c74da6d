/* Timestamps: RFC 7323, 3 to 5. */
#include "tcp_fixture.h"

#define FIRST 0xfffffffeu /* stamps wrap early in every test */

static void stamped_start(struct splice *s)
{
	splice_start_with(s, &with_host);
	s->peer.stamped = true;
	s->peer.stamp = FIRST;
	splice_handshake(s);
}

static void a_guest_with_timestamps_gets_its_own_back(void **state)
{
	struct splice s;
	struct came c;

	(void)state;
	splice_start_with(&s, &with_host);
	s.peer.stamped = true;
	s.peer.stamp = FIRST;
	peer_send(&s.peer, SYN, s.peer.snd++, 0, NULL, 0);
	s.fd = host_accept(s.listener);
	c = peer_expect(&s.peer, SYN | ACK, NULL, 0);
	assert_true(c.tcp.stamped);
	assert_int_equal(c.tcp.stamp_echo, FIRST);
	s.peer.rcv = c.tcp.seq + 1;
	s.peer.stamp += 5;
	peer_write(&s.peer, "abc", 3);
	rig_pass(&s.rig, TCP_ACK_DELAY_NS);
	assert_int_equal(peer_acked(&s.peer).tcp.stamp_echo, FIRST + 5);
	splice_end(&s);
}

static void a_guest_without_timestamps_gets_none(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	s.peer.stamped = true; /* nobody agreed on it */
	peer_write(&s.peer, "abc", 3);
	rig_pass(&s.rig, TCP_ACK_DELAY_NS);
	assert_false(peer_acked(&s.peer).tcp.stamped);
	splice_end(&s);
}

static void our_stamps_count_milliseconds(void **state)
{
	struct splice s;
	uint32_t first;

	(void)state;
	stamped_start(&s);
	host_writes(s.fd, "abc", 3);
	first = peer_read(&s.peer, ACK, "abc", 3).tcp.stamp;
	rig_pass(&s.rig, 123 * NS_PER_MS);
	peer_ack(&s.peer);
	host_writes(s.fd, "def", 3);
	assert_in_range(peer_read(&s.peer, ACK, "def", 3).tcp.stamp - first, 123, 125);
	splice_end(&s);
}

static void segments_leave_room_for_their_stamps(void **state)
{
	static const struct {
		uint16_t says, gets;
	} rows[] = { { 1460, 1448 }, { 65535, 1448 }, { 536, 524 }, { 30, 28 }, { 0, 524 } };
	uint8_t *bytes = some_bytes(3000);

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct splice s;

		splice_start_with(&s, &with_host);
		s.peer.mss = rows[i].says;
		s.peer.stamped = true;
		splice_handshake(&s);
		host_writes(s.fd, bytes, 3000);
		assert_int_equal(peer_read(&s.peer, ACK, bytes, rows[i].gets).tcp.header_bytes, 32);
		splice_end(&s);
	}
	free(bytes);
}

static void a_large_frame_is_cut_into_such_segments(void **state)
{
	uint8_t *bytes = some_bytes(150000);
	struct splice s;
	size_t largest = 0;

	(void)state;
	splice_start_with(&s, &with_host);
	net_offloads(s.rig.net, NET_CAN_CSUM | NET_CAN_TSO4);
	s.peer.stamped = true;
	splice_handshake(&s);
	host_writes(s.fd, bytes, 150000);
	for (size_t at = 0; at < 150000;) {
		const struct came c = peer_next(&s.peer);

		assert_int_equal(c.tcp.seq, s.peer.rcv);
		assert_memory_equal(c.payload, bytes + at, c.len);
		assert_int_equal(c.offload.gso_bytes, c.len > 1448 ? 1448 : 0);
		largest = c.len > largest ? c.len : largest;
		at += c.len;
		s.peer.rcv += (uint32_t)c.len;
		peer_ack(&s.peer);
	}
	assert_int_equal(largest, 45 * 1448); /* whole segments; a packet below 64 KiB */
	splice_end(&s);
	free(bytes);
}

/* 4.3: or what the guest measured would be the time since the hole. */
static void the_stamp_of_a_segment_behind_a_hole_is_not_echoed(void **state)
{
	struct splice s;

	(void)state;
	stamped_start(&s);
	s.peer.stamp += 10;
	peer_send(&s.peer, ACK, s.peer.snd + 3, s.peer.rcv, "def", 3);
	assert_int_equal(peer_acked(&s.peer).tcp.stamp_echo, FIRST);
	s.peer.stamp += 10;
	peer_write(&s.peer, "abc", 3);
	rig_pass(&s.rig, TCP_ACK_DELAY_NS);
	assert_int_equal(peer_acked(&s.peer).tcp.stamp_echo, FIRST + 20);
	splice_end(&s);
}

/* 4.2: two segments and one acknowledgment, which is for the first of them. */
static void of_a_burst_the_first_stamp_is_echoed(void **state)
{
	struct splice s;

	(void)state;
	stamped_start(&s);
	s.peer.stamp += 1;
	peer_put(&s.peer, ACK, s.peer.snd, s.peer.rcv, "abc", 3);
	s.peer.stamp += 1;
	peer_send(&s.peer, ACK, s.peer.snd + 3, s.peer.rcv, "def", 3);
	s.peer.snd += 6;
	rig_pass(&s.rig, TCP_ACK_DELAY_NS);
	assert_int_equal(peer_acked(&s.peer).tcp.stamp_echo, FIRST + 1);
	splice_end(&s);
}

static void a_segment_from_the_past_is_acknowledged_and_not_taken(void **state)
{
	struct splice s;

	(void)state;
	stamped_start(&s);
	s.peer.stamp += 10;
	peer_ack(&s.peer);
	s.peer.stamp -= 1;
	peer_send(&s.peer, ACK, s.peer.snd, s.peer.rcv, "old", 3);
	assert_int_equal(peer_acked(&s.peer).tcp.stamp_echo, FIRST + 10);
	peer_send(&s.peer, FIN | ACK, s.peer.snd, s.peer.rcv, NULL, 0);
	peer_acked(&s.peer);
	s.peer.stamp += 1;
	peer_write(&s.peer, "new", 3);
	host_reads(s.fd, "new", 3);
	splice_end(&s);
}

/* 5.5: their clock may have gone half round meanwhile. */
static void after_a_long_silence_no_stamp_is_of_the_past(void **state)
{
	struct splice s;

	(void)state;
	stamped_start(&s);
	rig_pass(&s.rig, TCP_STAMP_LIFE_NS - NS_PER_S);
	s.peer.stamp += UINT32_C(1) << 31;
	peer_send(&s.peer, ACK, s.peer.snd, s.peer.rcv, "old", 3);
	peer_acked(&s.peer);
	rig_pass(&s.rig, NS_PER_S);
	peer_write(&s.peer, "new", 3);
	host_reads(s.fd, "new", 3);
	splice_end(&s);
}

static void a_segment_without_a_stamp_is_taken_and_so_is_a_reset_from_the_past(void **state)
{
	struct splice s;

	(void)state;
	stamped_start(&s);
	s.peer.stamped = false;
	peer_write(&s.peer, "abc", 3);
	host_reads(s.fd, "abc", 3);
	s.peer.stamped = true;
	s.peer.stamp -= 100;
	peer_send(&s.peer, RST, s.peer.snd, 0, NULL, 0);
	assert_int_equal(host_ends(s.fd), -ECONNRESET);
	splice_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_with_timestamps_gets_its_own_back),
		cmocka_unit_test(a_guest_without_timestamps_gets_none),
		cmocka_unit_test(our_stamps_count_milliseconds),
		cmocka_unit_test(segments_leave_room_for_their_stamps),
		cmocka_unit_test(a_large_frame_is_cut_into_such_segments),
		cmocka_unit_test(the_stamp_of_a_segment_behind_a_hole_is_not_echoed),
		cmocka_unit_test(of_a_burst_the_first_stamp_is_echoed),
		cmocka_unit_test(a_segment_from_the_past_is_acknowledged_and_not_taken),
		cmocka_unit_test(after_a_long_silence_no_stamp_is_of_the_past),
		cmocka_unit_test(
			a_segment_without_a_stamp_is_taken_and_so_is_a_reset_from_the_past),
	};

	return cmocka_run_group_tests_name("tcp_stamp", tests, NULL, NULL);
}
