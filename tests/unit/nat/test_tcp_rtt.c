#include "nat/tcp_rtt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void the_first_timeout_is_a_second(void **state)
{
	struct tcp_rtt r;

	(void)state;
	tcp_rtt_init(&r);
	assert_true(tcp_rtt_timeout_ns(&r) == NS_PER_S);
}

static void the_first_sample_sets_mean_and_variation(void **state)
{
	struct tcp_rtt r;

	(void)state;
	tcp_rtt_init(&r);
	tcp_rtt_sample(&r, 400 * NS_PER_MS);
	assert_true(r.smoothed_ns == 400 * NS_PER_MS);
	assert_true(r.variation_ns == 200 * NS_PER_MS);
	assert_true(tcp_rtt_timeout_ns(&r) == 1200 * NS_PER_MS);
}

static void later_samples_weigh_an_eighth_and_a_quarter(void **state)
{
	struct tcp_rtt r;

	(void)state;
	tcp_rtt_init(&r);
	tcp_rtt_sample(&r, 400 * NS_PER_MS);
	tcp_rtt_sample(&r, 800 * NS_PER_MS);
	assert_true(r.variation_ns == 250 * NS_PER_MS);
	assert_true(r.smoothed_ns == 450 * NS_PER_MS);
	assert_true(tcp_rtt_timeout_ns(&r) == 1450 * NS_PER_MS);
}

static void a_steady_fast_guest_gets_the_least_timeout(void **state)
{
	struct tcp_rtt r;

	(void)state;
	tcp_rtt_init(&r);
	for (unsigned i = 0; i < 100; i++)
		tcp_rtt_sample(&r, 50 * NS_PER_US);
	assert_true(tcp_rtt_timeout_ns(&r) == TCP_RTO_MIN_NS);
}

static void each_expiry_doubles_the_timeout_up_to_a_minute(void **state)
{
	struct tcp_rtt r;
	uint64_t want_ns = NS_PER_S;

	(void)state;
	tcp_rtt_init(&r);
	for (unsigned i = 0; i < 100; i++) {
		assert_true(tcp_rtt_timeout_ns(&r) == min_u64(want_ns, 60 * NS_PER_S));
		tcp_rtt_back_off(&r);
		want_ns = min_u64(2 * want_ns, 60 * NS_PER_S);
	}
	tcp_rtt_sample(&r, NS_PER_MS);
	assert_true(tcp_rtt_timeout_ns(&r) == TCP_RTO_MIN_NS);
}

static void absurd_samples_stay_inside_the_bounds(void **state)
{
	struct tcp_rtt r;

	(void)state;
	tcp_rtt_init(&r);
	tcp_rtt_sample(&r, UINT64_MAX);
	assert_true(tcp_rtt_timeout_ns(&r) == TCP_RTO_MAX_NS);
	for (unsigned i = 0; i < 200; i++)
		tcp_rtt_sample(&r, 0);
	assert_true(tcp_rtt_timeout_ns(&r) == TCP_RTO_MIN_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_timeout_is_a_second),
		cmocka_unit_test(the_first_sample_sets_mean_and_variation),
		cmocka_unit_test(later_samples_weigh_an_eighth_and_a_quarter),
		cmocka_unit_test(a_steady_fast_guest_gets_the_least_timeout),
		cmocka_unit_test(each_expiry_doubles_the_timeout_up_to_a_minute),
		cmocka_unit_test(absurd_samples_stay_inside_the_bounds),
	};

	return cmocka_run_group_tests_name("tcp_rtt", tests, NULL, NULL);
}
