#include "disk_fixture.h"

#include <errno.h>

/* ---- each kind of request, over each layout of rings ------------------------------- */

static const uint64_t layouts[] = {
	0,
	VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX,
	VIRTIO_F_IN_ORDER,
	VIRTIO_F_RING_PACKED,
	VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX | VIRTIO_F_IN_ORDER,
};

/* Run `test` on a fresh disk for each layout. */
static void over_all_rings(void **state, void (*test)(struct disk *d))
{
	for (unsigned i = 0; i < ARRAY_LEN(layouts); i++) {
		disk_teardown(state);
		disk_setup(state);
		test(disk_ready(state, F_FLUSH | F_DISCARD | F_WRITE_ZEROES | layouts[i]));
	}
}

static void read_one(struct disk *d)
{
	struct request r = request_new(d, 0, BLK_T_IN, 3);
	uint32_t len;

	memset(d->fake->bytes + 3 * 512, 0x5c, 1024);
	assert_int_equal(request_do(d, &r, 1024, &len), BLK_S_OK);
	assert_int_equal(len, 1025);
	assert_memory_equal(r.data, d->fake->bytes + 3 * 512, 1024);
	assert_int_equal(virtio_fixture_interrupts(&d->f, 1), 1);
}

static void a_read_brings_what_the_disk_holds(void **state)
{
	over_all_rings(state, read_one);
}

static void write_one(struct disk *d)
{
	struct request r = request_new(d, 0, BLK_T_OUT, 2047);
	uint32_t len;

	memset(r.data, 0x77, 512);
	assert_int_equal(request_do(d, &r, 512, &len), BLK_S_OK);
	assert_int_equal(len, 1);
	assert_memory_equal(r.data, d->fake->bytes + DISK_BYTES - 512, 512);
	assert_int_equal(d->fake->durable_count, 0);
}

static void a_write_reaches_the_disk(void **state)
{
	over_all_rings(state, write_one);
}

static void flush_one(struct disk *d)
{
	struct request r = request_new(d, 0, BLK_T_FLUSH, 0);
	uint32_t len;

	assert_int_equal(request_do(d, &r, 0, &len), BLK_S_OK);
	assert_int_equal(len, 1);
	assert_int_equal(d->fake->submitted_of[BLOCK_FLUSH], 1);
}

static void a_flush_reaches_the_disk(void **state)
{
	over_all_rings(state, flush_one);
}

static void id_one(struct disk *d)
{
	static const uint8_t expected[BLK_ID_BYTES] = "BANTAM-7";
	struct request r = request_new(d, 0, BLK_T_GET_ID, 0);
	uint32_t len;

	memset(r.data, 0xff, BLK_ID_BYTES + 1);
	assert_int_equal(request_do(d, &r, BLK_ID_BYTES, &len), BLK_S_OK);
	assert_int_equal(len, BLK_ID_BYTES + 1);
	assert_memory_equal(r.data, expected, BLK_ID_BYTES);
	assert_int_equal(r.data[BLK_ID_BYTES], 0xff);
}

static void the_serial_number_is_padded_with_zeros(void **state)
{
	over_all_rings(state, id_one);
}

static void zero_three(struct disk *d)
{
	struct request r = request_new(d, 0, BLK_T_WRITE_ZEROES, 0);
	uint32_t len;

	memset(d->fake->bytes, 0x11, DISK_BYTES);
	range_put(r.data, 1, 2, 0);
	range_put(r.data + 16, 100, 0, 0);
	range_put(r.data + 32, 2047, 1, 1);
	assert_int_equal(request_do(d, &r, 48, &len), BLK_S_OK);
	assert_int_equal(len, 1);
	assert_int_equal(d->fake->submitted_of[BLOCK_ZERO], 2);
	assert_int_equal(d->fake->bytes[511], 0x11);
	assert_int_equal(d->fake->bytes[512], 0);
	assert_int_equal(d->fake->bytes[3 * 512 - 1], 0);
	assert_int_equal(d->fake->bytes[3 * 512], 0x11);
	assert_int_equal(d->fake->bytes[DISK_BYTES - 513], 0x11);
	assert_int_equal(d->fake->bytes[DISK_BYTES - 1], 0);
}

static void zeroes_are_written_segment_by_segment(void **state)
{
	over_all_rings(state, zero_three);
}

static void discard_two(struct disk *d)
{
	struct request r = request_new(d, 0, BLK_T_DISCARD, 0);
	uint32_t len;

	range_put(r.data, 8, 8, 0);
	range_put(r.data + 16, 24, 8, 0);
	assert_int_equal(request_do(d, &r, 32, &len), BLK_S_OK);
	assert_int_equal(d->fake->submitted_of[BLOCK_DISCARD], 2);
	assert_int_equal(d->fake->bytes[24 * 512], 0xdb);
	assert_int_equal(d->fake->bytes[16 * 512], 0);
}

static void discards_are_done_segment_by_segment(void **state)
{
	over_all_rings(state, discard_two);
}

/* ---- what goes to the block -------------------------------------------------------- */

static void a_segment_of_nothing_is_no_error(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | F_DISCARD);
	struct request r = request_new(d, 0, BLK_T_DISCARD, 0);
	uint32_t len;

	range_put(r.data, 8, 0, 0);
	assert_int_equal(request_do(d, &r, 16, &len), BLK_S_OK);
	assert_int_equal(d->fake->submitted, 0);
}

static void unmap_is_a_permission_for_that_segment(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | F_WRITE_ZEROES);
	struct request r = request_new(d, 0, BLK_T_WRITE_ZEROES, 0);

	d->fake->hold = true;
	range_put(r.data, 8, 8, 0);
	range_put(r.data + 16, 24, 8, 1);
	request_offer(d, &r, 32);
	virtio_fixture_run(&d->f);
	assert_int_equal(d->fake->held_count, 1);
	assert_false(d->fake->held[0]->may_unmap);
	fake_block_end(d->fake, 0, 0);
	assert_int_equal(d->fake->held_count, 1);
	assert_int_equal(d->fake->held[0]->offset, 24 * 512);
	assert_int_equal(d->fake->held[0]->len, 8 * 512);
	assert_true(d->fake->held[0]->may_unmap);
	assert_int_equal(*r.status, NO_STATUS);
	fake_block_end(d->fake, 0, 0);
	assert_int_equal(*r.status, BLK_S_OK);
}

static void a_failed_segment_ends_the_request(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | F_DISCARD);
	struct request r = request_new(d, 0, BLK_T_DISCARD, 0);
	uint32_t len;

	d->fake->fail_at = 1;
	d->fake->fail_status = -EIO;
	range_put(r.data, 8, 8, 0);
	range_put(r.data + 16, 24, 8, 0);
	assert_int_equal(request_do(d, &r, 32, &len), BLK_S_IOERR);
	assert_int_equal(len, 1);
	assert_int_equal(d->fake->submitted, 1);
}

static void errors_of_the_block_are_io_errors(void **state)
{
	static const struct {
		int status;
		uint8_t expected;
	} cases[] = { { -EIO, BLK_S_IOERR },
		      { -ENOSPC, BLK_S_IOERR },
		      { -EOPNOTSUPP, BLK_S_UNSUPP } };
	struct disk *d = disk_ready(state, F_FLUSH);

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct request r = request_new(d, 0, BLK_T_IN, 0);
		uint32_t len;

		d->fake->fail_at = d->fake->submitted + 1;
		d->fake->fail_status = cases[i].status;
		assert_int_equal(request_do(d, &r, 512, &len), cases[i].expected);
		assert_int_equal(len, 0); /* the data before the status was not written */
	}
	/* The next one finds all as before. */
	assert_int_equal(do_one(d, BLK_T_IN, 0, 512), BLK_S_OK);
}

static void what_is_refused_never_reaches_the_block(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);

	assert_int_equal(do_one(d, BLK_T_IN, 2048, 512), BLK_S_IOERR);
	assert_int_equal(do_one(d, BLK_T_OUT, UINT64_MAX, 512), BLK_S_IOERR);
	assert_int_equal(do_one(d, 77, 0, 0), BLK_S_UNSUPP);
	assert_int_equal(d->fake->submitted, 0);
}

static void completions_come_in_their_own_order(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);
	struct request r[3];
	uint32_t len;

	d->fake->hold = true;
	for (unsigned i = 0; i < 3; i++) {
		r[i] = request_new(d, 0, BLK_T_IN, i);
		request_offer(d, &r[i], 512);
	}
	virtio_fixture_run(&d->f);
	assert_int_equal(d->fake->held_count, 3);
	assert_int_equal(next_used(d, 0, &len), -1);
	fake_block_end(d->fake, 1, 0);
	fake_block_end(d->fake, 1, 0);
	fake_block_end(d->fake, 0, 0);
	show_ended(d, 0);
	assert_int_equal(next_used(d, 0, &len), r[1].id);
	assert_int_equal(next_used(d, 0, &len), r[2].id);
	assert_int_equal(next_used(d, 0, &len), r[0].id);
}

/* ---- many and long requests --------------------------------------------------------- */

/* Offer a read of `pieces` buffers of 512 bytes, all the same memory, by an indirect
 * table. */
static void offer_long(struct disk *d, unsigned pieces)
{
	const struct request r = request_new(d, 0, BLK_T_IN, 0);
	struct fake_buf bufs[(SLOT_DATA - SLOT_TABLE) / 16];

	assert_true(pieces + 2 <= ARRAY_LEN(bufs));
	bufs[0] = (struct fake_buf){ r.slot, BLK_HEADER_BYTES, false };
	for (unsigned i = 1; i <= pieces; i++)
		bufs[i] = (struct fake_buf){ r.slot + SLOT_DATA, 512, true };
	bufs[pieces + 1] = (struct fake_buf){ r.slot + SLOT_STATUS, 1, true };
	assert_true(fake_driver_add_indirect(&d->f.queues[0], r.slot + SLOT_TABLE, bufs,
					     pieces + 2) >= 0);
	virtio_fixture_kick(&d->f, 0);
}

static void a_full_ring_is_served_at_once(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | VIRTIO_F_INDIRECT_DESC);

	d->fake->hold = true;
	for (unsigned i = 0; i < RING_SIZE; i++)
		offer_long(d, 1);
	virtio_fixture_run(&d->f);
	assert_int_equal(d->fake->held_count, RING_SIZE);
	fake_block_end_all(d->fake, RING_SIZE);
	assert_int_equal(virtio_blk_stats(d->f.dev, 0).requests, RING_SIZE);
}

static void requests_beyond_the_pool_wait_for_it(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | VIRTIO_F_INDIRECT_DESC);
	const unsigned all = BLK_LONG_MAX + 3, pieces = BLK_IOV_INLINE + 4;
	uint32_t len;

	assert_true(all <= RING_SIZE);
	d->fake->hold = true;
	for (unsigned i = 0; i < all; i++)
		offer_long(d, pieces);
	virtio_fixture_run(&d->f);
	assert_int_equal(d->fake->held_count, BLK_LONG_MAX);
	assert_int_equal(ioloop_round(d->f.loop, 0), 0); /* nobody asks again and again */
	for (unsigned done = 1; done <= all; done++) {
		fake_block_end(d->fake, 0, 0);
		virtio_fixture_run(&d->f);
		assert_int_equal(d->fake->submitted, min_u64(BLK_LONG_MAX + done, all));
	}
	show_ended(d, 0);
	for (unsigned i = 0; i < all; i++) {
		assert_true(next_used(d, 0, &len) >= 0);
		assert_int_equal(len, pieces * 512 + 1);
	}
}

/* ---- resets --------------------------------------------------------------------------- */

static void a_reset_waits_for_what_is_in_flight(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);
	struct request r[2];

	d->fake->hold = true;
	for (unsigned i = 0; i < 2; i++) {
		r[i] = request_new(d, 0, BLK_T_IN, i);
		request_offer(d, &r[i], 512);
	}
	virtio_fixture_run(&d->f);
	assert_false(virtio_fixture_reset(&d->f));
	fake_block_end(d->fake, 1, 0);
	virtio_fixture_run(&d->f);
	assert_int_not_equal(status_read(&d->f), 0);
	fake_block_end(d->fake, 0, 0);
	virtio_fixture_run(&d->f);
	assert_int_equal(status_read(&d->f), 0);

	d->fake->hold = false;
	virtio_fixture_start(&d->f, F_FLUSH | VIRTIO_F_RING_PACKED);
	assert_int_equal(do_one(d, BLK_T_IN, 0, 512), BLK_S_OK);
}

static void a_reset_takes_no_new_requests(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);
	struct request first = request_new(d, 0, BLK_T_IN, 0);
	struct request late = request_new(d, 0, BLK_T_IN, 1);

	d->fake->hold = true;
	request_offer(d, &first, 512);
	virtio_fixture_run(&d->f);
	assert_false(virtio_fixture_reset(&d->f));
	request_offer(d, &late, 512);
	virtio_fixture_run(&d->f);
	assert_int_equal(d->fake->submitted, 1);
	fake_block_end(d->fake, 0, 0);
	virtio_fixture_run(&d->f);
	assert_int_equal(status_read(&d->f), 0);
	assert_int_equal(*late.status, NO_STATUS);
}

static void a_reset_does_not_wait_for_all_segments(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | F_WRITE_ZEROES);
	struct request r = request_new(d, 0, BLK_T_WRITE_ZEROES, 0);

	d->fake->hold = true;
	range_put(r.data, 0, 8, 0);
	range_put(r.data + 16, 8, 8, 0);
	request_offer(d, &r, 32);
	virtio_fixture_run(&d->f);
	assert_false(virtio_fixture_reset(&d->f));
	fake_block_end(d->fake, 0, 0);
	virtio_fixture_run(&d->f);
	assert_int_equal(status_read(&d->f), 0);
	assert_int_equal(d->fake->submitted, 1);
	assert_int_equal(*r.status, BLK_S_IOERR);
}

static void one_queue_is_reset_while_the_other_goes_on(void **state)
{
	struct disk *d = *state;
	struct request held, other;
	uint32_t len;

	d->config.queues = 2;
	disk_ready(state, F_FLUSH | F_MQ | VIRTIO_F_RING_RESET);
	held = request_new(d, 0, BLK_T_IN, 0);
	other = request_new(d, 1, BLK_T_IN, 0);
	d->fake->hold = true;
	request_offer(d, &held, 512);
	virtio_fixture_run(&d->f);
	queue_write(&d->f, 0, COMMON_QUEUE_RESET, 1);
	virtio_fixture_run(&d->f);
	assert_int_equal(queue_read(&d->f, 0, COMMON_QUEUE_RESET), 1);
	d->fake->hold = false;
	assert_int_equal(request_do(d, &other, 512, &len), BLK_S_OK);
	assert_int_equal(queue_read(&d->f, 0, COMMON_QUEUE_RESET), 1);
	fake_block_end(d->fake, 0, 0);
	virtio_fixture_run(&d->f);
	assert_int_equal(queue_read(&d->f, 0, COMMON_QUEUE_RESET), 0);
	virtio_fixture_queue(&d->f, 0, RING_SIZE);
	virtio_fixture_run(&d->f);
	assert_int_equal(do_one(d, BLK_T_IN, 0, 512), BLK_S_OK);
}

/* ---- drivers that break rules ---------------------------------------------------------- */

static void a_request_without_room_for_its_status_is_a_fault(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);
	const struct request r = request_new(d, 0, BLK_T_OUT, 0);
	const struct fake_buf bufs[] = {
		{ r.slot, BLK_HEADER_BYTES, false },
		{ r.slot + SLOT_DATA, 512, false },
	};
	uint32_t len;

	assert_true(fake_driver_add(&d->f.queues[0], bufs, 2) >= 0);
	virtio_fixture_kick(&d->f, 0);
	virtio_fixture_run(&d->f);
	assert_true(status_read(&d->f) & VIRTIO_NEEDS_RESET);
	assert_int_equal(virtio_fixture_interrupts(&d->f, 0), 1);
	assert_int_equal(next_used(d, 0, &len), -1);
	assert_int_equal(d->fake->submitted, 0);
	assert_true(virtio_fixture_reset(&d->f));
	virtio_fixture_start(&d->f, F_FLUSH);
	assert_int_equal(do_one(d, BLK_T_IN, 0, 512), BLK_S_OK);
}

static void a_fault_of_one_disk_is_not_the_others(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH), *other;
	struct fake_driver *driver = &d->f.queues[0];
	struct request held = request_new(d, 0, BLK_T_IN, 0);
	void *other_state;

	disk_setup(&other_state);
	other = disk_ready(&other_state, F_FLUSH);
	d->fake->hold = true;
	request_offer(d, &held, 512);
	virtio_fixture_run(&d->f);
	fake_driver_desc(driver, driver->desc, 9, FAKE_RAM_BYTES, 4096, 0, 0);
	fake_driver_offer(driver, 9);
	virtio_fixture_kick(&d->f, 0);
	virtio_fixture_run(&d->f);
	assert_true(status_read(&d->f) & VIRTIO_NEEDS_RESET);
	assert_int_equal(do_one(other, BLK_T_IN, 0, 512), BLK_S_OK);
	/* What was in flight ends, into memory that is still the driver's. */
	fake_block_end(d->fake, 0, 0);
	virtio_fixture_run(&d->f);
	assert_int_equal(*held.status, BLK_S_OK);
	disk_teardown(&other_state);
}

/* ---- numbers ----------------------------------------------------------------------------- */

static void requests_and_bytes_are_counted_per_queue(void **state)
{
	struct disk *d = *state;
	struct request r;
	struct blk_stats s;
	uint32_t len;

	d->config.queues = 2;
	disk_ready(state, F_FLUSH | F_MQ);
	assert_int_equal(virtio_blk_queues(d->f.dev), 2);
	r = request_new(d, 1, BLK_T_IN, 0);
	request_do(d, &r, 1024, &len);
	r = request_new(d, 1, BLK_T_OUT, 0);
	request_do(d, &r, 512, &len);
	r = request_new(d, 1, BLK_T_OUT, 1 << 20);
	request_do(d, &r, 512, &len);
	s = virtio_blk_stats(d->f.dev, 1);
	assert_int_equal(s.requests, 3);
	assert_int_equal(s.read_bytes, 1024);
	assert_int_equal(s.written_bytes, 512);
	assert_int_equal(s.errors, 1);
	assert_int_equal(virtio_blk_stats(d->f.dev, 0).requests, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_read_brings_what_the_disk_holds),
		TEST(a_write_reaches_the_disk),
		TEST(a_flush_reaches_the_disk),
		TEST(the_serial_number_is_padded_with_zeros),
		TEST(zeroes_are_written_segment_by_segment),
		TEST(discards_are_done_segment_by_segment),
		TEST(a_segment_of_nothing_is_no_error),
		TEST(unmap_is_a_permission_for_that_segment),
		TEST(a_failed_segment_ends_the_request),
		TEST(errors_of_the_block_are_io_errors),
		TEST(what_is_refused_never_reaches_the_block),
		TEST(completions_come_in_their_own_order),
		TEST(a_full_ring_is_served_at_once),
		TEST(requests_beyond_the_pool_wait_for_it),
		TEST(a_reset_waits_for_what_is_in_flight),
		TEST(a_reset_takes_no_new_requests),
		TEST(a_reset_does_not_wait_for_all_segments),
		TEST(one_queue_is_reset_while_the_other_goes_on),
		TEST(a_request_without_room_for_its_status_is_a_fault),
		TEST(a_fault_of_one_disk_is_not_the_others),
		TEST(requests_and_bytes_are_counted_per_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
