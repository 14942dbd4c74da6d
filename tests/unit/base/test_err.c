#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void it_keeps_the_text_and_returns_the_code(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(err_set(&err, -EINVAL, "%s is not %d", "7", 8), -EINVAL);
	assert_string_equal(err.text, "7 is not 8");
}

static void the_system_error_follows_a_colon(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(err_errno(&err, -ENOENT, "cannot open %s", "x"), -ENOENT);
	assert_string_equal(err.text, "cannot open x: No such file or directory");
}

static void a_caller_that_wants_no_text_passes_null(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, -EIO, "%s", "x"), -EIO);
	assert_int_equal(err_errno(NULL, -EIO, "%s", "x"), -EIO);
}

static void a_long_text_is_cut_and_ends(void **state)
{
	char text[1000];
	struct err err;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(err_set(&err, -EINVAL, "%s", text), -EINVAL);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	memset(&err, 0x7f, sizeof(err));
	assert_int_equal(err_errno(&err, -EINVAL, "%s", text), -EINVAL);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_keeps_the_text_and_returns_the_code),
		cmocka_unit_test(the_system_error_follows_a_colon),
		cmocka_unit_test(a_caller_that_wants_no_text_passes_null),
		cmocka_unit_test(a_long_text_is_cut_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
