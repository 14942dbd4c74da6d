#include "qcow2_fixture.h"

/* One bitmap: a directory, a table, a cluster of bits; one after the other. */
static uint64_t with_bitmap(struct qcow2_bench *b)
{
	uint8_t cluster[CLUSTER] = { 0 };
	uint64_t place;

	made(b);
	fill(b, 0, 3, 1);
	assert_ok(b, qcow2_snapshot_create(&b->m, "s", 0, NULL, &b->err));
	assert_ok(b, qcow2_refs_take(&b->m.refs, 3, &place, &b->err));
	place *= CLUSTER;
	be64_store(cluster, place + CLUSTER); /* its table, of two entries */
	be32_store(cluster + 8, 2);
	cluster[16] = 1;
	cluster[17] = 16;
	be16_store(cluster + 18, 4);
	memcpy(cluster + 24, "name", 4);
	assert_ok(b, qcow2_meta_write(&b->m, place, cluster, CLUSTER, "", &b->err));
	memset(cluster, 0, CLUSTER);
	be64_store(cluster, place + 2 * CLUSTER);
	be64_store(cluster + 8, 1); /* all ones, without a cluster */
	assert_ok(b, qcow2_meta_write(&b->m, place + CLUSTER, cluster, CLUSTER, "", &b->err));
	memset(cluster, 0xff, CLUSTER);
	assert_ok(b, qcow2_meta_write(&b->m, place + 2 * CLUSTER, cluster, CLUSTER, "", &b->err));
	b->m.h.has_bitmaps = true;
	b->m.h.autoclear = QCOW2_BITMAPS;
	b->m.h.bitmap_count = 1;
	b->m.h.bitmap_directory_bytes = 32;
	b->m.h.bitmap_directory_offset = place;
	assert_ok(b, qcow2_rebase_unsafe(&b->m, NULL, NULL, &b->err)); /* the header anew */
	shut(b);
	return place;
}

static void what_bitmaps_occupy_is_no_leak(void **state)
{
	struct qcow2_bench *b = *state;
	struct qcow2_check_result r;

	with_bitmap(b);
	r = checked(b, QCOW2_REPAIR_NONE);
	assert_int_equal(r.leaks + r.corruptions, 0);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_true(b->m.h.has_bitmaps);
	assert_int_equal(b->m.h.bitmap_count, 1);
}

static void a_snapshot_leaves_bitmaps_alone(void **state)
{
	struct qcow2_bench *b = *state;

	with_bitmap(b);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_snapshot_create(&b->m, "t", 0, NULL, &b->err));
	assert_int_equal(be64_load(b->file->bytes + 88), QCOW2_BITMAPS);
	assert_int_equal(checked(b, QCOW2_REPAIR_NONE).leaks, 0);
}

static void another_content_drops_them_and_frees_their_clusters(void **state)
{
	struct qcow2_bench *b = *state;

	with_bitmap(b);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_snapshot_apply(&b->m, 0, NULL, &b->err));
	assert_int_equal(be64_load(b->file->bytes + 88), 0);
	shut(b);
	assert_sound(b);
	with_bitmap(b);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_resize(&b->m, MIB(16), false, NULL, NULL, &b->err));
	assert_int_equal(be64_load(b->file->bytes + 88), 0);
	shut(b);
	assert_sound(b);
}

static void damaged_ones_are_an_error_until_repair_drops_them(void **state)
{
	static const struct {
		unsigned cluster, at;
		uint64_t value;
	} cases[] = {
		{ 0, 0, 512 },			      /* a table in the middle of a cluster */
		{ 0, 0, GIB(1) },		      /* behind the end */
		{ 0, 8, UINT64_C(0xffffffff) << 32 }, /* of 4 Gi entries */
		{ 0, 16, UINT64_MAX },		      /* a name that does not end */
		{ 1, 0, GIB(1) },
	};
	struct qcow2_bench *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const uint64_t place = with_bitmap(b);

		be64_store(b->file->bytes + place + cases[i].cluster * CLUSTER + cases[i].at,
			   cases[i].value);
		assert_ok(b, open_for(b, QCOW2_WRITE));
		assert_int_equal(qcow2_resize(&b->m, MIB(16), false, NULL, NULL, &b->err),
				 -EUCLEAN);
		assert_true(checked(b, QCOW2_REPAIR_NONE).corruptions > 0);
		assert_int_equal(checked(b, QCOW2_REPAIR_ALL).corruptions, 0);
		assert_sound(b);
		assert_int_equal(byte_at(b, 0), 1);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		QCOW2_TEST(what_bitmaps_occupy_is_no_leak),
		QCOW2_TEST(a_snapshot_leaves_bitmaps_alone),
		QCOW2_TEST(another_content_drops_them_and_frees_their_clusters),
		QCOW2_TEST(damaged_ones_are_an_error_until_repair_drops_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
