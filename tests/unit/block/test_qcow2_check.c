#include "qcow2_fixture.h"

/* With data, a snapshot, and data since. */
static void lived_in(struct qcow2_bench *b)
{
	made(b);
	fill(b, 0, 20, 1);
	assert_ok(b, qcow2_snapshot_create(&b->m, "s", 0, NULL, &b->err));
	fill(b, 5, 10, 2);
	shut(b);
	assert_sound(b);
}

static uint8_t *refcount(const struct qcow2_bench *b, uint64_t cluster)
{
	const uint8_t *bytes = b->file->bytes;
	const uint64_t table = be64_load(bytes + 48);

	return b->file->bytes + be64_load(bytes + table) + cluster * 2;
}

static uint8_t *l1(const struct qcow2_bench *b)
{
	return b->file->bytes + be64_load(b->file->bytes + 40);
}

static uint8_t *l2(const struct qcow2_bench *b)
{
	return b->file->bytes + (be64_load(l1(b)) & QCOW2_OFFSET_MASK);
}

static uint64_t cluster_of(const struct qcow2_bench *b, unsigned i)
{
	return (be64_load(l2(b) + i * 8) & QCOW2_OFFSET_MASK) / CLUSTER;
}

static void assert_data(const struct qcow2_bench *b)
{
	assert_int_equal(byte_at(b, 0), 1);
	assert_int_equal(byte_at(b, 5 * CLUSTER), 2);
	assert_int_equal(byte_at(b, 14 * CLUSTER), 2);
	assert_int_equal(byte_at(b, 19 * CLUSTER), 1);
}

static void what_is_there_is_counted(void **state)
{
	struct qcow2_bench *b = *state;
	struct qcow2_check_result r;

	lived_in(b);
	r = checked(b, QCOW2_REPAIR_NONE);
	assert_int_equal(r.total_clusters, 512);
	assert_int_equal(r.allocated_clusters, 20);
	assert_int_equal(r.compressed_clusters, 0);
	assert_true(r.image_end_bytes <= b->file->size_bytes);
	assert_true(r.image_end_bytes > b->file->size_bytes - CLUSTER);
}

static void leaks_are_found_and_given_back(void **state)
{
	struct qcow2_bench *b = *state;
	struct qcow2_check_result r;

	lived_in(b);
	be16_store(refcount(b, cluster_of(b, 5)), 2); /* and then COPIED is wrong, too */
	be64_store(l2(b) + 5 * 8, be64_load(l2(b) + 5 * 8) & ~QCOW2_COPIED);
	be16_store(refcount(b, 400), 7);
	r = checked(b, QCOW2_REPAIR_NONE);
	assert_int_equal(r.leaks, 2);
	assert_int_equal(r.corruptions, 0);
	assert_int_equal(r.leaks_fixed, 0);
	r = checked(b, QCOW2_REPAIR_LEAKS);
	assert_int_equal(r.leaks, 0);
	assert_int_equal(r.leaks_fixed, 2);
	assert_sound(b);
	assert_data(b);
}

static void corruptions_are_not_touched_by_who_looks_for_leaks(void **state)
{
	struct qcow2_bench *b = *state;
	struct qcow2_check_result r;

	lived_in(b);
	be16_store(refcount(b, cluster_of(b, 5)), 0);
	be16_store(refcount(b, 400), 1);
	r = checked(b, QCOW2_REPAIR_LEAKS);
	assert_int_equal(r.leaks, 1);
	assert_true(r.corruptions > 0);
	assert_int_equal(be16_load(refcount(b, cluster_of(b, 5))), 0);
}

static void refcounts_that_are_too_low_are_raised(void **state)
{
	struct qcow2_bench *b = *state;
	struct qcow2_check_result r;

	lived_in(b);
	be16_store(refcount(b, 0), 0);
	be16_store(refcount(b, cluster_of(b, 0)), 1); /* a snapshot has it, too */
	r = checked(b, QCOW2_REPAIR_ALL);
	assert_int_equal(r.corruptions, 0);
	assert_true(r.corruptions_fixed >= 2);
	assert_sound(b);
	assert_data(b);
}

static void copied_flags_are_put_right(void **state)
{
	struct qcow2_bench *b = *state;
	struct qcow2_check_result r;

	lived_in(b);
	be64_store(l2(b), be64_load(l2(b)) | QCOW2_COPIED);
	be64_store(l2(b) + 5 * 8, be64_load(l2(b) + 5 * 8) & ~QCOW2_COPIED);
	be64_store(l1(b), be64_load(l1(b)) & ~QCOW2_COPIED);
	r = checked(b, QCOW2_REPAIR_NONE);
	assert_int_equal(r.corruptions, 3);
	r = checked(b, QCOW2_REPAIR_ALL);
	assert_int_equal(r.corruptions_fixed, 3);
	assert_sound(b);
	assert_data(b);
}

static void all_refcounts_can_be_made_anew(void **state)
{
	struct qcow2_bench *b = *state;
	const uint64_t bad[] = { 0, 7, GIB(2), CLUSTER + 512 };

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		/* The table's place, then the block's. */
		lived_in(b);
		be64_store(b->file->bytes + 48, bad[i]);
		assert_int_equal(checked(b, QCOW2_REPAIR_ALL).corruptions, 0);
		assert_sound(b);
		assert_data(b);
		be64_store(b->file->bytes + be64_load(b->file->bytes + 48), bad[i]);
		assert_int_equal(checked(b, QCOW2_REPAIR_ALL).corruptions, 0);
		assert_sound(b);
		assert_data(b);
		assert_true(b->file->size_bytes < MIB(4));
	}
}

static void tables_that_lie_in_data_move_away(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t table;

	lived_in(b);
	/* Data of the disk where the refcount block, then the L1 table is. */
	table = be64_load(b->file->bytes + 48);
	be64_store(l2(b) + 100 * 8, be64_load(b->file->bytes + table) | QCOW2_COPIED);
	assert_true(checked(b, QCOW2_REPAIR_NONE).corruptions > 0);
	assert_int_equal(checked(b, QCOW2_REPAIR_ALL).corruptions, 0);
	assert_sound(b);
	be64_store(l2(b) + 101 * 8, be64_load(b->file->bytes + 40) | QCOW2_COPIED);
	assert_true(checked(b, QCOW2_REPAIR_NONE).corruptions > 0);
	assert_int_equal(checked(b, QCOW2_REPAIR_ALL).corruptions, 0);
	assert_sound(b);
	/* And where its own L2 table is. */
	be64_store(l2(b) + 102 * 8, be64_load(l1(b)) & QCOW2_OFFSET_MASK);
	assert_true(checked(b, QCOW2_REPAIR_NONE).corruptions > 0);
	assert_int_equal(checked(b, QCOW2_REPAIR_ALL).corruptions, 0);
	assert_sound(b);
	assert_data(b);
}

static void a_damaged_preallocation_is_dropped(void **state)
{
	struct qcow2_bench *b = *state;

	lived_in(b);
	be64_store(l2(b) + 30 * 8, QCOW2_ZERO | (CLUSTER + 512));
	be64_store(l2(b) + 31 * 8, QCOW2_ZERO | GIB(4));
	assert_int_equal(checked(b, QCOW2_REPAIR_NONE).corruptions, 2);
	assert_int_equal(checked(b, QCOW2_REPAIR_ALL).corruptions, 0);
	assert_sound(b);
	assert_int_equal(byte_at(b, 30 * CLUSTER), 0);
	assert_data(b);
}

static void data_that_is_lost_stays_an_error_and_the_mark_stays(void **state)
{
	struct qcow2_bench *b = *state;

	lived_in(b);
	be64_store(b->file->bytes + 72, QCOW2_CORRUPT | QCOW2_DIRTY);
	be64_store(l2(b) + 30 * 8, GIB(4));
	assert_int_equal(checked(b, QCOW2_REPAIR_ALL).corruptions, 1);
	assert_int_equal(be64_load(b->file->bytes + 72), QCOW2_CORRUPT);
	be64_store(l2(b) + 30 * 8, 0);
	assert_int_equal(checked(b, QCOW2_REPAIR_ALL).corruptions, 0);
	assert_int_equal(be64_load(b->file->bytes + 72), 0);
	assert_sound(b);
}

static void behind_a_lost_table_nothing_is_freed(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t was;

	lived_in(b);
	was = be64_load(l1(b));
	be64_store(l1(b), UINT64_C(1) << 60);
	assert_true(checked(b, QCOW2_REPAIR_ALL).corruptions > 0);
	be64_store(l1(b), was); /* found again: all is still there */
	assert_int_equal(checked(b, QCOW2_REPAIR_ALL).corruptions, 0);
	assert_sound(b);
	assert_data(b);
}

static void a_dirty_image_is_clean_after_repair(void **state)
{
	struct qcow2_bench *b = *state;

	b->options.lazy_refcounts = true;
	lived_in(b);
	be64_store(b->file->bytes + 72, QCOW2_DIRTY);
	memset(refcount(b, 0), 0, 40);
	assert_int_equal(checked(b, QCOW2_REPAIR_ALL).corruptions, 0);
	assert_int_equal(be64_load(b->file->bytes + 72), 0);
	assert_sound(b);
	assert_data(b);
}

static void count_lines(void *arg, const char *line)
{
	assert_null(strchr(line, '\n'));
	++*(unsigned *)arg;
}

static void findings_are_told_up_to_a_limit(void **state)
{
	struct qcow2_bench *b = *state;
	struct qcow2_check_result r;
	unsigned lines = 0;
	const struct qcow2_report report = { .finding = count_lines, .arg = &lines };

	lived_in(b);
	for (unsigned i = 100; i < 3000; i++)
		be16_store(refcount(b, i), 1);
	assert_ok(b, open_for(b, QCOW2_REPAIR));
	assert_ok(b, qcow2_check(&b->m, QCOW2_REPAIR_NONE, &r, &report, NULL, &b->err));
	assert_int_equal(lines, QCOW2_FINDINGS_MAX);
	assert_int_equal(r.leaks, 2900);
}

/* Random numbers in all tables: never more than a report, and a repair leaves no
 * leaks where nothing else is wrong. */
static void any_damage_is_survived(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t size, random = 88172645463325252u;
	uint8_t *copy;

	lived_in(b);
	size = b->file->size_bytes;
	copy = malloc(size);
	memcpy(copy, b->file->bytes, size);
	for (unsigned n = 0; n < 1500; n++) {
		struct qcow2_check_result r;
		uint64_t places[5];

		memcpy(b->file->bytes, copy, size);
		b->file->size_bytes = size;
		places[0] = 16 + n % 96;
		places[1] = (uint64_t)(l1(b) - b->file->bytes);
		places[2] = (uint64_t)(l2(b) - b->file->bytes) + n % 160;
		places[3] = be64_load(b->file->bytes + 48) + n % 8;
		places[4] = be64_load(b->file->bytes + 64) + n % 72;
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		b->file->bytes[places[random % 5]] = (uint8_t)(random >> 40);
		if (open_for(b, QCOW2_REPAIR) < 0)
			continue;
		if (qcow2_check(&b->m, QCOW2_REPAIR_ALL, &r, NULL, NULL, &b->err) == 0 &&
		    r.corruptions == 0)
			assert_int_equal(r.leaks, 0);
		shut(b);
	}
	free(copy);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		QCOW2_TEST(what_is_there_is_counted),
		QCOW2_TEST(leaks_are_found_and_given_back),
		QCOW2_TEST(corruptions_are_not_touched_by_who_looks_for_leaks),
		QCOW2_TEST(refcounts_that_are_too_low_are_raised),
		QCOW2_TEST(copied_flags_are_put_right),
		QCOW2_TEST(all_refcounts_can_be_made_anew),
		QCOW2_TEST(tables_that_lie_in_data_move_away),
		QCOW2_TEST(a_damaged_preallocation_is_dropped),
		QCOW2_TEST(data_that_is_lost_stays_an_error_and_the_mark_stays),
		QCOW2_TEST(behind_a_lost_table_nothing_is_freed),
		QCOW2_TEST(a_dirty_image_is_clean_after_repair),
		QCOW2_TEST(findings_are_told_up_to_a_limit),
		QCOW2_TEST(any_damage_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
