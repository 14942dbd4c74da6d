#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/keyvals.h"

struct seen {
	const char *first, *name, *size;
	const char *ro;
};

static int take_first(void *target, const char *value, struct err *err)
{
	(void)err;
	((struct seen *)target)->first = value;
	return 0;
}

static int take_name(void *target, const char *value, struct err *err)
{
	(void)err;
	((struct seen *)target)->name = value;
	return 0;
}

static int take_size(void *target, const char *value, struct err *err)
{
	if (strcmp(value, "huge") == 0)
		return err_set(err, -ERANGE, "'huge' is too much");
	((struct seen *)target)->size = value;
	return 0;
}

static int take_ro(void *target, const char *value, struct err *err)
{
	(void)err;
	((struct seen *)target)->ro = value;
	return 0;
}

static const struct keyval_row rows[] = {
	{ "name", "TEXT", take_name },
	{ "queue-size", "N", take_size },
	{ "ro", NULL, take_ro },
};

static const struct keyval_table with_first = { rows, ARRAY_LEN(rows), take_first };
static const struct keyval_table keys_only = { rows, ARRAY_LEN(rows), NULL };

/* The text lives on: values point into it. */
static char text[128];

static int parse(const struct keyval_table *table, const char *value, struct seen *seen,
		 struct err *err)
{
	memset(seen, 0, sizeof(*seen));
	assert_true(strlen(value) < sizeof(text));
	strcpy(text, value);
	return keyvals_parse(table, text, seen, err);
}

static void assert_refused(const char *value, int code, const char *message)
{
	struct seen seen;
	struct err err;

	assert_int_equal(parse(&with_first, value, &seen, &err), code);
	assert_string_equal(err.text, message);
}

static void the_first_part_and_each_key_reach_their_rows(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(parse(&with_first, "disk.raw,name=x,queue-size=16,ro", &seen, NULL), 0);
	assert_string_equal(seen.first, "disk.raw");
	assert_string_equal(seen.name, "x");
	assert_string_equal(seen.size, "16");
	assert_string_equal(seen.ro, "on");
}

static void a_first_part_alone_is_enough(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(parse(&with_first, "disk.raw", &seen, NULL), 0);
	assert_string_equal(seen.first, "disk.raw");
	assert_null(seen.name);
	assert_int_equal(parse(&with_first, "", &seen, NULL), 0);
	assert_string_equal(seen.first, "");
}

static void a_doubled_comma_belongs_to_the_value(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(parse(&with_first, "a,,b,,,name=,,x,,", &seen, NULL), 0);
	assert_string_equal(seen.first, "a,b,");
	assert_string_equal(seen.name, ",x,");
}

static void a_value_may_hold_equals_signs(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(parse(&keys_only, "name=a=b", &seen, NULL), 0);
	assert_string_equal(seen.name, "a=b");
	assert_int_equal(parse(&with_first, "a=b,ro", &seen, NULL), 0);
	assert_string_equal(seen.first, "a=b");
}

static void a_switch_is_on_alone_and_takes_on_and_off(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(parse(&keys_only, "ro=off", &seen, NULL), 0);
	assert_string_equal(seen.ro, "off");
	assert_int_equal(parse(&keys_only, "ro=on", &seen, NULL), 0);
	assert_string_equal(seen.ro, "on");
	assert_refused("x,ro=yes", -EINVAL, "ro is a switch: use ro, ro=on or ro=off");
}

static void an_unknown_key_is_named_with_the_likely_one(void **state)
{
	(void)state;
	assert_refused("x,queue-siez=4", -EINVAL,
		       "'queue-siez' is not known: did you mean queue-size?");
	assert_refused("x,zebra", -EINVAL,
		       "'zebra' is not known (a comma in a name is written twice)");
	assert_refused("x,", -EINVAL, "'' is not known (a comma in a name is written twice)");
}

static void a_missing_value_is_refused(void **state)
{
	(void)state;
	assert_refused("x,name", -EINVAL, "name needs a value: name=TEXT");
	assert_refused("x,name=", -EINVAL, "name needs a value: name=TEXT");
}

static void a_key_given_twice_is_refused(void **state)
{
	(void)state;
	assert_refused("x,ro,ro", -EINVAL, "ro is given twice");
}

static void a_rows_error_carries_the_keys_name(void **state)
{
	(void)state;
	assert_refused("x,queue-size=huge", -ERANGE, "queue-size: 'huge' is too much");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_part_and_each_key_reach_their_rows),
		cmocka_unit_test(a_first_part_alone_is_enough),
		cmocka_unit_test(a_doubled_comma_belongs_to_the_value),
		cmocka_unit_test(a_value_may_hold_equals_signs),
		cmocka_unit_test(a_switch_is_on_alone_and_takes_on_and_off),
		cmocka_unit_test(an_unknown_key_is_named_with_the_likely_one),
		cmocka_unit_test(a_missing_value_is_refused),
		cmocka_unit_test(a_key_given_twice_is_refused),
		cmocka_unit_test(a_rows_error_carries_the_keys_name),
	};

	return cmocka_run_group_tests_name("keyvals", tests, NULL, NULL);
}
