#include "fsread_fixture.h"

#include "fsread/crc.h"

/* The "check" values of the catalogue of parametrised CRC algorithms. */
static void sums_of_the_nine_digits_are_those_of_the_standards(void **state)
{
	(void)state;
	assert_int_equal(~crc32_run(UINT32_MAX, "123456789", 9), 0xcbf43926);
	assert_int_equal(~crc32c_run(UINT32_MAX, "123456789", 9), 0xe3069283);
	assert_int_equal(crc16_run(0, "123456789", 9), 0xbb3d);
}

static void a_sum_in_two_parts_is_the_same(void **state)
{
	(void)state;
	assert_int_equal(crc32c_run(crc32c_run(7, "1234", 4), "56789", 5),
			 crc32c_run(7, "123456789", 9));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_of_the_nine_digits_are_those_of_the_standards),
		cmocka_unit_test(a_sum_in_two_parts_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
