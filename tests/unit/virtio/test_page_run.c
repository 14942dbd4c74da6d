#include "virtio/page_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static uint8_t pages[8][PAGE_RUN_PAGE];

static void check(const struct page_run *run, unsigned first, unsigned count)
{
	assert_ptr_equal(run->start, pages[first]);
	assert_int_equal(run->len, count * PAGE_RUN_PAGE);
}

static void the_first_page_begins_the_run(void **state)
{
	struct page_run run = { 0 };

	(void)state;
	assert_true(page_run_join(&run, pages[3]));
	check(&run, 3, 1);
}

static void a_run_grows_at_both_ends(void **state)
{
	struct page_run run = { 0 };

	(void)state;
	assert_true(page_run_join(&run, pages[3]));
	assert_true(page_run_join(&run, pages[4]));
	check(&run, 3, 2);
	assert_true(page_run_join(&run, pages[2]));
	assert_true(page_run_join(&run, pages[1]));
	check(&run, 1, 4);
	assert_true(page_run_join(&run, pages[5]));
	check(&run, 1, 5);
}

static void a_page_that_is_in_it_changes_nothing(void **state)
{
	struct page_run run = { pages[2], 3 * PAGE_RUN_PAGE };

	(void)state;
	for (unsigned i = 2; i < 5; i++)
		assert_true(page_run_join(&run, pages[i]));
	check(&run, 2, 3);
}

static void a_page_elsewhere_is_refused(void **state)
{
	struct page_run run = { pages[2], 3 * PAGE_RUN_PAGE };

	(void)state;
	assert_false(page_run_join(&run, pages[0]));
	assert_false(page_run_join(&run, pages[6]));
	check(&run, 2, 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_page_begins_the_run),
		cmocka_unit_test(a_run_grows_at_both_ends),
		cmocka_unit_test(a_page_that_is_in_it_changes_nothing),
		cmocka_unit_test(a_page_elsewhere_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
