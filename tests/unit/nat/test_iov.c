/* Bytes that lie in pieces. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "nat/iov.h"

static uint8_t text[] = "abcdefghij";
static const struct iovec pieces[] = { { text, 3 }, { text, 0 }, { text + 3, 1 }, { text + 4, 6 } };

static void reading_crosses_pieces_and_ends_with_them(void **state)
{
	char got[16] = "";

	(void)state;
	assert_int_equal(iov_read(pieces, 4, 2, got, 4), 4);
	assert_string_equal(got, "cdef");
	assert_int_equal(iov_read(pieces, 4, 8, got, 9), 2);
	assert_int_equal(iov_read(pieces, 4, 10, got, 1), 0);
	assert_int_equal(iov_read(pieces, 4, 99, got, 1), 0);
	assert_int_equal(iov_read(pieces, 0, 0, got, 1), 0);
}

static void writing_is_the_same_the_other_way(void **state)
{
	uint8_t to[10] = { 0 };
	const struct iovec iov[] = { { to, 4 }, { to + 4, 6 } };

	(void)state;
	assert_int_equal(iov_write(iov, 2, 3, "XYZ", 3), 3);
	assert_memory_equal(to, "\0\0\0XYZ\0\0\0", 10);
	assert_int_equal(iov_write(iov, 2, 9, "XYZ", 3), 1);
}

static void a_slice_names_the_same_bytes(void **state)
{
	struct iovec out[4];
	size_t bytes;

	(void)state;
	assert_int_equal(iov_slice(pieces, 4, 1, 5, out, 4, &bytes), 3);
	assert_int_equal(bytes, 5);
	assert_ptr_equal(out[0].iov_base, text + 1);
	assert_int_equal(out[0].iov_len, 2);
	assert_int_equal(out[2].iov_len, 2);
	/* As far as there is room for pieces. */
	assert_int_equal(iov_slice(pieces, 4, 1, 5, out, 2, &bytes), 2);
	assert_int_equal(bytes, 3);
	assert_int_equal(iov_slice(pieces, 4, 10, 5, out, 4, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_crosses_pieces_and_ends_with_them),
		cmocka_unit_test(writing_is_the_same_the_other_way),
		cmocka_unit_test(a_slice_names_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
