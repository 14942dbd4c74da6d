#include "qcow2_fixture.h"

static void a_marked_image_is_not_opened_for_writing(void **state)
{
	struct qcow2_bench *b = *state;

	made(b);
	shut(b);
	be64_store(b->file->bytes + 72, QCOW2_DIRTY);
	assert_int_equal(open_for(b, QCOW2_WRITE), -EUCLEAN);
	assert_says(b, "not closed");
	assert_ok(b, open_for(b, QCOW2_READ));
	shut(b);
	be64_store(b->file->bytes + 72, QCOW2_CORRUPT);
	assert_int_equal(open_for(b, QCOW2_WRITE), -EUCLEAN);
	assert_says(b, "corrupt");
	assert_ok(b, open_for(b, QCOW2_REPAIR));
}

static void unknown_autoclear_features_are_cleared_before_a_change_and_not_by_a_look(void **state)
{
	struct qcow2_bench *b = *state;

	made(b);
	shut(b);
	be64_store(b->file->bytes + 88, UINT64_C(0xf0));
	assert_ok(b, open_for(b, QCOW2_READ));
	assert_ok(b, open_for(b, QCOW2_REPAIR));
	assert_int_equal(be64_load(b->file->bytes + 88), 0xf0);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_int_equal(be64_load(b->file->bytes + 88), 0);
}

static void what_is_not_committed_did_not_happen(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t size;
	uint8_t *before;

	made(b);
	fill(b, 0, 3, 7);
	shut(b);
	size = b->file->size_bytes;
	before = malloc(size);
	memcpy(before, b->file->bytes, size);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	memset(b->m.table, 0, CLUSTER);
	assert_ok(b, qcow2_l2_place(&b->m, 0, b->m.table, &b->err));
	assert_ok(b, qcow2_meta_write(&b->m, size, b->m.table, CLUSTER, "more", &b->err));
	assert_true(b->file->size_bytes > size);
	shut(b);
	assert_int_equal(b->file->size_bytes, size);
	/* But for what was free. */
	assert_memory_equal(b->file->bytes, before, CLUSTER);
	assert_sound(b);
	assert_int_equal(byte_at(b, 2 * CLUSTER), 7);
	free(before);
}

static void an_error_at_any_request_leaves_the_image_before_or_after(void **state)
{
	struct qcow2_bench *b = *state;
	bool failed = true;

	made(b);
	fill(b, 0, 3, 7);
	for (unsigned n = 1; failed; n++) {
		assert_true(n < 200);
		assert_ok(b, open_for(b, QCOW2_WRITE));
		b->file->submitted = 0;
		b->file->fail_at = n;
		b->file->fail_from = true;
		b->file->fail_status = n % 2 ? -ENOSPC : -EIO;
		failed = qcow2_snapshot_create(&b->m, "s", 0, NULL, &b->err) < 0;
		b->file->fail_at = 0;
		shut(b);
		/* When the last flush fails, nobody knows which. */
		assert_in_range(judged(b).snapshot_count, failed ? 0 : 1, 1);
		if (failed && judged(b).snapshot_count == 1) {
			assert_ok(b, open_for(b, QCOW2_WRITE));
			assert_ok(b, qcow2_snapshot_delete(&b->m, 0, NULL, &b->err));
			shut(b);
		}
		assert_int_equal(judged(b).corruptions, 0);
		assert_int_equal(judged(b).leaks, 0);
		assert_int_equal(byte_at(b, 0), 7);
	}
	assert_sound(b);
}

static void entries_that_cannot_be_are_told_from_those_that_can(void **state)
{
	struct qcow2_bench *b = *state;
	struct qcow2_span span;
	uint64_t offset;

	made(b);
	fill(b, 0, 1, 1);
	assert_ok(b, open_for(b, QCOW2_READ));
	assert_ok(b, qcow2_entry_span(&b->m, 0, &span, &b->err));
	assert_int_equal(span.count, 0);
	assert_ok(b, qcow2_entry_span(&b->m, QCOW2_ZERO, &span, &b->err));
	assert_int_equal(span.count, 0);
	assert_ok(b, qcow2_entry_span(&b->m, CLUSTER | QCOW2_COPIED, &span, &b->err));
	assert_int_equal(span.cluster, 1);
	assert_int_equal(span.count, 1);
	/* Over a cluster's end: 2 sectors from the last one on. */
	assert_ok(b,
		  qcow2_entry_span(&b->m,
				   QCOW2_COMPRESSED | UINT64_C(1) << (62 - 6) | (2 * CLUSTER - 512),
				   &span, &b->err));
	assert_int_equal(span.cluster, 1);
	assert_int_equal(span.count, 2);
	assert_int_equal(qcow2_entry_span(&b->m, CLUSTER + 512, &span, &b->err), -EUCLEAN);
	assert_int_equal(qcow2_entry_span(&b->m, GIB(1), &span, &b->err), -EUCLEAN);
	assert_int_equal(qcow2_entry_span(&b->m, CLUSTER | 2, &span, &b->err), -EUCLEAN);
	assert_int_equal(qcow2_entry_span(&b->m, QCOW2_COMPRESSED | GIB(1), &span, &b->err),
			 -EUCLEAN);
	assert_int_equal(qcow2_entry_span(&b->m, QCOW2_COMPRESSED | 600, &span, &b->err), -EUCLEAN);
	assert_int_equal(
		qcow2_entry_span(&b->m, QCOW2_COMPRESSED | QCOW2_COPIED | CLUSTER, &span, &b->err),
		-EUCLEAN);
	assert_ok(b, qcow2_l1_check(&b->m, CLUSTER | QCOW2_COPIED, &offset, &b->err));
	assert_int_equal(offset, CLUSTER);
	assert_int_equal(qcow2_l1_check(&b->m, CLUSTER | 1, &offset, &b->err), -EUCLEAN);
	assert_int_equal(qcow2_l1_check(&b->m, GIB(1), &offset, &b->err), -EUCLEAN);
	assert_int_equal(qcow2_l1_check(&b->m, UINT64_C(1) << 60, &offset, &b->err), -EUCLEAN);
}

static void who_writes_is_told_that_no_data_is_in_a_table(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t l1, l2;
	struct qcow2_span span;

	made(b);
	fill(b, 0, 1, 1);
	l1 = b->m.h.l1_offset;
	l2 = b->m.l1[0] & QCOW2_OFFSET_MASK;
	assert_int_equal(qcow2_entry_span(&b->m, QCOW2_COPIED, &span, &b->err), 0);
	assert_ok(b, open_for(b, QCOW2_WRITE)); /* the last change is over */
	assert_int_equal(qcow2_entry_span(&b->m, l1 | QCOW2_COPIED, &span, &b->err), -EUCLEAN);
	assert_int_equal(qcow2_entry_span(&b->m, l2, &span, &b->err), -EUCLEAN);
	assert_int_equal(qcow2_entry_span(&b->m, QCOW2_COMPRESSED | (l2 + 600), &span, &b->err),
			 -EUCLEAN);
	assert_says(b, "no data can be at");
	/* A cluster that is taken has been freed before. */
	qcow2_places_set(&b->m.places, 20);
	b->m.refs.hint = 20;
	assert_ok(b, qcow2_refs_take(&b->m.refs, 1, &l1, &b->err));
	assert_int_equal(l1, 20);
	assert_false(qcow2_places_has(&b->m.places, 20));
}

static void a_table_that_is_not_counted_or_not_alone_ends_all_writing(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t l1, l2, block;

	made(b);
	fill(b, 0, 1, 1);
	l1 = b->m.h.l1_offset;
	l2 = b->m.l1[0] & QCOW2_OFFSET_MASK;
	block = b->m.refs.blocks[0].offset;
	shut(b);
	be16_store(b->file->bytes + block + l2 / CLUSTER * 2, 0);
	assert_int_equal(open_for(b, QCOW2_WRITE), -EUCLEAN);
	assert_says(b, "whose refcount is 0");
	assert_ok(b, open_for(b, QCOW2_READ));
	be16_store(b->file->bytes + block + l2 / CLUSTER * 2, 1);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	be64_store(b->file->bytes + l1, block | QCOW2_COPIED);
	assert_int_equal(open_for(b, QCOW2_WRITE), -EUCLEAN);
	assert_says(b, "two of its tables are in one place");
}

static bool stop_at_once(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	(void)done;
	(void)total;
	return false;
}

static void who_is_stopped_has_done_nothing(void **state)
{
	const struct qcow2_progress stop = { .step = stop_at_once };
	struct qcow2_bench *b = *state;

	made(b);
	fill(b, 0, 3, 7);
	assert_int_equal(qcow2_snapshot_create(&b->m, "s", 0, &stop, &b->err), -ECANCELED);
	shut(b);
	assert_sound(b);
	assert_int_equal(judged(b).snapshot_count, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		QCOW2_TEST(a_marked_image_is_not_opened_for_writing),
		QCOW2_TEST(
			unknown_autoclear_features_are_cleared_before_a_change_and_not_by_a_look),
		QCOW2_TEST(what_is_not_committed_did_not_happen),
		QCOW2_TEST(an_error_at_any_request_leaves_the_image_before_or_after),
		QCOW2_TEST(entries_that_cannot_be_are_told_from_those_that_can),
		QCOW2_TEST(who_writes_is_told_that_no_data_is_in_a_table),
		QCOW2_TEST(a_table_that_is_not_counted_or_not_alone_ends_all_writing),
		QCOW2_TEST(who_is_stopped_has_done_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
