#include "nat/tcp_seq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void order_holds_across_the_wrap(void **state)
{
	(void)state;
	assert_true(seq_before(0xfffffff0, 0x10));
	assert_false(seq_before(0x10, 0xfffffff0));
	assert_true(seq_after(0x10, 0xfffffff0));
	assert_false(seq_before(7, 7));
	assert_false(seq_after(7, 7));
	assert_int_equal(seq_later(0xfffffff0, 0x10), 0x10);
}

static void a_range_across_the_wrap_has_its_first_and_not_its_end(void **state)
{
	(void)state;
	assert_true(seq_within(0xfffffff0, 0xfffffff0, 0x20));
	assert_true(seq_within(0xf, 0xfffffff0, 0x20));
	assert_false(seq_within(0x10, 0xfffffff0, 0x20));
	assert_false(seq_within(0xffffffef, 0xfffffff0, 0x20));
	assert_false(seq_within(5, 5, 0));
}

static void only_what_was_sent_and_is_new_is_acknowledged(void **state)
{
	(void)state;
	assert_false(seq_acks(0xfffffff0, 0xfffffff0, 0x10));
	assert_true(seq_acks(0xfffffff1, 0xfffffff0, 0x10));
	assert_true(seq_acks(0x10, 0xfffffff0, 0x10));
	assert_false(seq_acks(0x11, 0xfffffff0, 0x10));
	assert_false(seq_acks(0x80000000, 0xfffffff0, 0x10));
	assert_false(seq_acks(9, 9, 9));
	assert_false(seq_acks(10, 9, 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_holds_across_the_wrap),
		cmocka_unit_test(a_range_across_the_wrap_has_its_first_and_not_its_end),
		cmocka_unit_test(only_what_was_sent_and_is_new_is_acknowledged),
	};

	return cmocka_run_group_tests_name("tcp_seq", tests, NULL, NULL);
}
