#include "qcow2_fixture.h"

static void take(struct qcow2_bench *b, const char *name)
{
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b,
		  qcow2_snapshot_create(&b->m, name, UINT64_C(1700000000123456789), NULL, &b->err));
	shut(b);
	assert_sound(b);
}

static void put(struct qcow2_bench *b, uint64_t first, uint64_t count, uint8_t byte)
{
	assert_ok(b, open_for(b, QCOW2_WRITE));
	fill(b, first, count, byte);
	shut(b);
	assert_sound(b);
}

static uint8_t byte_of(struct qcow2_bench *b, uint32_t snapshot, uint64_t offset)
{
	struct qcow2_judge j = judged(b);
	struct qcow2_judge_snapshot s;
	uint8_t sector[512];

	assert_int_equal(qcow2_judge_snapshot(&j, snapshot, &s), 0);
	assert_int_equal(qcow2_judge_read(&j, &s, offset, sector, sizeof(sector)), 0);
	return sector[0];
}

/* Each shape once through the whole life of two snapshots. */
static void live(struct qcow2_bench *b)
{
	made(b);
	shut(b);
	put(b, 0, 40, 1);
	take(b, "first");
	put(b, 10, 10, 2);
	take(b, "second");
	put(b, 0, 5, 3);
	assert_int_equal(byte_of(b, 0, 0), 1);
	assert_int_equal(byte_of(b, 0, 10 * CLUSTER), 1);
	assert_int_equal(byte_of(b, 1, 10 * CLUSTER), 2);
	assert_int_equal(byte_at(b, 0), 3);

	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_snapshot_apply(&b->m, 0, NULL, &b->err));
	shut(b);
	assert_sound(b);
	assert_int_equal(byte_at(b, 0), 1);
	assert_int_equal(byte_at(b, 10 * CLUSTER), 1);
	put(b, 0, 1, 4); /* does not reach the snapshots */
	assert_int_equal(byte_of(b, 0, 0), 1);

	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_snapshot_delete(&b->m, 0, NULL, &b->err));
	shut(b);
	assert_sound(b);
	assert_int_equal(byte_at(b, 0), 4);
	assert_int_equal(byte_at(b, CLUSTER), 1);
	assert_int_equal(byte_of(b, 0, 10 * CLUSTER), 2);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_snapshot_delete(&b->m, 0, NULL, &b->err));
	shut(b);
	assert_sound(b);
	assert_int_equal(judged(b).snapshot_count, 0);
	assert_int_equal(byte_at(b, CLUSTER), 1);
}

static void snapshots_keep_what_was_and_leave_nothing_behind(void **state)
{
	live(*state);
}

static void with_extended_l2_too(void **state)
{
	struct qcow2_bench *b = *state;

	b->options.extended_l2 = true;
	live(b);
}

static void in_version_2_too(void **state)
{
	struct qcow2_bench *b = *state;

	b->options.version = 2;
	live(b);
}

static void with_refcounts_of_2_bits_too(void **state)
{
	struct qcow2_bench *b = *state;

	b->options.refcount_bits = 2;
	live(b);
}

static void with_refcounts_of_64_bits_too(void **state)
{
	struct qcow2_bench *b = *state;

	b->options.refcount_bits = 64;
	live(b);
}

static void one_snapshot_too_many_for_the_refcounts_is_refused(void **state)
{
	struct qcow2_bench *b = *state;

	b->options.refcount_bits = 1;
	made(b);
	fill(b, 0, 1, 1);
	assert_int_equal(qcow2_snapshot_create(&b->m, "s", 0, NULL, &b->err), -ERANGE);
	assert_says(b, "1 bits");
	shut(b);
	assert_sound(b);
	assert_int_equal(byte_at(b, 0), 1);
}

static void a_second_snapshot_of_the_same_shares_its_tables(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t size;

	made(b);
	shut(b);
	put(b, 0, 100, 1);
	take(b, "first");
	take(b, "second");
	size = b->file->size_bytes;
	take(b, "third");
	/* A snapshot's L1; what moved takes the place of what it left. */
	assert_true(b->file->size_bytes <= size + 2 * CLUSTER);
}

static void names_are_new_and_ids_count_up(void **state)
{
	struct qcow2_bench *b = *state;

	made(b);
	shut(b);
	take(b, "a");
	take(b, "b");
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_int_equal(qcow2_snapshot_create(&b->m, "a", 0, NULL, &b->err), -EEXIST);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_int_equal(qcow2_snapshot_create(&b->m, "", 0, NULL, &b->err), -EINVAL);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_int_equal(qcow2_snapshot_find(&b->m, "2"), 1);
	assert_int_equal(qcow2_snapshot_find(&b->m, "a"), 0);
	assert_int_equal(qcow2_snapshot_find(&b->m, "c"), 2);
	assert_string_equal(b->m.snapshots[1].id, "2");
	assert_int_equal(b->m.snapshots[1].date_s, 1700000000);
	assert_int_equal(b->m.snapshots[1].date_ns, 123456789);
	assert_int_equal(b->m.snapshots[1].disk_bytes, MIB(8));
}

/* Fields of others (vm state, clock, what we do not know) are written as they were. */
static void a_snapshot_of_another_program_is_kept_to_the_bit(void **state)
{
	struct qcow2_bench *b = *state;
	uint8_t before[256], *table;

	made(b);
	shut(b);
	take(b, "a");
	table = b->file->bytes + be64_load(b->file->bytes + 64);
	be64_store(table + 24, 12345); /* clock */
	be32_store(table + 32, 77);    /* vm state */
	be64_store(table + 40, 77);
	be64_store(table + 56, 4711); /* instructions */
	memcpy(before, table, 72);
	take(b, "b");
	table = b->file->bytes + be64_load(b->file->bytes + 64);
	assert_memory_equal(before, table, 72);
}

static void applying_takes_the_disks_size_along(void **state)
{
	struct qcow2_bench *b = *state;

	made(b);
	shut(b);
	take(b, "small");
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_resize(&b->m, GIB(1), false, NULL, NULL, &b->err));
	assert_ok(b, qcow2_snapshot_apply(&b->m, 0, NULL, &b->err));
	shut(b);
	assert_sound(b);
	assert_int_equal(judged(b).disk_bytes, MIB(8));
}

static void a_snapshot_table_that_cannot_be_is_refused(void **state)
{
	static const struct {
		unsigned at, bytes;
		uint64_t value;
	} cases[] = {
		{ 0, 8, 0x1001 },      { 0, 8, UINT64_C(1) << 63 },
		{ 8, 4, 4194305 },     { 36, 4, 1025 },
		{ 0, 8, 0 },	       { 64, 1, 0 },
		{ 36, 4, UINT32_MAX },
	};
	struct qcow2_bench *b = *state;
	uint8_t *table, saved[128];

	made(b);
	shut(b);
	take(b, "name");
	table = b->file->bytes + be64_load(b->file->bytes + 64);
	memcpy(saved, table, sizeof(saved));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		memcpy(table, saved, sizeof(saved));
		if (cases[i].bytes == 8)
			be64_store(table + cases[i].at, cases[i].value);
		else if (cases[i].bytes == 4)
			be32_store(table + cases[i].at, (uint32_t)cases[i].value);
		else
			table[cases[i].at] = (uint8_t)cases[i].value;
		assert_int_equal(open_for(b, QCOW2_WRITE), -EUCLEAN);
		assert_true(checked(b, QCOW2_REPAIR_ALL).corruptions > 0);
		/* What cannot be read is not thrown away either. */
		assert_int_equal(be32_load(b->file->bytes + 60), 1);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		QCOW2_TEST(snapshots_keep_what_was_and_leave_nothing_behind),
		QCOW2_TEST(with_extended_l2_too),
		QCOW2_TEST(in_version_2_too),
		QCOW2_TEST(with_refcounts_of_2_bits_too),
		QCOW2_TEST(with_refcounts_of_64_bits_too),
		QCOW2_TEST(one_snapshot_too_many_for_the_refcounts_is_refused),
		QCOW2_TEST(a_second_snapshot_of_the_same_shares_its_tables),
		QCOW2_TEST(names_are_new_and_ids_count_up),
		QCOW2_TEST(a_snapshot_of_another_program_is_kept_to_the_bit),
		QCOW2_TEST(applying_takes_the_disks_size_along),
		QCOW2_TEST(a_snapshot_table_that_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
