#include "base/checked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void sums_that_wrap_are_refused(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(add_u64(UINT64_MAX - 1, 1, &v));
	assert_true(v == UINT64_MAX);
	assert_false(add_u64(UINT64_MAX, 1, &v));
	assert_false(add_u64(1, UINT64_MAX, &v));
	assert_true(add_u64(0, 0, &v));
	assert_int_equal(v, 0);
}

static void products_that_wrap_are_refused(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(mul_u64(UINT32_MAX, UINT32_MAX, &v));
	assert_true(v == UINT64_C(0xfffffffe00000001));
	assert_false(mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &v));
	assert_false(mul_u64(UINT64_MAX, 2, &v));
	assert_true(mul_u64(UINT64_MAX, 0, &v));
	assert_int_equal(v, 0);
}

static void a_range_is_inside_up_to_its_last_byte(void **state)
{
	(void)state;
	assert_true(range_inside(0, 10, 10));
	assert_true(range_inside(9, 1, 10));
	assert_true(range_inside(10, 0, 10));
	assert_false(range_inside(9, 2, 10));
	assert_false(range_inside(10, 1, 10));
	assert_false(range_inside(11, 0, 10));
	assert_false(range_inside(5, UINT64_MAX, 10));
	assert_false(range_inside(UINT64_MAX, 1, 10));
	assert_true(range_inside(0, UINT64_MAX, UINT64_MAX));
}

static void alignment_rounds_up_and_down(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(align_up_u64(0, 4096, &v));
	assert_int_equal(v, 0);
	assert_true(align_up_u64(1, 4096, &v));
	assert_int_equal(v, 4096);
	assert_true(align_up_u64(4096, 4096, &v));
	assert_int_equal(v, 4096);
	assert_false(align_up_u64(UINT64_MAX - 4094, 4096, &v));
	assert_true(align_up_u64(UINT64_MAX, 1, &v));
	assert_true(v == UINT64_MAX);
	assert_int_equal(align_down_u64(4095, 4096), 0);
	assert_int_equal(align_down_u64(8191, 4096), 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_that_wrap_are_refused),
		cmocka_unit_test(products_that_wrap_are_refused),
		cmocka_unit_test(a_range_is_inside_up_to_its_last_byte),
		cmocka_unit_test(alignment_rounds_up_and_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
