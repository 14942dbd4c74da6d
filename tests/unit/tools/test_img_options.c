/* The flags of `bantam img`, and what people read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/zeros.h"
#include "tools/img.h"
#include "tools/img_file.h"

#define WORDS_MAX 16

/* A command line in memory that may be changed. */
static bool parse(struct img_options *o, const struct command *verb, int least, int most,
		  const char *const words[], int *status)
{
	static char *argv[WORDS_MAX];
	int argc = 0;

	for (; words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	return img_options_parse(o, verb, argc, argv, least, most, status);
}

#define PARSE(o, verb, least, most, status, ...) \
	parse(o, verb, least, most, (const char *const[]){ __VA_ARGS__, NULL }, status)

static void flags_may_stand_between_and_behind_the_files(void **state)
{
	struct img_options o;
	int status;

	(void)state;
	assert_true(PARSE(&o, &img_convert_command, 2, 9, &status, "convert", "-O", "qcow2", "a", "-c",
			  "b", "-m4", "--", "-c"));
	assert_int_equal(o.other_format, IMAGE_QCOW2);
	assert_true(o.compress);
	assert_int_equal(o.parallel, 4);
	assert_int_equal(o.word_count, 3);
	assert_string_equal(o.words[0], "a");
	assert_string_equal(o.words[1], "b");
	assert_string_equal(o.words[2], "-c");
	img_options_release(&o);
}

static void too_few_and_too_many_files_are_refused(void **state)
{
	struct img_options o;
	int status = 0;

	(void)state;
	assert_false(PARSE(&o, &img_info_command, 1, 1, &status, "info"));
	assert_int_equal(status, 1);
	assert_false(PARSE(&o, &img_info_command, 1, 1, &status, "info", "a", "b"));
	assert_int_equal(status, 1);
}

static void options_of_an_image_are_read_and_judged(void **state)
{
	struct img_options o;
	int status;

	(void)state;
	assert_true(PARSE(&o, &img_create_command, 1, 2, &status, "create", "-o",
			  "cluster_size=4k,compat=0.10", "-o", "refcount_bits=1", "-o",
			  "backing_file=a,,b", "x"));
	assert_int_equal(o.made.create.cluster_bytes, 4096);
	assert_int_equal(o.made.create.version, 2);
	assert_int_equal(o.made.create.refcount_bits, 1);
	assert_string_equal(o.made.create.backing_name, "a,b");
	img_options_release(&o);
	static const char *const wrong[] = {
		"cluster_size=3k",   "cluster_size=4M",	  "compat=2",	       "refcount_bits=3",
		"preallocation=yes", "backing_fmt=vmdk",  "encryption=on",     "data_file=x",
		"lazy_refcounts=2",  "compression_type=", "no_such_thing=1",
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_false(PARSE(&o, &img_create_command, 1, 2, &status, "create", "-o", wrong[i],
				   "x"));
		assert_int_equal(status, 1);
		img_options_release(&o);
	}
}

static void values_out_of_range_are_refused(void **state)
{
	static const char *const wrong[][2] = {
		{ "-m", "0" },	 { "-m", "17" },  { "-S", "100" }, { "-S", "1G" },
		{ "-t", "fast" }, { "-f", "vdi" }, { "-S", "-1" },  { "-O", "" },
	};
	struct img_options o;
	int status;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_false(PARSE(&o, &img_convert_command, 2, 9, &status, "convert", wrong[i][0],
				   wrong[i][1], "a", "b"));
		img_options_release(&o);
	}
}

static void a_snapshot_is_one_of_four_actions(void **state)
{
	struct img_options o;
	int status;

	(void)state;
	assert_true(PARSE(&o, &img_snapshot_command, 1, 1, &status, "snapshot", "-c", "n", "x"));
	assert_int_equal(o.action, IMG_CREATE);
	assert_string_equal(o.snapshot, "n");
	assert_false(PARSE(&o, &img_snapshot_command, 1, 1, &status, "snapshot", "-l", "-d", "n",
			   "x"));
}

static void sizes_are_read_as_qemu_img_reads_them(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "512", 512 },	     { "512b", 512 },		{ "4k", 4096 },
		{ "0x1000", 4096 },  { "1.5G", 3 * MIB(512) },	{ "2T", GIB(2048) },
		{ "1P", MIB(1) * GIB(1) }, { "1E", GIB(1) * GIB(1) }, { "0", 0 },
	};
	static const char *const bad[] = { "", "k", "-1", "1kk", "8E", "16E", "0x", "0x-1", "1 k",
					   "9223372036854775808" };
	struct err err;
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(img_parse_size(good[i].text, &bytes, &err), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(img_parse_size(bad[i], &bytes, &err), -EINVAL);
}

static void sizes_are_printed_with_three_digits(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },	       { 512, "512 B" },	{ 1000, "0.977 KiB" },
		{ 1024, "1 KiB" },     { 1323008, "1.26 MiB" }, { MIB(1000), "0.977 GiB" },
		{ GIB(10), "10 GiB" }, { INT64_MAX, "8 EiB" },
	};
	char text[IMG_SIZE_TEXT];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(img_size_text(text, cases[i].bytes), cases[i].text);
}

static void zeros_are_told_from_one_bit_anywhere(void **state)
{
	uint8_t bytes[200];

	(void)state;
	for (size_t len = 0; len < sizeof(bytes); len++) {
		memset(bytes, 0, sizeof(bytes));
		bytes[len] = 1; /* just behind */
		assert_true(is_zeros(bytes, len));
		bytes[len] = 0;
		for (size_t i = 0; i < len; i++) {
			bytes[i] = 0x80;
			assert_false(is_zeros(bytes, len));
			bytes[i] = 0;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_may_stand_between_and_behind_the_files),
		cmocka_unit_test(too_few_and_too_many_files_are_refused),
		cmocka_unit_test(options_of_an_image_are_read_and_judged),
		cmocka_unit_test(values_out_of_range_are_refused),
		cmocka_unit_test(a_snapshot_is_one_of_four_actions),
		cmocka_unit_test(sizes_are_read_as_qemu_img_reads_them),
		cmocka_unit_test(sizes_are_printed_with_three_digits),
		cmocka_unit_test(zeros_are_told_from_one_bit_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
