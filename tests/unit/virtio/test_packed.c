/* What only a packed ring can get wrong; the rest is in test_queue.c. */
#include "ring_fixture.h"

#include "base/bytes.h"

#define ODD_SIZE 7u
#define AVAIL	 0x0080u
#define USED	 0x8000u

static int setup(void **state)
{
	return ring_make(state, SIZE, VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT_DESC);
}

static int setup_odd(void **state)
{
	return ring_make(state, ODD_SIZE, VIRTIO_F_RING_PACKED);
}

static int setup_odd_in_order(void **state)
{
	return ring_make(state, ODD_SIZE, VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER);
}

static int setup_events(void **state)
{
	return ring_make(state, SIZE, VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX);
}

/* Slot i becomes 16 readable bytes, available now. */
static void put_slot(struct ring_fixture *f, unsigned i, unsigned flags, uint16_t id)
{
	fake_driver_desc(&f->d, f->d.desc, i, DATA_GPA, 16, flags | fake_driver_bits(&f->d), id);
}

static void a_ring_of_any_size_goes_round(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned round = 0; round < 50; round++) {
		const uint16_t a = offer_pair(f), b = offer_one(f), c = offer_pair(f);
		struct chain ca = take(f), cb = take(f), cc = take(f);

		assert_int_equal(vq_pop(&f->q, &f->c), 0);
		vq_push(&f->q, &ca, 1);
		vq_push(&f->q, &cb, 2);
		vq_push(&f->q, &cc, 3);
		assert_none_used(f);
		assert_true(vq_flush(&f->q));
		assert_used(f, a, 1);
		assert_used(f, b, 2);
		assert_used(f, c, 3);
	}
}

static void a_chain_over_the_rings_end_goes_on_at_its_beginning(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned i = 0; i < 3; i++)
		offer_pair(f);
	for (unsigned i = 0; i < 3; i++) {
		struct chain c = take(f);

		vq_push(&f->q, &c, 0);
		vq_flush(&f->q);
		fake_driver_used(&f->d, &(uint16_t){ 0 }, &(uint32_t){ 0 });
	}
	offer_pair(f); /* slots 6 and 0 of 7 */
	struct chain c = take(f);

	assert_int_equal(c.slots, 2);
	assert_int_equal(c.out_count, 1);
	assert_int_equal(c.in_count, 1);
	assert_int_equal(f->q.next_avail, 1);
}

static void a_full_ring_leaves_nothing_available(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned i = 0; i < SIZE; i++)
		offer_one(f);
	for (unsigned i = 0; i < SIZE; i++)
		take(f);
	assert_false(vq_pending(&f->q));
	assert_int_equal(vq_pop(&f->q, &f->c), 0);
}

static void a_ring_that_is_overrun_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned i = 0; i < SIZE; i++)
		offer_one(f);
	for (unsigned i = 0; i < SIZE; i++)
		take(f);
	put_slot(f, 0, 0, 100); /* was taken, and not given back */
	assert_refused(f, VQ_RING_OVERRUN, 0);
}

static void slots_the_driver_was_not_told_of_are_not_free(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned i = 0; i < SIZE; i++)
		offer_one(f);
	for (unsigned i = 0; i < SIZE; i++) {
		struct chain c = take(f);

		vq_push(&f->q, &c, 0);
	}
	put_slot(f, 0, 0, 100);
	assert_refused(f, VQ_RING_OVERRUN, 0);
}

static void a_chain_without_an_end_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned i = 0; i < SIZE; i++)
		put_slot(f, i, FAKE_NEXT, 1);
	assert_refused(f, VQ_RING_OVERRUN, 0);
}

static void a_chain_into_slots_in_flight_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	offer_one(f);
	take(f);
	for (unsigned i = 1; i < SIZE; i++)
		put_slot(f, i, FAKE_NEXT, 1);
	assert_refused(f, VQ_RING_OVERRUN, 1);
}

static void a_buffer_id_that_is_in_flight_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	put_slot(f, 0, 0, 77);
	put_slot(f, 1, 0, 77);
	assert_int_equal(take(f).head, 77);
	assert_refused(f, VQ_HEAD_IN_FLIGHT, 1);
}

static void a_buffer_id_may_be_any_number_and_is_the_last_ones(void **state)
{
	struct ring_fixture *f = *state;

	put_slot(f, 0, FAKE_NEXT, 1);
	put_slot(f, 1, FAKE_WRITE, 0xffff);
	struct chain c = take(f);

	assert_int_equal(c.head, 0xffff);
	vq_push(&f->q, &c, 5);
	vq_flush(&f->q);
	assert_int_equal(le16_load(f->d.desc + 12), 0xffff);
	assert_int_equal(le32_load(f->d.desc + 8), 5);
	assert_int_equal(le16_load(f->d.desc + 14), AVAIL | USED | FAKE_WRITE);
	assert_int_equal(f->q.next_used, 2);
}

static void unknown_flags_are_refused(void **state)
{
	struct ring_fixture *f = *state;

	put_slot(f, 0, 0x0010, 0);
	assert_refused(f, VQ_DESC_UNKNOWN_FLAGS, 0);
}

static void flags_in_an_indirect_table_mean_nothing_but_write(void **state)
{
	struct ring_fixture *f = *state;
	uint8_t *table = fake_at(&f->ram.mem, TABLE_GPA);

	fake_driver_desc(&f->d, table, 0, DATA_GPA, 16, FAKE_NEXT | AVAIL | USED, 9);
	fake_driver_desc(&f->d, table, 1, DATA_GPA, 16, FAKE_WRITE | AVAIL, 9);
	fake_driver_desc(&f->d, f->d.desc, 0, TABLE_GPA, 32, FAKE_INDIRECT | AVAIL, 4);
	struct chain c = take(f);

	assert_int_equal(c.head, 4);
	assert_int_equal(c.out_count, 1);
	assert_int_equal(c.in_count, 1);
}

static void a_table_longer_than_the_queue_is_refused(void **state)
{
	struct ring_fixture *f = *state;
	uint8_t *table = fake_at(&f->ram.mem, TABLE_GPA);

	for (unsigned i = 0; i <= SIZE; i++)
		fake_driver_desc(&f->d, table, i, DATA_GPA, 16, 0, 0);
	fake_driver_desc(&f->d, f->d.desc, 0, TABLE_GPA, 16 * (SIZE + 1), FAKE_INDIRECT | AVAIL,
			 0);
	assert_refused(f, VQ_DESC_LOOP, 0);
}

static void an_indirect_descriptor_in_a_list_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	put_slot(f, 0, FAKE_NEXT, 0);
	fake_driver_desc(&f->d, f->d.desc, 1, TABLE_GPA, 16, FAKE_INDIRECT | AVAIL, 0);
	assert_refused(f, VQ_INDIRECT_WITH_NEXT, 0);
}

static void an_indirect_descriptor_with_a_next_one_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	fake_driver_desc(&f->d, f->d.desc, 0, TABLE_GPA, 16, FAKE_INDIRECT | FAKE_NEXT | AVAIL, 0);
	assert_refused(f, VQ_INDIRECT_WITH_NEXT, 0);
}

static void a_descriptor_of_the_last_round_is_not_available(void **state)
{
	struct ring_fixture *f = *state;

	put_slot(f, 0, 0, 1);
	take(f);
	/* AVAIL and USED of a wrap counter 0, while it is 1. */
	fake_driver_desc(&f->d, f->d.desc, 1, DATA_GPA, 16, USED, 2);
	assert_int_equal(vq_pop(&f->q, &f->c), 0);
	fake_driver_desc(&f->d, f->d.desc, 1, DATA_GPA, 16, AVAIL | USED, 2);
	assert_int_equal(vq_pop(&f->q, &f->c), 0);
	fake_driver_desc(&f->d, f->d.desc, 1, DATA_GPA, 16, AVAIL, 2);
	assert_int_equal(vq_pop(&f->q, &f->c), 1);
}

static void the_first_of_a_batch_is_marked_last(void **state)
{
	struct ring_fixture *f = *state;

	offer_one(f);
	offer_one(f);
	struct chain a = take(f), b = take(f);

	vq_push(&f->q, &a, 1);
	vq_push(&f->q, &b, 1);
	assert_int_equal(le16_load(f->d.desc + 14) & USED, 0);
	assert_int_equal(le16_load(f->d.desc + 16 + 14) & USED, USED);
	vq_flush(&f->q);
	assert_int_equal(le16_load(f->d.desc + 14) & USED, USED);
}

static void kicks_are_a_position_with_event_idx(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned i = 0; i < SIZE - 1; i++) {
		offer_one(f);
		take(f);
	}
	vq_enable_kicks(&f->q);
	assert_int_equal(le16_load(f->d.device), 0x8000 | (SIZE - 1));
	assert_int_equal(le16_load(f->d.device + 2), 2);
	offer_one(f);
	take(f);
	vq_enable_kicks(&f->q);
	assert_int_equal(le16_load(f->d.device), 0); /* the next round */
	vq_disable_kicks(&f->q);
	assert_int_equal(le16_load(f->d.device + 2), 1);
}

static void an_event_the_driver_may_not_ask_for_is_an_interrupt(void **state)
{
	struct ring_fixture *f = *state;

	le16_store(f->d.driver, 5);
	le16_store(f->d.driver + 2, 2); /* without EVENT_IDX */
	offer_one(f);
	struct chain c = take(f);

	vq_push(&f->q, &c, 0);
	assert_true(vq_flush(&f->q));
}

#define ON(make, test) cmocka_unit_test_setup_teardown(test, make, ring_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(setup_odd, a_ring_of_any_size_goes_round),
		ON(setup_odd_in_order, a_ring_of_any_size_goes_round),
		ON(setup_odd, a_chain_over_the_rings_end_goes_on_at_its_beginning),
		ON(setup, a_full_ring_leaves_nothing_available),
		ON(setup, a_ring_that_is_overrun_is_refused),
		ON(setup, slots_the_driver_was_not_told_of_are_not_free),
		ON(setup, a_chain_without_an_end_is_refused),
		ON(setup, a_chain_into_slots_in_flight_is_refused),
		ON(setup, a_buffer_id_that_is_in_flight_is_refused),
		ON(setup, a_buffer_id_may_be_any_number_and_is_the_last_ones),
		ON(setup, unknown_flags_are_refused),
		ON(setup, flags_in_an_indirect_table_mean_nothing_but_write),
		ON(setup, a_table_longer_than_the_queue_is_refused),
		ON(setup, an_indirect_descriptor_in_a_list_is_refused),
		ON(setup, an_indirect_descriptor_with_a_next_one_is_refused),
		ON(setup, a_descriptor_of_the_last_round_is_not_available),
		ON(setup, the_first_of_a_batch_is_marked_last),
		ON(setup_events, kicks_are_a_position_with_event_idx),
		ON(setup, an_event_the_driver_may_not_ask_for_is_an_interrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
