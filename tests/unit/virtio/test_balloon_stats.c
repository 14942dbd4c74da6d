#include "virtio/balloon_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void an_entry_is_a_tag_and_a_value_in_little_endian(void **state)
{
	static const uint8_t entry[] = { 4, 0, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01 };
	struct balloon_stats s = { 0 };

	(void)state;
	balloon_stats_add(&s, entry);
	assert_int_equal(s.present, 1u << BALLOON_FREE);
	assert_true(s.value[BALLOON_FREE] == UINT64_C(0x0123456789abcdef));
}

static void tags_are_those_of_the_standard(void **state)
{
	(void)state;
	assert_int_equal(BALLOON_MAJOR_FAULTS, 2);
	assert_int_equal(BALLOON_TOTAL, 5);
	assert_int_equal(BALLOON_AVAILABLE, 6);
	assert_int_equal(BALLOON_HUGE_FAILED, 9);
	assert_int_equal(BALLOON_DIRECT_RECLAIMED, 15);
}

static void unknown_tags_are_passed_over(void **state)
{
	static const uint8_t unknown[][BALLOON_STAT_BYTES] = { { 16, 0, 1 }, { 32, 0, 1 },
							       { 0, 1, 1 }, { 0xff, 0xff, 1 } };
	struct balloon_stats s = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		balloon_stats_add(&s, unknown[i]);
	assert_int_equal(s.present, 0);
}

static void of_two_with_one_tag_the_later_counts(void **state)
{
	struct balloon_stats s = { 0 };

	(void)state;
	balloon_stats_add(&s, (const uint8_t[BALLOON_STAT_BYTES]){ 1, 0, 7 });
	balloon_stats_add(&s, (const uint8_t[BALLOON_STAT_BYTES]){ 1, 0, 9 });
	assert_int_equal(s.value[BALLOON_SWAP_OUT], 9);
}

static void every_statistic_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < BALLOON_STATS; i++) {
		assert_non_null(balloon_stat_names[i]);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(balloon_stat_names[i], balloon_stat_names[j]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_a_tag_and_a_value_in_little_endian),
		cmocka_unit_test(tags_are_those_of_the_standard),
		cmocka_unit_test(unknown_tags_are_passed_over),
		cmocka_unit_test(of_two_with_one_tag_the_later_counts),
		cmocka_unit_test(every_statistic_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
