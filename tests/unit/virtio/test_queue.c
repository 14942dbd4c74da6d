/* What holds for split and packed rings alike: each test runs on both. */
#include "ring_fixture.h"

/* ---- setting up ------------------------------------------------------------------ */

static uint64_t features_of(void **state)
{
	struct ring_fixture *f = *state;

	return f->d.setup.features;
}

static enum vq_fault start_with(struct ring_fixture *f, const struct vq_setup *s)
{
	struct vq q = { 0 };
	const int rc = vq_start(&q, s);
	const enum vq_fault fault = q.fault;

	assert_int_equal(vq_check(s), fault);
	assert_int_equal(rc, fault == VQ_OK ? 0 : -EBADMSG);
	vq_stop(&q);
	vq_free(&q);
	(void)f;
	return fault;
}

static void size_zero_and_above_the_offer_are_refused(void **state)
{
	struct ring_fixture *f = *state;
	struct vq_setup s = f->d.setup;

	s.size = 0;
	assert_int_equal(start_with(f, &s), VQ_SIZE_NOT_POWER_OF_TWO);
	s.size = (uint16_t)(s.size_max * 2);
	assert_int_equal(start_with(f, &s), VQ_SIZE_ABOVE_MAX);
	s.size = 1;
	assert_int_equal(start_with(f, &s), VQ_OK);
}

static void size_that_is_no_power_of_two_is_refused_in_a_split_ring_only(void **state)
{
	struct ring_fixture *f = *state;
	struct vq_setup s = f->d.setup;

	s.size = 5;
	assert_int_equal(start_with(f, &s),
			 f->d.packed ? VQ_OK : VQ_SIZE_NOT_POWER_OF_TWO);
}

static void misaligned_areas_are_refused(void **state)
{
	struct ring_fixture *f = *state;
	const struct vq_setup good = f->d.setup;
	struct vq_setup s = good;

	s.desc += 8;
	assert_int_equal(start_with(f, &s), VQ_RING_MISALIGNED);
	s = good;
	s.driver += 1;
	assert_int_equal(start_with(f, &s), VQ_RING_MISALIGNED);
	s = good;
	s.device += 2;
	assert_int_equal(start_with(f, &s), VQ_RING_MISALIGNED);
}

static void every_byte_of_the_areas_must_be_ram(void **state)
{
	struct ring_fixture *f = *state;
	const struct vq_setup good = f->d.setup;
	struct vq_setup s = good;
	/* The last places where each fits; one step on, its last byte does not. */
	const gpa_t desc = FAKE_RAM_BYTES - 16u * SIZE;
	const gpa_t driver = FAKE_RAM_BYTES - (f->d.packed ? 4 : 6 + 2u * SIZE);
	const gpa_t device = FAKE_RAM_BYTES - (f->d.packed ? 4 : 8 + 8u * SIZE);

	s.desc = desc, s.driver = driver, s.device = device;
	assert_int_equal(start_with(f, &s), VQ_OK);
	s.desc = desc + 16;
	assert_int_equal(start_with(f, &s), VQ_RING_OUTSIDE_RAM);
	s = good;
	s.driver = driver + 4;
	assert_int_equal(start_with(f, &s), VQ_RING_OUTSIDE_RAM);
	s = good;
	s.device = device + 4;
	assert_int_equal(start_with(f, &s), VQ_RING_OUTSIDE_RAM);
	s = good;
	s.device = UINT64_MAX - 3;
	assert_int_equal(start_with(f, &s), VQ_RING_OUTSIDE_RAM);
}

static void a_queue_starts_anew_at_position_0(void **state)
{
	struct ring_fixture *f = *state;

	offer_one(f);
	take(f);
	vq_stop(&f->q);
	fake_driver_init(&f->d, &f->ram.mem, RING_GPA, SIZE, features_of(state));
	assert_int_equal(vq_start(&f->q, &f->d.setup), 0);
	assert_int_equal(vq_pop(&f->q, &f->c), 0);
	const uint16_t id = offer_one(f); /* the one that was in flight */
	struct chain c = take(f);

	vq_push(&f->q, &c, 1);
	assert_true(vq_flush(&f->q));
	assert_used(f, id, 1);
}

/* ---- taking ------------------------------------------------------------------------ */

static void an_empty_ring_gives_nothing(void **state)
{
	struct ring_fixture *f = *state;

	assert_false(vq_pending(&f->q));
	assert_int_equal(vq_pop(&f->q, &f->c), 0);
	assert_true(f->q.drained);
}

static void a_chain_comes_as_what_it_reads_then_what_it_writes(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf bufs[] = { buffer(0, 16, false), buffer(1, 100, false),
					 buffer(2, 512, true) };
	const int id = fake_driver_add(&f->d, bufs, 3);

	assert_true(vq_pending(&f->q));
	struct chain c = take(f);

	assert_int_equal(c.head, id);
	assert_int_equal(c.out_count, 2);
	assert_int_equal(c.in_count, 1);
	assert_int_equal(c.out_bytes, 116);
	assert_int_equal(c.in_bytes, 512);
	for (unsigned i = 0; i < 3; i++) {
		assert_ptr_equal(c.iov[i].iov_base, fake_at(&f->ram.mem, bufs[i].gpa));
		assert_int_equal(c.iov[i].iov_len, bufs[i].len);
	}
	assert_false(vq_pending(&f->q));
	assert_int_equal(vq_pop(&f->q, &f->c), 0);
}

static void an_indirect_table_is_a_chain(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf bufs[] = { buffer(0, 16, false), buffer(1, 100, true),
					 buffer(2, 512, true) };
	/* At an odd place: the standard asks for no alignment. */
	const int id = fake_driver_add_indirect(&f->d, TABLE_GPA + 1, bufs, 3);
	struct chain c = take(f);

	assert_int_equal(c.head, id);
	assert_int_equal(c.out_bytes, 16);
	assert_int_equal(c.in_bytes, 612);
	assert_int_equal(c.in_count, 2);
	assert_int_equal(c.slots, 1);
}

static void an_indirect_chain_may_be_longer_than_a_queue_made_smaller(void **state)
{
	struct ring_fixture *f = *state;
	struct fake_buf bufs[SIZE + 1];

	for (unsigned i = 0; i <= SIZE; i++)
		bufs[i] = buffer(i, 16, true);
	vq_stop(&f->q);
	fake_driver_init(&f->d, &f->ram.mem, RING_GPA, 2, features_of(state));
	f->d.setup.size_max = SIZE;
	assert_int_equal(vq_start(&f->q, &f->d.setup), 0);
	assert_true(fake_driver_add_indirect(&f->d, TABLE_GPA, bufs, SIZE) >= 0);
	assert_int_equal(take(f).in_count, SIZE);
	assert_true(fake_driver_add_indirect(&f->d, TABLE_GPA, bufs, SIZE + 1) >= 0);
	assert_refused(f, VQ_DESC_LOOP, 1);
}

static void a_chain_that_does_not_fit_is_not_taken(void **state)
{
	struct ring_fixture *f = *state;
	const uint16_t id = offer_pair(f);

	f->c.iov_max = 1;
	assert_int_equal(vq_pop(&f->q, &f->c), -ENOBUFS);
	assert_int_equal(vq_pop(&f->q, &f->c), -ENOBUFS);
	assert_false(f->q.drained);
	assert_true(vq_pending(&f->q));
	f->c.iov_max = 2;
	assert_int_equal(take(f).head, id);
}

static void a_buffer_may_cross_ram_blocks_that_touch(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf buf = { .gpa = FAKE_RAM_BYTES - 16, .len = 48, .writable = true };
	uint8_t *more = calloc(1, 4096);

	assert_non_null(more);
	assert_int_equal(vq_iov_bound(&f->d.setup), SIZE);
	assert_int_equal(mem_add(&f->ram.mem, FAKE_RAM_BYTES, 4096, more), 0);
	assert_int_equal(vq_iov_bound(&f->d.setup), 2 * SIZE);
	assert_true(fake_driver_add(&f->d, &buf, 1) >= 0);
	struct chain c = take(f);

	assert_int_equal(c.in_count, 2);
	assert_int_equal(c.in_bytes, 48);
	assert_int_equal(c.iov[0].iov_len, 16);
	assert_ptr_equal(c.iov[1].iov_base, more);
	assert_int_equal(c.iov[1].iov_len, 32);
	free(more);
}

static void buffers_without_bytes_are_passed_over(void **state)
{
	struct ring_fixture *f = *state;
	/* Even where no RAM is: nobody goes there. */
	const struct fake_buf bufs[] = { { .gpa = UINT64_MAX, .len = 0 }, buffer(0, 16, false),
					 { .gpa = 0, .len = 0, .writable = true } };

	assert_true(fake_driver_add(&f->d, bufs, 3) >= 0);
	struct chain c = take(f);

	assert_int_equal(c.out_count, 1);
	assert_int_equal(c.in_count, 0);
}

/* ---- rules ------------------------------------------------------------------------- */

static void a_chain_without_bytes_is_refused(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf nothing[] = { buffer(0, 0, false), buffer(0, 0, true) };

	offer_one(f);
	take(f);
	fake_driver_add(&f->d, nothing, 2);
	assert_refused(f, VQ_CHAIN_EMPTY, 1);
}

static void a_readable_buffer_after_a_writable_one_is_refused(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf bufs[] = { buffer(0, 16, true), buffer(1, 16, false) };

	fake_driver_add(&f->d, bufs, 2);
	assert_refused(f, VQ_DESC_READABLE_AFTER_WRITABLE, 0);
}

static void the_same_in_an_indirect_table_is_refused(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf bufs[] = { buffer(0, 16, true), buffer(1, 16, false) };

	fake_driver_add_indirect(&f->d, TABLE_GPA, bufs, 2);
	assert_refused(f, VQ_DESC_READABLE_AFTER_WRITABLE, 0);
}

static void an_empty_writable_buffer_is_writable_all_the_same(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf bufs[] = { buffer(0, 0, true), buffer(1, 16, false) };

	fake_driver_add(&f->d, bufs, 2);
	assert_refused(f, VQ_DESC_READABLE_AFTER_WRITABLE, 0);
}

static void a_buffer_that_only_begins_in_ram_is_refused(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf over = { .gpa = FAKE_RAM_BYTES - 8, .len = 9 };

	fake_driver_add(&f->d, &over, 1);
	assert_refused(f, VQ_DESC_OUTSIDE_RAM, 0);
}

static void a_buffer_that_wraps_is_refused(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf wraps = { .gpa = UINT64_MAX - 7, .len = 16 };

	fake_driver_add(&f->d, &wraps, 1);
	assert_refused(f, VQ_DESC_OUTSIDE_RAM, 0);
}

static void an_indirect_table_outside_ram_is_refused(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf one = buffer(0, 16, true);

	fake_driver_add_indirect(&f->d, TABLE_GPA, &one, 1);
	/* 0: descriptor or slot of the first chain in both rings; only its first
	 * half is in RAM now. */
	uint8_t *desc = f->d.desc;

	desc[0] = 0xf8, desc[1] = 0xff, desc[2] = 0x0f;
	assert_refused(f, VQ_DESC_OUTSIDE_RAM, 0);
}

/* A chain of 2^32 bytes needs as much RAM, but not as much memory. */
static void a_chain_of_4_gib_is_refused(void **state)
{
	struct ring_fixture *f = *state;
	struct fake_buf bufs[2] = { { .gpa = GIB(4), .len = UINT32_MAX },
				    { .gpa = GIB(4), .len = 1, .writable = true } };

	assert_int_equal(mem_add(&f->ram.mem, GIB(4), GIB(8), f->ram.bytes), 0);
	fake_driver_add(&f->d, bufs, 1);
	assert_int_equal(take(f).out_bytes, UINT32_MAX);
	fake_driver_add(&f->d, bufs, 2);
	assert_refused(f, VQ_CHAIN_TOO_LONG, 1);
}

static void an_indirect_table_of_odd_length_is_refused(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf one = buffer(0, 16, true);

	fake_driver_add_indirect(&f->d, TABLE_GPA, &one, 1);
	f->d.desc[8] = 24;
	assert_refused(f, VQ_INDIRECT_BAD_LENGTH, 0);
}

static void an_indirect_table_without_length_is_refused(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf one = buffer(0, 16, true);

	fake_driver_add_indirect(&f->d, TABLE_GPA, &one, 1);
	f->d.desc[8] = 0;
	assert_refused(f, VQ_INDIRECT_BAD_LENGTH, 0);
}

static void nested_indirect_is_refused(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf one = buffer(0, 16, true);

	fake_driver_add_indirect(&f->d, TABLE_GPA, &one, 1);
	fake_driver_desc(&f->d, fake_at(&f->ram.mem, TABLE_GPA), 0, DATA_GPA, 16, FAKE_INDIRECT, 0);
	assert_refused(f, VQ_INDIRECT_NESTED, 0);
}

static void indirect_without_the_feature_is_refused(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf one = buffer(0, 16, true);
	struct vq_setup s = f->d.setup;

	vq_stop(&f->q);
	s.features &= ~VIRTIO_F_INDIRECT_DESC;
	assert_int_equal(vq_start(&f->q, &s), 0);
	fake_driver_add_indirect(&f->d, TABLE_GPA, &one, 1);
	assert_refused(f, VQ_INDIRECT_NOT_OFFERED, 0);
}

static void what_was_in_flight_can_be_given_back_after_a_fault(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf nothing = buffer(0, 0, false);
	const uint16_t id = offer_one(f);
	struct chain c = take(f);

	fake_driver_add(&f->d, &nothing, 1);
	assert_refused(f, VQ_CHAIN_EMPTY, 1);
	vq_push(&f->q, &c, 5);
	assert_true(vq_flush(&f->q));
	assert_used(f, id, 5);
}

/* ---- giving back --------------------------------------------------------------------- */

static void used_len_is_exactly_what_was_written(void **state)
{
	struct ring_fixture *f = *state;
	const uint16_t a = offer_pair(f), b = offer_pair(f);
	struct chain ca = take(f);

	vq_push(&f->q, &ca, 7);
	struct chain cb = take(f);

	vq_push(&f->q, &cb, 0);
	assert_true(vq_flush(&f->q));
	assert_used(f, a, 7);
	assert_used(f, b, 0);
	assert_none_used(f);
}

static void nothing_is_seen_before_the_flush_and_all_after_it(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned round = 0; round < 20; round++) { /* several times round the ring */
		const uint16_t a = offer_pair(f), b = offer_one(f), c = offer_pair(f);
		struct chain ca = take(f);

		vq_push(&f->q, &ca, 1);
		struct chain cb = take(f);

		vq_push(&f->q, &cb, 2);
		struct chain cc = take(f);

		vq_push(&f->q, &cc, 3);
		assert_none_used(f);
		assert_true(vq_flush(&f->q));
		assert_used(f, a, 1);
		assert_used(f, b, 2);
		assert_used(f, c, 3);
		assert_none_used(f);
		assert_false(vq_flush(&f->q));
	}
}

static void chains_may_come_back_in_any_order(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned round = 0; round < 20; round++) {
		const uint16_t a = offer_pair(f), b = offer_one(f), c = offer_pair(f);
		struct chain ca = take(f), cb = take(f), cc = take(f);

		assert_int_equal(f->q.in_flight, 3);
		vq_push(&f->q, &cc, 3);
		vq_flush(&f->q);
		assert_used(f, c, 3);
		vq_push(&f->q, &ca, 1);
		vq_push(&f->q, &cb, 2);
		vq_flush(&f->q);
		assert_used(f, a, 1);
		assert_used(f, b, 2);
		assert_int_equal(f->q.in_flight, 0);
	}
}

static void in_order_holds_back_what_comes_too_early(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned round = 0; round < 20; round++) {
		const uint16_t a = offer_pair(f), b = offer_one(f), c = offer_pair(f);
		struct chain ca = take(f), cb = take(f), cc = take(f);

		vq_push(&f->q, &cc, 3);
		assert_false(vq_flush(&f->q));
		assert_none_used(f);
		vq_push(&f->q, &ca, 1);
		assert_true(vq_flush(&f->q));
		assert_used(f, a, 1);
		assert_none_used(f);
		vq_push(&f->q, &cb, 2);
		assert_true(vq_flush(&f->q));
		assert_used(f, b, 2);
		assert_used(f, c, 3);
	}
}

static void a_full_ring_goes_round_in_and_out(void **state)
{
	struct ring_fixture *f = *state;
	uint16_t ids[SIZE];
	struct chain chains[SIZE];

	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < SIZE; i++)
			ids[i] = offer_one(f);
		for (unsigned i = 0; i < SIZE; i++)
			chains[i] = take(f);
		assert_int_equal(vq_pop(&f->q, &f->c), 0);
		for (unsigned i = 0; i < SIZE; i++)
			vq_push(&f->q, &chains[i], i);
		vq_flush(&f->q);
		for (unsigned i = 0; i < SIZE; i++)
			assert_used(f, ids[i], i);
		assert_none_used(f);
	}
}

/* ---- notifications -------------------------------------------------------------------- */

/* Take one chain and give it back; whether the driver wants to know. */
static bool turn(struct ring_fixture *f)
{
	uint16_t id;
	uint32_t len;

	offer_one(f);
	struct chain c = take(f);
	bool wanted;

	vq_push(&f->q, &c, 0);
	wanted = vq_flush(&f->q);
	assert_true(fake_driver_used(&f->d, &id, &len));
	return wanted;
}

static void a_driver_that_mutes_interrupts_gets_none(void **state)
{
	struct ring_fixture *f = *state;

	fake_driver_mute(&f->d);
	for (unsigned i = 0; i < 3 * SIZE; i++)
		assert_false(turn(f));
	fake_driver_listen(&f->d, 1);
	assert_true(turn(f));
}

static void an_interrupt_comes_when_the_event_is_passed_and_only_then(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned round = 0; round < 3 * SIZE; round++) {
		fake_driver_listen(&f->d, 3);
		assert_false(turn(f));
		assert_false(turn(f));
		assert_true(turn(f));
		assert_false(turn(f));
	}
}

static void a_batch_over_the_event_makes_one_interrupt(void **state)
{
	struct ring_fixture *f = *state;
	uint16_t id;
	uint32_t len;

	for (unsigned round = 0; round < 20; round++) {
		fake_driver_listen(&f->d, 2);
		for (unsigned i = 0; i < 3; i++)
			offer_one(f);
		for (unsigned i = 0; i < 3; i++) {
			struct chain c = take(f);

			vq_push(&f->q, &c, 0);
		}
		assert_true(vq_flush(&f->q));
		for (unsigned i = 0; i < 3; i++)
			assert_true(fake_driver_used(&f->d, &id, &len));
	}
}

static void kicks_are_asked_for_before_sleeping(void **state)
{
	struct ring_fixture *f = *state;

	for (unsigned round = 0; round < 3 * SIZE; round++) {
		assert_int_equal(vq_pop(&f->q, &f->c), 0);
		assert_false(vq_enable_kicks(&f->q));
		offer_one(f);
		assert_true(fake_driver_wants_kick(&f->d));
		struct chain c = take(f);

		vq_push(&f->q, &c, 0);
		vq_flush(&f->q);
		fake_driver_used(&f->d, &(uint16_t){ 0 }, &(uint32_t){ 0 });
	}
}

static void while_kicks_are_off_the_driver_need_not(void **state)
{
	struct ring_fixture *f = *state;
	unsigned kicks = 0;

	assert_false(vq_enable_kicks(&f->q));
	for (unsigned i = 0; i < SIZE; i++) {
		offer_one(f);
		kicks += fake_driver_wants_kick(&f->d);
		vq_disable_kicks(&f->q); /* as on the first kick */
	}
	assert_int_equal(kicks, 1);
}

static void what_came_before_kicks_were_on_is_told(void **state)
{
	struct ring_fixture *f = *state;

	vq_disable_kicks(&f->q);
	offer_one(f);
	assert_true(vq_enable_kicks(&f->q));
	take(f);
	assert_false(vq_enable_kicks(&f->q));
}

/* ---- the data of a chain --------------------------------------------------------------- */

static void chain_read_goes_over_pieces_and_ends_at_the_last(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf bufs[] = { buffer(0, 4, false), buffer(1, 4, false),
					 buffer(2, 4, true) };
	char text[16] = { 0 };

	memcpy(fake_at(&f->ram.mem, bufs[0].gpa), "abcd", 4);
	memcpy(fake_at(&f->ram.mem, bufs[1].gpa), "efgh", 4);
	fake_driver_add(&f->d, bufs, 3);
	struct chain c = take(f);

	assert_int_equal(chain_read(&c, 0, text, 8), 8);
	assert_string_equal(text, "abcdefgh");
	memset(text, 0, sizeof(text));
	assert_int_equal(chain_read(&c, 3, text, 2), 2);
	assert_string_equal(text, "de");
	memset(text, 0, sizeof(text));
	assert_int_equal(chain_read(&c, 6, text, 10), 2);
	assert_string_equal(text, "gh");
	assert_int_equal(chain_read(&c, 8, text, 1), 0);
	assert_int_equal(chain_read(&c, UINT64_MAX, text, 1), 0);
}

static void chain_write_goes_to_the_writable_part_only(void **state)
{
	struct ring_fixture *f = *state;
	const struct fake_buf bufs[] = { buffer(0, 4, false), buffer(1, 4, true),
					 buffer(2, 4, true) };

	fake_driver_add(&f->d, bufs, 3);
	struct chain c = take(f);

	assert_int_equal(chain_write(&c, 2, "wxyz12", 6), 6);
	assert_memory_equal(fake_at(&f->ram.mem, bufs[0].gpa), "\0\0\0\0", 4);
	assert_memory_equal(fake_at(&f->ram.mem, bufs[1].gpa), "\0\0wx", 4);
	assert_memory_equal(fake_at(&f->ram.mem, bufs[2].gpa), "yz12\0", 5);
	assert_int_equal(chain_write(&c, 7, "long", 4), 1);
	assert_memory_equal(fake_at(&f->ram.mem, bufs[2].gpa), "yz1l\0", 5);
}

/* ---- both rings -------------------------------------------------------------------------- */

#define PLAIN VIRTIO_F_INDIRECT_DESC

static int split(void **state)
{
	return ring_make(state, SIZE, PLAIN);
}

static int split_events(void **state)
{
	return ring_make(state, SIZE, PLAIN | VIRTIO_F_EVENT_IDX);
}

static int split_in_order(void **state)
{
	return ring_make(state, SIZE, PLAIN | VIRTIO_F_IN_ORDER);
}

static int packed(void **state)
{
	return ring_make(state, SIZE, PLAIN | VIRTIO_F_RING_PACKED);
}

static int packed_events(void **state)
{
	return ring_make(state, SIZE, PLAIN | VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX);
}

static int packed_in_order(void **state)
{
	return ring_make(state, SIZE, PLAIN | VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER);
}

#define ON(make, test) { #test "_" #make, test, make, ring_free, NULL }
#define BOTH(test)     ON(split, test), ON(packed, test)
#define EVENTS(test)   ON(split_events, test), ON(packed_events, test)
#define IN_ORDER(test) ON(split_in_order, test), ON(packed_in_order, test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(size_zero_and_above_the_offer_are_refused),
		BOTH(size_that_is_no_power_of_two_is_refused_in_a_split_ring_only),
		BOTH(misaligned_areas_are_refused),
		BOTH(every_byte_of_the_areas_must_be_ram),
		BOTH(a_queue_starts_anew_at_position_0),
		BOTH(an_empty_ring_gives_nothing),
		BOTH(a_chain_comes_as_what_it_reads_then_what_it_writes),
		BOTH(an_indirect_table_is_a_chain),
		BOTH(an_indirect_chain_may_be_longer_than_a_queue_made_smaller),
		BOTH(a_chain_that_does_not_fit_is_not_taken),
		BOTH(a_buffer_may_cross_ram_blocks_that_touch),
		BOTH(buffers_without_bytes_are_passed_over),
		BOTH(a_chain_without_bytes_is_refused),
		BOTH(a_readable_buffer_after_a_writable_one_is_refused),
		BOTH(the_same_in_an_indirect_table_is_refused),
		BOTH(an_empty_writable_buffer_is_writable_all_the_same),
		BOTH(a_buffer_that_only_begins_in_ram_is_refused),
		BOTH(a_buffer_that_wraps_is_refused),
		BOTH(an_indirect_table_outside_ram_is_refused),
		BOTH(a_chain_of_4_gib_is_refused),
		BOTH(an_indirect_table_of_odd_length_is_refused),
		BOTH(an_indirect_table_without_length_is_refused),
		BOTH(nested_indirect_is_refused),
		BOTH(indirect_without_the_feature_is_refused),
		BOTH(what_was_in_flight_can_be_given_back_after_a_fault),
		BOTH(used_len_is_exactly_what_was_written),
		BOTH(nothing_is_seen_before_the_flush_and_all_after_it),
		BOTH(chains_may_come_back_in_any_order),
		IN_ORDER(in_order_holds_back_what_comes_too_early),
		IN_ORDER(a_full_ring_goes_round_in_and_out),
		BOTH(a_full_ring_goes_round_in_and_out),
		BOTH(a_driver_that_mutes_interrupts_gets_none),
		EVENTS(a_driver_that_mutes_interrupts_gets_none),
		EVENTS(an_interrupt_comes_when_the_event_is_passed_and_only_then),
		EVENTS(a_batch_over_the_event_makes_one_interrupt),
		BOTH(kicks_are_asked_for_before_sleeping),
		EVENTS(kicks_are_asked_for_before_sleeping),
		BOTH(while_kicks_are_off_the_driver_need_not),
		EVENTS(while_kicks_are_off_the_driver_need_not),
		BOTH(what_came_before_kicks_were_on_is_told),
		EVENTS(what_came_before_kicks_were_on_is_told),
		BOTH(chain_read_goes_over_pieces_and_ends_at_the_last),
		BOTH(chain_write_goes_to_the_writable_part_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
