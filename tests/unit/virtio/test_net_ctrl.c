#include "net_fixture.h"

#define OK  0
#define ERR 1

#define CLASS_RX       0
#define CLASS_MAC      1
#define CLASS_VLAN     2
#define CLASS_ANNOUNCE 3
#define CLASS_MQ       4
#define CLASS_OFFLOADS 5

#define F_ALL                                                                               \
	(F_BASE | NET_F_MRG_RXBUF | NET_F_CTRL_RX | NET_F_CTRL_RX_EXTRA | NET_F_CTRL_VLAN | \
	 NET_F_CTRL_MAC_ADDR | NET_F_GUEST_ANNOUNCE | NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | \
	 NET_F_GUEST_ECN | NET_F_CTRL_GUEST_OFFLOADS)

static const uint8_t other_mac[NET_MAC_BYTES] = { 0x52, 0x54, 0x00, 0xaa, 0xbb, 0xcc };
static const uint8_t group_mac[NET_MAC_BYTES] = { 0x33, 0x33, 0x00, 0x00, 0x00, 0x01 };

/* Whether a frame to that address reaches the driver; with a VLAN tag unless it is 0. */
static bool arrives_by(struct nic *n, const uint8_t *to, unsigned vlan)
{
	const gpa_t memory = n->free;
	uint8_t frame[FRAME_BYTES];
	uint32_t len;
	bool came;

	rx_offer(n, RX, 500);
	frame_fill(frame, sizeof(frame), to);
	if (vlan) {
		be16_store(frame + 12, 0x8100);
		be16_store(frame + 14, (uint16_t)vlan);
	}
	assert_int_equal(bring_frame(n, frame, sizeof(frame), 100, NULL), FAKE_NET_TAKEN);
	came = next_used(n, RX, &len) >= 0;
	n->free = memory;
	return came;
}

static bool arrives(struct nic *n, const uint8_t *to)
{
	return arrives_by(n, to, 0);
}

/* ---- filters --------------------------------------------------------------------------- */

/* 5.1.6.5.2.1: the table is empty at first. */
static void a_driver_that_can_filter_gets_its_own_frames_first(void **state)
{
	struct nic *n = nic_ready(state, F_ALL);

	assert_true(arrives(n, own_mac));
	assert_true(arrives(n, broadcast_mac));
	assert_false(arrives(n, other_mac));
	assert_false(arrives(n, group_mac));
	assert_int_equal(stats_of(n).rx_filtered, 2);
	assert_int_equal(stats_of(n).rx_dropped, 0);
}

static void a_driver_that_cannot_filter_gets_all_frames(void **state)
{
	struct nic *n = nic_ready(state, F_BASE | NET_F_MRG_RXBUF);

	assert_true(arrives(n, other_mac));
	assert_true(arrives(n, group_mac));
	assert_true(arrives_by(n, own_mac, 7));
}

static void modes_are_switched_on_and_off(void **state)
{
	static const struct {
		uint8_t number;
		const uint8_t *mac;
		bool when_on;
	} modes[] = {
		{ 0, other_mac, true },	 { 0, group_mac, true },      { 1, group_mac, true },
		{ 1, other_mac, false }, { 2, other_mac, true },      { 2, group_mac, false },
		{ 4, own_mac, false },	 { 5, broadcast_mac, false },
	};
	struct nic *n = nic_ready(state, F_ALL);

	for (unsigned i = 0; i < ARRAY_LEN(modes); i++) {
		const bool when_off = arrives(n, modes[i].mac);

		assert_int_equal(command(n, CLASS_RX, modes[i].number, "\1", 1), OK);
		assert_int_equal(arrives(n, modes[i].mac), modes[i].when_on);
		assert_int_equal(command(n, CLASS_RX, modes[i].number, "\0", 1), OK);
		assert_int_equal(arrives(n, modes[i].mac), when_off);
	}
	/* NOMULTI is above ALLMULTI. */
	assert_int_equal(command(n, CLASS_RX, 1, "\1", 1), OK);
	assert_int_equal(command(n, CLASS_RX, 3, "\1", 1), OK);
	assert_false(arrives(n, group_mac));
	assert_true(arrives(n, broadcast_mac));
}

/* A table of `unicast` and `multicast` addresses made of their number. */
static uint32_t table_fill(uint8_t *to, uint32_t unicast, uint32_t multicast)
{
	uint8_t *at = to;

	for (unsigned list = 0; list < 2; list++) {
		const uint32_t count = list ? multicast : unicast;

		le32_store(at, count);
		at += 4;
		for (uint32_t i = 0; i < count; i++, at += 6) {
			const uint8_t mac[] = { list ? 0x33 : 0x52, 0x33, 0, 0, 0, (uint8_t)i };

			memcpy(at, mac, sizeof(mac));
		}
	}
	return (uint32_t)(at - to);
}

static void the_table_holds_the_addresses_it_was_given(void **state)
{
	struct nic *n = nic_ready(state, F_ALL);
	const uint8_t in[] = { 0x52, 0x33, 0, 0, 0, 2 }, out[] = { 0x52, 0x33, 0, 0, 0, 3 };
	const uint8_t group_in[] = { 0x33, 0x33, 0, 0, 0, 1 };
	const uint8_t group_out[] = { 0x33, 0x33, 0, 0, 0, 2 };
	uint8_t data[100];

	assert_int_equal(command(n, CLASS_MAC, 0, data, table_fill(data, 3, 2)), OK);
	assert_true(arrives(n, in) && arrives(n, group_in));
	assert_false(arrives(n, out) || arrives(n, group_out));
	/* A new one takes the old one's place. */
	assert_int_equal(command(n, CLASS_MAC, 0, data, table_fill(data, 0, 3)), OK);
	assert_false(arrives(n, in));
	assert_true(arrives(n, group_out));
	assert_int_equal(command(n, CLASS_MAC, 0, data, table_fill(data, 0, 0)), OK);
	assert_false(arrives(n, group_out));
	assert_true(arrives(n, own_mac));
}

static void more_addresses_than_there_is_room_for_let_all_of_that_kind_in(void **state)
{
	struct nic *n = nic_ready(state, F_ALL);
	uint8_t data[8 + 6 * 300];

	assert_int_equal(command(n, CLASS_MAC, 0, data, table_fill(data, 3, 200)), OK);
	assert_true(arrives(n, (const uint8_t[]){ 0x33, 0x33, 0, 0, 0, 250 }));
	assert_false(arrives(n, other_mac));
	assert_int_equal(command(n, CLASS_MAC, 0, data, table_fill(data, 200, 3)), OK);
	assert_true(arrives(n, other_mac));
	assert_true(arrives(n, (const uint8_t[]){ 0x33, 0x33, 0, 0, 0, 1 }));
	assert_int_equal(command(n, CLASS_MAC, 0, data, table_fill(data, 1, 1)), OK);
	assert_false(arrives(n, other_mac));
}

static void a_table_that_is_not_all_there_changes_nothing(void **state)
{
	struct nic *n = nic_ready(state, F_ALL);
	uint8_t data[100];
	uint32_t len;

	table_fill(data, 2, 2);
	len = 4 + 2 * 6 + 4 + 2 * 6;
	for (uint32_t cut = 1; cut <= len; cut++)
		assert_int_equal(command(n, CLASS_MAC, 0, data, len - cut), ERR);
	le32_store(data, UINT32_MAX);
	assert_int_equal(command(n, CLASS_MAC, 0, data, len), ERR);
	assert_false(arrives(n, (const uint8_t[]){ 0x52, 0x33, 0, 0, 0, 1 }));
}

static void another_address_takes_the_place_of_the_first(void **state)
{
	struct nic *n = nic_ready(state, F_ALL);

	assert_int_equal(command(n, CLASS_MAC, 1, group_mac, 6), ERR);
	assert_int_equal(command(n, CLASS_MAC, 1, other_mac, 6), OK);
	assert_true(arrives(n, other_mac));
	assert_false(arrives(n, own_mac));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(config16(n, 2 * i), le16_load(other_mac + 2 * (size_t)i));
	assert_true(virtio_fixture_reset(&n->f));
	assert_int_equal(config16(n, 4), le16_load(own_mac + 4));
}

static void only_the_vlans_of_the_table_arrive(void **state)
{
	struct nic *n = nic_ready(state, F_ALL);

	assert_false(arrives_by(n, own_mac, 5));
	assert_int_equal(command16(n, CTRL, CLASS_VLAN, 0, 5), OK);
	assert_int_equal(command16(n, CTRL, CLASS_VLAN, 0, 4095), OK);
	assert_true(arrives_by(n, own_mac, 5));
	assert_true(arrives_by(n, own_mac, 0x6000 | 5)); /* with a priority */
	assert_true(arrives_by(n, own_mac, 0x6000));	 /* with nothing but one */
	assert_true(arrives_by(n, own_mac, 4095));
	assert_false(arrives_by(n, own_mac, 6));
	assert_false(arrives_by(n, other_mac, 5));
	assert_int_equal(command16(n, CTRL, CLASS_VLAN, 1, 5), OK);
	assert_false(arrives_by(n, own_mac, 5));
	assert_int_equal(command16(n, CTRL, CLASS_VLAN, 0, 4096), ERR);
	/* Promiscuous is above it. */
	assert_int_equal(command(n, CLASS_RX, 0, "\1", 1), OK);
	assert_true(arrives_by(n, own_mac, 6));
}

static void a_reset_forgets_all_filters(void **state)
{
	struct nic *n = nic_ready(state, F_ALL);
	uint8_t data[100];

	command(n, CLASS_MAC, 0, data, table_fill(data, 3, 2));
	command(n, CLASS_RX, 1, "\1", 1);
	command16(n, CTRL, CLASS_VLAN, 0, 5);
	assert_true(virtio_fixture_reset(&n->f));
	virtio_fixture_start(&n->f, F_ALL);
	assert_false(arrives(n, (const uint8_t[]){ 0x52, 0x33, 0, 0, 0, 1 }));
	assert_false(arrives(n, group_mac));
	assert_false(arrives_by(n, own_mac, 5));
	assert_true(arrives(n, own_mac));
}

/* ---- offloads --------------------------------------------------------------------------- */

static uint8_t set_offloads(struct nic *n, uint64_t offloads)
{
	uint8_t raw[8];

	le64_store(raw, offloads);
	return command(n, CLASS_OFFLOADS, 0, raw, sizeof(raw));
}

static void offloads_are_switched_while_frames_come(void **state)
{
	const struct net_offload csum = { .needs_csum = true, .csum_start = 34, .csum_offset = 16 };
	struct nic *n = nic_ready(state, F_ALL);
	uint8_t frame[FRAME_BYTES];
	uint32_t len;

	frame_fill(frame, sizeof(frame), own_mac);
	rx_offer(n, RX, 500);
	assert_int_equal(n->fake->to_guest, NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_ECN);
	assert_int_equal(set_offloads(n, 0), OK);
	assert_int_equal(n->fake->to_guest, 0);
	bring_frame(n, frame, sizeof(frame), 100, &csum); /* it was under way */
	assert_int_equal(next_used(n, RX, &len), -1);
	assert_int_equal(set_offloads(n, NET_F_GUEST_CSUM | NET_F_GUEST_TSO4), OK);
	assert_int_equal(n->fake->to_guest, NET_CAN_CSUM | NET_CAN_TSO4);
	bring_frame(n, frame, sizeof(frame), 100, &csum);
	assert_true(next_used(n, RX, &len) >= 0);
}

static void offloads_that_were_not_agreed_on_are_refused(void **state)
{
	struct nic *n = nic_ready(state, F_ALL);
	const unsigned before = n->fake->offloads_calls;

	assert_int_equal(set_offloads(n, NET_F_GUEST_CSUM | NET_F_GUEST_TSO6), ERR);
	assert_int_equal(set_offloads(n, NET_F_GUEST_TSO4), ERR); /* needs CSUM */
	assert_int_equal(set_offloads(n, NET_F_GUEST_CSUM | NET_F_CTRL_RX), ERR);
	assert_int_equal(set_offloads(n, UINT64_MAX), ERR);
	assert_int_equal(n->fake->offloads_calls, before);
}

/* ---- commands ------------------------------------------------------------------------------- */

static void unknown_and_misshapen_commands_are_refused(void **state)
{
	static const uint8_t zeros[16];
	struct nic *n = nic_ready(state, F_ALL);

	assert_int_equal(command(n, CLASS_RX, 6, zeros, 1), ERR);
	assert_int_equal(command(n, CLASS_RX, 0, zeros, 2), ERR);
	assert_int_equal(command(n, CLASS_RX, 0, zeros, 0), ERR);
	assert_int_equal(command(n, CLASS_RX, 0, "\2", 1), ERR);
	assert_int_equal(command(n, CLASS_MAC, 2, zeros, 6), ERR);
	assert_int_equal(command(n, CLASS_VLAN, 2, zeros, 2), ERR);
	assert_int_equal(command(n, CLASS_VLAN, 0, zeros, 3), ERR);
	assert_int_equal(command(n, CLASS_ANNOUNCE, 1, zeros, 0), ERR);
	assert_int_equal(command(n, CLASS_OFFLOADS, 0, zeros, 7), ERR);
	assert_int_equal(command(n, 6, 0, zeros, 0), ERR);
	assert_int_equal(command(n, 255, 255, zeros, 16), ERR);
}

static void commands_of_features_not_agreed_on_are_refused(void **state)
{
	static const struct {
		uint8_t class, number, len;
	} cases[] = { { CLASS_RX, 0, 1 },  { CLASS_RX, 2, 1 },	    { CLASS_MAC, 0, 8 },
		      { CLASS_MAC, 1, 6 }, { CLASS_VLAN, 0, 2 },    { CLASS_ANNOUNCE, 0, 0 },
		      { CLASS_MQ, 0, 2 },  { CLASS_OFFLOADS, 0, 8 } };
	static const uint8_t data[8] = { 1 };
	static const uint8_t zeros[8];
	struct nic *n = nic_ready(state, F_BASE);

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(command(n, cases[i].class, cases[i].number,
					 cases[i].class == CLASS_MQ ? data : zeros, cases[i].len),
				 ERR);
}

static void a_command_without_room_for_its_answer_has_no_effect(void **state)
{
	struct nic *n = nic_ready(state, F_ALL);
	const gpa_t at = nic_memory(n, 3);
	const struct fake_buf buf = { at, 3, false };
	uint32_t len;

	memcpy(n->f.ram + at, "\0\0\1", 3); /* promiscuous */
	fake_driver_add(&n->f.queues[CTRL], &buf, 1);
	virtio_fixture_kick(&n->f, CTRL);
	assert_true(next_used(n, CTRL, &len) >= 0);
	assert_int_equal(len, 0);
	assert_false(arrives(n, other_mac));
	assert_false(status_read(&n->f) & VIRTIO_NEEDS_RESET);
}

static void a_command_may_be_cut_anywhere(void **state)
{
	struct nic *n = nic_ready(state, F_ALL);
	const gpa_t at = nic_memory(n, 12);
	const struct fake_buf bufs[] = { { at, 1, false },
					 { at + 1, 4, false },
					 { at + 5, 3, false },
					 { at + 8, 1, true },
					 { at + 9, 3, true } };
	uint32_t len;

	n->f.ram[at] = CLASS_MAC;
	n->f.ram[at + 1] = 1;
	memcpy(n->f.ram + at + 2, other_mac, 6);
	memset(n->f.ram + at + 8, NO_ACK, 4);
	fake_driver_add(&n->f.queues[CTRL], bufs, 5);
	virtio_fixture_kick(&n->f, CTRL);
	assert_true(next_used(n, CTRL, &len) >= 0);
	assert_int_equal(len, 1);
	assert_memory_equal(n->f.ram + at + 8, "\0\xaa\xaa\xaa", 4);
	assert_true(arrives(n, other_mac));
}

static void many_commands_at_once_are_all_answered(void **state)
{
	for (unsigned layout = 0; layout < LAYOUTS; layout++) {
		struct nic *n = nic_again(state, layout_features(layout) | F_ALL);
		const uint8_t *acks[20];
		uint32_t len;

		for (unsigned i = 0; i < 20; i++)
			acks[i] = command_offer(n, CTRL, CLASS_RX, 0, i % 3 ? "\1" : "\2", 1);
		for (unsigned i = 0; i < 20; i++) {
			assert_true(next_used(n, CTRL, &len) >= 0);
			assert_int_equal(*acks[i], i % 3 ? OK : ERR);
		}
	}
}

static void without_a_control_queue_nothing_listens_there(void **state)
{
	struct nic *n = nic_ready(state, NET_F_MAC);
	uint32_t len;

	command_offer(n, CTRL, CLASS_RX, 0, "\1", 1);
	assert_int_equal(next_used(n, CTRL, &len), -1);
	assert_int_equal(ioloop_round(n->f.loop, 20), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_driver_that_can_filter_gets_its_own_frames_first),
		TEST(a_driver_that_cannot_filter_gets_all_frames),
		TEST(modes_are_switched_on_and_off),
		TEST(the_table_holds_the_addresses_it_was_given),
		TEST(more_addresses_than_there_is_room_for_let_all_of_that_kind_in),
		TEST(a_table_that_is_not_all_there_changes_nothing),
		TEST(another_address_takes_the_place_of_the_first),
		TEST(only_the_vlans_of_the_table_arrive),
		TEST(a_reset_forgets_all_filters),
		TEST(offloads_are_switched_while_frames_come),
		TEST(offloads_that_were_not_agreed_on_are_refused),
		TEST(unknown_and_misshapen_commands_are_refused),
		TEST(commands_of_features_not_agreed_on_are_refused),
		TEST(a_command_without_room_for_its_answer_has_no_effect),
		TEST(a_command_may_be_cut_anywhere),
		TEST(many_commands_at_once_are_all_answered),
		TEST(without_a_control_queue_nothing_listens_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
