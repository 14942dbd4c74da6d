/* Many timers: against a twin that looks at all of them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nat/timer.h"

#define TIMERS 100u

struct one {
	struct nat_timer timer;
	uint64_t deadline_ns; /* the twin's; NAT_NEVER: not armed */
	unsigned fired;
};

static struct nat_timers heap;
static struct one ones[TIMERS];

static void fire(struct nat_timer *t, uint64_t now_ns)
{
	struct one *o = container_of(t, struct one, timer);

	assert_true(o->deadline_ns <= now_ns);
	assert_int_equal(t->deadline_ns, NAT_NEVER);
	o->deadline_ns = NAT_NEVER;
	o->fired++;
}

static int reset(void **state)
{
	(void)state;
	heap = (struct nat_timers){ 0 };
	for (unsigned i = 0; i < TIMERS; i++) {
		ones[i] = (struct one){ .deadline_ns = NAT_NEVER };
		nat_timer_init(&ones[i].timer, fire);
	}
	return 0;
}

static void arm(unsigned i, uint64_t deadline_ns)
{
	ones[i].deadline_ns = deadline_ns;
	nat_timers_arm(&heap, &ones[i].timer, deadline_ns);
}

static void any_order_of_arming_moving_and_disarming_is_kept(void **state)
{
	uint64_t seed = 1, now_ns = 1000;

	(void)state;
	for (unsigned step = 0; step < 200000; step++) {
		const unsigned i = (unsigned)(seed >> 33) % TIMERS;
		const unsigned what = (unsigned)(seed >> 20) % 8;

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		if (what < 5) {
			arm(i, now_ns - 20 + (unsigned)(seed >> 40) % 500);
		} else if (what < 6) {
			ones[i].deadline_ns = NAT_NEVER;
			nat_timers_disarm(&heap, &ones[i].timer);
		} else {
			uint64_t first_ns = NAT_NEVER;

			now_ns += (unsigned)(seed >> 50) % 40;
			nat_timers_run(&heap, now_ns);
			for (unsigned k = 0; k < TIMERS; k++) {
				assert_true(ones[k].deadline_ns > now_ns);
				first_ns = min_u64(first_ns, ones[k].deadline_ns);
			}
			/* It may be asked too early, never too late. */
			assert_true(nat_timers_next_ns(&heap) <= first_ns);
			assert_true(first_ns != NAT_NEVER ||
				    nat_timers_next_ns(&heap) == NAT_NEVER);
		}
	}
}

static void disarmed_ones_leave_nothing_to_wake_up_for(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TIMERS; i++)
		arm(i, 1000 + i * 7 % 50);
	for (unsigned i = 0; i < TIMERS; i++)
		nat_timers_disarm(&heap, &ones[i].timer);
	assert_int_equal(nat_timers_next_ns(&heap), NAT_NEVER);
	nat_timers_disarm(&heap, &ones[0].timer);
}

static struct one *other;

static void fire_and_disarm_other(struct nat_timer *t, uint64_t now_ns)
{
	(void)now_ns;
	container_of(t, struct one, timer)->fired++;
	nat_timers_disarm(&heap, &other->timer);
}

static void a_timer_may_disarm_one_that_is_due_as_well(void **state)
{
	(void)state;
	other = &ones[1];
	ones[0].timer.fire = fire_and_disarm_other;
	arm(0, 10);
	arm(1, 11);
	arm(2, 12);
	nat_timers_run(&heap, 100);
	assert_int_equal(ones[0].fired, 1);
	assert_int_equal(ones[1].fired, 0);
	assert_int_equal(ones[2].fired, 1);
}

static void fire_and_put_other_off(struct nat_timer *t, uint64_t now_ns)
{
	(void)t;
	arm((unsigned)(other - ones), now_ns + 50);
}

static void one_that_is_put_off_while_it_is_due_waits(void **state)
{
	(void)state;
	other = &ones[1];
	ones[0].timer.fire = fire_and_put_other_off;
	arm(0, 10);
	arm(1, 11);
	nat_timers_run(&heap, 100);
	assert_int_equal(ones[1].fired, 0);
	nat_timers_run(&heap, 150);
	assert_int_equal(ones[1].fired, 1);
}

static void fire_again(struct nat_timer *t, uint64_t now_ns)
{
	(void)now_ns;
	container_of(t, struct one, timer)->fired++;
	nat_timers_arm(&heap, t, 1);
}

static void one_that_arms_itself_in_the_past_waits_for_the_next_run(void **state)
{
	(void)state;
	ones[0].timer.fire = fire_again;
	arm(0, 10);
	nat_timers_run(&heap, 100);
	assert_int_equal(ones[0].fired, 1);
	nat_timers_run(&heap, 100);
	assert_int_equal(ones[0].fired, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(any_order_of_arming_moving_and_disarming_is_kept, reset),
		cmocka_unit_test_setup(disarmed_ones_leave_nothing_to_wake_up_for, reset),
		cmocka_unit_test_setup(a_timer_may_disarm_one_that_is_due_as_well, reset),
		cmocka_unit_test_setup(one_that_is_put_off_while_it_is_due_waits, reset),
		cmocka_unit_test_setup(one_that_arms_itself_in_the_past_waits_for_the_next_run,
				       reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
