#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "block/qcow2_places.h"

#define CLUSTER KIB(64)

static void a_table_is_where_it_was_added_and_nowhere_else(void **state)
{
	struct qcow2_places p;

	(void)state;
	assert_int_equal(qcow2_places_init(&p, 16, 100 * CLUSTER, 0), 0);
	assert_int_equal(qcow2_places_add(&p, 63 * CLUSTER, CLUSTER + 1, "x", NULL), 0);
	assert_int_equal(qcow2_places_add(&p, 0, 0, "x", NULL), 0);
	for (uint64_t c = 0; c < 200; c++)
		assert_int_equal(qcow2_places_has(&p, c), c == 63 || c == 64);
	assert_true(qcow2_places_any(&p, 60, 4));
	assert_true(qcow2_places_any(&p, 64, 1));
	assert_false(qcow2_places_any(&p, 60, 3));
	assert_false(qcow2_places_any(&p, 65, 30));
	assert_false(qcow2_places_any(&p, UINT64_MAX - 4, 4));
	qcow2_places_clear(&p, 64);
	assert_false(qcow2_places_has(&p, 64));
	qcow2_places_free(&p);
	assert_false(qcow2_places_has(&p, 63)); /* of nothing, nothing is known */
}

static void tables_in_one_place_or_out_of_reach_are_damage(void **state)
{
	struct qcow2_places p;
	struct err err;

	(void)state;
	assert_int_equal(qcow2_places_init(&p, 16, 100 * CLUSTER, 10 * CLUSTER), 0);
	assert_int_equal(qcow2_places_add(&p, 5 * CLUSTER, 3 * CLUSTER, "x.qcow2", &err), 0);
	assert_int_equal(qcow2_places_add(&p, 7 * CLUSTER, 1, "x.qcow2", &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "x.qcow2 is damaged: two of its tables are in one place"));
	assert_int_equal(qcow2_places_add(&p, 109 * CLUSTER, 1, "x.qcow2", &err), 0);
	assert_int_equal(qcow2_places_add(&p, 109 * CLUSTER, GIB(1), "x.qcow2", &err), -EUCLEAN);
	assert_int_equal(qcow2_places_add(&p, UINT64_C(1) << 62, 8, "x.qcow2", &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "far behind the file's end"));
	qcow2_places_free(&p);
}

static void the_largest_file_takes_no_memory(void **state)
{
	struct qcow2_places p;

	(void)state;
	assert_int_equal(qcow2_places_init(&p, 9, INT64_MAX, INT64_MAX), 0);
	assert_int_equal(qcow2_places_add(&p, MIB(512), 1, "x", NULL), 0);
	assert_false(qcow2_places_has(&p, UINT64_C(1) << 54));
	qcow2_places_set(&p, UINT64_C(1) << 54); /* cannot be remembered */
	assert_false(qcow2_places_has(&p, UINT64_C(1) << 54));
	qcow2_places_free(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_where_it_was_added_and_nowhere_else),
		cmocka_unit_test(tables_in_one_place_or_out_of_reach_are_damage),
		cmocka_unit_test(the_largest_file_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
