/* The backlog: order, bound, and where its bytes lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "char/backlog.h"

static void bytes_come_out_in_order_however_they_went_in(void **state)
{
	struct backlog b = { 0 };
	uint64_t in = 0, out = 0;
	uint8_t chunk[3000];

	(void)state;
	for (unsigned round = 0; round < 5000; round++) {
		const size_t len = (round * 7919u) % sizeof(chunk);
		size_t n;

		for (size_t i = 0; i < len; i++)
			chunk[i] = (uint8_t)((in + i) % 251);
		in += backlog_append(&b, chunk, len, KIB(64));
		assert_true(backlog_used(&b) <= KIB(64));
		n = backlog_used(&b) / (round % 5 + 2);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(backlog_run(&b)[i], (out + i) % 251);
		backlog_skip(&b, n);
		out += n;
	}
	assert_int_equal(in - out, backlog_used(&b));
	backlog_free(&b);
}

static void no_more_than_the_limit_is_taken(void **state)
{
	struct backlog b = { 0 };
	uint8_t chunk[1000] = { 0 };

	(void)state;
	assert_int_equal(backlog_append(&b, chunk, 1000, 1500), 1000);
	assert_int_equal(backlog_append(&b, chunk, 1000, 1500), 500);
	assert_int_equal(backlog_append(&b, chunk, 1000, 1500), 0);
	backlog_skip(&b, 100);
	assert_int_equal(backlog_append(&b, chunk, 1000, 1500), 100);
	backlog_free(&b);
}

static void an_emptied_backlog_begins_at_its_first_byte(void **state)
{
	struct backlog b = { 0 };
	const uint8_t *first;

	(void)state;
	backlog_append(&b, (const uint8_t *)"abc", 3, BACKLOG_BYTES);
	first = backlog_run(&b);
	backlog_skip(&b, 3);
	backlog_append(&b, (const uint8_t *)"d", 1, BACKLOG_BYTES);
	assert_ptr_equal(backlog_run(&b), first);
	assert_int_equal(*first, 'd');
	backlog_free(&b);
}

static void nothing_is_mapped_before_the_first_byte(void **state)
{
	struct backlog b = { 0 };

	(void)state;
	backlog_append(&b, NULL, 0, BACKLOG_BYTES);
	assert_null(b.bytes);
	backlog_free(&b);
}

static void a_limit_lowered_below_the_contents_takes_nothing(void **state)
{
	struct backlog b = { 0 };
	uint8_t chunk[200] = { 0 };

	(void)state;
	backlog_append(&b, chunk, 200, 200);
	assert_int_equal(backlog_append(&b, chunk, 1, 100), 0);
	assert_int_equal(backlog_used(&b), 200);
	backlog_free(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_in_order_however_they_went_in),
		cmocka_unit_test(no_more_than_the_limit_is_taken),
		cmocka_unit_test(an_emptied_backlog_begins_at_its_first_byte),
		cmocka_unit_test(nothing_is_mapped_before_the_first_byte),
		cmocka_unit_test(a_limit_lowered_below_the_contents_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
