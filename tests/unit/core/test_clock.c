#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define TIMERS 4

struct fixture;

struct probe {
	struct timer timer;
	struct fixture *f;
	unsigned fired;
	uint64_t fired_ns;
	/* What its handler does besides: to which timer, and when. */
	struct probe *rearm, *disarm;
	uint64_t rearm_ns;
};

struct fixture {
	struct clock clock;
	uint64_t now_ns, told_ns;
	unsigned told;
	struct probe p[TIMERS];
	char order[64]; /* a letter a timer that fired */
};

static uint64_t now(void *ctx)
{
	return ((struct fixture *)ctx)->now_ns;
}

static void told(void *ctx, uint64_t deadline_ns)
{
	struct fixture *f = ctx;

	f->told_ns = deadline_ns;
	f->told++;
}

static void fire(void *arg, uint64_t now_ns)
{
	struct probe *p = arg;
	const size_t used = strlen(p->f->order);

	assert_false(timer_armed(&p->timer));
	p->fired++;
	p->fired_ns = now_ns;
	if (used + 1 < sizeof(p->f->order))
		p->f->order[used] = (char)('a' + (p - p->f->p));
	if (p->disarm)
		timer_disarm(&p->f->clock, &p->disarm->timer);
	if (p->rearm)
		timer_arm(&p->f->clock, &p->rearm->timer, p->rearm_ns);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->clock.now_ns = now;
	f->clock.rearm = told;
	f->clock.ctx = f;
	f->told_ns = CLOCK_NEVER;
	for (unsigned i = 0; i < TIMERS; i++) {
		f->p[i].f = f;
		timer_init(&f->p[i].timer, fire, &f->p[i]);
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void arm(struct fixture *f, unsigned i, uint64_t deadline_ns)
{
	timer_arm(&f->clock, &f->p[i].timer, deadline_ns);
}

static void run_at(struct fixture *f, uint64_t now_ns)
{
	f->now_ns = now_ns;
	clock_run(&f->clock);
}

/* ---- arming ------------------------------------------------------------------------ */

static void the_clock_is_told_the_earliest_deadline(void **state)
{
	struct fixture *f = *state;

	arm(f, 0, 300);
	assert_int_equal(f->told_ns, 300);
	arm(f, 1, 100);
	assert_int_equal(f->told_ns, 100);
	arm(f, 2, 200);
	assert_int_equal(f->told, 2);
	timer_disarm(&f->clock, &f->p[1].timer);
	assert_int_equal(f->told_ns, 200);
	timer_disarm(&f->clock, &f->p[2].timer);
	timer_disarm(&f->clock, &f->p[0].timer);
	assert_int_equal(f->told_ns, CLOCK_NEVER);
}

static void an_armed_timer_can_be_moved(void **state)
{
	struct fixture *f = *state;

	arm(f, 0, 100);
	arm(f, 1, 200);
	arm(f, 0, 300);
	assert_int_equal(f->told_ns, 200);
	run_at(f, 250);
	assert_string_equal(f->order, "b");
	run_at(f, 300);
	assert_string_equal(f->order, "ba");
}

static void disarming_what_is_not_armed_is_harmless(void **state)
{
	struct fixture *f = *state;

	timer_disarm(&f->clock, &f->p[0].timer);
	assert_int_equal(f->told, 0);
	assert_false(timer_armed(&f->p[0].timer));
}

/* ---- firing ------------------------------------------------------------------------- */

static void due_timers_fire_in_order_of_deadline(void **state)
{
	struct fixture *f = *state;

	arm(f, 0, 300);
	arm(f, 1, 100);
	arm(f, 2, 200);
	arm(f, 3, 301);
	run_at(f, 300);
	assert_string_equal(f->order, "bca");
	assert_int_equal(f->p[0].fired_ns, 300);
	assert_int_equal(f->told_ns, 301);
	assert_true(timer_armed(&f->p[3].timer));
}

static void equal_deadlines_fire_in_order_of_arming(void **state)
{
	struct fixture *f = *state;

	arm(f, 2, 100);
	arm(f, 0, 100);
	arm(f, 1, 100);
	run_at(f, 100);
	assert_string_equal(f->order, "cab");
}

static void a_timer_fires_once(void **state)
{
	struct fixture *f = *state;

	arm(f, 0, 100);
	run_at(f, 100);
	run_at(f, 200);
	assert_int_equal(f->p[0].fired, 1);
	assert_int_equal(f->told_ns, CLOCK_NEVER);
}

static void a_deadline_in_the_past_fires_at_the_next_run(void **state)
{
	struct fixture *f = *state;

	f->now_ns = 1000;
	arm(f, 0, 5);
	assert_int_equal(f->p[0].fired, 0);
	clock_run(&f->clock);
	assert_int_equal(f->p[0].fired, 1);
}

static void a_handler_that_rearms_itself_in_the_past_waits_for_the_next_run(void **state)
{
	struct fixture *f = *state;

	f->p[0].rearm = &f->p[0];
	f->p[0].rearm_ns = 1;
	arm(f, 0, 100);
	run_at(f, 100);
	assert_int_equal(f->p[0].fired, 1);
	assert_int_equal(f->told_ns, 1);
	run_at(f, 100);
	assert_int_equal(f->p[0].fired, 2);
}

static void a_handler_can_disarm_another_that_is_due(void **state)
{
	struct fixture *f = *state;

	f->p[0].disarm = &f->p[1];
	arm(f, 0, 100);
	arm(f, 1, 150);
	arm(f, 2, 160);
	run_at(f, 200);
	assert_string_equal(f->order, "ac");
	assert_false(timer_armed(&f->p[1].timer));
}

static void a_handler_can_move_another_that_is_due(void **state)
{
	struct fixture *f = *state;

	f->p[0].rearm = &f->p[1];
	f->p[0].rearm_ns = 500;
	arm(f, 0, 100);
	arm(f, 1, 150);
	arm(f, 2, 160);
	arm(f, 3, 900);
	run_at(f, 200);
	assert_string_equal(f->order, "ac");
	assert_int_equal(f->told_ns, 500);
	run_at(f, 500);
	assert_string_equal(f->order, "acb");
	assert_int_equal(f->told_ns, 900);
}

static void a_run_with_nothing_due_only_tells_the_deadline(void **state)
{
	struct fixture *f = *state;

	arm(f, 0, 100);
	run_at(f, 99);
	assert_string_equal(f->order, "");
	assert_int_equal(f->told_ns, 100);
}

/* ---- ticks ----------------------------------------------------------------------------- */

static void ticks_are_exact_over_centuries(void **state)
{
	const uint64_t century_s = UINT64_C(36525) * 86400;

	(void)state;
	assert_int_equal(ns_to_ticks(0, 1193182), 0);
	assert_int_equal(ns_to_ticks(NS_PER_S, 1193182), 1193182);
	assert_true(ns_to_ticks(century_s * NS_PER_S, 3579545) == century_s * 3579545);
	assert_true(ticks_to_ns(century_s * 3579545, 3579545) == century_s * NS_PER_S);
}

static void a_tick_comes_at_the_first_nanosecond_that_has_it(void **state)
{
	static const uint32_t rates_hz[] = { 1, 32768, 1193182, 3579545, 1000000000, UINT32_MAX };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rates_hz); i++) {
		for (uint64_t tick = 1; tick < UINT64_C(1) << 33; tick = tick * 3 + 1) {
			const uint64_t ns = ticks_to_ns(tick, rates_hz[i]);

			assert_true(ns_to_ticks(ns, rates_hz[i]) >= tick);
			assert_true(ns_to_ticks(ns - 1, rates_hz[i]) < tick);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_clock_is_told_the_earliest_deadline),
		TEST(an_armed_timer_can_be_moved),
		TEST(disarming_what_is_not_armed_is_harmless),
		TEST(due_timers_fire_in_order_of_deadline),
		TEST(equal_deadlines_fire_in_order_of_arming),
		TEST(a_timer_fires_once),
		TEST(a_deadline_in_the_past_fires_at_the_next_run),
		TEST(a_handler_that_rearms_itself_in_the_past_waits_for_the_next_run),
		TEST(a_handler_can_disarm_another_that_is_due),
		TEST(a_handler_can_move_another_that_is_due),
		TEST(a_run_with_nothing_due_only_tells_the_deadline),
		cmocka_unit_test(ticks_are_exact_over_centuries),
		cmocka_unit_test(a_tick_comes_at_the_first_nanosecond_that_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
