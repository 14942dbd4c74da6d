#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/img_print.h"

static void names_keep_to_their_line(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	print_name(f, "a\n\033[1m\\\x7f\0b \xc3\xa4", 13);
	fclose(f);
	assert_string_equal(text, "a\\012\\033[1m\\\\\\177\\000b \xc3\xa4");
	free(text);
}

static void a_column_has_its_width_whatever_is_in_it(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	print_text_column(f, "a\n", 7);
	print_text_column(f, "\\b", 4);
	print_text_column(f, "long", 2);
	print_text_column(f, "", 1);
	fclose(f);
	assert_string_equal(text, "a\\012  \\\\b long ");
	free(text);
}

static void modes_look_as_ls_shows_them(void **state)
{
	static const struct {
		uint32_t mode;
		const char *text;
	} modes[] = {
		{ S_IFREG | 0644, "-rw-r--r--" },
		{ S_IFDIR | 01777, "drwxrwxrwt" },
		{ S_IFDIR | 01776, "drwxrwxrwT" },
		{ S_IFREG | 06755, "-rwsr-sr-x" },
		{ S_IFREG | 06000, "---S--S---" },
		{ S_IFLNK | 0777, "lrwxrwxrwx" },
		{ S_IFCHR, "c---------" },
		{ S_IFBLK, "b---------" },
		{ S_IFIFO, "p---------" },
		{ S_IFSOCK, "s---------" },
		{ 0070, "?---rwx---" },
	};
	char text[11];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		assert_string_equal(mode_text(text, modes[i].mode), modes[i].text);
	assert_string_equal(type_text(S_IFSOCK), "socket");
	assert_string_equal(type_text(0), "unknown");
}

static void sizes_are_rounded_up_as_by_df(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0B" },
		{ 1023, "1023B" },
		{ 1024, "1.0K" },
		{ 1025, "1.1K" },
		{ 1536, "1.5K" },
		{ 10 * 1024 - 1, "10K" },
		{ 9 * 1024 + 900, "9.9K" },
		{ 10 * 1024, "10K" },
		{ 10 * 1024 + 1, "11K" },
		{ MIB(1) + 1, "1.1M" },
		{ GIB(20), "20G" },
		{ UINT64_MAX, "16E" },
		{ 1024 * 1024 - 1, "1.0M" },
		{ 1024 * 1024 - 1024, "1023K" },
		{ MIB(1) * 2 - 1, "2.0M" },
	};
	char text[SIZE_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		assert_string_equal(human_size(text, sizes[i].bytes), sizes[i].text);
}

static void times_are_in_utc(void **state)
{
	char text[TIME_TEXT_BYTES];

	(void)state;
	assert_string_equal(time_text(text, 0), "1970-01-01 00:00");
	assert_string_equal(time_text(text, -60), "1969-12-31 23:59");
	assert_string_equal(time_text(text, INT64_C(0x37fffffff)), "2446-05-10 22:38");
	assert_string_equal(time_text(text, INT64_MAX), "?");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_keep_to_their_line),
		cmocka_unit_test(a_column_has_its_width_whatever_is_in_it),
		cmocka_unit_test(modes_look_as_ls_shows_them),
		cmocka_unit_test(sizes_are_rounded_up_as_by_df),
		cmocka_unit_test(times_are_in_utc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
