/* What only a split ring can get wrong; the rest is in test_queue.c. */
#include "ring_fixture.h"

#include "base/bytes.h"

static int setup(void **state)
{
	return ring_make(state, SIZE, VIRTIO_F_INDIRECT_DESC);
}

static int setup_events(void **state)
{
	return ring_make(state, SIZE, VIRTIO_F_EVENT_IDX);
}

static int setup_in_order(void **state)
{
	return ring_make(state, SIZE, VIRTIO_F_IN_ORDER);
}

/* Descriptor i of the ring's table: 16 bytes to write. */
static void put_desc(struct ring_fixture *f, unsigned i, unsigned flags, uint16_t next)
{
	fake_driver_desc(&f->d, f->d.desc, i, DATA_GPA, 16, flags, next);
}

static void set_avail_index(struct ring_fixture *f, uint16_t index)
{
	le16_store(f->d.driver + 2, index);
}

static void an_available_index_that_jumps_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	put_desc(f, 0, FAKE_WRITE, 0);
	set_avail_index(f, SIZE + 1);
	assert_refused(f, VQ_AVAIL_INDEX_JUMPED, 0);
}

static void an_available_index_that_goes_back_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	offer_one(f);
	take(f);
	set_avail_index(f, 0);
	assert_refused(f, VQ_AVAIL_INDEX_JUMPED, 1);
}

static void chains_the_driver_was_not_told_of_count_as_out(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned i = 0; i < SIZE; i++)
		offer_one(f);
	for (unsigned i = 0; i < SIZE; i++) {
		struct chain c = take(f);

		vq_push(&f->q, &c, 0);
	}
	set_avail_index(f, SIZE + 1); /* head 0 is not in flight, but it cannot know */
	assert_refused(f, VQ_AVAIL_INDEX_JUMPED, SIZE);
}

static void the_index_may_wrap(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned n = 0; n < 0x10000 + 2 * SIZE; n++) {
		const uint16_t id = offer_one(f);
		struct chain c = take(f);

		vq_push(&f->q, &c, 0);
		assert_true(vq_flush(&f->q));
		assert_used(f, id, 0);
	}
}

static void a_head_beyond_the_table_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	fake_driver_offer(&f->d, SIZE);
	assert_refused(f, VQ_HEAD_OUT_OF_RANGE, 0);
}

static void a_head_that_is_in_flight_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	put_desc(f, 3, FAKE_WRITE, 0);
	fake_driver_offer(&f->d, 3);
	fake_driver_offer(&f->d, 3);
	assert_int_equal(take(f).head, 3);
	assert_refused(f, VQ_HEAD_IN_FLIGHT, 1);
}

static void a_head_held_back_for_order_is_in_flight(void **state)
{
	struct ring_fixture *f = *state;

	offer_one(f);
	put_desc(f, 3, FAKE_WRITE, 0);
	fake_driver_offer(&f->d, 3);
	take(f);
	struct chain second = take(f);

	vq_push(&f->q, &second, 0);
	fake_driver_offer(&f->d, 3);
	assert_refused(f, VQ_HEAD_IN_FLIGHT, 2);
}

static void a_next_descriptor_beyond_the_table_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	put_desc(f, 0, FAKE_NEXT, SIZE);
	fake_driver_offer(&f->d, 0);
	assert_refused(f, VQ_DESC_OUT_OF_RANGE, 0);
}

static void a_loop_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	put_desc(f, 0, FAKE_NEXT, 1);
	put_desc(f, 1, FAKE_NEXT, 0);
	fake_driver_offer(&f->d, 0);
	assert_refused(f, VQ_DESC_LOOP, 0);
}

static void a_loop_without_bytes_is_refused_too(void **state)
{
	struct ring_fixture *f = *state;

	fake_driver_desc(&f->d, f->d.desc, 0, DATA_GPA, 0, FAKE_NEXT, 0);
	fake_driver_offer(&f->d, 0);
	assert_refused(f, VQ_DESC_LOOP, 0);
}

static void a_chain_of_all_descriptors_is_none(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned i = 0; i < SIZE; i++)
		put_desc(f, i, i + 1 < SIZE ? FAKE_NEXT : 0, (uint16_t)(i + 1));
	fake_driver_offer(&f->d, 0);
	assert_int_equal(take(f).out_count, SIZE);
}

static void unknown_flags_are_refused(void **state)
{
	struct ring_fixture *f = *state;

	put_desc(f, 0, FAKE_WRITE | 8, 0);
	fake_driver_offer(&f->d, 0);
	assert_refused(f, VQ_DESC_UNKNOWN_FLAGS, 0);
}

static void unknown_flags_in_an_indirect_table_are_refused(void **state)
{
	struct ring_fixture *f = *state;

	fake_driver_desc(&f->d, fake_at(&f->ram.mem, TABLE_GPA), 0, DATA_GPA, 16, 0x8000, 0);
	fake_driver_desc(&f->d, f->d.desc, 0, TABLE_GPA, 16, FAKE_INDIRECT, 0);
	fake_driver_offer(&f->d, 0);
	assert_refused(f, VQ_DESC_UNKNOWN_FLAGS, 0);
}

static void an_indirect_descriptor_with_a_next_one_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	fake_driver_desc(&f->d, f->d.desc, 0, TABLE_GPA, 16, FAKE_INDIRECT | FAKE_NEXT, 1);
	fake_driver_offer(&f->d, 0);
	assert_refused(f, VQ_INDIRECT_WITH_NEXT, 0);
}

static void an_indirect_table_may_end_a_chain_of_direct_ones(void **state)
{
	struct ring_fixture *f = *state;

	put_desc(f, 0, FAKE_NEXT, 5);
	/* WRITE means nothing there (2.7.5.3.2). */
	fake_driver_desc(&f->d, f->d.desc, 5, TABLE_GPA, 32, FAKE_INDIRECT | FAKE_WRITE, 0);
	fake_driver_desc(&f->d, fake_at(&f->ram.mem, TABLE_GPA), 0, DATA_GPA, 8, FAKE_NEXT, 1);
	fake_driver_desc(&f->d, fake_at(&f->ram.mem, TABLE_GPA), 1, DATA_GPA, 4, FAKE_WRITE, 0);
	fake_driver_offer(&f->d, 0);
	struct chain c = take(f);

	assert_int_equal(c.out_count, 2);
	assert_int_equal(c.out_bytes, 24);
	assert_int_equal(c.in_bytes, 4);
}

static void a_next_one_beyond_an_indirect_table_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	fake_driver_desc(&f->d, f->d.desc, 0, TABLE_GPA, 32, FAKE_INDIRECT, 0);
	fake_driver_desc(&f->d, fake_at(&f->ram.mem, TABLE_GPA), 0, DATA_GPA, 8, FAKE_NEXT, 2);
	fake_driver_offer(&f->d, 0);
	assert_refused(f, VQ_DESC_OUT_OF_RANGE, 0);
}

static void a_loop_in_an_indirect_table_is_refused(void **state)
{
	struct ring_fixture *f = *state;

	fake_driver_desc(&f->d, f->d.desc, 0, TABLE_GPA, 32, FAKE_INDIRECT, 0);
	fake_driver_desc(&f->d, fake_at(&f->ram.mem, TABLE_GPA), 0, DATA_GPA, 8, FAKE_NEXT, 0);
	fake_driver_offer(&f->d, 0);
	assert_refused(f, VQ_DESC_LOOP, 0);
}

static void a_descriptor_is_read_once(void **state)
{
	struct ring_fixture *f = *state;

	put_desc(f, 0, FAKE_WRITE, 0);
	fake_driver_offer(&f->d, 0);
	struct chain c = take(f);

	/* The guest turns it round: what was taken does not change. */
	fake_driver_desc(&f->d, f->d.desc, 0, UINT64_MAX, UINT32_MAX, 0xffff, 0xffff);
	assert_int_equal(c.in_bytes, 16);
	vq_push(&f->q, &c, 16);
	vq_flush(&f->q);
	assert_int_equal(le32_load(f->d.device + 4), 0);
	assert_int_equal(le32_load(f->d.device + 8), 16);
	assert_int_equal(le16_load(f->d.device + 2), 1);
}

static void kicks_off_is_a_flag_without_event_idx(void **state)
{
	struct ring_fixture *f = *state;

	vq_disable_kicks(&f->q);
	assert_int_equal(le16_load(f->d.device), 1);
	vq_enable_kicks(&f->q);
	assert_int_equal(le16_load(f->d.device), 0);
}

static void event_idx_uses_no_flags(void **state)
{
	struct ring_fixture *f = *state;

	vq_disable_kicks(&f->q);
	assert_int_equal(le16_load(f->d.device), 0);
	offer_one(f);
	take(f);
	assert_false(vq_enable_kicks(&f->q));
	assert_int_equal(le16_load(f->d.device + 4 + 8u * SIZE), 1);
	/* NO_INTERRUPT has no meaning then. */
	le16_store(f->d.driver, 1);
	fake_driver_listen(&f->d, 1);
	vq_push(&f->q, &f->c, 0);
	assert_true(vq_flush(&f->q));
}

#define ON(make, test) cmocka_unit_test_setup_teardown(test, make, ring_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(setup, an_available_index_that_jumps_is_refused),
		ON(setup, an_available_index_that_goes_back_is_refused),
		ON(setup, chains_the_driver_was_not_told_of_count_as_out),
		ON(setup, the_index_may_wrap),
		ON(setup, a_head_beyond_the_table_is_refused),
		ON(setup, a_head_that_is_in_flight_is_refused),
		ON(setup_in_order, a_head_held_back_for_order_is_in_flight),
		ON(setup, a_next_descriptor_beyond_the_table_is_refused),
		ON(setup, a_loop_is_refused),
		ON(setup, a_loop_without_bytes_is_refused_too),
		ON(setup, a_chain_of_all_descriptors_is_none),
		ON(setup, unknown_flags_are_refused),
		ON(setup, unknown_flags_in_an_indirect_table_are_refused),
		ON(setup, an_indirect_descriptor_with_a_next_one_is_refused),
		ON(setup, an_indirect_table_may_end_a_chain_of_direct_ones),
		ON(setup, a_next_one_beyond_an_indirect_table_is_refused),
		ON(setup, a_loop_in_an_indirect_table_is_refused),
		ON(setup, a_descriptor_is_read_once),
		ON(setup, kicks_off_is_a_flag_without_event_idx),
		ON(setup_events, event_idx_uses_no_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
