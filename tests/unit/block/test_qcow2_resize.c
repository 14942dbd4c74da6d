#include "qcow2_fixture.h"

static int resize(struct qcow2_bench *b, uint64_t size, struct fake_block *backing)
{
	int rc = open_for(b, QCOW2_WRITE);

	if (rc == 0)
		rc = qcow2_resize(&b->m, size, true, backing ? &backing->block : NULL, NULL,
				  &b->err);
	shut(b);
	return rc;
}

static void a_disk_grows_by_zeros(void **state)
{
	struct qcow2_bench *b = *state;

	made(b);
	fill(b, 500, 12, 5);
	assert_ok(b, resize(b, GIB(100), NULL));
	assert_sound(b);
	assert_int_equal(judged(b).disk_bytes, GIB(100));
	assert_int_equal(byte_at(b, MIB(8) - 512), 5);
	assert_int_equal(byte_at(b, MIB(8)), 0);
	assert_int_equal(byte_at(b, GIB(100) - 512), 0);
}

static void what_is_cut_off_is_freed_and_does_not_come_back(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t before;

	b->options.size_bytes = MIB(64); /* two L1 entries */
	made(b);
	fill(b, 0, 4096, 5);
	before = b->file->size_bytes;
	assert_ok(b, resize(b, 3 * CLUSTER + 512, NULL));
	assert_sound(b);
	assert_true(b->file->size_bytes < before / 100);
	assert_int_equal(checked(b, QCOW2_REPAIR_NONE).allocated_clusters, 4);
	assert_int_equal(byte_at(b, 3 * CLUSTER), 5);
	assert_ok(b, resize(b, MIB(64), NULL));
	assert_sound(b);
	assert_int_equal(byte_at(b, 3 * CLUSTER), 5);
	assert_int_equal(byte_at(b, 3 * CLUSTER + 512), 0); /* of the same cluster */
	assert_int_equal(byte_at(b, 4 * CLUSTER), 0);
	assert_int_equal(byte_at(b, MIB(64) - 512), 0);
}

static void snapshots_keep_what_the_disk_loses(void **state)
{
	struct qcow2_bench *b = *state;
	struct qcow2_judge_snapshot s;
	struct qcow2_judge j;
	uint8_t sector[512];

	made(b);
	fill(b, 0, 512, 5);
	assert_ok(b, qcow2_snapshot_create(&b->m, "s", 0, NULL, &b->err));
	assert_ok(b, resize(b, CLUSTER + 512, NULL));
	assert_sound(b);
	assert_ok(b, resize(b, MIB(8), NULL)); /* the tail of a cluster that is shared */
	assert_sound(b);
	assert_int_equal(byte_at(b, CLUSTER + 512), 0);
	j = judged(b);
	assert_int_equal(qcow2_judge_snapshot(&j, 0, &s), 0);
	assert_int_equal(qcow2_judge_read(&j, &s, CLUSTER + 512, sector, 512), 0);
	assert_int_equal(sector[0], 5);
	assert_int_equal(qcow2_judge_read(&j, &s, MIB(8) - 512, sector, 512), 0);
	assert_int_equal(sector[0], 5);
}

static void growing_never_shows_the_backing_file(struct qcow2_bench *b)
{
	struct fake_block *backing = fake_block_open(MIB(6));

	memset(backing->bytes, 0xbb, MIB(6));
	b->options.backing_name = "base";
	b->options.backing_format = "raw";
	b->options.size_bytes = MIB(1) + 1536;
	made(b);
	shut(b);
	assert_int_equal(byte_over(b, backing, MIB(1) + 1024), 0xbb);
	assert_ok(b, resize(b, MIB(8), backing));
	assert_sound(b);
	assert_int_equal(byte_over(b, backing, MIB(1) + 1024), 0xbb);
	assert_int_equal(byte_over(b, backing, MIB(1) + 1536), 0);
	assert_int_equal(byte_over(b, backing, MIB(2)), 0);
	assert_int_equal(byte_over(b, backing, MIB(6) - 512), 0);
	assert_int_equal(byte_over(b, backing, MIB(7)), 0);
	assert_int_equal(byte_over(b, backing, 0), 0xbb);
	/* Smaller and larger again: the same. */
	assert_ok(b, resize(b, MIB(1), backing));
	assert_ok(b, resize(b, MIB(8), backing));
	assert_sound(b);
	assert_int_equal(byte_over(b, backing, MIB(1)), 0);
	assert_int_equal(byte_over(b, backing, MIB(1) - 512), 0xbb);
	fake_block_close(backing);
}

static void growing_never_shows_the_backing_file_in_version_3(void **state)
{
	growing_never_shows_the_backing_file(*state);
}

static void growing_never_shows_the_backing_file_in_version_2(void **state)
{
	struct qcow2_bench *b = *state;

	b->options.version = 2;
	growing_never_shows_the_backing_file(b);
}

static void growing_never_shows_the_backing_file_with_extended_l2(void **state)
{
	struct qcow2_bench *b = *state;

	b->options.extended_l2 = true;
	growing_never_shows_the_backing_file(b);
}

/* L1 entries behind the disk's end hold the vm state of a snapshot that was applied. */
static void growing_never_shows_vm_state(void **state)
{
	struct qcow2_bench *b = *state;

	b->options.size_bytes = MIB(64);
	made(b);
	fill(b, 2048, 100, 0x55);
	shut(b);
	be64_store(b->file->bytes + 24, MIB(32)); /* the disk ends before that */
	assert_ok(b, resize(b, MIB(64), NULL));
	assert_sound(b);
	assert_int_equal(byte_at(b, MIB(32)), 0);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	struct qcow2_bench *b = *state;

	b->options.cluster_bytes = 512;
	made(b);
	assert_int_equal(qcow2_resize(&b->m, 1000, true, NULL, NULL, &b->err), -EINVAL);
	assert_int_equal(qcow2_resize(&b->m, MIB(4), false, NULL, NULL, &b->err), -EINVAL);
	assert_says(b, "--shrink");
	assert_int_equal(qcow2_resize(&b->m, GIB(129), false, NULL, NULL, &b->err), -EFBIG);
	assert_says(b, "too small");
	assert_ok(b, resize(b, MIB(8), NULL)); /* as it is */
	assert_sound(b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		QCOW2_TEST(a_disk_grows_by_zeros),
		QCOW2_TEST(what_is_cut_off_is_freed_and_does_not_come_back),
		QCOW2_TEST(snapshots_keep_what_the_disk_loses),
		QCOW2_TEST(growing_never_shows_the_backing_file_in_version_3),
		QCOW2_TEST(growing_never_shows_the_backing_file_in_version_2),
		QCOW2_TEST(growing_never_shows_the_backing_file_with_extended_l2),
		QCOW2_TEST(growing_never_shows_vm_state),
		QCOW2_TEST(sizes_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
