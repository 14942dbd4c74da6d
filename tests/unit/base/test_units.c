#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/units.h"

struct sample {
	const char *text;
	int rc;
	uint64_t value;
};

static void check_all(const struct sample *samples, size_t count,
		      int (*parse)(const char *text, uint64_t *value))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 0xbad;

		print_message("'%s'\n", samples[i].text);
		assert_int_equal(parse(samples[i].text, &value), samples[i].rc);
		assert_int_equal(value, samples[i].rc == 0 ? samples[i].value : 0xbad);
	}
}

static void sizes_are_powers_of_1024_in_every_spelling(void **state)
{
	static const struct sample samples[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "4096B", 0, 4096 },
		{ "64K", 0, KIB(64) },
		{ "64k", 0, KIB(64) },
		{ "512M", 0, MIB(512) },
		{ "512MB", 0, MIB(512) },
		{ "512MiB", 0, MIB(512) },
		{ "512mib", 0, MIB(512) },
		{ "2G", 0, GIB(2) },
		{ "1T", 0, GIB(1024) },
		{ "1.5G", 0, MIB(1536) },
		{ "0.125K", 0, 128 },
		{ "18446744073709551615", 0, UINT64_MAX },
	};

	(void)state;
	check_all(samples, ARRAY_LEN(samples), parse_size);
}

static void text_that_is_no_size_is_refused(void **state)
{
	static const struct sample samples[] = {
		{ "", -EINVAL, 0 },	  { "M", -EINVAL, 0 },		{ "12Q", -EINVAL, 0 },
		{ "12MM", -EINVAL, 0 },	  { "12Mx", -EINVAL, 0 },	{ "12 M", -EINVAL, 0 },
		{ " 12M", -EINVAL, 0 },	  { "12M ", -EINVAL, 0 },	{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },	  { "0x10", -EINVAL, 0 },	{ "1.", -EINVAL, 0 },
		{ ".5G", -EINVAL, 0 },	  { "1.5", -EINVAL, 0 },	{ "0.3G", -EINVAL, 0 },
		{ "1.5.5G", -EINVAL, 0 }, { "12iB", -EINVAL, 0 },	{ "12Mi", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },	  { "1.0000000G", -EINVAL, 0 },
	};

	(void)state;
	check_all(samples, ARRAY_LEN(samples), parse_size);
}

static void a_size_beyond_64_bits_is_out_of_range(void **state)
{
	static const struct sample samples[] = {
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "16777216T", -ERANGE, 0 },
		{ "17179869184G", -ERANGE, 0 },
		{ "16777215.999999T", -EINVAL, 0 },
		{ "16777215.5T", 0, UINT64_MAX - GIB(512) + 1 },
	};

	(void)state;
	check_all(samples, ARRAY_LEN(samples), parse_size);
}

static void durations_are_seconds_unless_a_unit_says_else(void **state)
{
	static const struct sample samples[] = {
		{ "90", 0, 90 * NS_PER_S },
		{ "5s", 0, 5 * NS_PER_S },
		{ "1.5s", 0, 1500 * NS_PER_MS },
		{ "1.5", 0, 1500 * NS_PER_MS },
		{ "500ms", 0, 500 * NS_PER_MS },
		{ "10m", 0, 600 * NS_PER_S },
		{ "1h", 0, 3600 * NS_PER_S },
		{ "7us", 0, 7000 },
		{ "9ns", 0, 9 },
		{ "0", 0, 0 },
		{ "0.000001s", 0, 1000 },
	};

	(void)state;
	check_all(samples, ARRAY_LEN(samples), parse_duration);
}

static void text_that_is_no_duration_is_refused(void **state)
{
	static const struct sample samples[] = {
		{ "", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "5S", -EINVAL, 0 },
		{ "5 s", -EINVAL, 0 },
		{ "5sec", -EINVAL, 0 },
		{ "1m30s", -EINVAL, 0 },
		{ "0.5ns", -EINVAL, 0 },
		{ "-5s", -EINVAL, 0 },
		{ "1.s", -EINVAL, 0 },
		{ "forever", -EINVAL, 0 },
		{ "5124096h", -ERANGE, 0 },
		{ "5124095.6h", -ERANGE, 0 },
		{ "18446744074", -ERANGE, 0 },
	};

	(void)state;
	check_all(samples, ARRAY_LEN(samples), parse_duration);
}

static void a_count_is_digits_up_to_its_limit(void **state)
{
	uint64_t v = 0xbad;

	(void)state;
	assert_int_equal(parse_uint("64", 64, &v), 0);
	assert_int_equal(v, 64);
	assert_int_equal(parse_uint("007", 64, &v), 0);
	assert_int_equal(v, 7);
	assert_int_equal(parse_uint("65", 64, &v), -ERANGE);
	assert_int_equal(parse_uint("18446744073709551616", UINT64_MAX, &v), -ERANGE);
	assert_int_equal(parse_uint("1.5", 64, &v), -EINVAL);
	assert_int_equal(parse_uint("1.0", 64, &v), -EINVAL);
	assert_int_equal(parse_uint("4k", 64, &v), -EINVAL);
	assert_int_equal(parse_uint("", 64, &v), -EINVAL);
	assert_int_equal(parse_uint("-1", 64, &v), -EINVAL);
	assert_int_equal(v, 7);
}

static void formatted_numbers_use_the_largest_exact_unit(void **state)
{
	char text[UNITS_TEXT_BYTES];

	(void)state;
	assert_string_equal(format_size(text, MIB(512)), "512M");
	assert_string_equal(format_size(text, MIB(1536)), "1536M");
	assert_string_equal(format_size(text, GIB(2)), "2G");
	assert_string_equal(format_size(text, 0), "0");
	assert_string_equal(format_size(text, 4097), "4097");
	assert_string_equal(format_duration(text, 90 * NS_PER_S), "90s");
	assert_string_equal(format_duration(text, 3600 * NS_PER_S), "1h");
	assert_string_equal(format_duration(text, 1500 * NS_PER_MS), "1500ms");
	assert_string_equal(format_duration(text, 0), "0ns");
	assert_string_equal(format_duration(text, UINT64_MAX), "18446744073709551615ns");
}

static void what_is_formatted_parses_back_to_itself(void **state)
{
	char text[UNITS_TEXT_BYTES];
	uint64_t back;

	(void)state;
	for (uint64_t v = 1; v < UINT64_MAX / 3; v = v * 3 + 1) {
		assert_int_equal(parse_size(format_size(text, v), &back), 0);
		assert_int_equal(back, v);
		assert_int_equal(parse_duration(format_duration(text, v * 1000), &back), 0);
		assert_int_equal(back, v * 1000);
		if (v > UINT64_MAX / 4000)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_powers_of_1024_in_every_spelling),
		cmocka_unit_test(text_that_is_no_size_is_refused),
		cmocka_unit_test(a_size_beyond_64_bits_is_out_of_range),
		cmocka_unit_test(durations_are_seconds_unless_a_unit_says_else),
		cmocka_unit_test(text_that_is_no_duration_is_refused),
		cmocka_unit_test(a_count_is_digits_up_to_its_limit),
		cmocka_unit_test(formatted_numbers_use_the_largest_exact_unit),
		cmocka_unit_test(what_is_formatted_parses_back_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
