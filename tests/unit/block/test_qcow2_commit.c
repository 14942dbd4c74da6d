#include "qcow2_fixture.h"

static void over_a_base(struct qcow2_bench *b)
{
	b->options.backing_name = "base";
	b->options.backing_format = "raw";
	made(b);
	fill(b, 3, 2, 0x33);
	fill(b, 511, 1, 0x44);
}

static void what_is_in_the_image_goes_to_the_backing_disk(void **state)
{
	struct qcow2_bench *b = *state;
	struct fake_block *base = fake_block_open(MIB(8));
	struct qcow2_data d;

	memset(base->bytes, 0xbb, MIB(8));
	over_a_base(b);
	assert_ok(b, qcow2_data_open(&d, &b->m, NULL, &b->err));
	assert_ok(b, qcow2_data_put_zeros(&d, 7, &b->err));
	assert_ok(b, qcow2_data_finish(&d, &b->err));
	qcow2_data_close(&d);
	assert_ok(b, qcow2_meta_commit(&b->m, &b->err));
	assert_ok(b, qcow2_commit(&b->m, &base->block, false, NULL, &b->err));
	shut(b);
	assert_int_equal(base->bytes[3 * CLUSTER - 1], 0xbb);
	assert_int_equal(base->bytes[3 * CLUSTER], 0x33);
	assert_int_equal(base->bytes[5 * CLUSTER - 1], 0x33);
	assert_int_equal(base->bytes[5 * CLUSTER], 0xbb);
	assert_int_equal(base->bytes[7 * CLUSTER], 0);
	assert_int_equal(base->bytes[8 * CLUSTER], 0xbb);
	assert_int_equal(base->bytes[MIB(8) - 1], 0x44);
	assert_int_equal(base->submitted_of[BLOCK_FLUSH], 1);
	assert_sound(b);
	assert_int_equal(checked(b, QCOW2_REPAIR_NONE).allocated_clusters, 3);
	fake_block_close(base);
}

static void then_it_may_be_empty(void **state)
{
	struct qcow2_bench *b = *state;
	struct fake_block *base = fake_block_open(MIB(8));

	over_a_base(b);
	fill(b, 100, 400, 0x55);
	assert_ok(b, qcow2_commit(&b->m, &base->block, true, NULL, &b->err));
	shut(b);
	assert_sound(b);
	assert_int_equal(checked(b, QCOW2_REPAIR_NONE).allocated_clusters, 0);
	assert_int_equal(byte_over(b, base, 3 * CLUSTER), 0x33);
	assert_int_equal(byte_over(b, base, MIB(8) - 512), 0x44);
	assert_true(b->file->size_bytes < 10 * CLUSTER);
	fake_block_close(base);
}

static void of_subclusters_only_those_that_are_there(void **state)
{
	struct qcow2_bench *b = *state;
	struct fake_block *base = fake_block_open(MIB(8));
	uint8_t *l1, *l2;

	memset(base->bytes, 0xbb, MIB(8));
	b->options.extended_l2 = true;
	over_a_base(b);
	shut(b);
	l1 = b->file->bytes + be64_load(b->file->bytes + 40);
	l2 = b->file->bytes + (be64_load(l1) & QCOW2_OFFSET_MASK);
	/* Data, zeros, none, ..., data. */
	be64_store(l2 + 3 * 16 + 8, UINT64_C(0x80000001) | UINT64_C(2) << 32);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_commit(&b->m, &base->block, false, NULL, &b->err));
	assert_int_equal(base->bytes[3 * CLUSTER + 511], 0x33);
	assert_int_equal(base->bytes[3 * CLUSTER + 512], 0);
	assert_int_equal(base->bytes[3 * CLUSTER + 1023], 0);
	assert_int_equal(base->bytes[3 * CLUSTER + 1024], 0xbb);
	assert_int_equal(base->bytes[4 * CLUSTER - 513], 0xbb);
	assert_int_equal(base->bytes[4 * CLUSTER - 512], 0x33);
	fake_block_close(base);
}

static void a_disk_that_ends_within_a_cluster_writes_no_further(void **state)
{
	struct qcow2_bench *b = *state;
	struct fake_block *base = fake_block_open(CLUSTER * 2);

	memset(base->bytes, 0xbb, CLUSTER * 2);
	b->options.size_bytes = CLUSTER + 512;
	b->options.backing_name = "base";
	b->options.backing_format = "raw";
	made(b);
	fill(b, 0, 2, 0x33);
	assert_ok(b, qcow2_commit(&b->m, &base->block, true, NULL, &b->err));
	assert_int_equal(base->bytes[CLUSTER + 511], 0x33);
	assert_int_equal(base->bytes[CLUSTER + 512], 0xbb);
	fake_block_close(base);
}

static void a_backing_disk_that_is_too_small_is_refused(void **state)
{
	struct qcow2_bench *b = *state;
	struct fake_block *base = fake_block_open(MIB(4));

	over_a_base(b);
	assert_int_equal(qcow2_commit(&b->m, &base->block, true, NULL, &b->err), -ENOSPC);
	assert_says(b, "resize");
	assert_int_equal(base->submitted, 0);
	fake_block_close(base);
}

static void if_the_backing_disk_fails_the_image_keeps_everything(void **state)
{
	struct qcow2_bench *b = *state;
	struct fake_block *base = fake_block_open(MIB(8));

	over_a_base(b);
	for (unsigned n = 1; n <= 4; n++) { /* 3 writes, and the flush */
		base->submitted = 0;
		base->fail_at = n;
		base->fail_status = -EIO;
		assert_int_equal(qcow2_commit(&b->m, &base->block, true, NULL, &b->err), -EIO);
		assert_ok(b, open_for(b, QCOW2_WRITE));
	}
	shut(b);
	assert_sound(b);
	assert_int_equal(byte_at(b, 3 * CLUSTER), 0x33);
	fake_block_close(base);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		QCOW2_TEST(what_is_in_the_image_goes_to_the_backing_disk),
		QCOW2_TEST(then_it_may_be_empty),
		QCOW2_TEST(of_subclusters_only_those_that_are_there),
		QCOW2_TEST(a_disk_that_ends_within_a_cluster_writes_no_further),
		QCOW2_TEST(a_backing_disk_that_is_too_small_is_refused),
		QCOW2_TEST(if_the_backing_disk_fails_the_image_keeps_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
