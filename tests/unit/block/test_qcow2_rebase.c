#include "qcow2_fixture.h"

/* A backing disk whose MiB n is full of first + n. */
static struct fake_block *disk_of(uint64_t mib, uint8_t first)
{
	struct fake_block *disk = fake_block_open(MIB(mib));

	for (uint64_t n = 0; n < mib; n++)
		memset(disk->bytes + MIB(n), (int)(first + n), MIB(1));
	return disk;
}

static void over_a_base(struct qcow2_bench *b)
{
	b->options.backing_name = "old";
	b->options.backing_format = "raw";
	made(b);
	fill(b, 64, 10, 0x99); /* 1 MiB + */
}

static void assert_disk(struct qcow2_bench *b, const struct fake_block *backing)
{
	assert_sound(b);
	assert_int_equal(byte_over(b, backing, 0), 1);
	assert_int_equal(byte_over(b, backing, MIB(1)), 0x99);
	assert_int_equal(byte_over(b, backing, MIB(2) - 512), 2);
	assert_int_equal(byte_over(b, backing, MIB(3)), 4);
	assert_int_equal(byte_over(b, backing, MIB(4)), 0); /* the old one ends there */
	assert_int_equal(byte_over(b, backing, MIB(8) - 512), 0);
}

static void move_to(struct qcow2_bench *b, unsigned version, bool extended)
{
	struct fake_block *old = disk_of(4, 1), *next = disk_of(6, 1);

	/* The same but for its third MiB, and longer. */
	memset(next->bytes + MIB(2), 0xee, MIB(1));
	b->options.version = version;
	b->options.extended_l2 = extended;
	over_a_base(b);
	assert_ok(b,
		  qcow2_rebase(&b->m, &old->block, &next->block, "next", "qcow2", NULL, &b->err));
	shut(b);
	assert_disk(b, next);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_string_equal(b->m.h.backing_name, "next");
	assert_string_equal(b->m.h.backing_format, "qcow2");
	/* 10 were there, 64 differ, 128 hide what is longer (as data in version 2). */
	assert_int_equal(checked(b, QCOW2_REPAIR_NONE).allocated_clusters, version == 2 ? 202 : 74);
	/* And away from all backing files. */
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_rebase(&b->m, &next->block, NULL, NULL, NULL, NULL, &b->err));
	shut(b);
	assert_disk(b, NULL);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_false(b->m.h.has_backing);
	/* And to one that was not there before. */
	assert_ok(b, qcow2_rebase(&b->m, NULL, &next->block, "next", "raw", NULL, &b->err));
	shut(b);
	assert_disk(b, next);
	fake_block_close(old);
	fake_block_close(next);
}

static void the_guest_sees_the_same_over_another_file(void **state)
{
	move_to(*state, 3, false);
}

static void the_guest_sees_the_same_in_version_2(void **state)
{
	move_to(*state, 2, false);
}

static void the_guest_sees_the_same_with_extended_l2(void **state)
{
	move_to(*state, 3, true);
}

/* Some subclusters are in the image, the others are seen through it. */
static void subclusters_are_merged_with_what_was_behind(void **state)
{
	struct qcow2_bench *b = *state;
	struct fake_block *old = disk_of(4, 1), *next = disk_of(4, 1);
	uint8_t *l1, *l2;

	b->options.extended_l2 = true;
	over_a_base(b);
	shut(b);
	/* Of cluster 64 the first is data, the second zeros, the rest is behind. */
	l1 = b->file->bytes + be64_load(b->file->bytes + 40);
	l2 = b->file->bytes + (be64_load(l1) & QCOW2_OFFSET_MASK);
	be64_store(l2 + 64 * 16 + 8, UINT64_C(1) | UINT64_C(2) << 32);
	memset(next->bytes + MIB(1), 0xee, 1024); /* only where it is in the image */
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_rebase(&b->m, &old->block, &next->block, "next", "raw", NULL, &b->err));
	shut(b);
	assert_int_equal(checked(b, QCOW2_REPAIR_NONE).allocated_clusters, 10);
	assert_int_equal(byte_over(b, next, MIB(1)), 0x99);
	assert_int_equal(byte_over(b, next, MIB(1) + 512), 0);
	assert_int_equal(byte_over(b, next, MIB(1) + 1024), 2);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_rebase(&b->m, &next->block, NULL, NULL, NULL, NULL, &b->err));
	shut(b);
	assert_sound(b);
	assert_int_equal(byte_at(b, MIB(1)), 0x99);
	assert_int_equal(byte_at(b, MIB(1) + 512), 0);
	assert_int_equal(byte_at(b, MIB(1) + 1024), 2);
	fake_block_close(old);
	fake_block_close(next);
}

static void unsafe_changes_the_name_and_nothing_else(void **state)
{
	struct qcow2_bench *b = *state;
	uint8_t *before;
	uint64_t size;

	over_a_base(b);
	shut(b);
	size = b->file->size_bytes;
	before = malloc(size);
	memcpy(before, b->file->bytes, size);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_rebase_unsafe(&b->m, "../other", "raw", &b->err));
	shut(b);
	assert_int_equal(b->file->size_bytes, size);
	assert_memory_equal(b->file->bytes + 512, before + 512, size - 512);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_string_equal(b->m.h.backing_name, "../other");
	assert_ok(b, qcow2_rebase_unsafe(&b->m, NULL, NULL, &b->err));
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_false(b->m.h.has_backing);
	shut(b);
	assert_sound(b);
	free(before);
}

/* Between two long names, whichever write is the last. */
static void a_long_name_comes_whole_or_not(void **state)
{
	struct qcow2_bench *b = *state;
	char names[2][QCOW2_BACKING_NAME_MAX + 1] = { "", "" };
	unsigned is = 0;

	memset(names[0], 'a', 1000);
	memset(names[1], 'b', 1023);
	b->options.backing_name = names[0];
	b->options.backing_format = "raw";
	made(b);
	for (unsigned n = 1; n < 40; n++) {
		assert_ok(b, open_for(b, QCOW2_WRITE));
		b->file->submitted = 0;
		b->file->fail_at = n;
		b->file->fail_from = true;
		b->file->fail_status = -EIO;
		qcow2_rebase_unsafe(&b->m, names[!is], "raw", &b->err);
		b->file->fail_at = 0;
		assert_ok(b, open_for(b, QCOW2_WRITE));
		if (strcmp(b->m.h.backing_name, names[!is]) == 0)
			is = !is;
		assert_string_equal(b->m.h.backing_name, names[is]);
	}
	shut(b);
	assert_sound(b);
}

static void names_that_cannot_be_are_refused(void **state)
{
	struct qcow2_bench *b = *state;
	char name[1025] = "";

	memset(name, 'x', 1024);
	made(b);
	assert_int_equal(qcow2_rebase_unsafe(&b->m, name, "raw", &b->err), -EINVAL);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_int_equal(qcow2_rebase_unsafe(&b->m, "", "raw", &b->err), -EINVAL);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_int_equal(qcow2_rebase_unsafe(&b->m, "x", "a format of 17 ch", &b->err), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		QCOW2_TEST(the_guest_sees_the_same_over_another_file),
		QCOW2_TEST(the_guest_sees_the_same_in_version_2),
		QCOW2_TEST(the_guest_sees_the_same_with_extended_l2),
		QCOW2_TEST(subclusters_are_merged_with_what_was_behind),
		QCOW2_TEST(unsafe_changes_the_name_and_nothing_else),
		QCOW2_TEST(a_long_name_comes_whole_or_not),
		QCOW2_TEST(names_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
