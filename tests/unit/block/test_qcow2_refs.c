#include "qcow2_fixture.h"

static void refcounts_of_every_width_leave_their_neighbours_alone(void **state)
{
	uint8_t block[64], expected[64];

	(void)state;
	for (unsigned order = 0; order <= 6; order++) {
		const unsigned bits = 1u << order;
		const uint64_t most = UINT64_MAX >> (64 - bits);

		for (unsigned i = 0; i < 512 / bits && i < 16; i++) {
			memset(block, 0xa5, sizeof(block));
			memcpy(expected, block, sizeof(block));
			qcow2_refs_store(block, order, i, most);
			assert_int_equal(qcow2_refs_load(block, order, i), most);
			qcow2_refs_store(block, order, i, 1);
			assert_int_equal(qcow2_refs_load(block, order, i), 1);
			for (unsigned n = 0; n < 512 / bits; n++) {
				if (n != i)
					assert_int_equal(qcow2_refs_load(block, order, n),
							 qcow2_refs_load(expected, order, n));
			}
		}
	}
	/* The lowest bits of a byte come first; several bytes are big-endian. */
	memset(block, 0, sizeof(block));
	qcow2_refs_store(block, 1, 1, 2);
	assert_int_equal(block[0], 0x08);
	qcow2_refs_store(block, 4, 1, 0x0102);
	assert_int_equal(block[2], 1);
}

static void a_count_that_the_bits_do_not_hold_is_refused(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t count;

	for (unsigned bits = 1; bits <= 8; bits *= 2) {
		b->options.refcount_bits = bits;
		made(b);
		assert_ok(b, qcow2_refs_set(&b->m.refs, 100, (1u << bits) - 1, &b->err));
		assert_int_equal(qcow2_refs_up(&b->m.refs, 100, 1, &b->err), -ERANGE);
		assert_says(b, "do not hold");
		assert_ok(b, qcow2_refs_get(&b->m.refs, 100, &count, &b->err));
		assert_int_equal(count, (1u << bits) - 1);
	}
}

static void what_is_not_in_use_is_not_counted_down(void **state)
{
	struct qcow2_bench *b = *state;

	made(b);
	assert_int_equal(qcow2_refs_down(&b->m.refs, 1000, 1, &b->err), -EUCLEAN);
	assert_int_equal(qcow2_refs_down(&b->m.refs, UINT64_C(1) << 40, 1, &b->err), -EUCLEAN);
}

static void what_is_being_freed_is_not_taken_before_the_commit(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t first, again;

	made(b);
	assert_ok(b, qcow2_refs_take(&b->m.refs, 1, &first, &b->err));
	/* Taken in this change and given back: nobody has seen it. */
	assert_ok(b, qcow2_refs_down(&b->m.refs, first, 1, &b->err));
	assert_ok(b, qcow2_refs_take(&b->m.refs, 1, &again, &b->err));
	assert_int_equal(again, first);
	assert_ok(b, qcow2_meta_commit(&b->m, &b->err));
	assert_ok(b, qcow2_refs_down(&b->m.refs, first, 1, &b->err));
	assert_ok(b, qcow2_refs_take(&b->m.refs, 1, &again, &b->err));
	assert_int_not_equal(again, first);
	assert_ok(b, qcow2_refs_down(&b->m.refs, again, 1, &b->err));
	assert_ok(b, qcow2_meta_commit(&b->m, &b->err));
	assert_ok(b, qcow2_refs_take(&b->m.refs, 1, &again, &b->err));
	assert_true(again <= first);
	shut(b);
	assert_sound(b);
}

static void clusters_in_a_row_are_in_a_row(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t first, second, count;

	made(b);
	assert_ok(b, qcow2_refs_set(&b->m.refs, 20, 1, &b->err));
	assert_ok(b, qcow2_refs_take(&b->m.refs, 16, &first, &b->err));
	assert_true(first + 16 <= 20 || first > 20);
	assert_ok(b, qcow2_refs_take(&b->m.refs, 1, &second, &b->err));
	assert_true(second < first || second >= first + 16);
	for (unsigned i = 0; i < 16; i++) {
		assert_ok(b, qcow2_refs_get(&b->m.refs, first + i, &count, &b->err));
		assert_int_equal(count, 1);
	}
}

/* 512-byte clusters, 64-bit refcounts: a block counts 64 clusters, a cluster of table
 * names 64 blocks; 2 MiB are 4096 clusters. */
static void the_table_grows_as_often_as_it_must(void **state)
{
	struct qcow2_bench *b = *state;

	b->options.cluster_bytes = 512;
	b->options.refcount_bits = 64;
	made(b);
	for (unsigned i = 0; i < 4; i++) {
		fill(b, i * 2000, 2000, (uint8_t)(i + 1));
		shut(b);
		assert_sound(b);
		assert_ok(b, open_for(b, QCOW2_WRITE));
	}
	assert_true(b->m.h.reftable_clusters >= 2);
	assert_int_equal(byte_at(b, 0), 1);
	assert_int_equal(byte_at(b, 7999 * 512), 4);
}

static void a_file_larger_than_can_be_counted_is_refused(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t cluster;

	b->options.cluster_bytes = 512;
	b->options.refcount_bits = 64;
	made(b);
	/* 8 MiB of table name 2^20 blocks of 64. */
	assert_int_equal(b->m.refs.cluster_end_max, 1 << 26);
	assert_ok(b, qcow2_refs_set(&b->m.refs, (1 << 26) - 1, 1, &b->err));
	assert_int_equal(qcow2_refs_set(&b->m.refs, 1 << 26, 1, &b->err), -EFBIG);
	b->m.refs.hint = 1 << 26;
	assert_int_equal(qcow2_refs_take(&b->m.refs, 1, &cluster, &b->err), -EFBIG);
}

static void a_block_that_cannot_be_is_an_error(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t count, table;

	made(b);
	table = b->m.h.reftable_offset;
	shut(b);
	be64_store(b->file->bytes + table, 0x200); /* no cluster's */
	assert_int_equal(open_for(b, QCOW2_WRITE), -EUCLEAN);
	assert_ok(b, open_for(b, QCOW2_READ));
	assert_int_equal(qcow2_refs_get(&b->m.refs, 0, &count, &b->err), -EUCLEAN);
	be64_store(b->file->bytes + table, GIB(1)); /* behind the end */
	assert_ok(b, open_for(b, QCOW2_READ));
	assert_int_equal(qcow2_refs_get(&b->m.refs, 0, &count, &b->err), -EUCLEAN);
	assert_says(b, "check -r all");
}

static void a_block_of_what_no_file_has_is_forgotten_without_memory(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t table, block;

	made(b);
	table = b->m.h.reftable_offset;
	block = b->m.refs.blocks[0].offset;
	shut(b);
	for (uint64_t i = 0; i < CLUSTER / 8; i++)
		be64_store(b->file->bytes + table + i * 8, block);
	assert_ok(b, open_for(b, QCOW2_REPAIR));
	assert_ok(b, qcow2_refs_distrust(&b->m.refs, 0, &b->err));
	assert_ok(b, qcow2_refs_distrust(&b->m.refs, 1, &b->err));
	assert_non_null(b->m.refs.blocks[0].now);
	assert_null(b->m.refs.blocks[1].now);
	assert_null(b->m.refs.blocks[1].disk);
	assert_int_equal(b->m.refs.blocks[1].offset, 0);
	shut(b);
	checked(b, QCOW2_REPAIR_ALL);
	assert_sound(b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		QCOW2_TEST(refcounts_of_every_width_leave_their_neighbours_alone),
		QCOW2_TEST(a_count_that_the_bits_do_not_hold_is_refused),
		QCOW2_TEST(what_is_not_in_use_is_not_counted_down),
		QCOW2_TEST(what_is_being_freed_is_not_taken_before_the_commit),
		QCOW2_TEST(clusters_in_a_row_are_in_a_row),
		QCOW2_TEST(the_table_grows_as_often_as_it_must),
		QCOW2_TEST(a_file_larger_than_can_be_counted_is_refused),
		QCOW2_TEST(a_block_that_cannot_be_is_an_error),
		QCOW2_TEST(a_block_of_what_no_file_has_is_forgotten_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
