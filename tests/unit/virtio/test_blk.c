#include "disk_fixture.h"

#include <errno.h>

#define CONFIG_BYTES	 60u
#define CONFIG_WRITEBACK 32u

static uint8_t config_byte(struct disk *d, unsigned at)
{
	return (uint8_t)fake_mmio_read(&d->f.fb, d->f.bar + VIRTIO_PCI_CONFIG + at, 1);
}

static void config_bytes(struct disk *d, uint8_t bytes[CONFIG_BYTES])
{
	for (unsigned i = 0; i < CONFIG_BYTES; i++)
		bytes[i] = config_byte(d, i);
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
	return features_offered(&d->f) & ~VIRTIO_F_COMMON;
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

static void a_read_only_disk_refuses_writes(void **state)
{
	struct disk *d = *state;

	make_read_only(d);
	disk_ready(state, F_FLUSH | F_RO);
	assert_int_equal(do_one(d, BLK_T_OUT, 0, 512), BLK_S_IOERR);
	assert_int_equal(do_one(d, BLK_T_IN, 0, 512), BLK_S_OK);
	assert_int_equal(d->fake->submitted, 1);
}

static void forbidden_discards_are_not_done_by_zeroes_either(void **state)
{
	struct disk *d = *state;
	struct request r;

	forbid_discard(d);
	disk_ready(state, F_FLUSH | F_WRITE_ZEROES);
	assert_int_equal(config_byte(d, 56), 0); /* write_zeroes_may_unmap */
	d->fake->hold = true;
	r = request_new(d, 0, BLK_T_WRITE_ZEROES, 0);
	range_put(r.data, 0, 8, 1);
	request_offer(d, &r, 16);
	virtio_fixture_run(&d->f);
	assert_int_equal(d->fake->held_count, 1);
	assert_false(d->fake->held[0]->may_unmap);
	fake_block_end(d->fake, 0, 0);
	assert_int_equal(*r.status, BLK_S_OK);
}

/* ---- configuration space ---------------------------------------------------------------- */

static void configuration_space_describes_the_block(void **state)
{
	struct disk *d = *state;
	struct block_limits *l = &d->fake->block.limits;
	uint8_t c[CONFIG_BYTES];

	l->physical_bytes = 4096;
	l->optimal_bytes = 65536;
	l->discard_granularity_bytes = 4096;
	add_queue(d);
	disk_ready(state, F_FLUSH | F_CONFIG_WCE);
	config_bytes(d, c);
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

static void a_block_of_large_sectors_is_described_in_them(void **state)
{
	struct disk *d = *state;
	uint8_t c[CONFIG_BYTES];

	d->fake->block.limits.logical_bytes = d->fake->block.limits.physical_bytes = 4096;
	disk_ready(state, F_FLUSH);
	config_bytes(d, c);
	assert_int_equal(le64_load(c), DISK_BYTES / 512); /* always in units of 512 */
	assert_int_equal(le32_load(c + 20), 4096);
	assert_int_equal(c[24], 0);
	assert_int_equal(do_one(d, BLK_T_IN, 8, 4096), BLK_S_OK);
	assert_int_equal(do_one(d, BLK_T_IN, 1, 4096), BLK_S_IOERR);
}

static void configuration_space_reads_alike_in_any_width(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);
	uint8_t whole[CONFIG_BYTES];

	config_bytes(d, whole);
	for (unsigned len = 2; len <= 4; len *= 2) {
		for (unsigned at = 0; at + len <= sizeof(whole); at += len)
			assert_int_equal(fake_mmio_read(&d->f.fb,
							d->f.bar + VIRTIO_PCI_CONFIG + at, len),
					 le_load(whole + at, len));
	}
	/* The device itself takes any cut: the bus may make such. */
	for (unsigned at = 0; at + 8 <= sizeof(whole); at++) {
		uint8_t part[8];

		d->f.vp->v.ops->config_read(&d->f.vp->v, at, part, sizeof(part));
		assert_memory_equal(part, whole + at, sizeof(part));
	}
}

static void only_writeback_can_be_written(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | F_CONFIG_WCE);
	uint8_t before[CONFIG_BYTES], after[CONFIG_BYTES];

	config_bytes(d, before);
	for (unsigned at = 0; at < CONFIG_BYTES; at += 4)
		fake_mmio_write(&d->f.fb, d->f.bar + VIRTIO_PCI_CONFIG + at, 4, 0);
	config_bytes(d, after);
	assert_int_equal(after[CONFIG_WRITEBACK], 0);
	after[CONFIG_WRITEBACK] = before[CONFIG_WRITEBACK];
	assert_memory_equal(before, after, sizeof(before));
}

/* ---- write-back and write-through ---------------------------------------------------- */

static void set_writeback(struct disk *d, uint8_t value)
{
	fake_mmio_write(&d->f.fb, d->f.bar + VIRTIO_PCI_CONFIG + CONFIG_WRITEBACK, 1, value);
}

/* Whether a write that begins now is durable when it is done. */
static bool write_is_durable(struct disk *d)
{
	const uint64_t before = d->fake->durable_count;

	assert_int_equal(do_one(d, BLK_T_OUT, 0, 512), BLK_S_OK);
	return d->fake->durable_count > before;
}

static void the_driver_chooses_between_write_back_and_write_through(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | F_CONFIG_WCE | F_WRITE_ZEROES);
	struct request zero = request_new(d, 0, BLK_T_WRITE_ZEROES, 0);
	uint64_t before;
	uint32_t len;

	assert_int_equal(config_byte(d, CONFIG_WRITEBACK), 1);
	assert_false(write_is_durable(d));
	set_writeback(d, 0);
	assert_int_equal(config_byte(d, CONFIG_WRITEBACK), 0);
	assert_true(write_is_durable(d));
	before = d->fake->durable_count;
	range_put(zero.data, 0, 8, 0);
	request_do(d, &zero, 16, &len);
	assert_int_equal(d->fake->durable_count, before + 1);
	set_writeback(d, 0x80);
	assert_int_equal(config_byte(d, CONFIG_WRITEBACK), 1);
	assert_false(write_is_durable(d));
}

static void a_driver_that_cannot_flush_gets_write_through(void **state)
{
	struct disk *d = disk_ready(state, F_CONFIG_WCE);

	assert_int_equal(config_byte(d, CONFIG_WRITEBACK), 0);
	assert_true(write_is_durable(d));
	set_writeback(d, 1);
	assert_int_equal(config_byte(d, CONFIG_WRITEBACK), 0);
	assert_true(write_is_durable(d));
}

static void the_mode_is_fixed_without_its_feature(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);

	set_writeback(d, 0);
	assert_int_equal(config_byte(d, CONFIG_WRITEBACK), 1);
	assert_false(write_is_durable(d));
}

static void a_reset_forgets_the_mode(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH | F_CONFIG_WCE);

	set_writeback(d, 0);
	assert_true(virtio_fixture_reset(&d->f));
	virtio_fixture_start(&d->f, F_FLUSH);
	assert_int_equal(config_byte(d, CONFIG_WRITEBACK), 1);
	assert_false(write_is_durable(d));
}

static void a_block_that_writes_through_says_so(void **state)
{
	struct disk *d = *state;

	d->fake->block.limits.durable_writes = true;
	disk_ready(state, F_FLUSH | F_CONFIG_WCE);
	assert_int_equal(config_byte(d, CONFIG_WRITEBACK), 0);
}

/* ---- life ------------------------------------------------------------------------------ */

static void the_machines_reset_leaves_a_disk_as_new(void **state)
{
	struct disk *d = disk_ready(state, F_FLUSH);
	struct request r = request_new(d, 0, BLK_T_IN, 0);

	request_offer(d, &r, 512);
	virtio_blk_type.reset(d->f.dev);
	assert_int_equal(status_read(&d->f), 0);
	virtio_fixture_start(&d->f, F_FLUSH);
	assert_int_equal(do_one(d, BLK_T_IN, 0, 512), BLK_S_OK);
}

static void impossible_queues_are_refused(void **state)
{
	static const struct {
		unsigned queues, size;
	} cases[] = { { 0, 64 }, { 17, 64 }, { 1, 2 }, { 1, 100 }, { 1, 2048 } };
	struct disk *d = *state;

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { "" };
		struct device *dev;

		d->config.queues = cases[i].queues;
		d->config.queue_size = cases[i].size;
		assert_int_equal(virtio_blk_type.create(&d->f.fb.board, &d->config, &dev, &err),
				 -EINVAL);
		assert_string_not_equal(err.text, "");
	}
	/* The block is still the caller's: teardown closes it. */
}

static void a_queue_has_256_entries_unless_told(void **state)
{
	struct disk *d = *state;

	d->config.queue_size = 0;
	disk_plug(d);
	assert_int_equal(queue_read(&d->f, 0, COMMON_QUEUE_SIZE), 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(features_say_what_the_block_can),
		TEST(a_read_only_disk_refuses_writes),
		TEST(forbidden_discards_are_not_done_by_zeroes_either),
		TEST(configuration_space_describes_the_block),
		TEST(a_block_of_large_sectors_is_described_in_them),
		TEST(configuration_space_reads_alike_in_any_width),
		TEST(only_writeback_can_be_written),
		TEST(the_driver_chooses_between_write_back_and_write_through),
		TEST(a_driver_that_cannot_flush_gets_write_through),
		TEST(the_mode_is_fixed_without_its_feature),
		TEST(a_reset_forgets_the_mode),
		TEST(a_block_that_writes_through_says_so),
		TEST(the_machines_reset_leaves_a_disk_as_new),
		TEST(impossible_queues_are_refused),
		TEST(a_queue_has_256_entries_unless_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
