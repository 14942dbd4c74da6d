#include "said.h"

#include <errno.h>
#include <stdlib.h>

#include "host/now.h"
#include "machine/timekeeper.h"

struct fixture;

struct probe {
	struct timer timer;
	struct fixture *f;
	unsigned fired;
	uint64_t deadline_ns, fired_ns;
	uint64_t again_ns; /* arm again by so much when fired; 0: no */
	bool was_locked;
};

struct fixture {
	struct loop loop;
	struct device_lock lock;
	struct timekeeper t;
	struct probe a, b;
	char order[8];
};

static void fire(void *arg, uint64_t now_ns)
{
	struct probe *p = arg;

	p->fired++;
	p->fired_ns = now_ns;
	p->was_locked = pthread_mutex_trylock(&p->f->lock.mutex) == EBUSY;
	if (strlen(p->f->order) + 1 < sizeof(p->f->order))
		strcat(p->f->order, p == &p->f->a ? "a" : "b");
	if (p->again_ns)
		timer_arm(&p->f->t.clock, &p->timer, now_ns + p->again_ns);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	alarm(60);
	f->lock = (struct device_lock)DEVICE_LOCK_INIT;
	assert_int_equal(loop_init(&f->loop), 0);
	assert_int_equal(timekeeper_init(&f->t, &f->loop, &f->lock, NULL), 0);
	f->a.f = f->b.f = f;
	timer_init(&f->a.timer, fire, &f->a);
	timer_init(&f->b.timer, fire, &f->b);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	alarm(0);
	timekeeper_close(&f->t, &f->loop);
	loop_close(&f->loop);
	free(f);
	return 0;
}

static uint64_t now(struct fixture *f)
{
	return clock_now(&f->t.clock);
}

static void arm(struct fixture *f, struct probe *p, uint64_t from_now_ns)
{
	p->deadline_ns = now(f) + from_now_ns;
	timer_arm(&f->t.clock, &p->timer, p->deadline_ns);
}

static void wait_until_fired(struct fixture *f, const struct probe *p, unsigned count)
{
	while (p->fired < count)
		loop_wait(&f->loop, 1000);
}

static void guest_time_starts_near_zero_and_goes_on(void **state)
{
	struct fixture *f = *state;
	const uint64_t since_init_ns = host_now_ns() - f->t.zero_ns;
	const uint64_t first_ns = now(f);

	assert_true(first_ns >= since_init_ns && first_ns < 30 * NS_PER_S);
	usleep(1000);
	assert_true(now(f) >= first_ns + NS_PER_MS);
}

static void a_timer_fires_once_by_the_loop_and_never_early(void **state)
{
	struct fixture *f = *state;

	arm(f, &f->a, 5 * NS_PER_MS);
	assert_int_equal(f->a.fired, 0);
	wait_until_fired(f, &f->a, 1);
	assert_true(f->a.fired_ns >= f->a.deadline_ns);
	assert_int_equal(loop_wait(&f->loop, 20), 0);
	assert_int_equal(f->a.fired, 1);
}

static void handlers_run_under_the_device_lock(void **state)
{
	struct fixture *f = *state;

	arm(f, &f->a, 0);
	wait_until_fired(f, &f->a, 1);
	assert_true(f->a.was_locked);
	assert_int_equal(pthread_mutex_trylock(&f->lock.mutex), 0); /* and it is free again */
	pthread_mutex_unlock(&f->lock.mutex);
}

static void a_deadline_in_the_past_fires_at_the_next_round(void **state)
{
	struct fixture *f = *state;

	usleep(2000);
	timer_arm(&f->t.clock, &f->a.timer, 0);
	assert_int_equal(loop_wait(&f->loop, 10000), 1);
	assert_int_equal(f->a.fired, 1);
}

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
	struct fixture *f = *state;

	arm(f, &f->b, 4 * NS_PER_MS);
	arm(f, &f->a, 2 * NS_PER_MS);
	wait_until_fired(f, &f->b, 1);
	assert_string_equal(f->order, "ab");
}

static void a_periodic_timer_comes_again(void **state)
{
	struct fixture *f = *state;

	f->a.again_ns = NS_PER_MS;
	arm(f, &f->a, NS_PER_MS);
	wait_until_fired(f, &f->a, 5);
	f->a.again_ns = 0;
}

static void a_disarmed_timer_stays_silent(void **state)
{
	struct fixture *f = *state;

	arm(f, &f->a, NS_PER_MS);
	timer_disarm(&f->t.clock, &f->a.timer);
	usleep(3000);
	assert_int_equal(loop_wait(&f->loop, 0), 0);
	assert_int_equal(f->a.fired, 0);
}

static void disarming_one_that_is_due_lets_the_other_fire(void **state)
{
	struct fixture *f = *state;

	arm(f, &f->a, NS_PER_MS);
	arm(f, &f->b, 2 * NS_PER_MS);
	usleep(3000);
	timer_disarm(&f->t.clock, &f->a.timer);
	wait_until_fired(f, &f->b, 1);
	assert_int_equal(f->a.fired, 0);
}

static void a_pause_takes_no_guest_time(void **state)
{
	struct fixture *f = *state;
	uint64_t paused_ns, resumed_host_ns, after_ns;

	timekeeper_pause(&f->t);
	paused_ns = now(f);
	usleep(20000);
	timekeeper_pause(&f->t); /* again: the first one counts */
	assert_int_equal(now(f), paused_ns);
	resumed_host_ns = host_now_ns();
	timekeeper_resume(&f->t);
	after_ns = now(f);
	assert_true(after_ns >= paused_ns);
	assert_true(after_ns - paused_ns <= host_now_ns() - resumed_host_ns);
}

static void resuming_what_runs_changes_nothing(void **state)
{
	struct fixture *f = *state;
	const uint64_t zero_ns = f->t.zero_ns;

	arm(f, &f->a, NS_PER_MS);
	timekeeper_resume(&f->t);
	assert_int_equal(f->t.zero_ns, zero_ns);
	wait_until_fired(f, &f->a, 1);
}

static void a_timer_waits_while_the_guest_is_paused(void **state)
{
	struct fixture *f = *state;
	uint64_t resumed_ns, left_ns;

	arm(f, &f->a, NS_PER_S / 4);
	timekeeper_pause(&f->t);
	left_ns = f->a.deadline_ns > now(f) ? f->a.deadline_ns - now(f) : 0;
	assert_int_equal(loop_wait(&f->loop, 300), 0);
	assert_int_equal(f->a.fired, 0);
	resumed_ns = host_now_ns();
	timekeeper_resume(&f->t);
	wait_until_fired(f, &f->a, 1);
	assert_true(f->a.fired_ns >= f->a.deadline_ns);
	assert_true(host_now_ns() - resumed_ns >= left_ns);
}

static void a_timer_armed_in_a_pause_fires_after_it(void **state)
{
	struct fixture *f = *state;

	timekeeper_pause(&f->t);
	timer_arm(&f->t.clock, &f->a.timer, 0);
	assert_int_equal(loop_wait(&f->loop, 10), 0);
	timekeeper_resume(&f->t);
	wait_until_fired(f, &f->a, 1);
}

/* The timerfd has expired, but the pause came before the loop looked. */
static void what_expired_just_before_a_pause_waits_too(void **state)
{
	struct fixture *f = *state;

	arm(f, &f->a, 0);
	usleep(2000);
	timekeeper_pause(&f->t);
	loop_wait(&f->loop, 10);
	assert_int_equal(f->a.fired, 0);
	timekeeper_resume(&f->t);
	wait_until_fired(f, &f->a, 1);
}

static void a_deadline_at_the_end_of_time_does_not_wrap_round(void **state)
{
	struct fixture *f = *state;

	timer_arm(&f->t.clock, &f->a.timer, CLOCK_NEVER - 1);
	assert_int_equal(loop_wait(&f->loop, 10), 0);
	assert_int_equal(f->a.fired, 0);
}

static void without_a_lock_timers_fire_too(void **state)
{
	struct fixture *f = *state;
	struct timekeeper own;
	struct timer timer;

	assert_int_equal(timekeeper_init(&own, &f->loop, NULL, NULL), 0);
	timer_init(&timer, fire, &f->a);
	timer_arm(&own.clock, &timer, NS_PER_MS);
	wait_until_fired(f, &f->a, 1);
	assert_false(f->a.was_locked);
	pthread_mutex_unlock(&f->lock.mutex); /* the probe took it */
	timekeeper_close(&own, &f->loop);
	assert_int_equal(fcntl(own.source.fd, F_GETFD), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(guest_time_starts_near_zero_and_goes_on),
		TEST(a_timer_fires_once_by_the_loop_and_never_early),
		TEST(handlers_run_under_the_device_lock),
		TEST(a_deadline_in_the_past_fires_at_the_next_round),
		TEST(timers_fire_in_the_order_of_their_deadlines),
		TEST(a_periodic_timer_comes_again),
		TEST(a_disarmed_timer_stays_silent),
		TEST(disarming_one_that_is_due_lets_the_other_fire),
		TEST(a_pause_takes_no_guest_time),
		TEST(resuming_what_runs_changes_nothing),
		TEST(a_timer_waits_while_the_guest_is_paused),
		TEST(a_timer_armed_in_a_pause_fires_after_it),
		TEST(what_expired_just_before_a_pause_waits_too),
		TEST(a_deadline_at_the_end_of_time_does_not_wrap_round),
		TEST(without_a_lock_timers_fire_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
