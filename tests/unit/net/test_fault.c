/* Bad cables: how bad, in which way, and again and again the same. */
#include "net_fixture.h"

#include "net/fault.h"
#include "net/late.h"

#define FRAMES 2000u

static const struct net_offload plain;

struct cable {
	struct ioloop *loop;
	struct wire *wire;
	struct guest *guest;
};

static int cable_setup(void **state)
{
	struct cable *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	alarm(100);
	assert_int_equal(ioloop_create(IO_ENGINE_AUTO, &c->loop, NULL), 0);
	*state = c;
	return 0;
}

static void unplug(struct cable *c)
{
	guest_end(c->guest);
	c->guest = NULL;
	if (c->wire) {
		assert_true(c->wire->closed);
		wire_free(c->wire);
	}
	c->wire = NULL;
}

static int cable_teardown(void **state)
{
	struct cable *c = *state;

	unplug(c);
	ioloop_destroy(c->loop);
	free(c);
	alarm(0);
	return 0;
}

static void plug(struct cable *c, struct net_fault_config config)
{
	struct net *net;

	unplug(c);
	c->wire = wire_make();
	config.below = &c->wire->net;
	assert_int_equal(net_fault_open(&config, &net, NULL), 0);
	c->guest = guest_start(c->loop, net, ALL_CAN);
	assert_int_equal(c->wire->start_count, 1);
}

static void send_many(struct cable *c, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(send_frame(c->guest, 60 + i % 100, 2, 1, i), 0);
}

static void give_many(struct cable *c, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_true(wire_give(c->wire, 60 + i % 100, i, &plain));
}

/* ---- fates ----------------------------------------------------------------------- */

static void lost_frames_are_as_many_as_was_asked_for(void **state)
{
	struct cable *c = *state;

	plug(c, (struct net_fault_config){ .drop_ppm = 250000, .seed = 1 });
	send_many(c, FRAMES);
	assert_in_range(c->wire->frame_count, FRAMES * 70 / 100, FRAMES * 80 / 100);
	give_many(c, FRAMES / 2);
	assert_in_range(c->guest->fake.frame_count, FRAMES / 2 * 70 / 100, FRAMES / 2 * 80 / 100);
	plug(c, (struct net_fault_config){ .drop_ppm = NET_FAULT_CERTAIN });
	send_many(c, 100);
	give_many(c, 100);
	assert_int_equal(c->wire->frame_count, 0);
	assert_int_equal(c->guest->fake.frame_count, 0);
}

static void what_befalls_frames_is_counted(void **state)
{
	struct cable *c = *state;
	const struct net *net;
	unsigned long long lost;

	plug(c, (struct net_fault_config){
			.drop_ppm = 200000, .duplicate_ppm = 300000, .corrupt_ppm = 400000 });
	net = c->guest->net;
	send_many(c, 500);
	lost = stat_of(net, "faults, from the guest: lost");
	assert_in_range(lost, 50, 150);
	assert_int_equal(500 - lost + stat_of(net, "doubled"), c->wire->frame_count);
	assert_in_range(stat_of(net, "damaged"), 100, 300);
	assert_int_equal(stat_of(net, "late"), 0);
	assert_int_equal(stat_of(net, "to the guest: lost"), 0);
	give_many(c, 500);
	assert_int_equal(stat_of(net, "faults, from the guest: lost"), lost);
	assert_in_range(stat_of(net, "to the guest: lost"), 50, 150);
	plug(c, (struct net_fault_config){ .delay_ns = NS_PER_S });
	send_many(c, 5);
	assert_int_equal(stat_of(c->guest->net, "late"), 5);
}

static void doubled_frames_come_one_behind_the_other(void **state)
{
	struct cable *c = *state;

	plug(c, (struct net_fault_config){ .duplicate_ppm = NET_FAULT_CERTAIN });
	send_many(c, 10);
	give_many(c, 10);
	assert_int_equal(c->wire->frame_count, 20);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(c->wire->frames[i][14], (uint8_t)(i / 2 + 14));
	assert_int_equal(c->guest->fake.frame_count, 20);
	for (unsigned i = 0; i < 20; i++)
		assert_came(c->guest, 60 + i / 2, 1, 2, i / 2);
}

static unsigned bits_of_difference(const uint8_t *a, const uint8_t *b, size_t len)
{
	unsigned bits = 0;

	for (size_t i = 0; i < len; i++)
		bits += (unsigned)__builtin_popcount(a[i] ^ b[i]);
	return bits;
}

static void damaged_frames_have_one_wrong_bit(void **state)
{
	struct cable *c = *state;
	uint8_t expected[200];

	plug(c, (struct net_fault_config){ .corrupt_ppm = NET_FAULT_CERTAIN });
	c->guest->fake.piece_bytes = 7;
	send_many(c, 100);
	give_many(c, 100);
	for (unsigned i = 0; i < 100; i++) {
		const struct fake_frame *f = fake_nic_next(&c->guest->fake);

		fill_frame(expected, 60 + i, 2, 1, i);
		assert_int_equal(bits_of_difference(c->wire->frames[i], expected, 60 + i), 1);
		fill_frame(expected, 60 + i, 1, 2, i);
		assert_int_equal(bits_of_difference(f->bytes, expected, 60 + i), 1);
	}
}

static void the_same_seed_gives_the_same_fates(void **state)
{
	struct net_fault_config config = { .drop_ppm = 100000,
					   .duplicate_ppm = 100000,
					   .corrupt_ppm = 100000 };
	static uint8_t first[4096][160];
	static size_t lens[4096];
	struct cable *c = *state;
	unsigned count = 0;

	for (unsigned round = 0; round < 3; round++) {
		config.seed = round == 2 ? 8 : 7;
		plug(c, config);
		for (unsigned i = 0; i < FRAMES; i++) {
			send_many(c, 1);
			if (round == 1 && i % 3 == 0) /* the other direction has its own */
				wire_give(c->wire, 60, 0, &plain);
		}
		if (round == 0) {
			count = c->wire->frame_count;
			for (unsigned i = 0; i < count; i++) {
				lens[i] = c->wire->lens[i];
				memcpy(first[i], c->wire->frames[i], lens[i]);
			}
			continue;
		}
		if (round == 2) {
			assert_int_not_equal(c->wire->frame_count, count);
			continue;
		}
		assert_int_equal(c->wire->frame_count, count);
		for (unsigned i = 0; i < count; i++) {
			assert_int_equal(c->wire->lens[i], lens[i]);
			assert_memory_equal(c->wire->frames[i], first[i], lens[i]);
		}
	}
}

static void a_frame_that_has_to_wait_keeps_its_fate(void **state)
{
	struct cable *c = *state;
	unsigned lost = 0;

	plug(c, (struct net_fault_config){ .drop_ppm = 500000, .seed = 3 });
	c->wire->full = true;
	/* Those that are to be lost are lost; the first that is not has to wait. */
	while (send_frame(c->guest, 60, 2, 1, 0) == 0)
		assert_true(++lost < 100);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(send_frame(c->guest, 60, 2, 1, 0), -EAGAIN);
	c->wire->full = false;
	assert_int_equal(send_frame(c->guest, 60, 2, 1, 0), 0);
	assert_int_equal(c->wire->frame_count, 1);
}

/* ---- delay ----------------------------------------------------------------------- */

static void late_frames_come_later_in_order(void **state)
{
	struct cable *c = *state;
	const uint64_t begun_ns = host_now_ns();

	plug(c, (struct net_fault_config){ .delay_ns = 50 * NS_PER_MS });
	send_many(c, 20);
	give_many(c, 20);
	ioloop_round(c->loop, 0);
	assert_int_equal(c->wire->frame_count + c->guest->fake.frame_count, 0);
	UNTIL(c->loop, c->wire->frame_count == 20 && c->guest->fake.frame_count == 20);
	assert_true(host_now_ns() - begun_ns >= 50 * NS_PER_MS);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(c->wire->lens[i], 60 + i);
		assert_came(c->guest, 60 + i, 1, 2, i);
	}
	assert_true(c->wire->flush_count > 20); /* once for what was late */
}

static void jitter_lets_frames_overtake_each_other(void **state)
{
	struct cable *c = *state;
	unsigned overtaken = 0, sum = 0;

	plug(c,
	     (struct net_fault_config){ .delay_ns = 20 * NS_PER_MS, .jitter_ns = 20 * NS_PER_MS });
	send_many(c, 100);
	UNTIL(c->loop, c->wire->frame_count == 100);
	for (unsigned i = 0; i < 100; i++) {
		overtaken += i > 0 && c->wire->lens[i] < c->wire->lens[i - 1];
		sum += (unsigned)c->wire->lens[i];
	}
	assert_true(overtaken > 10);
	assert_int_equal(sum, 100 * 60 + 99 * 50);
}

static void late_frames_wait_for_who_is_full(void **state)
{
	struct cable *c = *state;

	plug(c, (struct net_fault_config){ .delay_ns = NS_PER_MS });
	c->guest->fake.room_count = UINT_MAX;
	give_many(c, 5);
	c->guest->fake.room_count = 0;
	c->wire->full = true;
	send_many(c, 5);
	for (unsigned i = 0; i < 5; i++)
		ioloop_round(c->loop, 5);
	assert_int_equal(c->wire->frame_count, 0);
	assert_int_equal(c->guest->fake.frame_count, 0);
	assert_true(c->guest->fake.refused_count < 4); /* the clock asks once */
	c->wire->full = false;
	c->wire->nic->ops->tx_ready(c->wire->nic, 0);
	assert_int_equal(c->wire->frame_count, 5);
	assert_int_equal(c->guest->fake.tx_ready_count, 1);
	c->guest->fake.room_count = 10;
	net_rx_ready(c->guest->net, 0);
	assert_int_equal(c->guest->fake.frame_count, 5);
	assert_int_equal(c->wire->rx_ready_count, 1);
}

static void what_is_late_is_bounded_and_dropped_at_the_stop(void **state)
{
	struct cable *c = *state;

	plug(c, (struct net_fault_config){ .delay_ns = NS_PER_S });
	send_many(c, LATE_FRAMES_MAX + 100);
	net_stop(c->guest->net, 0);
	net_start(c->guest->net, 0, c->loop);
	assert_int_equal(ioloop_round(c->loop, 1), 0);
	assert_int_equal(c->wire->frame_count, 0);
	plug(c, (struct net_fault_config){ .delay_ns = 100 * NS_PER_MS });
	send_many(c, LATE_FRAMES_MAX + 100);
	UNTIL(c->loop, c->wire->frame_count == LATE_FRAMES_MAX);
	assert_int_equal(c->wire->lens[LATE_FRAMES_MAX - 1], 60 + (LATE_FRAMES_MAX - 1) % 100);
}

/* ---- what is offered ------------------------------------------------------------- */

static void offloads_are_left_only_where_a_fate_is_one_packets(void **state)
{
	struct cable *c = *state;

	plug(c, (struct net_fault_config){ .delay_ns = 1 });
	assert_int_equal(c->guest->net->limits.from_guest, ALL_CAN);
	assert_int_equal(c->wire->to_guest, ALL_CAN);
	plug(c, (struct net_fault_config){ .drop_ppm = 1 });
	assert_int_equal(c->guest->net->limits.from_guest, NET_CAN_CSUM);
	assert_int_equal(c->wire->to_guest, NET_CAN_CSUM);
	plug(c, (struct net_fault_config){ .corrupt_ppm = 1 });
	assert_int_equal(c->guest->net->limits.from_guest, 0);
	assert_int_equal(c->wire->to_guest, 0);
	assert_int_equal(c->guest->net->limits.mtu, 9000);
}

static void offloads_go_with_their_frames(void **state)
{
	const struct net_offload o = { .needs_csum = true, .csum_start = 34, .csum_offset = 16 };
	struct cable *c = *state;
	uint8_t bytes[60];

	plug(c, (struct net_fault_config){ .delay_ns = 1, .duplicate_ppm = 1 });
	fill_frame(bytes, sizeof(bytes), 2, 1, 0);
	fake_nic_send(&c->guest->fake, c->guest->net, bytes, sizeof(bytes), &o);
	wire_give(c->wire, 60, 0, &o);
	UNTIL(c->loop, c->wire->frame_count == 1 && c->guest->fake.frame_count == 1);
	assert_int_equal(c->wire->last_offload.csum_offset, 16);
	assert_int_equal(fake_nic_next(&c->guest->fake)->offload.csum_start, 34);
}

static void chances_are_read_exactly(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint32_t ppm;
	} rows[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1000000 },
		{ "0.01", 0, 10000 },
		{ "1%", 0, 10000 },
		{ "0.5%", 0, 5000 },
		{ "100%", 0, 1000000 },
		{ "0.000001", 0, 1 },
		{ "0.0001%", 0, 1 },
		{ ".5", 0, 500000 },
		{ "0.5000000000", 0, 500000 },
		{ "1.000000", 0, 1000000 },
		{ "0.0000001", -EINVAL, 0 },
		{ "1.1", -ERANGE, 0 },
		{ "101%", -ERANGE, 0 },
		{ "2", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "%", -EINVAL, 0 },
		{ ".", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1e-3", -EINVAL, 0 },
		{ "1.2.3", -EINVAL, 0 },
		{ "1%%", -EINVAL, 0 },
		{ "1 %", -EINVAL, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
	};
	uint32_t ppm;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		ppm = 0;
		assert_int_equal(net_fault_parse_chance(rows[i].text, &ppm), rows[i].rc);
		assert_int_equal(ppm, rows[i].ppm);
	}
}

#define CABLE(f) cmocka_unit_test_setup_teardown(f, cable_setup, cable_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CABLE(lost_frames_are_as_many_as_was_asked_for),
		CABLE(what_befalls_frames_is_counted),
		CABLE(doubled_frames_come_one_behind_the_other),
		CABLE(damaged_frames_have_one_wrong_bit),
		CABLE(the_same_seed_gives_the_same_fates),
		CABLE(a_frame_that_has_to_wait_keeps_its_fate),
		CABLE(late_frames_come_later_in_order),
		CABLE(jitter_lets_frames_overtake_each_other),
		CABLE(late_frames_wait_for_who_is_full),
		CABLE(what_is_late_is_bounded_and_dropped_at_the_stop),
		CABLE(offloads_are_left_only_where_a_fate_is_one_packets),
		CABLE(offloads_go_with_their_frames),
		cmocka_unit_test(chances_are_read_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
