#include "disk_fixture.h"

#include <errno.h>

#include "host/now.h"

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
	assert_int_equal(d->v->queues[0].interrupts, 1);
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

static void zero_one(struct disk *d)
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
	over_all_rings(state, zero_one);
}

static void discard_one(struct disk *d)
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
	over_all_rings(state, discard_one);
}

/* ---- what goes to the block -------------------------------------------------------- */

static void segments_of_nothing_are_done_at_once(void **state)
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
	disk_rounds(d);
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
	struct request good = request_new(d, 0, BLK_T_IN, 0);
	uint32_t len;

	assert_int_equal(request_do(d, &good, 512, &len), BLK_S_OK);
	assert_int_equal(virtio_blk_stats(d->dev, 0).errors, ARRAY_LEN(cases));
}

static void what_is_refused_never_reaches_the_block(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);
	struct request end = request_new(d, 0, BLK_T_IN, 2048);
	struct request unknown = request_new(d, 0, 77, 0);
	uint32_t len;

	assert_int_equal(request_do(d, &end, 512, &len), BLK_S_IOERR);
	assert_int_equal(request_do(d, &unknown, 0, &len), BLK_S_UNSUPP);
	assert_int_equal(len, 1);
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
	disk_rounds(d);
	assert_int_equal(d->fake->held_count, 3);
	assert_int_equal(next_used(d, 0, &len), -1);
	fake_block_end(d->fake, 1, 0);
	fake_block_end(d->fake, 1, 0);
	fake_block_end(d->fake, 0, 0);
	/* Ended outside of a round: what was gathered is shown at the end of one. */
	virtio_again(d->v, 0);
	disk_rounds(d);
	assert_int_equal(next_used(d, 0, &len), r[1].id);
	assert_int_equal(next_used(d, 0, &len), r[2].id);
	assert_int_equal(next_used(d, 0, &len), r[0].id);
}

/* ---- long requests ------------------------------------------------------------------ */

/* Offer a read of `pieces` buffers of 512 bytes, all the same memory, by an indirect
 * table. */
static struct request offer_long(struct disk *d, unsigned pieces)
{
	struct request r = request_new(d, 0, BLK_T_IN, 0);
	struct fake_buf bufs[RING_SIZE * 8];

	assert_true(pieces + 2 <= ARRAY_LEN(bufs));
	bufs[0] = (struct fake_buf){ r.slot, BLK_HEADER_BYTES, false };
	for (unsigned i = 1; i <= pieces; i++)
		bufs[i] = (struct fake_buf){ r.slot + SLOT_DATA, 512, true };
	bufs[pieces + 1] = (struct fake_buf){ r.slot + SLOT_STATUS, 1, true };
	r.id = fake_driver_add_indirect(&d->driver[0], r.slot + 0x100, bufs, pieces + 2);
	assert_true(r.id >= 0);
	virtio_kick(&d->v->queues[0]);
	return r;
}


static void requests_beyond_the_pool_wait_for_it(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | VIRTIO_F_INDIRECT_DESC);
	const unsigned all = BLK_LONG_MAX + 3;
	uint32_t len;

	assert_true(all <= RING_SIZE);
	d->fake->hold = true;
	for (unsigned i = 0; i < all; i++)
		offer_long(d, BLK_IOV_INLINE + 4);
	disk_rounds(d);
	assert_int_equal(d->fake->held_count, BLK_LONG_MAX);
	assert_int_equal(ioloop_round(d->loop, 0), 0); /* and nobody asks again and again */
	for (unsigned done = 1; done <= all; done++) {
		fake_block_end(d->fake, 0, 0);
		disk_rounds(d);
		assert_int_equal(d->fake->submitted, min_u64(BLK_LONG_MAX + done, all));
	}
	virtio_again(d->v, 0);
	disk_rounds(d);
	for (unsigned i = 0; i < all; i++) {
		assert_true(next_used(d, 0, &len) >= 0);
		assert_int_equal(len, (BLK_IOV_INLINE + 4) * 512 + 1);
	}
}

static void a_full_ring_is_served_at_once(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | VIRTIO_F_INDIRECT_DESC);

	d->fake->hold = true;
	for (unsigned i = 0; i < RING_SIZE; i++)
		offer_long(d, 1);
	disk_rounds(d);
	assert_int_equal(d->fake->held_count, RING_SIZE);
	fake_block_end_all(d->fake, RING_SIZE);
	assert_int_equal(virtio_blk_stats(d->dev, 0).requests, RING_SIZE);
}

/* ---- write-back and write-through ---------------------------------------------------- */

#define CONFIG_WRITEBACK 32u

static uint8_t writeback(struct disk *d)
{
	uint8_t value;

	d->v->ops->config_read(d->v, CONFIG_WRITEBACK, &value, 1);
	return value;
}

static void set_writeback(struct disk *d, uint8_t value)
{
	d->v->ops->config_write(d->v, CONFIG_WRITEBACK, &value, 1);
}

/* Whether a write that begins now is durable when it is done. */
static bool write_is_durable(struct disk *d)
{
	const uint64_t before = d->fake->durable_count;
	struct request r = request_new(d, 0, BLK_T_OUT, 0);
	uint32_t len;

	assert_int_equal(request_do(d, &r, 512, &len), BLK_S_OK);
	return d->fake->durable_count > before;
}

static void the_driver_chooses_between_write_back_and_write_through(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | F_CONFIG_WCE | F_WRITE_ZEROES);
	struct request zero = request_new(d, 0, BLK_T_WRITE_ZEROES, 0);
	uint64_t before;
	uint32_t len;

	assert_int_equal(writeback(d), 1);
	assert_false(write_is_durable(d));
	set_writeback(d, 0);
	assert_int_equal(writeback(d), 0);
	assert_true(write_is_durable(d));
	before = d->fake->durable_count;
	range_put(zero.data, 0, 8, 0);
	request_do(d, &zero, 16, &len);
	assert_int_equal(d->fake->durable_count, before + 1);
	set_writeback(d, 0x80);
	assert_int_equal(writeback(d), 1);
	assert_false(write_is_durable(d));
}

static void a_driver_that_cannot_flush_gets_write_through(void **state)
{
	struct disk *d = disk_ready(state, F_CONFIG_WCE);

	assert_int_equal(writeback(d), 0);
	assert_true(write_is_durable(d));
	set_writeback(d, 1);
	assert_int_equal(writeback(d), 0);
	assert_true(write_is_durable(d));
}

static void the_mode_is_fixed_without_its_feature(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);

	set_writeback(d, 0);
	assert_int_equal(writeback(d), 1);
	assert_false(write_is_durable(d));
}

static void a_reset_forgets_the_mode(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | F_CONFIG_WCE);

	set_writeback(d, 0);
	virtio_set_status(d->v, 0);
	disk_rounds(d);
	disk_drive(d, F_FLUSH);
	assert_int_equal(writeback(d), 1);
}

static void a_block_that_writes_through_says_so(void **state)
{
	struct disk *d = *state;

	d->fake->block.limits.durable_writes = true;
	disk_ready(state, F_FLUSH | F_CONFIG_WCE);
	assert_int_equal(writeback(d), 0);
}

/* ---- what is offered ------------------------------------------------------------------ */

static uint64_t offered(void **state, void (*change)(struct disk *d))
{
	struct disk *d;

	disk_teardown(state);
	disk_setup(state);
	d = *state;
	if (change)
		change(d);
	disk_plug(d);
	return d->v->offered & ~VIRTIO_F_COMMON;
}

static void make_read_only(struct disk *d)
{
	d->fake->block.limits.read_only = true;
}

static void forbid_discard(struct disk *d)
{
	d->config.discard = false;
}

static void make_plain(struct disk *d)
{
	d->fake->block.limits.can_discard = false;
	d->fake->block.limits.can_zero = false;
}

static void add_queue(struct disk *d)
{
	d->config.queues = 2;
}

static void features_say_what_the_block_can(void **state)
{
	const uint64_t always = F_SEG_MAX | F_GEOMETRY | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY |
				F_CONFIG_WCE;
	const uint64_t all = always | F_DISCARD | F_WRITE_ZEROES;

	assert_int_equal(offered(state, NULL), all);
	assert_int_equal(offered(state, make_read_only), always | F_RO);
	assert_int_equal(offered(state, forbid_discard), all & ~F_DISCARD);
	assert_int_equal(offered(state, make_plain), always);
	assert_int_equal(offered(state, add_queue), all | F_MQ);
}

static void forbidden_discards_are_not_done_by_zeroes_either(void **state)
{
	struct disk *d = *state;
	struct request r;

	forbid_discard(d);
	disk_ready(state, F_FLUSH | F_WRITE_ZEROES);
	d->fake->hold = true;
	r = request_new(d, 0, BLK_T_WRITE_ZEROES, 0);
	range_put(r.data, 0, 8, 1);
	request_offer(d, &r, 16);
	disk_rounds(d);
	assert_int_equal(d->fake->held_count, 1);
	assert_false(d->fake->held[0]->may_unmap);
	fake_block_end(d->fake, 0, 0);
}

static void a_read_only_disk_refuses_writes(void **state)
{
	struct disk *d = *state;
	struct request r;
	uint32_t len;

	make_read_only(d);
	disk_ready(state, F_FLUSH | F_RO);
	r = request_new(d, 0, BLK_T_OUT, 0);
	assert_int_equal(request_do(d, &r, 512, &len), BLK_S_IOERR);
	assert_int_equal(d->fake->submitted, 0);
}

static void configuration_space_describes_the_block(void **state)
{
	struct disk *d = *state;
	struct block_limits *l = &d->fake->block.limits;
	uint8_t c[60];

	l->physical_bytes = 4096;
	l->optimal_bytes = 65536;
	l->discard_granularity_bytes = 4096;
	d->config.queues = 2;
	disk_ready(state, F_FLUSH | F_CONFIG_WCE);
	assert_int_equal(d->v->ops->config_bytes, sizeof(c));
	d->v->ops->config_read(d->v, 0, c, sizeof(c));
	assert_int_equal(le64_load(c), DISK_BYTES / 512);
	assert_int_equal(le32_load(c + 8), 0);	/* SIZE_MAX is not offered */
	assert_int_equal(le32_load(c + 12), RING_SIZE - 2);
	assert_int_equal(le16_load(c + 16), 2); /* 2048 sectors by 16 heads by 63 */
	assert_int_equal(c[18], 16);
	assert_int_equal(c[19], 63);
	assert_int_equal(le32_load(c + 20), 512);
	assert_int_equal(c[24], 3);		/* 2^3 blocks in 4096 bytes */
	assert_int_equal(c[25], 0);
	assert_int_equal(le16_load(c + 26), 8);
	assert_int_equal(le32_load(c + 28), 128);
	assert_int_equal(c[32], 1);
	assert_int_equal(c[33], 0);
	assert_int_equal(le16_load(c + 34), 2);
	assert_int_equal(le32_load(c + 36), BLK_RANGE_SECTORS);
	assert_int_equal(le32_load(c + 40), BLK_RANGES_MAX);
	assert_int_equal(le32_load(c + 44), 8);
	assert_int_equal(le32_load(c + 48), BLK_RANGE_SECTORS);
	assert_int_equal(le32_load(c + 52), BLK_RANGES_MAX);
	assert_int_equal(le32_load(c + 56), 1); /* may unmap, and padding */
}

static void configuration_space_reads_alike_in_any_width(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);
	uint8_t whole[60];

	d->v->ops->config_read(d->v, 0, whole, sizeof(whole));
	for (unsigned len = 1; len <= 8; len *= 2) {
		for (unsigned at = 0; at + len <= sizeof(whole); at++) {
			uint8_t part[8];

			d->v->ops->config_read(d->v, at, part, len);
			assert_memory_equal(part, whole + at, len);
		}
	}
}

static void only_writeback_can_be_written(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | F_CONFIG_WCE);
	uint8_t before[60], after[60], zeros[60] = { 0 };

	d->v->ops->config_read(d->v, 0, before, sizeof(before));
	d->v->ops->config_write(d->v, 0, zeros, sizeof(zeros));
	d->v->ops->config_read(d->v, 0, after, sizeof(after));
	assert_int_equal(after[CONFIG_WRITEBACK], 0);
	after[CONFIG_WRITEBACK] = before[CONFIG_WRITEBACK];
	assert_memory_equal(before, after, sizeof(before));
}

static void impossible_queues_are_refused(void **state)
{
	static const struct {
		unsigned queues, size;
	} cases[] = { { 0, 64 }, { 17, 64 }, { 1, 2 }, { 1, 100 }, { 1, 2048 } };
	struct disk *d = *state;

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { { 0 } };
		struct device *dev;

		d->config.queues = cases[i].queues;
		d->config.queue_size = cases[i].size;
		assert_int_equal(virtio_blk_type.create(&d->fb.board, &d->config, &dev, &err),
				 -EINVAL);
		assert_string_not_equal(err.text, "");
	}
}

/* ---- resets --------------------------------------------------------------------------- */

static void a_reset_waits_for_what_is_in_flight(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);
	struct request r[2], after;
	uint32_t len;

	d->fake->hold = true;
	for (unsigned i = 0; i < 2; i++) {
		r[i] = request_new(d, 0, BLK_T_IN, i);
		request_offer(d, &r[i], 512);
	}
	disk_rounds(d);
	virtio_set_status(d->v, 0);
	disk_rounds(d);
	assert_int_not_equal(virtio_status(d->v), 0);
	fake_block_end(d->fake, 1, 0);
	disk_rounds(d);
	assert_int_not_equal(virtio_status(d->v), 0);
	fake_block_end(d->fake, 0, 0);
	disk_rounds(d);
	assert_int_equal(virtio_status(d->v), 0);

	d->fake->hold = false;
	disk_drive(d, F_FLUSH | VIRTIO_F_RING_PACKED);
	after = request_new(d, 0, BLK_T_IN, 0);
	assert_int_equal(request_do(d, &after, 512, &len), BLK_S_OK);
}

static void a_reset_takes_no_new_requests(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);
	struct request first = request_new(d, 0, BLK_T_IN, 0);
	struct request late = request_new(d, 0, BLK_T_IN, 1);

	d->fake->hold = true;
	request_offer(d, &first, 512);
	disk_rounds(d);
	virtio_set_status(d->v, 0);
	disk_rounds(d);
	request_offer(d, &late, 512);
	disk_rounds(d);
	assert_int_equal(d->fake->submitted, 1);
	fake_block_end(d->fake, 0, 0);
	disk_rounds(d);
	assert_int_equal(virtio_status(d->v), 0);
	assert_int_equal(*late.status, NO_STATUS);
}

static void one_queue_is_reset_while_the_other_goes_on(void **state)
{
	struct disk *d = *state;
	struct request held, other, again;
	uint32_t len;

	d->config.queues = 2;
	disk_ready(state, F_FLUSH | F_MQ | VIRTIO_F_RING_RESET);
	held = request_new(d, 0, BLK_T_IN, 0);
	other = request_new(d, 1, BLK_T_IN, 0);
	d->fake->hold = true;
	request_offer(d, &held, 512);
	disk_rounds(d);
	virtio_reset_queue(&d->v->queues[0]);
	disk_rounds(d);
	assert_true(virtio_queue_at(d->v, 0)->resetting);
	d->fake->hold = false;
	assert_int_equal(request_do(d, &other, 512, &len), BLK_S_OK);
	assert_true(virtio_queue_at(d->v, 0)->resetting);
	fake_block_end(d->fake, 0, 0);
	disk_rounds(d);
	assert_false(virtio_queue_at(d->v, 0)->resetting);
	disk_enable(d, 0);
	disk_rounds(d);
	again = request_new(d, 0, BLK_T_IN, 0);
	assert_int_equal(request_do(d, &again, 512, &len), BLK_S_OK);
}

static void the_machines_reset_leaves_a_disk_as_new(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);
	struct request r = request_new(d, 0, BLK_T_IN, 0);
	uint32_t len;

	request_offer(d, &r, 512);
	virtio_blk_type.reset(d->dev);
	assert_int_equal(virtio_status(d->v), 0);
	disk_drive(d, F_FLUSH);
	r = request_new(d, 0, BLK_T_IN, 0);
	assert_int_equal(request_do(d, &r, 512, &len), BLK_S_OK);
}

/* ---- drivers that break rules ---------------------------------------------------------- */

static void a_request_without_room_for_its_status_is_a_fault(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);
	struct request r = request_new(d, 0, BLK_T_OUT, 0);
	const struct fake_buf bufs[] = {
		{ r.slot, BLK_HEADER_BYTES, false },
		{ r.slot + SLOT_DATA, 512, false },
	};
	uint32_t len;

	assert_true(fake_driver_add(&d->driver[0], bufs, 2) >= 0);
	virtio_kick(&d->v->queues[0]);
	disk_rounds(d);
	assert_true(virtio_status(d->v) & VIRTIO_NEEDS_RESET);
	assert_int_equal(next_used(d, 0, &len), -1);
	assert_int_equal(d->fake->submitted, 0);
	virtio_set_status(d->v, 0);
	disk_rounds(d);
	disk_drive(d, F_FLUSH);
	r = request_new(d, 0, BLK_T_IN, 0);
	assert_int_equal(request_do(d, &r, 512, &len), BLK_S_OK);
}

static void a_fault_of_one_disk_is_not_the_others(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH), *other;
	void *other_state;
	struct request r, held = request_new(d, 0, BLK_T_IN, 0);
	uint32_t len;

	disk_setup(&other_state);
	other = disk_ready(&other_state, F_FLUSH);
	d->fake->hold = true;
	request_offer(d, &held, 512);
	disk_rounds(d);
	fake_driver_desc(&d->driver[0], d->driver[0].desc, 9, RAM_BYTES, 4096, 0, 0);
	fake_driver_offer(&d->driver[0], 9);
	virtio_kick(&d->v->queues[0]);
	disk_rounds(d);
	assert_true(virtio_status(d->v) & VIRTIO_NEEDS_RESET);
	r = request_new(other, 0, BLK_T_IN, 0);
	assert_int_equal(request_do(other, &r, 512, &len), BLK_S_OK);
	/* What was in flight ends, into memory that is still the driver's. */
	fake_block_end(d->fake, 0, 0);
	disk_rounds(d);
	assert_int_equal(*held.status, BLK_S_OK);
	disk_teardown(&other_state);
}

/* ---- limits ---------------------------------------------------------------------------- */

/* Rounds that may sleep until `count` requests are done, for 5 s at most; returns how
 * many rounds it took. */
static unsigned wait_for(struct disk *d, uint64_t count)
{
	const uint64_t end_ns = host_now_ns() + 5 * NS_PER_S;
	unsigned rounds = 0;

	while (virtio_blk_stats(d->dev, 0).requests < count && host_now_ns() < end_ns) {
		ioloop_round(d->loop, 1000);
		rounds++;
	}
	assert_int_equal(virtio_blk_stats(d->dev, 0).requests, count);
	return rounds;
}

static void a_limit_of_requests_holds_over_time(void **state)
{
	struct disk *d = *state;
	uint64_t begun_ns, took_ns;
	unsigned rounds;

	d->config.iops = 100;
	d->config.iops_burst = 1;
	disk_ready(state, F_FLUSH);
	begun_ns = host_now_ns();
	for (unsigned i = 0; i < 11; i++) {
		struct request r = request_new(d, 0, BLK_T_IN, 0);

		request_offer(d, &r, 512);
	}
	rounds = wait_for(d, 11);
	took_ns = host_now_ns() - begun_ns;
	/* The first is free, then one each 10 ms; a busy host may be late. */
	assert_in_range(took_ns, 95 * NS_PER_MS, 400 * NS_PER_MS);
	assert_in_range(rounds, 1, 100); /* it slept in between */
}

static void a_limit_of_bytes_counts_what_was_moved(void **state)
{
	struct disk *d = *state;
	uint64_t begun_ns, took_ns;

	d->config.bps = 100 * 1024;
	d->config.bps_burst = 1024;
	disk_ready(state, F_FLUSH);
	begun_ns = host_now_ns();
	for (unsigned i = 0; i < 4; i++) {
		struct request r = request_new(d, 0, i % 2 ? BLK_T_OUT : BLK_T_IN, 0);

		request_offer(d, &r, 4096);
	}
	wait_for(d, 4);
	took_ns = host_now_ns() - begun_ns;
	/* 12 KiB of debt, and one of burst, before the last may start: 110 ms. */
	assert_in_range(took_ns, 100 * NS_PER_MS, 500 * NS_PER_MS);
}

static void a_reset_does_not_wait_for_the_limit(void **state)
{
	struct disk *d = *state;
	uint64_t begun_ns;

	d->config.iops = 1;
	d->config.iops_burst = 1;
	disk_ready(state, F_FLUSH);
	for (unsigned i = 0; i < 3; i++) {
		struct request r = request_new(d, 0, BLK_T_IN, 0);

		request_offer(d, &r, 512);
	}
	disk_rounds(d);
	assert_int_equal(d->fake->submitted, 1);
	begun_ns = host_now_ns();
	virtio_set_status(d->v, 0);
	disk_rounds(d);
	assert_int_equal(virtio_status(d->v), 0);
	assert_true(host_now_ns() - begun_ns < 500 * NS_PER_MS);
	assert_int_equal(d->fake->submitted, 1);
}

static void an_idle_disk_with_a_limit_sleeps(void **state)
{
	struct disk *d = *state;
	struct request r;
	uint32_t len;

	d->config.iops = 1;
	d->config.iops_burst = 1;
	disk_ready(state, F_FLUSH);
	r = request_new(d, 0, BLK_T_IN, 0);
	assert_int_equal(request_do(d, &r, 512, &len), BLK_S_OK);
	assert_int_equal(ioloop_round(d->loop, 20), 0);
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
	assert_int_equal(virtio_blk_queues(d->dev), 2);
	r = request_new(d, 1, BLK_T_IN, 0);
	request_do(d, &r, 1024, &len);
	r = request_new(d, 1, BLK_T_OUT, 0);
	request_do(d, &r, 512, &len);
	r = request_new(d, 1, BLK_T_OUT, 1 << 20);
	request_do(d, &r, 512, &len);
	s = virtio_blk_stats(d->dev, 1);
	assert_int_equal(s.requests, 3);
	assert_int_equal(s.read_bytes, 1024);
	assert_int_equal(s.written_bytes, 512);
	assert_int_equal(s.errors, 1);
	assert_int_equal(virtio_blk_stats(d->dev, 0).requests, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, disk_setup, disk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_read_brings_what_the_disk_holds),
		TEST(a_write_reaches_the_disk),
		TEST(a_flush_reaches_the_disk),
		TEST(the_serial_number_is_padded_with_zeros),
		TEST(zeroes_are_written_segment_by_segment),
		TEST(discards_are_done_segment_by_segment),
		TEST(segments_of_nothing_are_done_at_once),
		TEST(unmap_is_a_permission_for_that_segment),
		TEST(a_failed_segment_ends_the_request),
		TEST(errors_of_the_block_are_io_errors),
		TEST(what_is_refused_never_reaches_the_block),
		TEST(completions_come_in_their_own_order),
		TEST(requests_beyond_the_pool_wait_for_it),
		TEST(a_full_ring_is_served_at_once),
		TEST(the_driver_chooses_between_write_back_and_write_through),
		TEST(a_driver_that_cannot_flush_gets_write_through),
		TEST(the_mode_is_fixed_without_its_feature),
		TEST(a_reset_forgets_the_mode),
		TEST(a_block_that_writes_through_says_so),
		TEST(features_say_what_the_block_can),
		TEST(forbidden_discards_are_not_done_by_zeroes_either),
		TEST(a_read_only_disk_refuses_writes),
		TEST(configuration_space_describes_the_block),
		TEST(configuration_space_reads_alike_in_any_width),
		TEST(only_writeback_can_be_written),
		TEST(impossible_queues_are_refused),
		TEST(a_reset_waits_for_what_is_in_flight),
		TEST(a_reset_takes_no_new_requests),
		TEST(one_queue_is_reset_while_the_other_goes_on),
		TEST(the_machines_reset_leaves_a_disk_as_new),
		TEST(a_request_without_room_for_its_status_is_a_fault),
		TEST(a_fault_of_one_disk_is_not_the_others),
		TEST(a_limit_of_requests_holds_over_time),
		TEST(a_limit_of_bytes_counts_what_was_moved),
		TEST(a_reset_does_not_wait_for_the_limit),
		TEST(an_idle_disk_with_a_limit_sleeps),
		TEST(requests_and_bytes_are_counted_per_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
