#include "net_fixture.h"

#include "host/now.h"

#define HOST_OFFLOADS (NET_F_CSUM | NET_F_HOST_TSO4)

/* Offer a frame with that header and have it sent; whether it was. */
static bool passes(struct nic *n, const uint8_t header[HEADER_BYTES], uint32_t len)
{
	const unsigned before = n->fake->sent_count;
	const gpa_t memory = n->free;
	const int id = tx_offer(n, TX, header, len);
	uint32_t used_len;

	tx_kick(n, TX);
	/* Sent or not, the chain comes back. */
	assert_int_equal(next_used(n, TX, &used_len), id);
	assert_int_equal(used_len, 0);
	n->free = memory;
	return n->fake->sent_count == before + 1;
}

static void a_frame_is_sent_as_the_guest_wrote_it(void **state)
{
	for (unsigned layout = 0; layout < LAYOUTS; layout++) {
		struct nic *n = nic_again(state, layout_features(layout) | F_BASE);
		uint8_t frame[FRAME_BYTES];

		assert_true(passes(n, NULL, FRAME_BYTES));
		frame_fill(frame, FRAME_BYTES, broadcast_mac);
		assert_int_equal(n->fake->sent[0].len, FRAME_BYTES);
		assert_memory_equal(n->fake->sent[0].bytes, frame, FRAME_BYTES);
		assert_int_equal(n->fake->sent[0].offload.gso, NET_GSO_NONE);
		assert_int_equal(stats_of(n).tx_frames, 1);
		assert_int_equal(stats_of(n).tx_bytes, FRAME_BYTES);
	}
}

/* 2.7.4: how the driver cuts it says nothing. */
static void header_and_frame_may_be_cut_anywhere(void **state)
{
	static const uint32_t cuts[] = { 1, 5, 11, 12, 13, 26, 40 };
	struct nic *n = nic_ready(state, F_BASE | VIRTIO_F_INDIRECT_DESC);
	uint8_t frame[FRAME_BYTES];

	frame_fill(frame, FRAME_BYTES, broadcast_mac);
	for (unsigned i = 0; i < ARRAY_LEN(cuts); i++) {
		const gpa_t at = tx_fill(n, NULL, FRAME_BYTES);
		struct fake_buf bufs[HEADER_BYTES + FRAME_BYTES];
		uint32_t done = 0, len;
		unsigned count = 0;

		while (done < HEADER_BYTES + FRAME_BYTES && count < RING_SIZE) {
			const uint32_t left = HEADER_BYTES + FRAME_BYTES - done;
			const uint32_t piece =
				count == RING_SIZE - 1 || left < cuts[i] ? left : cuts[i];

			bufs[count++] = (struct fake_buf){ at + done, piece, false };
			done += piece;
		}
		fake_driver_add_indirect(&n->f.queues[TX],
					 (nic_memory(n, 16 * count + 15) + 15) & ~UINT64_C(15),
					 bufs, count);
		tx_kick(n, TX);
		assert_true(next_used(n, TX, &len) >= 0);
		assert_int_equal(n->fake->sent_count, i + 1);
		assert_memory_equal(n->fake->sent[i].bytes, frame, FRAME_BYTES);
	}
}

static void what_the_guest_leaves_to_others_goes_along(void **state)
{
	static const uint8_t header[HEADER_BYTES] = { 1, 1, 54, 0, 0xa8, 5, 34, 0, 16, 0, 0xff };
	struct nic *n = nic_ready(state, F_BASE | HOST_OFFLOADS);
	const struct net_offload *o = &n->fake->sent[0].offload;

	assert_true(passes(n, header, 20000));
	assert_true(o->needs_csum);
	assert_false(o->csum_valid || o->ecn);
	assert_int_equal(o->gso, NET_GSO_TCP4);
	assert_int_equal(o->gso_bytes, 1448);
	assert_int_equal(o->header_bytes, 54);
	assert_int_equal(o->csum_start, 34);
	assert_int_equal(o->csum_offset, 16);
}

static void frames_with_bad_headers_come_back_and_are_counted(void **state)
{
	static const uint8_t headers[][HEADER_BYTES] = {
		{ 1, 0, 0, 0, 0, 0, 99, 0, 0, 0 },    /* checksum beyond the end */
		{ 1, 1, 54, 0, 0, 0, 34, 0, 16, 0 },  /* segments of nothing */
		{ 0, 1, 54, 0, 99, 0, 34, 0, 16, 0 }, /* segments without a checksum */
		{ 1, 4, 54, 0, 99, 0, 34, 0, 16, 0 }, /* TSO6 was not agreed on */
		{ 1, 7, 54, 0, 99, 0, 34, 0, 16, 0 }, /* nobody knows that */
	};
	struct nic *n = nic_ready(state, F_BASE | HOST_OFFLOADS);

	for (unsigned i = 0; i < ARRAY_LEN(headers); i++) {
		assert_false(passes(n, headers[i], FRAME_BYTES));
		assert_int_equal(stats_of(n).tx_bad, i + 1);
	}
	assert_false(status_read(&n->f) & VIRTIO_NEEDS_RESET);
	assert_true(passes(n, NULL, FRAME_BYTES));
}

static void without_the_feature_a_checksum_is_no_other_ones_work(void **state)
{
	static const uint8_t header[HEADER_BYTES] = { 1, 0, 0, 0, 0, 0, 34, 0, 16, 0 };
	struct nic *n = nic_ready(state, F_BASE);

	assert_false(passes(n, header, FRAME_BYTES));
}

static void a_guests_word_that_a_checksum_is_right_is_not_passed_on(void **state)
{
	static const uint8_t header[HEADER_BYTES] = { 2 };
	struct nic *n = nic_ready(state, F_BASE);

	assert_true(passes(n, header, FRAME_BYTES));
	assert_false(n->fake->sent[0].offload.csum_valid);
}

static void lengths_are_checked(void **state)
{
	struct nic *n = *state;

	n->fake->net.limits.mtu_max = 1500;
	nic_ready(state, F_BASE | HOST_OFFLOADS);
	assert_false(passes(n, NULL, NET_HEADER_BYTES - 1));
	assert_true(passes(n, NULL, NET_HEADER_BYTES));
	assert_true(passes(n, NULL, 1500 + NET_HEADER_BYTES + 4));
	assert_false(passes(n, NULL, 1500 + NET_HEADER_BYTES + 5));
	assert_int_equal(stats_of(n).tx_bad, 2);
}

static void a_frame_may_be_as_long_as_a_segmented_one_can_be(void **state)
{
	static const uint8_t header[HEADER_BYTES] = { 1, 1, 54, 0, 0xa8, 5, 34, 0, 16, 0 };
	struct nic *n = nic_ready(state, F_BASE | HOST_OFFLOADS);

	assert_true(passes(n, header, NET_FRAME_BYTES_MAX));
	assert_false(passes(n, header, NET_FRAME_BYTES_MAX + 1));
}

static void a_chain_with_room_for_an_answer_is_no_frame(void **state)
{
	struct nic *n = nic_ready(state, F_BASE);
	const struct fake_buf bufs[] = { { tx_fill(n, NULL, 100), 112, false },
					 { nic_memory(n, 16), 16, true } };
	uint32_t len;

	fake_driver_add(&n->f.queues[TX], bufs, 2);
	tx_kick(n, TX);
	assert_true(next_used(n, TX, &len) >= 0);
	assert_int_equal(len, 0);
	assert_int_equal(n->fake->sent_count, 0);
	assert_int_equal(stats_of(n).tx_bad, 1);
}

/* ---- a network that cannot keep up -------------------------------------------------------- */

static void a_frame_that_is_refused_is_sent_later_and_in_order(void **state)
{
	for (unsigned layout = 0; layout < LAYOUTS; layout++) {
		struct nic *n = nic_again(state, layout_features(layout) | F_BASE);
		int ids[6];
		uint32_t len;

		n->fake->refuse_after = 2;
		for (unsigned i = 0; i < 6; i++)
			ids[i] = tx_offer(n, TX, NULL, 100 + i);
		tx_kick(n, TX);
		assert_int_equal(n->fake->sent_count, 2);
		assert_int_equal(next_used(n, TX, &len), ids[0]);
		assert_int_equal(next_used(n, TX, &len), ids[1]);
		assert_int_equal(next_used(n, TX, &len), -1);
		/* It is asked once; more frames change nothing. */
		tx_offer(n, TX, NULL, 106);
		tx_kick(n, TX);
		assert_int_equal(n->fake->refused, 1);
		fake_net_accept(n->fake, 0);
		virtio_fixture_run(&n->f);
		assert_int_equal(n->fake->sent_count, 7);
		for (unsigned i = 0; i < 7; i++)
			assert_int_equal(n->fake->sent[i].len, 100 + i);
		for (unsigned i = 2; i < 6; i++)
			assert_int_equal(next_used(n, TX, &len), ids[i]);
	}
}

static void a_refused_frame_does_not_keep_the_loop_awake(void **state)
{
	struct nic *n = nic_ready(state, F_BASE);

	n->fake->refuse = true;
	for (unsigned i = 0; i < 3; i++)
		tx_offer(n, TX, NULL, FRAME_BYTES);
	tx_kick(n, TX);
	assert_int_equal(ioloop_round(n->f.loop, 20), 0);
	assert_int_equal(n->fake->refused, 1);
}

static void a_reset_gives_up_a_refused_frame(void **state)
{
	for (unsigned layout = 0; layout < LAYOUTS; layout++) {
		struct nic *n = nic_again(state, layout_features(layout) | F_BASE);

		n->fake->refuse = true;
		tx_offer(n, TX, NULL, FRAME_BYTES);
		tx_kick(n, TX);
		assert_true(virtio_fixture_reset(&n->f));
		assert_int_equal(n->fake->stops, 1);
		assert_int_equal(stats_of(n).tx_dropped, 1);
		n->fake->refuse = false;
		virtio_fixture_start(&n->f, (layout_features(layout) | F_BASE));
		assert_int_equal(n->fake->sent_count, 0);
		assert_true(passes(n, NULL, FRAME_BYTES));
	}
}

static void a_transmit_ring_waits_for_no_receive_buffer(void **state)
{
	struct nic *n = nic_ready(state, F_BASE | NET_F_MRG_RXBUF);

	assert_int_equal(bring(n, 100, 100), FAKE_NET_NO_ROOM);
	for (unsigned i = 0; i < 3; i++)
		assert_true(passes(n, NULL, FRAME_BYTES));
}

static void a_burst_is_bounded_and_flushed_once(void **state)
{
	struct nic *n = *state;
	uint16_t id;
	uint32_t len;

	n->config.queue_size = 256;
	nic_ready(state, F_BASE);
	for (unsigned i = 0; i < 150; i++)
		tx_offer(n, TX, NULL, FRAME_BYTES);
	virtio_fixture_kick(&n->f, TX);
	ioloop_round(n->f.loop, 0);
	assert_in_range(n->fake->sent_count, 1, 128);
	virtio_fixture_run(&n->f);
	assert_int_equal(n->fake->sent_count, 150);
	assert_int_equal(n->fake->flushes, 3);
	for (unsigned i = 0; i < 150; i++)
		assert_true(fake_driver_used(&n->f.queues[TX], &id, &len));
}

static void a_rate_limit_holds_for_what_is_sent(void **state)
{
	struct nic *n = *state;
	uint64_t begun_ns;
	unsigned rounds;

	n->config.tx_bps = 100 * 1000;
	n->config.tx_bps_burst = 1000;
	nic_ready(state, F_BASE);
	begun_ns = host_now_ns();
	for (unsigned i = 0; i < 6; i++)
		tx_offer(n, TX, NULL, 1000);
	virtio_fixture_kick(&n->f, TX);
	for (rounds = 0; n->fake->sent_count < 6 && rounds < 100; rounds++)
		ioloop_round(n->f.loop, 100);
	assert_int_equal(n->fake->sent_count, 6);
	/* Two are free, but for one byte, then one each 10 ms; a busy host may be late. */
	assert_in_range(host_now_ns() - begun_ns, 40 * NS_PER_MS, 2 * NS_PER_S);
	assert_in_range(rounds, 4, 50);
}

static void a_reset_does_not_wait_for_the_limit(void **state)
{
	struct nic *n = *state;

	n->config.tx_bps = 20 * 1000;
	n->config.tx_bps_burst = 1;
	nic_ready(state, F_BASE);
	for (unsigned i = 0; i < 3; i++)
		tx_offer(n, TX, NULL, 1000);
	tx_kick(n, TX);
	assert_int_equal(n->fake->sent_count, 1);
	assert_true(virtio_fixture_reset(&n->f));
	assert_int_equal(ioloop_round(n->f.loop, 100), 0); /* no timer is left */
}

/* ---- rules of the ring -------------------------------------------------------------------- */

static void a_broken_ring_needs_a_reset_and_works_after_it(void **state)
{
	struct nic *n = nic_ready(state, F_BASE);

	fake_driver_offer(&n->f.queues[TX], RING_SIZE);
	tx_kick(n, TX);
	assert_true(status_read(&n->f) & VIRTIO_NEEDS_RESET);
	assert_true(virtio_fixture_reset(&n->f));
	virtio_fixture_start(&n->f, F_BASE);
	assert_true(passes(n, NULL, FRAME_BYTES));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_is_sent_as_the_guest_wrote_it),
		TEST(header_and_frame_may_be_cut_anywhere),
		TEST(what_the_guest_leaves_to_others_goes_along),
		TEST(frames_with_bad_headers_come_back_and_are_counted),
		TEST(without_the_feature_a_checksum_is_no_other_ones_work),
		TEST(a_guests_word_that_a_checksum_is_right_is_not_passed_on),
		TEST(lengths_are_checked),
		TEST(a_frame_may_be_as_long_as_a_segmented_one_can_be),
		TEST(a_chain_with_room_for_an_answer_is_no_frame),
		TEST(a_frame_that_is_refused_is_sent_later_and_in_order),
		TEST(a_refused_frame_does_not_keep_the_loop_awake),
		TEST(a_reset_gives_up_a_refused_frame),
		TEST(a_transmit_ring_waits_for_no_receive_buffer),
		TEST(a_burst_is_bounded_and_flushed_once),
		TEST(a_rate_limit_holds_for_what_is_sent),
		TEST(a_reset_does_not_wait_for_the_limit),
		TEST(a_broken_ring_needs_a_reset_and_works_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
