#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "block/throttle.h"

/* Start requests of so many bytes as early as allowed, from *now_ns on; returns how
 * many started before end_ns. */
static uint64_t run(struct throttle *t, uint64_t bytes, uint64_t *now_ns, uint64_t end_ns)
{
	uint64_t count = 0;

	while (*now_ns < end_ns) {
		const uint64_t wait_ns = throttle_wait_ns(t, *now_ns);

		if (wait_ns > 0) {
			*now_ns += wait_ns;
			assert_int_equal(throttle_wait_ns(t, *now_ns - 1), 1);
			assert_int_equal(throttle_wait_ns(t, *now_ns), 0);
			continue;
		}
		throttle_account(t, bytes, *now_ns);
		count++;
	}
	return count;
}

static void without_limits_nothing_waits(void **state)
{
	struct throttle t;

	(void)state;
	throttle_init(&t, 0, 5, 0, 5);
	assert_false(throttle_active(&t));
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(throttle_wait_ns(&t, 0), 0);
		throttle_account(&t, UINT64_MAX, 0);
	}
	throttle_destroy(&t);
}

static void a_burst_goes_at_once_and_then_the_rate_holds(void **state)
{
	struct throttle t;
	uint64_t now_ns = 0;

	(void)state;
	throttle_init(&t, 100, 10, 0, 0);
	assert_true(throttle_active(&t));
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(throttle_wait_ns(&t, 0), 0);
		throttle_account(&t, 512, 0);
	}
	assert_int_equal(throttle_wait_ns(&t, 0), NS_PER_S / 100);
	assert_int_equal(throttle_wait_ns(&t, NS_PER_S / 100 - 1), 1);
	assert_int_equal(throttle_wait_ns(&t, NS_PER_S / 100), 0);
	now_ns = NS_PER_S / 100;
	assert_int_equal(run(&t, 512, &now_ns, NS_PER_S), 99);
	/* A rest gives back the burst, and no more than that. */
	now_ns = 1000 * NS_PER_S;
	assert_int_equal(run(&t, 512, &now_ns, now_ns + 1), 10);
	throttle_destroy(&t);
}

static void a_burst_of_zero_is_a_seconds_worth(void **state)
{
	struct throttle t;
	uint64_t now_ns = 5;

	(void)state;
	throttle_init(&t, 250, 0, 0, 0);
	assert_int_equal(run(&t, 512, &now_ns, 6), 250);
	throttle_destroy(&t);
}

/* 7 a second does not divide a second: rounding would add up to an error. */
static void the_rate_is_exact_over_hours(void **state)
{
	const uint64_t hours = 10;
	struct throttle t;
	uint64_t now_ns = 0;

	(void)state;
	throttle_init(&t, 7, 2, 0, 0);
	assert_int_equal(run(&t, 4096, &now_ns, hours * 3600 * NS_PER_S), hours * 3600 * 7 + 1);
	/* The next one is allowed at the very nanosecond. */
	assert_int_equal(now_ns, hours * 3600 * NS_PER_S);
	throttle_destroy(&t);
}

static void bytes_are_limited_whatever_the_size_of_requests(void **state)
{
	struct throttle t;
	uint64_t now_ns = 0, bytes;

	(void)state;
	throttle_init(&t, 0, 0, MIB(10), MIB(1));
	bytes = run(&t, 4096, &now_ns, 100 * NS_PER_S) * 4096;
	/* A request may start when there is room for a byte: a debt of one at most. */
	assert_in_range(bytes, MIB(1000), MIB(1001) + 4096);
	bytes = run(&t, MIB(64), &now_ns, 1000 * NS_PER_S) * MIB(64);
	assert_in_range(bytes, MIB(9000) - MIB(64), MIB(9000) + MIB(64));
	throttle_destroy(&t);
}

static void a_request_larger_than_the_burst_goes_and_the_next_pays(void **state)
{
	struct throttle t;

	(void)state;
	throttle_init(&t, 0, 0, 1000, 100);
	assert_int_equal(throttle_wait_ns(&t, 0), 0);
	throttle_account(&t, 10000, 0);
	assert_int_equal(throttle_wait_ns(&t, 0), NS_PER_S / 1000 * (10000 - 100 + 1));
	throttle_destroy(&t);
}

static void both_limits_hold_and_the_longer_wait_counts(void **state)
{
	struct throttle t;

	(void)state;
	throttle_init(&t, 10, 1, 1000, 1000);
	throttle_account(&t, 100, 0);
	assert_int_equal(throttle_wait_ns(&t, 0), NS_PER_S / 10);
	throttle_account(&t, 2000, 0);
	assert_int_equal(throttle_wait_ns(&t, 0), NS_PER_MS * 1101);
	throttle_destroy(&t);
}

static void time_that_goes_back_gives_nothing(void **state)
{
	struct throttle t;

	(void)state;
	throttle_init(&t, 1, 1, 0, 0);
	throttle_account(&t, 0, 10 * NS_PER_S);
	assert_int_equal(throttle_wait_ns(&t, 5 * NS_PER_S), NS_PER_S);
	throttle_account(&t, 0, 0);
	assert_int_equal(throttle_wait_ns(&t, 10 * NS_PER_S), 2 * NS_PER_S);
	throttle_destroy(&t);
}

static void no_setting_overflows(void **state)
{
	static const uint64_t values[] = {
		1, 2, 999999999, UINT64_C(1) << 32, UINT64_MAX - 1, UINT64_MAX
	};
	struct throttle t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values) * ARRAY_LEN(values); i++) {
		const uint64_t rate = values[i / ARRAY_LEN(values)];
		const uint64_t burst = values[i % ARRAY_LEN(values)];

		throttle_init(&t, rate, burst, rate, burst);
		assert_int_equal(throttle_wait_ns(&t, 0), 0);
		for (unsigned n = 0; n < 100; n++) /* above what counts as endless */
			throttle_account(&t, UINT64_MAX, UINT64_MAX - 200 + n);
		/* 100 * 2^64 bytes at the rate, less the burst. */
		if (rate <= 99)
			assert_int_equal(throttle_wait_ns(&t, UINT64_MAX - 99), UINT64_MAX);
		else
			assert_true(throttle_wait_ns(&t, UINT64_MAX - 99) > 90 * NS_PER_S);
		throttle_destroy(&t);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_limits_nothing_waits),
		cmocka_unit_test(a_burst_goes_at_once_and_then_the_rate_holds),
		cmocka_unit_test(a_burst_of_zero_is_a_seconds_worth),
		cmocka_unit_test(the_rate_is_exact_over_hours),
		cmocka_unit_test(bytes_are_limited_whatever_the_size_of_requests),
		cmocka_unit_test(a_request_larger_than_the_burst_goes_and_the_next_pays),
		cmocka_unit_test(both_limits_hold_and_the_longer_wait_counts),
		cmocka_unit_test(time_that_goes_back_gives_nothing),
		cmocka_unit_test(no_setting_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
