#include "qcow2_fixture.h"

static void every_shape_is_sound_and_reads_as_zeros(void **state)
{
	static const uint64_t sizes[] = { 0, 512, MIB(1) + 512, MIB(100) };
	static const uint32_t clusters[] = { 512, 16384, 65536, 2097152 };
	struct qcow2_bench *b = *state;

	for (unsigned shape = 0; shape < ARRAY_LEN(sizes) * ARRAY_LEN(clusters) * 7; shape++) {
		b->options.size_bytes = sizes[shape % ARRAY_LEN(sizes)];
		b->options.cluster_bytes = clusters[shape / ARRAY_LEN(sizes) % ARRAY_LEN(clusters)];
		b->options.refcount_bits = 1u << (shape / 16);
		b->options.extended_l2 = b->options.cluster_bytes >= 16384 && shape % 3 == 0;
		b->options.lazy_refcounts = shape % 2;
		made(b);
		assert_int_equal(b->m.h.size_bytes, b->options.size_bytes);
		assert_int_equal(b->m.h.refcount_order, shape / 16);
		assert_int_equal(b->m.h.compatible, shape % 2);
		shut(b);
		assert_sound(b);
		if (b->options.size_bytes > 0)
			assert_int_equal(byte_at(b, b->options.size_bytes - 512), 0);
	}
}

static void version_2_has_a_header_of_72_bytes(void **state)
{
	struct qcow2_bench *b = *state;

	b->options.version = 2;
	made(b);
	assert_int_equal(be32_load(b->file->bytes + 4), 2);
	assert_int_equal(be64_load(b->file->bytes + 72), 0); /* the end of extensions */
	shut(b);
	assert_sound(b);
}

static void preallocation_maps_the_whole_disk(void **state)
{
	struct qcow2_bench *b = *state;

	for (unsigned how = QCOW2_PREALLOC_METADATA; how <= QCOW2_PREALLOC_FULL; how++) {
		for (unsigned extended = 0; extended < 2; extended++) {
			struct qcow2_check_result r;

			b->options.preallocation = (enum qcow2_preallocation)how;
			b->options.extended_l2 = extended;
			made(b);
			shut(b);
			assert_sound(b);
			r = checked(b, QCOW2_REPAIR_NONE);
			assert_int_equal(r.allocated_clusters, MIB(8) / CLUSTER);
			assert_int_equal(r.fragmented_clusters, 0);
			assert_true(b->file->size_bytes > MIB(8));
		}
	}
}

static void an_older_file_leaves_nothing_behind(void **state)
{
	struct qcow2_bench *b = *state;

	memset(b->file->bytes, 0xee, MIB(1));
	b->file->size_bytes = MIB(1);
	made(b);
	shut(b);
	assert_sound(b);
	assert_int_equal(byte_at(b, 0), 0);
}

static void options_that_contradict_are_refused_with_the_reason(void **state)
{
	static const struct {
		struct qcow2_create_options o;
		const char *words;
	} cases[] = {
		{ { .size_bytes = 511 }, "512" },
		{ { .version = 4 }, "version 4" },
		{ { .cluster_bytes = 256 }, "cluster_size=256" },
		{ { .cluster_bytes = 4194304 }, "cluster_size=4194304" },
		{ { .cluster_bytes = 5000 }, "power of two" },
		{ { .refcount_bits = 3 }, "refcount_bits=3" },
		{ { .refcount_bits = 128 }, "refcount_bits=128" },
		{ { .version = 2, .refcount_bits = 8 }, "compat=1.1" },
		{ { .version = 2, .lazy_refcounts = true }, "lazy_refcounts" },
		{ { .version = 2, .extended_l2 = true }, "extended_l2" },
		{ { .version = 2, .compression = QCOW2_ZSTD }, "zstd" },
		{ { .extended_l2 = true, .cluster_bytes = 8192 }, "16k" },
		{ { .backing_name = "base" }, "format" },
		{ { .backing_name = "", .backing_format = "raw" }, "name" },
		{ { .backing_name = "b", .backing_format = "raw", .preallocation = 1 },
		  "extended_l2" },
		{ { .size_bytes = GIB(512), .cluster_bytes = 512 }, "too small" },
	};
	struct qcow2_bench *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		b->options = cases[i].o;
		assert_true(make(b) < 0);
		assert_says(b, cases[i].words);
		assert_int_equal(b->file->submitted, 0); /* nothing was done */
	}
}

static void until_the_last_write_there_is_no_image(void **state)
{
	struct qcow2_bench *b = *state;
	unsigned n = 0;
	int rc = -1;

	b->options.backing_name = "base";
	b->options.backing_format = "raw";
	while (rc < 0) {
		assert_true(++n < 100);
		b->file->submitted = 0;
		b->file->fail_at = n;
		b->file->fail_from = true;
		b->file->fail_status = -EIO;
		rc = make(b);
		b->file->fail_at = 0;
		/* The write of sector 0, then a flush. */
		if (rc < 0 && b->file->size_bytes > 0 && be32_load(b->file->bytes) == QCOW2_MAGIC)
			assert_int_equal(judged(b).corruptions + judged(b).leaks, 0);
	}
	assert_true(n > 5);
	assert_sound(b);
}

static void a_long_backing_name_is_behind_sector_0(void **state)
{
	struct qcow2_bench *b = *state;
	char name[QCOW2_BACKING_NAME_MAX + 1] = "";

	memset(name, 'n', QCOW2_BACKING_NAME_MAX);
	b->options.backing_name = name;
	b->options.backing_format = "qcow2";
	made(b);
	assert_string_equal(b->m.h.backing_name, name);
	assert_string_equal(b->m.h.backing_format, "qcow2");
	assert_true(b->m.h.backing_offset >= 512);
	shut(b);
	assert_sound(b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		QCOW2_TEST(every_shape_is_sound_and_reads_as_zeros),
		QCOW2_TEST(version_2_has_a_header_of_72_bytes),
		QCOW2_TEST(preallocation_maps_the_whole_disk),
		QCOW2_TEST(an_older_file_leaves_nothing_behind),
		QCOW2_TEST(options_that_contradict_are_refused_with_the_reason),
		QCOW2_TEST(until_the_last_write_there_is_no_image),
		QCOW2_TEST(a_long_backing_name_is_behind_sector_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
