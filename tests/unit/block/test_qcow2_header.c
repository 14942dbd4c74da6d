#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "block/qcow2_header.h"

#define BYTES KIB(64)

/* A good one of version 3, 1 GiB; tests spoil it. */
static uint8_t *good(void)
{
	uint8_t *p = calloc(1, BYTES);

	be32_store(p, QCOW2_MAGIC);
	be32_store(p + 4, 3);
	be32_store(p + 20, 16);
	be64_store(p + 24, GIB(1));
	be32_store(p + 36, 2);
	be64_store(p + 40, 0x30000);
	be64_store(p + 48, 0x10000);
	be32_store(p + 56, 1);
	be32_store(p + 96, 4);
	be32_store(p + 100, 112);
	return p;
}

static int parse(uint8_t *p, struct qcow2_header *h, struct err *err)
{
	err->text[0] = '\0';
	return qcow2_header_parse(h, p, BYTES, false, "x", err);
}

/* Refused, for the reason that the words say; frees p. */
static void assert_refused(uint8_t *p, int code, const char *words)
{
	struct qcow2_header h;
	struct err err;

	assert_int_equal(parse(p, &h, &err), code);
	if (!strstr(err.text, words))
		fail_msg("'%s' is not in '%s'", words, err.text);
	free(p);
}

/* ---- reading ------------------------------------------------------------------------------ */

static void every_field_is_where_the_format_has_it(void **state)
{
	struct qcow2_header h;
	uint8_t *p = good();
	struct err err;

	(void)state;
	be32_store(p + 60, 3);
	be64_store(p + 64, 0x50000);
	be64_store(p + 72, QCOW2_DIRTY | QCOW2_COMPRESSION | QCOW2_EXTENDED_L2);
	be64_store(p + 80, QCOW2_LAZY_REFCOUNTS);
	be64_store(p + 88, 6);
	be32_store(p + 36, 4); /* extended L2: half as much for each */
	be32_store(p + 96, 6);
	p[104] = 1;
	assert_int_equal(parse(p, &h, &err), 0);
	assert_int_equal(h.version, 3);
	assert_int_equal(h.cluster_bits, 16);
	assert_int_equal(h.size_bytes, GIB(1));
	assert_int_equal(h.l1_entries, 4);
	assert_int_equal(h.l1_offset, 0x30000);
	assert_int_equal(h.reftable_offset, 0x10000);
	assert_int_equal(h.reftable_clusters, 1);
	assert_int_equal(h.snapshot_count, 3);
	assert_int_equal(h.snapshots_offset, 0x50000);
	assert_int_equal(h.incompatible, QCOW2_DIRTY | QCOW2_COMPRESSION | QCOW2_EXTENDED_L2);
	assert_int_equal(h.compatible, QCOW2_LAZY_REFCOUNTS);
	assert_int_equal(h.autoclear, 6);
	assert_int_equal(h.refcount_order, 6);
	assert_int_equal(h.compression, QCOW2_ZSTD);
	assert_int_equal(qcow2_l2_bits(&h), 12);
	assert_false(h.has_backing);
	qcow2_header_free(&h);
	free(p);
}

static void version_2_ends_at_72_and_has_16_bit_refcounts(void **state)
{
	struct qcow2_header h;
	uint8_t *p = good();
	struct err err;

	(void)state;
	be32_store(p + 4, 2);
	memset(p + 72, 0, 40); /* the end of extensions */
	assert_int_equal(parse(p, &h, &err), 0);
	assert_int_equal(h.header_bytes, 72);
	assert_int_equal(h.refcount_order, 4);
	assert_int_equal(h.incompatible, 0);
	qcow2_header_free(&h);
	free(p);
}

static void the_backing_file_has_a_name_and_a_format(void **state)
{
	struct qcow2_header h;
	uint8_t *p = good();
	struct err err;

	(void)state;
	be32_store(p + 112, 0xe2792acau);
	be32_store(p + 116, 5);
	memcpy(p + 120, "qcow2", 5);
	be64_store(p + 8, 200);
	be32_store(p + 16, 9);
	memcpy(p + 200, "base.qcowXXX", 12); /* no NUL behind it */
	assert_int_equal(parse(p, &h, &err), 0);
	assert_true(h.has_backing);
	assert_string_equal(h.backing_name, "base.qcow");
	assert_string_equal(h.backing_format, "qcow2");
	qcow2_header_free(&h);
	free(p);
}

/* ---- refusing ------------------------------------------------------------------------------- */

static void numbers_that_cannot_be_are_refused(void **state)
{
	static const struct {
		unsigned at, bytes;
		uint64_t value;
		int code;
		const char *words;
	} cases[] = {
		{ 0, 4, 0x12345678, -EINVAL, "no qcow2" },
		{ 4, 4, 1, -EOPNOTSUPP, "version 1" },
		{ 4, 4, 4, -EOPNOTSUPP, "version 4" },
		{ 20, 4, 8, -EINVAL, "2^8" },
		{ 20, 4, 22, -EINVAL, "2^22" },
		{ 24, 8, UINT64_C(1) << 63, -EINVAL, "cannot be" },
		{ 24, 8, GIB(1) + 1, -EINVAL, "too small" },
		{ 32, 4, 1, -EOPNOTSUPP, "AES" },
		{ 32, 4, 2, -EOPNOTSUPP, "LUKS" },
		{ 36, 4, 4194305, -EFBIG, "32 MiB" },
		{ 40, 8, 0, -EINVAL, "L1" },
		{ 40, 8, 0x30001, -EINVAL, "L1" },
		{ 40, 8, UINT64_C(0x7fffffffffff0000), -EINVAL, "" },
		{ 40, 8, UINT64_C(0xffffffffffff0000), -EINVAL, "L1" },
		{ 48, 8, 0, -EINVAL, "refcount table" },
		{ 48, 8, 0x10200, -EINVAL, "refcount table" },
		{ 56, 4, 0, -EINVAL, "no refcount table" },
		{ 56, 4, 129, -EFBIG, "8 MiB" },
		{ 60, 4, 65537, -EFBIG, "65537 snapshots" },
		{ 60, 4, 1, -EINVAL, "snapshot table" }, /* at 0 */
		{ 72, 8, QCOW2_DATA_FILE, -EOPNOTSUPP, "data file" },
		{ 72, 8, QCOW2_COMPRESSION, -EINVAL, "contradict" },
		{ 72, 8, UINT64_C(1) << 40, -EOPNOTSUPP, "feature 40" },
		{ 96, 4, 7, -EINVAL, "2^7" },
		{ 100, 4, 103, -EINVAL, "103" },
		{ 100, 4, 108, -EINVAL, "108" },
		{ 100, 4, BYTES + 8, -EINVAL, "header of" },
		{ 104, 1, 1, -EINVAL, "contradict" },
		{ 8, 8, BYTES, 0, "" }, /* no length: no name */
		{ 8, 8, BYTES + 1, -EINVAL, "backing file" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t *p = good();
		struct qcow2_header h;
		struct err err = { "" };
		uint32_t len;
		int rc;

		if (cases[i].bytes == 8)
			be64_store(p + cases[i].at, cases[i].value);
		else if (cases[i].bytes == 4)
			be32_store(p + cases[i].at, (uint32_t)cases[i].value);
		else
			p[cases[i].at] = (uint8_t)cases[i].value;
		/* The last L1 is at the very end of what there can be. */
		if (i == 12)
			be32_store(p + 36, 8193);
		rc = qcow2_header_bytes(p, "x", &len, &err);
		if (rc == 0)
			rc = parse(p, &h, &err);
		if (rc == 0)
			qcow2_header_free(&h);
		if (rc != cases[i].code || !strstr(err.text, cases[i].words))
			fail_msg("case %zu: %d '%s'", i, rc, err.text);
		free(p);
	}
}

static void an_unknown_feature_is_refused_by_its_name(void **state)
{
	uint8_t *p = good();

	(void)state;
	be64_store(p + 72, UINT64_C(1) << 9);
	be32_store(p + 112, 0x6803f857u);
	be32_store(p + 116, 48);
	p[120] = 0;
	p[121] = 9;
	memcpy(p + 122, "time travel", 11);
	assert_refused(p, -EOPNOTSUPP, "time travel");
}

static void a_backing_name_is_inside_the_cluster_and_a_name(void **state)
{
	uint8_t *p = good();

	(void)state;
	be64_store(p + 8, 200);
	be32_store(p + 16, 1024);
	memset(p + 200, 'a', 1024);
	assert_refused(p, -EINVAL, "above 1023");
	p = good();
	be64_store(p + 8, BYTES - 4);
	be32_store(p + 16, 5);
	assert_refused(p, -EINVAL, "inside");
	p = good();
	be64_store(p + 8, 20); /* the header's own bytes */
	be32_store(p + 16, 5);
	assert_refused(p, -EINVAL, "inside");
	p = good();
	be64_store(p + 8, 200);
	be32_store(p + 16, 5);
	memcpy(p + 200, "a\0bcd", 5);
	assert_refused(p, -EINVAL, "NUL");
}

static void extensions_that_do_not_end_are_refused(void **state)
{
	uint8_t *p = good();

	(void)state;
	be32_store(p + 112, 0x12345678u);
	be32_store(p + 116, (uint32_t)BYTES - 112);
	assert_refused(p, -EINVAL, "goes beyond");
	p = good();
	be32_store(p + 112, 0x12345678u);
	be32_store(p + 116, UINT32_MAX);
	assert_refused(p, -EINVAL, "goes beyond");
}

static void for_repair_a_lost_refcount_table_is_no_obstacle(void **state)
{
	struct qcow2_header h;
	uint8_t *p = good();
	struct err err;

	(void)state;
	be64_store(p + 48, 7);
	be32_store(p + 60, 1 << 20);
	assert_int_equal(qcow2_header_parse(&h, p, BYTES, true, "x", &err), 0);
	assert_true(h.bad_reftable);
	assert_true(h.bad_snapshots);
	qcow2_header_free(&h);
	free(p);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void what_is_not_understood_is_kept(void **state)
{
	uint8_t *p = good(), *q = malloc(BYTES);
	struct qcow2_header h, again;
	struct err err;

	(void)state;
	be32_store(p + 100, 120); /* a field of the future */
	be64_store(p + 112, UINT64_C(0x1122334455667788));
	be64_store(p + 80, UINT64_C(1) << 50);
	be32_store(p + 120, 0xabcdef01u);
	be32_store(p + 124, 3);
	memcpy(p + 128, "xyz", 3);
	assert_int_equal(parse(p, &h, &err), 0);
	strcpy(h.backing_name, "b");
	h.has_backing = true;
	assert_int_equal(qcow2_header_emit(&h, q, (struct qcow2_name_place){ 0, 0 }, "x", &err), 0);
	assert_int_equal(parse(q, &again, &err), 0);
	assert_int_equal(be64_load(q + 112), UINT64_C(0x1122334455667788));
	assert_int_equal(again.compatible, UINT64_C(1) << 50);
	assert_int_equal(again.unknown_extensions_bytes, 16);
	assert_int_equal(be32_load(again.unknown_extensions), 0xabcdef01u);
	assert_memory_equal(again.unknown_extensions + 8, "xyz", 3);
	assert_string_equal(again.backing_name, "b");
	qcow2_header_free(&h);
	qcow2_header_free(&again);
	free(p);
	free(q);
}

/* Until sector 0 is written the old header must find the old name. */
static void a_new_long_name_is_not_put_over_the_old_one(void **state)
{
	static const struct qcow2_name_place olds[] = {
		{ 512, 400 },
		{ 400, 600 },
		{ 700, 1023 },
		{ 3000, 10 },
	};
	uint8_t *p = good(), *q = malloc(BYTES);
	struct qcow2_header h;
	struct err err;

	(void)state;
	assert_int_equal(parse(p, &h, &err), 0);
	h.has_backing = true;
	memset(h.backing_name, 'n', 1000);
	for (size_t i = 0; i < ARRAY_LEN(olds); i++) {
		const struct qcow2_name_place old = olds[i];

		assert_int_equal(qcow2_header_emit(&h, q, old, "x", &err), 0);
		assert_true(h.backing_offset >= 512);
		assert_true(h.backing_offset + 1000 <= old.offset ||
			    h.backing_offset >= old.offset + old.len);
		assert_int_equal(q[h.backing_offset], 'n');
	}
	/* A short one is part of sector 0. */
	strcpy(h.backing_name, "short");
	assert_int_equal(qcow2_header_emit(&h, q, olds[0], "x", &err), 0);
	assert_true(h.backing_offset + 5 <= 512);
	qcow2_header_free(&h);
	free(p);
	free(q);
}

static void a_name_that_does_not_fit_is_refused(void **state)
{
	uint8_t *p = good(), *q = malloc(BYTES);
	struct qcow2_header h;
	struct err err;

	(void)state;
	assert_int_equal(parse(p, &h, &err), 0);
	h.cluster_bits = 9;
	h.has_backing = true;
	memset(h.backing_name, 'n', 500);
	assert_int_equal(qcow2_header_emit(&h, q, (struct qcow2_name_place){ 0, 0 }, "x", &err),
			 -ENOSPC);
	qcow2_header_free(&h);
	free(p);
	free(q);
}

static void compressed_clusters_are_found_for_all_cluster_sizes(void **state)
{
	struct qcow2_header h = { .cluster_bits = 16 };
	uint64_t offset, len;

	(void)state;
	/* 62 - (16 - 8) = 54 bits of offset, then sectors more than the first */
	qcow2_compressed_place(&h, UINT64_C(1) << 62 | UINT64_C(3) << 54 | 0x12345, &offset, &len);
	assert_int_equal(offset, 0x12345);
	assert_int_equal(len, 4 * 512 - 0x145);
	h.cluster_bits = 9; /* 61 bits and one */
	qcow2_compressed_place(&h, UINT64_C(1) << 62 | UINT64_C(1) << 61 | 0x400, &offset, &len);
	assert_int_equal(offset, 0x400);
	assert_int_equal(len, 1024);
	h.cluster_bits = 21;
	qcow2_compressed_place(&h, UINT64_C(1) << 62 | UINT64_C(0x1fff) << 49 | 1, &offset, &len);
	assert_int_equal(offset, 1);
	assert_int_equal(len, 0x2000 * 512 - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_where_the_format_has_it),
		cmocka_unit_test(version_2_ends_at_72_and_has_16_bit_refcounts),
		cmocka_unit_test(the_backing_file_has_a_name_and_a_format),
		cmocka_unit_test(numbers_that_cannot_be_are_refused),
		cmocka_unit_test(an_unknown_feature_is_refused_by_its_name),
		cmocka_unit_test(a_backing_name_is_inside_the_cluster_and_a_name),
		cmocka_unit_test(extensions_that_do_not_end_are_refused),
		cmocka_unit_test(for_repair_a_lost_refcount_table_is_no_obstacle),
		cmocka_unit_test(what_is_not_understood_is_kept),
		cmocka_unit_test(a_new_long_name_is_not_put_over_the_old_one),
		cmocka_unit_test(a_name_that_does_not_fit_is_refused),
		cmocka_unit_test(compressed_clusters_are_found_for_all_cluster_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
