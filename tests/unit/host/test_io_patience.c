#include "host/io_patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define US 1000u

/* A guest, and how it fares with either kind of service. */
struct world {
	struct io_patience p;
	uint64_t now_ns;
	unsigned prompt_chains, patient_chains; /* at each sleep */
	uint64_t prompt_ns, patient_ns;		/* from sleep to sleep */
};

static bool sleep_once(struct world *w)
{
	const bool patient = w->p.patient;

	w->now_ns += patient ? w->patient_ns : w->prompt_ns;
	return io_patience_woken(&w->p, w->now_ns, patient ? w->patient_chains : w->prompt_chains);
}

/* How many of so many sleeps were patient ones. */
static unsigned sleep_often(struct world *w, unsigned sleeps)
{
	unsigned patient = 0;

	for (unsigned i = 0; i < sleeps; i++)
		patient += sleep_once(w);
	return patient;
}

static void go_deep(struct world *w)
{
	w->patient_chains = 30;
	w->patient_ns = 2400 * US;
}

static void go_shallow(struct world *w)
{
	w->patient_chains = 1;
	w->patient_ns = 400 * US;
}

static struct world made(void (*go)(struct world *w))
{
	struct world w = { .now_ns = NS_PER_S, .prompt_chains = 1, .prompt_ns = 300 * US };

	go(&w);
	return w;
}

static struct world deep(void)
{
	return made(go_deep);
}

static struct world shallow(void)
{
	return made(go_shallow);
}

static void it_is_prompt_until_that_was_measured(void **state)
{
	struct world w = deep();

	(void)state;
	assert_int_equal(sleep_often(&w, IO_PATIENCE_PROMPT_SLEEPS), 0);
	assert_int_equal(sleep_often(&w, 2), 2);
}

static void patience_stays_where_many_come_at_a_time(void **state)
{
	struct world w = deep();

	(void)state;
	sleep_often(&w, 100);
	assert_in_range(sleep_often(&w, 100000), 98000, 100000);
}

static void a_guest_that_waits_for_each_request_is_served_at_once(void **state)
{
	struct world w = shallow();

	(void)state;
	sleep_often(&w, 20000); /* attempts become rare */
	assert_in_range(sleep_often(&w, 100000), 1, 150);
}

static void patience_that_takes_longer_is_given_up(void **state)
{
	struct world w = deep();

	(void)state;
	w.patient_ns = 30 * w.prompt_ns; /* somebody else had the processor meanwhile */
	sleep_often(&w, 20000);
	assert_in_range(sleep_often(&w, 100000), 1, 150);
}

/* As on a host where nobody is in the way. */
static void where_it_is_all_the_same_service_is_prompt(void **state)
{
	struct world w = deep();

	(void)state;
	w.prompt_chains = w.patient_chains;
	w.prompt_ns = w.patient_ns;
	sleep_often(&w, 20000);
	assert_in_range(sleep_often(&w, 100000), 1, 150);
}

static void patience_ends_soon_after_depth_does(void **state)
{
	struct world w = deep();

	(void)state;
	sleep_often(&w, 1000);
	go_shallow(&w);
	sleep_often(&w, 2 * IO_PATIENCE_PATIENT_SLEEPS + IO_PATIENCE_PROMPT_SLEEPS);
	assert_in_range(sleep_often(&w, 20000), 1, 100);
}

static void and_comes_back_with_it(void **state)
{
	struct world w = shallow();

	(void)state;
	sleep_often(&w, 20000);
	go_deep(&w);
	sleep_often(&w, (IO_PATIENCE_REST_MAX + 1) * IO_PATIENCE_PROMPT_SLEEPS);
	assert_in_range(sleep_often(&w, 10000), 9800, 10000);
}

/* The world may have become another one, in which patience is the worse of the two. */
static void promptness_is_measured_again_now_and_then(void **state)
{
	struct world w = deep();

	(void)state;
	sleep_often(&w, 1000);
	w.prompt_ns = 50 * US;
	sleep_often(&w, IO_PATIENCE_KEEP * IO_PATIENCE_PATIENT_SLEEPS + 20000);
	assert_in_range(sleep_often(&w, 100000), 1, 150);
}

static void a_guest_with_little_to_do_is_served_at_once(void **state)
{
	struct world w = deep();

	(void)state;
	sleep_often(&w, 1000);
	w.prompt_ns = w.patient_ns = IO_PATIENCE_IDLE_NS + 1;
	sleep_often(&w, 1);
	assert_int_equal(sleep_often(&w, 10000), 0);
}

static void sleeps_without_any_chain_are_no_reason(void **state)
{
	struct world w = shallow();

	(void)state;
	w.prompt_chains = w.patient_chains = 0;
	sleep_often(&w, 20000);
	assert_in_range(sleep_often(&w, 100000), 1, 150);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_prompt_until_that_was_measured),
		cmocka_unit_test(patience_stays_where_many_come_at_a_time),
		cmocka_unit_test(a_guest_that_waits_for_each_request_is_served_at_once),
		cmocka_unit_test(patience_that_takes_longer_is_given_up),
		cmocka_unit_test(where_it_is_all_the_same_service_is_prompt),
		cmocka_unit_test(patience_ends_soon_after_depth_does),
		cmocka_unit_test(and_comes_back_with_it),
		cmocka_unit_test(promptness_is_measured_again_now_and_then),
		cmocka_unit_test(a_guest_with_little_to_do_is_served_at_once),
		cmocka_unit_test(sleeps_without_any_chain_are_no_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
