#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "block/iov.h"

static void what_is_consumed_is_gone_from_the_front(void **state)
{
	char text[] = "abcdefghij";
	struct iovec iov[] = { { text, 3 }, { text, 0 }, { text + 3, 4 }, { text + 7, 3 } };
	struct iov_rest rest = { iov, 4 };
	uint8_t out[8] = { 0 };

	(void)state;
	iov_consume(&rest, 0);
	assert_int_equal(rest.count, 4);
	iov_consume(&rest, 2);
	assert_int_equal(rest.count, 4);
	iov_copy_out(&rest, out, 6);
	assert_string_equal(out, "cdefgh");
	iov_consume(&rest, 1); /* the end of the first and no more */
	assert_int_equal(rest.count, 3);
	iov_consume(&rest, 5);
	assert_ptr_equal(rest.iov, &iov[3]);
	assert_ptr_equal(rest.iov->iov_base, text + 8);
	iov_consume(&rest, 2);
	assert_int_equal(rest.count, 0);
}

static void copies_in_fill_piece_after_piece_and_no_further(void **state)
{
	char a[4] = "...", b[6] = ".....";
	struct iovec iov[] = { { a, 2 }, { a, 0 }, { b, 5 } };
	const struct iov_rest rest = { iov, 3 };

	(void)state;
	iov_copy_in(&rest, (const uint8_t *)"wxyz", 4);
	assert_string_equal(a, "wx.");
	assert_string_equal(b, "yz...");
	assert_int_equal(iov[0].iov_len, 2); /* they stay */
}

static void zeros_fill_all_that_is_left(void **state)
{
	char a[4] = "...", b[6] = ".....";
	struct iovec iov[] = { { a, 2 }, { a, 0 }, { b + 1, 3 } };
	const struct iov_rest rest = { iov, 3 };

	(void)state;
	iov_zero(&rest);
	assert_memory_equal(a, "\0\0.", 4);
	assert_memory_equal(b, ".\0\0\0.", 6);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_consumed_is_gone_from_the_front),
		cmocka_unit_test(copies_in_fill_piece_after_piece_and_no_further),
		cmocka_unit_test(zeros_fill_all_that_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
