#include "net_fixture.h"

#include "host/now.h"

#define F_RX (F_BASE | NET_F_MRG_RXBUF)

static unsigned num_buffers(const struct rx_buffer *b)
{
	return le16_load(b->bytes + 10);
}

/* ---- into buffers --------------------------------------------------------------------- */

static void check_one_frame(struct nic *n)
{
	struct rx_buffer b = rx_offer(n, RX, 2000);
	uint8_t frame[FRAME_BYTES];
	uint32_t len;

	assert_int_equal(bring(n, FRAME_BYTES, 1518), FAKE_NET_TAKEN);
	assert_int_equal(next_used(n, RX, &len), b.id);
	assert_int_equal(len, HEADER_BYTES + FRAME_BYTES);
	frame_fill(frame, FRAME_BYTES, own_mac);
	assert_memory_equal(b.bytes + HEADER_BYTES, frame, FRAME_BYTES);
	assert_int_equal(num_buffers(&b), 1);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(b.bytes[i], 0);
	assert_int_equal(b.bytes[len], 0xaa);
}

static void a_frame_lands_in_a_buffer_behind_its_header(void **state)
{
	for (unsigned layout = 0; layout < LAYOUTS; layout++) {
		check_one_frame(nic_again(state, layout_features(layout) | F_RX));
		check_one_frame(nic_again(state, layout_features(layout) | F_BASE));
	}
}

static void a_frame_goes_on_into_further_buffers_with_mrg_rxbuf(void **state)
{
	for (unsigned layout = 0; layout < LAYOUTS; layout++) {
		struct nic *n = nic_again(state, layout_features(layout) | F_RX);
		struct rx_buffer b[4];
		uint8_t frame[250];
		uint32_t len;

		for (unsigned i = 0; i < 4; i++)
			b[i] = rx_offer(n, RX, 100);
		assert_int_equal(bring(n, 250, 250), FAKE_NET_TAKEN);
		frame_fill(frame, 250, own_mac);
		assert_int_equal(next_used(n, RX, &len), b[0].id);
		assert_int_equal(len, 100);
		assert_int_equal(num_buffers(&b[0]), 3);
		assert_memory_equal(b[0].bytes + HEADER_BYTES, frame, 88);
		assert_int_equal(next_used(n, RX, &len), b[1].id);
		assert_int_equal(len, 100);
		assert_memory_equal(b[1].bytes, frame + 88, 100);
		assert_int_equal(next_used(n, RX, &len), b[2].id);
		assert_int_equal(len, 62);
		assert_memory_equal(b[2].bytes, frame + 188, 62);
		assert_int_equal(next_used(n, RX, &len), -1);
	}
}

static void one_interrupt_tells_of_a_frame_in_many_buffers(void **state)
{
	struct nic *n = nic_ready(state, F_RX);
	const unsigned vector = virtio_fixture_vector(&n->f, RX);
	unsigned before = virtio_fixture_interrupts(&n->f, vector);

	for (unsigned i = 0; i < 4; i++)
		rx_offer(n, RX, 100);
	bring(n, 250, 250);
	virtio_fixture_run(&n->f);
	assert_int_equal(virtio_fixture_interrupts(&n->f, vector), before + 1);
}

static void buffers_that_a_frame_leaves_over_are_the_next_ones(void **state)
{
	struct nic *n = nic_ready(state, F_RX);
	struct rx_buffer b[6];
	uint32_t len;

	for (unsigned i = 0; i < 6; i++)
		b[i] = rx_offer(n, RX, 500);
	for (unsigned i = 0; i < 3; i++) {
		/* Room for five is asked for, one is used. */
		assert_int_equal(bring(n, 60 + i, i == 0 ? 2400 : 60 + i), FAKE_NET_TAKEN);
		assert_int_equal(next_used(n, RX, &len), b[i].id);
		assert_int_equal(len, HEADER_BYTES + 60 + i);
		assert_int_equal(num_buffers(&b[i]), 1);
	}
	assert_int_equal(virtio_vq(&n->f.vp->v, RX)->taken, 5);
}

static void no_more_buffers_are_taken_than_a_frame_may_need(void **state)
{
	struct nic *n = nic_ready(state, F_RX);
	uint32_t len;

	for (unsigned i = 0; i < 6; i++)
		rx_offer(n, RX, 500);
	bring(n, 100, 100);
	assert_int_equal(virtio_vq(&n->f.vp->v, RX)->taken, 1);
	assert_true(next_used(n, RX, &len) >= 0);
	bring(n, 100, 500);
	assert_int_equal(virtio_vq(&n->f.vp->v, RX)->taken, 3);
}

static void the_header_may_be_cut_over_many_pieces(void **state)
{
	static const uint32_t pieces[] = { 1, 3, 4, 10, 2, 200, 0 };
	struct nic *n = nic_ready(state, F_RX);
	struct rx_buffer b[2];
	uint8_t frame[150];
	uint32_t len;

	b[0] = rx_offer_pieces(n, RX, pieces);
	b[1] = rx_offer_pieces(n, RX, pieces);
	frame_fill(frame, sizeof(frame), own_mac);
	for (unsigned i = 0; i < 2; i++) {
		/* The first time both are in reserve. */
		assert_int_equal(bring(n, sizeof(frame), i == 0 ? 400 : 150), FAKE_NET_TAKEN);
		assert_int_equal(next_used(n, RX, &len), b[i].id);
		assert_int_equal(len, HEADER_BYTES + 150);
		assert_int_equal(num_buffers(&b[i]), 1);
		assert_memory_equal(b[i].bytes + HEADER_BYTES, frame, sizeof(frame));
	}
}

static void many_frames_go_round_the_reserve(void **state)
{
	struct nic *n = nic_ready(state, F_RX);
	uint8_t frame[400];
	uint32_t len;

	frame_fill(frame, sizeof(frame), own_mac);
	for (unsigned turn = 0; turn < 200; turn++) {
		const gpa_t memory = n->free;
		struct rx_buffer b[3];

		for (unsigned i = 0; i < 3; i++)
			b[i] = rx_offer_pieces(n, RX, (const uint32_t[]){ 60, 50, 40, 0 });
		/* One chain for each of two frames, or both and the third for one. */
		if (turn % 2) {
			assert_int_equal(bring(n, 400, 420), FAKE_NET_TAKEN);
		} else {
			assert_int_equal(bring(n, 130, 400), FAKE_NET_TAKEN);
			assert_int_equal(bring(n, 200, 200), FAKE_NET_TAKEN);
		}
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(next_used(n, RX, &len), b[i].id);
		assert_memory_equal(b[0].bytes + HEADER_BYTES, frame, 130);
		n->free = memory;
	}
	assert_int_equal(stats_of(n).rx_frames, 300);
	assert_int_equal(stats_of(n).rx_bytes, 100 * 400 + 100 * 330);
}

static void a_reserve_that_is_never_empty_goes_on_for_ever(void **state)
{
	struct nic *n = nic_ready(state, F_RX);
	struct rx_buffer b[2];
	uint8_t frame[100];
	uint32_t len;

	frame_fill(frame, sizeof(frame), own_mac);
	b[0] = rx_offer_pieces(n, RX, (const uint32_t[]){ 60, 50, 40, 0 });
	for (unsigned turn = 0; turn < 300; turn++) {
		b[1] = rx_offer_pieces(n, RX, (const uint32_t[]){ 60, 50, 40, 0 });
		assert_int_equal(bring(n, sizeof(frame), 150), FAKE_NET_TAKEN);
		assert_int_equal(n->fake->room_pieces, 6);
		assert_int_equal(next_used(n, RX, &len), b[0].id);
		assert_int_equal(num_buffers(&b[0]), 1);
		assert_memory_equal(b[0].bytes + HEADER_BYTES, frame, sizeof(frame));
		b[0] = b[1];
	}
}

static void a_loan_given_back_unused_leaves_all_as_it_was(void **state)
{
	struct nic *n = nic_ready(state, F_RX);
	struct net_nic *nic = n->fake->nic;
	struct rx_buffer b = rx_offer(n, RX, 300);
	struct net_room room;
	uint32_t len;

	for (unsigned i = 0; i < 3; i++) {
		assert_true(nic->ops->room(nic, 0, 200, &room));
		assert_int_equal(room.len, 288);
		nic->ops->commit(nic, 0, 0, NULL);
	}
	assert_int_equal(next_used(n, RX, &len), -1);
	assert_int_equal(bring(n, 288, 288), FAKE_NET_TAKEN);
	assert_int_equal(next_used(n, RX, &len), b.id);
	assert_int_equal(len, 300);
}

static void the_largest_frame_fits(void **state)
{
	const struct net_offload offload = { .needs_csum = true,
					     .gso = NET_GSO_TCP4,
					     .gso_bytes = 1448,
					     .header_bytes = 54,
					     .csum_start = 34,
					     .csum_offset = 16 };
	static uint8_t frame[NET_FRAME_BYTES_MAX];
	struct nic *n = nic_ready(state, F_RX | NET_F_GUEST_CSUM | NET_F_GUEST_TSO4);
	struct rx_buffer b[50];
	uint32_t len;

	frame_fill(frame, sizeof(frame), own_mac);
	for (unsigned i = 0; i < 50; i++)
		b[i] = rx_offer(n, RX, 1536);
	assert_int_equal(bring_frame(n, frame, sizeof(frame), sizeof(frame), &offload),
			 FAKE_NET_TAKEN);
	assert_int_equal(num_buffers(&b[0]), 43);
	assert_memory_equal(b[0].bytes, ((uint8_t[]){ 1, 1, 54, 0, 0xa8, 5, 34, 0, 16, 0 }), 10);
	for (unsigned i = 0; i < 43; i++)
		assert_int_equal(next_used(n, RX, &len), b[i].id);
	assert_int_equal(next_used(n, RX, &len), -1);
}

/* ---- too little room -------------------------------------------------------------------- */

static void a_guest_without_buffers_is_told_of_once_it_has_some(void **state)
{
	for (unsigned layout = 0; layout < LAYOUTS; layout++) {
		struct nic *n = nic_again(state, layout_features(layout) | F_RX);

		assert_int_equal(bring(n, 100, 100), FAKE_NET_NO_ROOM);
		virtio_fixture_run(&n->f);
		assert_int_equal(n->fake->rx_readies, 0);
		rx_offer(n, RX, 500);
		assert_true(virtio_fixture_kick(&n->f, RX));
		virtio_fixture_run(&n->f);
		assert_int_equal(n->fake->rx_readies, 1);
		assert_int_equal(bring(n, 100, 100), FAKE_NET_TAKEN);
	}
}

static void buffers_that_nobody_waits_for_need_no_kick(void **state)
{
	struct nic *n = nic_ready(state, F_RX);

	rx_offer(n, RX, 500);
	virtio_fixture_kick(&n->f, RX); /* the ring was empty so far */
	virtio_fixture_run(&n->f);
	for (unsigned i = 0; i < 5; i++) {
		rx_offer(n, RX, 500);
		assert_false(virtio_fixture_kick(&n->f, RX));
		virtio_fixture_run(&n->f);
	}
	assert_int_equal(n->fake->rx_readies, 0);
	assert_int_equal(bring(n, 100, 100), FAKE_NET_TAKEN);
	virtio_fixture_run(&n->f);
	rx_offer(n, RX, 500);
	assert_false(virtio_fixture_kick(&n->f, RX));
}

static void bring_two(struct fake_net *fake, unsigned pair)
{
	static uint8_t frame[100];

	frame_fill(frame, sizeof(frame), own_mac);
	for (unsigned i = 0; i < 2; i++)
		fake_net_bring(fake, pair, frame, sizeof(frame), sizeof(frame), NULL);
}

static void a_network_told_of_room_may_bring_frames_at_once(void **state)
{
	struct nic *n = nic_ready(state, F_RX);

	n->fake->on_rx_ready = bring_two;
	bring(n, 100, 100);
	virtio_fixture_run(&n->f);
	for (unsigned i = 0; i < 5; i++) {
		rx_offer(n, RX, 500);
		virtio_fixture_kick(&n->f, RX);
		virtio_fixture_run(&n->f);
	}
	assert_int_equal(stats_of(n).rx_frames, 5);
}

static void drops_are_counted_when_the_network_tells(void **state)
{
	struct nic *n = nic_ready(state, F_RX);

	n->fake->nic->ops->dropped(n->fake->nic, 0);
	n->fake->nic->ops->dropped(n->fake->nic, 0);
	assert_int_equal(stats_of(n).rx_dropped, 2);
	assert_int_equal(stats_of(n).rx_frames, 0);
}

static void without_mrg_rxbuf_a_buffer_is_all_the_room_there_is(void **state)
{
	struct nic *n = nic_ready(state, F_BASE);
	struct rx_buffer b = rx_offer(n, RX, 512);
	uint32_t len;

	rx_offer(n, RX, 2000);
	assert_int_equal(bring(n, 501, 1518), FAKE_NET_TOO_LONG);
	assert_int_equal(n->fake->room_len, 500);
	assert_int_equal(stats_of(n).rx_dropped, 1);
	assert_int_equal(bring(n, 500, 1518), FAKE_NET_TAKEN);
	assert_int_equal(next_used(n, RX, &len), b.id);
	assert_int_equal(len, 512);
	assert_int_equal(bring(n, 501, 1518), FAKE_NET_TAKEN);
}

/* What a network that reads before it knows a length would ask for. */
static void a_guest_that_has_less_than_is_wanted_gets_some_time(void **state)
{
	struct nic *n = nic_ready(state, F_RX);
	const uint64_t begun_ns = host_now_ns();

	for (unsigned i = 0; i < 8; i++)
		rx_offer(n, RX, 1000);
	assert_int_equal(bring(n, 100, 16000), FAKE_NET_NO_ROOM);
	for (unsigned i = 0; i < 16; i++)
		rx_offer(n, RX, 1000);
	virtio_fixture_kick(&n->f, RX);
	virtio_fixture_run(&n->f);
	assert_int_equal(n->fake->rx_readies, 1);
	assert_true(host_now_ns() - begun_ns < NS_PER_S);
	assert_int_equal(bring(n, 16000, 16000), FAKE_NET_TAKEN);
	/* No timer is left. */
	assert_int_equal(ioloop_round(n->f.loop, 50), 0);
	assert_int_equal(n->fake->rx_readies, 1);
}

static void a_guest_that_never_has_more_gets_frames_all_the_same(void **state)
{
	struct nic *n = nic_ready(state, F_RX);

	for (unsigned i = 0; i < 8; i++)
		rx_offer(n, RX, 1000);
	assert_int_equal(bring(n, 100, 16000), FAKE_NET_NO_ROOM);
	virtio_fixture_run(&n->f);
	assert_int_equal(n->fake->rx_readies, 0);
	for (unsigned i = 0; i < 100 && n->fake->rx_readies == 0; i++)
		ioloop_round(n->f.loop, 50);
	assert_int_equal(n->fake->rx_readies, 1);
	/* Not only this once. */
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(bring(n, 100, 16000), FAKE_NET_TAKEN);
	assert_int_equal(n->fake->room_len, 6 * 1000 - HEADER_BYTES);
	/* But until it had all that was wanted. */
	for (unsigned i = 0; i < 20; i++)
		rx_offer(n, RX, 1000);
	assert_int_equal(bring(n, 16000, 16000), FAKE_NET_TAKEN);
	assert_int_equal(bring(n, 100, 16000), FAKE_NET_NO_ROOM);
}

/* As acknowledgements do that come between large segments. */
static void small_frames_that_fit_do_not_make_large_ones_wait_again(void **state)
{
	struct nic *n = nic_ready(state, F_RX);
	const uint64_t begun_ns = host_now_ns();

	for (unsigned i = 0; i < 14; i++)
		rx_offer(n, RX, 1000);
	while (bring(n, 500, 16000) == FAKE_NET_NO_ROOM) {
		assert_true(host_now_ns() - begun_ns < 2 * NS_PER_S);
		assert_int_equal(bring(n, 100, 100), FAKE_NET_TAKEN);
		rx_offer(n, RX, 1000); /* in its place */
		n->free -= 1000;
		for (uint32_t len; next_used(n, RX, &len) >= 0;)
			;
		ioloop_round(n->f.loop, 5);
	}
	assert_true(host_now_ns() - begun_ns >= 20 * NS_PER_MS);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(bring(n, 100, 100), FAKE_NET_TAKEN);
		assert_int_equal(bring(n, 500, 16000), FAKE_NET_TAKEN);
		assert_int_equal(bring(n, 500, 16001), FAKE_NET_TAKEN);
	}
	/* Nobody knows yet whether it can have less than that. */
	rx_offer(n, RX, 1000);
	assert_int_equal(bring(n, 100, 15999), FAKE_NET_NO_ROOM);
	assert_int_equal(bring(n, 100, 16000), FAKE_NET_TAKEN);
}

static void nothing_is_lent_after_the_guest_broke_the_ring(void **state)
{
	struct nic *n = nic_ready(state, F_RX);

	rx_offer(n, RX, 500);
	fake_driver_offer(&n->f.queues[RX], RING_SIZE);
	assert_int_equal(bring(n, 100, 100), FAKE_NET_TAKEN);
	assert_int_equal(bring(n, 100, 100), FAKE_NET_NO_ROOM);
	assert_true(status_read(&n->f) & VIRTIO_NEEDS_RESET);
	assert_int_equal(bring(n, 100, 100), FAKE_NET_NO_ROOM);
	assert_true(virtio_fixture_reset(&n->f));
}

static void a_readable_buffer_is_given_back_and_skipped(void **state)
{
	for (unsigned layout = 0; layout < LAYOUTS; layout++) {
		struct nic *n = nic_again(state, layout_features(layout) | F_RX);
		struct fake_buf bad[] = { { nic_memory(n, 64), 64, false },
					  { nic_memory(n, 640), 640, true } };
		int bad_id = fake_driver_add(&n->f.queues[RX], bad, 2);
		struct rx_buffer tiny = rx_offer(n, RX, HEADER_BYTES - 1);
		struct rx_buffer b = rx_offer(n, RX, 500);
		uint32_t len;

		assert_int_equal(bring(n, 100, 100), FAKE_NET_TAKEN);
		assert_int_equal(next_used(n, RX, &len), bad_id);
		assert_int_equal(len, 0);
		assert_int_equal(next_used(n, RX, &len), tiny.id);
		assert_int_equal(len, 0);
		assert_int_equal(next_used(n, RX, &len), b.id);
		assert_int_equal(len, 112);
		assert_false(status_read(&n->f) & VIRTIO_NEEDS_RESET);
	}
}

static void a_buffer_of_just_a_header_begins_a_frame_all_the_same(void **state)
{
	struct nic *n = nic_ready(state, F_RX);
	struct rx_buffer head = rx_offer(n, RX, HEADER_BYTES), b = rx_offer(n, RX, 100);
	uint32_t len;

	assert_int_equal(bring(n, 100, 100), FAKE_NET_TAKEN);
	assert_int_equal(num_buffers(&head), 2);
	assert_int_equal(next_used(n, RX, &len), head.id);
	assert_int_equal(len, HEADER_BYTES);
	assert_int_equal(next_used(n, RX, &len), b.id);
	assert_int_equal(len, 100);
}

/* ---- hostile or late frames ----------------------------------------------------------- */

static void frames_with_offloads_not_agreed_on_are_dropped(void **state)
{
	const struct net_offload csum = { .needs_csum = true, .csum_start = 34, .csum_offset = 16 };
	struct net_offload gso = csum;
	uint8_t frame[FRAME_BYTES];
	struct nic *n = nic_ready(state, F_RX | NET_F_GUEST_CSUM);
	struct rx_buffer b = rx_offer(n, RX, 500);
	uint32_t len;

	frame_fill(frame, sizeof(frame), own_mac);
	gso.gso = NET_GSO_TCP4;
	gso.gso_bytes = 20;
	assert_int_equal(bring_frame(n, frame, sizeof(frame), 100, &gso), FAKE_NET_TAKEN);
	assert_int_equal(next_used(n, RX, &len), -1);
	assert_int_equal(stats_of(n).rx_dropped, 1);
	assert_int_equal(bring_frame(n, frame, sizeof(frame), 100, &csum), FAKE_NET_TAKEN);
	assert_int_equal(next_used(n, RX, &len), b.id);
	assert_int_equal(b.bytes[0], 1);
}

static void a_valid_checksum_is_told_only_to_who_asked(void **state)
{
	const struct net_offload valid = { .csum_valid = true };
	uint8_t frame[FRAME_BYTES];

	frame_fill(frame, sizeof(frame), own_mac);
	for (unsigned asked = 0; asked < 2; asked++) {
		struct nic *n = nic_again(state, F_RX | (asked ? NET_F_GUEST_CSUM : 0));
		struct rx_buffer b = rx_offer(n, RX, 500);

		assert_int_equal(bring_frame(n, frame, sizeof(frame), 100, &valid), FAKE_NET_TAKEN);
		assert_int_equal(b.bytes[0], asked ? 2 : 0);
	}
}

static void a_frame_shorter_than_its_header_is_dropped(void **state)
{
	struct nic *n = nic_ready(state, F_RX);
	uint32_t len;

	rx_offer(n, RX, 500);
	assert_int_equal(bring_frame(n, own_mac, 6, 100, NULL), FAKE_NET_TAKEN);
	assert_int_equal(next_used(n, RX, &len), -1);
	assert_int_equal(stats_of(n).rx_dropped, 1);
}

/* ---- limits, resets ---------------------------------------------------------------------- */

static void a_rate_limit_holds_for_what_is_received(void **state)
{
	struct nic *n = *state;
	uint64_t begun_ns;

	n->config.rx_bps = 100 * 1000;
	n->config.rx_bps_burst = 1000;
	nic_ready(state, F_RX);
	for (unsigned i = 0; i < 20; i++)
		rx_offer(n, RX, 2000);
	begun_ns = host_now_ns();
	for (unsigned i = 0; i < 6; i++) {
		const unsigned before = n->fake->rx_readies;

		while (bring(n, 1000, 1000) == FAKE_NET_NO_ROOM && n->fake->rx_readies < before + 9)
			ioloop_round(n->f.loop, 100);
	}
	assert_int_equal(stats_of(n).rx_frames, 6);
	/* Two are free, but for one byte, then one each 10 ms; a busy host may be late. */
	assert_in_range(host_now_ns() - begun_ns, 40 * NS_PER_MS, 2 * NS_PER_S);
	assert_in_range(n->fake->rx_readies, 4, 12);
}

static void a_reset_forgets_the_reserve(void **state)
{
	for (unsigned layout = 0; layout < LAYOUTS; layout++) {
		const uint64_t features = layout_features(layout) | F_RX;
		struct nic *n = nic_again(state, features);

		for (unsigned i = 0; i < 10; i++)
			rx_offer(n, RX, 500);
		assert_int_equal(bring(n, 100, 3000), FAKE_NET_TAKEN);
		assert_int_equal(bring(n, 100, 60000), FAKE_NET_NO_ROOM);
		assert_true(virtio_fixture_reset(&n->f));
		assert_int_equal(ioloop_round(n->f.loop, 50), 0); /* no timer is left */
		virtio_fixture_start(&n->f, features & features_offered(&n->f));
		assert_int_equal(bring(n, 100, 100), FAKE_NET_NO_ROOM);
		check_one_frame(n);
	}
}

static void a_ring_that_is_reset_alone_leaves_the_other_working(void **state)
{
	struct nic *n = nic_ready(state, F_RX | VIRTIO_F_RING_RESET);

	rx_offer(n, RX, 500);
	bring(n, 100, 300);
	queue_write(&n->f, RX, COMMON_QUEUE_RESET, 1);
	virtio_fixture_run(&n->f);
	assert_int_equal(queue_read(&n->f, RX, COMMON_QUEUE_RESET), 0);
	assert_int_equal(n->fake->stops, 0);
	assert_int_equal(bring(n, 100, 100), FAKE_NET_NO_ROOM);
	tx_offer(n, TX, NULL, FRAME_BYTES);
	tx_kick(n, TX);
	assert_int_equal(n->fake->sent_count, 1);
	virtio_fixture_queue(&n->f, RX, 0);
	virtio_fixture_run(&n->f);
	rx_offer(n, RX, 500);
	virtio_fixture_kick(&n->f, RX);
	virtio_fixture_run(&n->f);
	assert_int_equal(n->fake->rx_readies, 1);
	assert_int_equal(bring(n, 100, 100), FAKE_NET_TAKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_lands_in_a_buffer_behind_its_header),
		TEST(a_frame_goes_on_into_further_buffers_with_mrg_rxbuf),
		TEST(one_interrupt_tells_of_a_frame_in_many_buffers),
		TEST(buffers_that_a_frame_leaves_over_are_the_next_ones),
		TEST(no_more_buffers_are_taken_than_a_frame_may_need),
		TEST(the_header_may_be_cut_over_many_pieces),
		TEST(many_frames_go_round_the_reserve),
		TEST(a_reserve_that_is_never_empty_goes_on_for_ever),
		TEST(a_loan_given_back_unused_leaves_all_as_it_was),
		TEST(the_largest_frame_fits),
		TEST(a_guest_without_buffers_is_told_of_once_it_has_some),
		TEST(buffers_that_nobody_waits_for_need_no_kick),
		TEST(a_network_told_of_room_may_bring_frames_at_once),
		TEST(drops_are_counted_when_the_network_tells),
		TEST(without_mrg_rxbuf_a_buffer_is_all_the_room_there_is),
		TEST(a_guest_that_has_less_than_is_wanted_gets_some_time),
		TEST(a_guest_that_never_has_more_gets_frames_all_the_same),
		TEST(small_frames_that_fit_do_not_make_large_ones_wait_again),
		TEST(nothing_is_lent_after_the_guest_broke_the_ring),
		TEST(a_readable_buffer_is_given_back_and_skipped),
		TEST(a_buffer_of_just_a_header_begins_a_frame_all_the_same),
		TEST(frames_with_offloads_not_agreed_on_are_dropped),
		TEST(a_valid_checksum_is_told_only_to_who_asked),
		TEST(a_frame_shorter_than_its_header_is_dropped),
		TEST(a_rate_limit_holds_for_what_is_received),
		TEST(a_reset_forgets_the_reserve),
		TEST(a_ring_that_is_reset_alone_leaves_the_other_working),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
