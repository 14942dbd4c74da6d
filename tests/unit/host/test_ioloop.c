/* The I/O loop: rounds, timers, pollers and posts, on both engines. */
#include "host/ioloop_internal.h"

#include "fake/both_engines.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>

#include "host/now.h"

/* ---- rounds ---------------------------------------------------------------------- */

static void a_round_with_nothing_to_do_ends_in_time(void **state)
{
	struct ioloop *l = loop_of(state);
	uint64_t begun_ns = host_now_ns();
	unsigned rounds = 0;

	/* The kernel winds up the ring of the test before in this thread: that ends
	 * a wait, too, as a signal does. */
	for (; host_now_ns() - begun_ns < 60 * NS_PER_MS; rounds++)
		assert_int_equal(ioloop_round(l, 30), 0);
	assert_in_range(rounds, 1, 5);
	begun_ns = host_now_ns();
	for (rounds = 0; rounds < 1000; rounds++)
		assert_int_equal(ioloop_round(l, 0), 0);
	assert_true(host_now_ns() - begun_ns < 5 * NS_PER_S);
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static long sleeps(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_nvcsw;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

/* Whether a round of 200 ms was one sleep and next to no work. */
static bool slept_through(struct ioloop *l)
{
	const uint64_t cpu_ns = thread_cpu_ns();
	const long before = sleeps();

	l->poll_ns = IO_POLL_NS; /* as right after a busy time */
	l->no_look_until_ns = 0;
	assert_int_equal(ioloop_round(l, 200), 0);
	return sleeps() - before <= 2 && thread_cpu_ns() - cpu_ns < 5 * NS_PER_MS;
}

static void an_idle_loop_sleeps_once_and_burns_nothing(void **state)
{
	struct ioloop *l = loop_of(state);
	struct io_poller p = { .poll = never, .settle = never };
	unsigned tries = 0;

	ioloop_add_poller(l, &p);
	ioloop_set_poll_ns(l, IO_POLL_NS);
	ioloop_round(l, 0);
	while (!slept_through(l)) /* a host that steals time counts it as ours */
		assert_true(++tries < 10);
	ioloop_remove_poller(l, &p);
}

/* ---- timers ------------------------------------------------------------------------ */

struct alarm_clock {
	struct io_timer timer;
	struct ioloop *l;
	unsigned *order, rank, fired;
	uint64_t at_ns;
	uint64_t again_ns;	      /* arm again to this; 0: do not */
	struct alarm_clock *silences; /* disarm this one */
};

static void fire(void *arg, uint64_t now_ns)
{
	struct alarm_clock *a = arg;

	a->fired++;
	a->at_ns = now_ns;
	if (a->order)
		a->rank = ++*a->order;
	if (a->again_ns)
		ioloop_arm(a->l, &a->timer, a->again_ns);
	if (a->silences)
		ioloop_disarm(a->l, &a->silences->timer);
}

static void init_alarm(struct ioloop *l, struct alarm_clock *a, unsigned *order)
{
	*a = (struct alarm_clock){ .l = l, .order = order };
	io_timer_init(&a->timer, fire, a);
}

static void timers_fire_in_order_of_their_deadlines(void **state)
{
	struct ioloop *l = loop_of(state);
	const uint64_t base_ns = host_now_ns();
	struct alarm_clock a[4];
	unsigned order = 0;
	static const unsigned ms[] = { 9, 3, 6, 3 };
	static const unsigned rank[] = { 4, 1, 3, 2 };

	for (unsigned i = 0; i < 4; i++) {
		init_alarm(l, &a[i], &order);
		ioloop_arm(l, &a[i].timer, base_ns + ms[i] * NS_PER_MS);
	}
	while (order < 4)
		ioloop_round(l, -1); /* wakes by itself */
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(a[i].rank, rank[i]);
		assert_int_equal(a[i].fired, 1);
		assert_true(a[i].at_ns >= base_ns + ms[i] * NS_PER_MS);
	}
}

static void a_past_deadline_fires_in_the_next_round(void **state)
{
	struct ioloop *l = loop_of(state);
	struct alarm_clock a;

	init_alarm(l, &a, NULL);
	ioloop_arm(l, &a.timer, 0);
	assert_int_equal(a.fired, 0);
	assert_int_equal(ioloop_round(l, -1), 1);
	assert_int_equal(a.fired, 1);
	assert_true(a.timer.deadline_ns == UINT64_MAX);
}

static void a_timer_may_be_moved_and_disarmed(void **state)
{
	struct ioloop *l = loop_of(state);
	const uint64_t now_ns = host_now_ns();
	struct alarm_clock a, b;

	init_alarm(l, &a, NULL);
	init_alarm(l, &b, NULL);
	ioloop_disarm(l, &a.timer); /* harmless */
	ioloop_arm(l, &a.timer, 0);
	ioloop_arm(l, &b.timer, 0);
	ioloop_arm(l, &a.timer, now_ns + NS_PER_S * 1000);
	assert_int_equal(ioloop_round(l, 0), 1);
	ioloop_arm(l, &a.timer, 0);
	ioloop_disarm(l, &a.timer);
	ioloop_arm(l, &b.timer, UINT64_MAX);
	assert_int_equal(ioloop_round(l, 5), 0);
	assert_int_equal(a.fired, 0);
	assert_int_equal(b.fired, 1);
}

static void a_timer_armed_by_itself_waits_for_the_next_round(void **state)
{
	struct ioloop *l = loop_of(state);
	struct alarm_clock a, b;

	init_alarm(l, &a, NULL);
	init_alarm(l, &b, NULL);
	a.again_ns = b.again_ns = 1;
	ioloop_arm(l, &a.timer, 0);
	ioloop_arm(l, &b.timer, 1);
	for (unsigned i = 1; i <= 10; i++) {
		ioloop_round(l, -1);
		assert_in_range(a.fired, i, 2 * i); /* submitting looks at the clock again */
		assert_int_equal(a.fired, b.fired);
	}
}

static void a_due_timer_may_be_disarmed_by_another(void **state)
{
	struct ioloop *l = loop_of(state);
	struct alarm_clock a, b;

	init_alarm(l, &a, NULL);
	init_alarm(l, &b, NULL);
	a.silences = &b;
	ioloop_arm(l, &a.timer, 0);
	ioloop_arm(l, &b.timer, 0);
	assert_int_equal(ioloop_round(l, 0), 1);
	assert_int_equal(ioloop_round(l, 0), 0);
	assert_int_equal(a.fired, 1);
	assert_int_equal(b.fired, 0);
}

/* ---- pollers ------------------------------------------------------------------------- */

struct guest {
	struct io_poller poller;
	struct ioloop *l;
	unsigned polls, settles, finishes;
	struct io_task *posts; /* when asked; once */
	unsigned waiting;      /* what poll() and settle() serve, one a time */
	unsigned served;
	bool only_settle;      /* poll() does not look */
	struct guest *removes; /* when polled */
};

static bool serve_one(struct guest *g)
{
	if (g->posts)
		ioloop_post(g->l, g->posts);
	g->posts = NULL;
	if (g->waiting == 0)
		return false;
	g->waiting--;
	g->served++;
	return true;
}

static bool guest_poll(void *arg)
{
	struct guest *g = arg;

	g->polls++;
	if (g->removes)
		ioloop_remove_poller(g->l, &g->removes->poller);
	return !g->only_settle && serve_one(g);
}

static bool guest_settle(void *arg)
{
	struct guest *g = arg;

	g->settles++;
	return serve_one(g);
}

static void guest_finish(void *arg)
{
	((struct guest *)arg)->finishes++;
}

static void add_guest(struct ioloop *l, struct guest *g)
{
	*g = (struct guest){ .l = l };
	g->poller = (struct io_poller){
		.poll = guest_poll, .settle = guest_settle, .finish = guest_finish, .arg = g
	};
	ioloop_add_poller(l, &g->poller);
}

static void a_loop_settles_before_it_sleeps(void **state)
{
	struct ioloop *l = loop_of(state);
	struct guest g;

	add_guest(l, &g);
	assert_int_equal(ioloop_round(l, 2), 0);
	assert_int_equal(g.settles, 1);
	assert_int_equal(g.finishes, 0);
	g.waiting = 1;
	g.only_settle = true;
	assert_true(ioloop_round(l, -1) > 0); /* did not sleep: nobody would wake it */
	assert_int_equal(g.served, 1);
	assert_int_equal(g.finishes, 1);
	ioloop_remove_poller(l, &g.poller);
}

static bool settle_arms(void *arg)
{
	struct alarm_clock *a = arg;

	ioloop_arm(a->l, &a->timer, host_now_ns() + NS_PER_MS);
	return false;
}

static void a_timer_armed_while_settling_is_minded(void **state)
{
	struct ioloop *l = loop_of(state);
	struct alarm_clock a;
	struct io_poller p = { .settle = settle_arms, .arg = &a };

	init_alarm(l, &a, NULL);
	ioloop_add_poller(l, &p);
	while (a.fired == 0)
		ioloop_round(l, -1);
	ioloop_disarm(l, &a.timer);
	ioloop_remove_poller(l, &p);
}

static void a_round_that_only_looks_polls_once_and_does_not_settle(void **state)
{
	struct ioloop *l = loop_of(state);
	struct guest g;

	add_guest(l, &g);
	assert_int_equal(ioloop_round(l, 0), 0);
	assert_int_equal(g.polls, 1);
	assert_int_equal(g.finishes, 0);
	g.waiting = 1;
	assert_int_equal(ioloop_round(l, 0), 1);
	assert_int_equal(g.served, 1);
	assert_int_equal(g.finishes, 1);
	assert_int_equal(g.settles, 0);
	ioloop_remove_poller(l, &g.poller);
}

static void count(void *arg)
{
	(*(unsigned *)arg)++;
}

static void callbacks_are_followed_by_finish(void **state)
{
	struct ioloop *l = loop_of(state);
	unsigned ran = 0, kicked = 0;
	struct io_task t = { .run = count, .arg = &ran };
	struct io_event e = { .fd = eventfd(1, EFD_CLOEXEC), .ready = count, .arg = &kicked };
	struct guest g;

	add_guest(l, &g);
	ioloop_post(l, &t);
	assert_int_equal(ioloop_round(l, 0), 1);
	assert_int_equal(g.finishes, 1);
	assert_int_equal(ioloop_add_event(l, &e), 0);
	assert_int_equal(ioloop_round(l, 1000), 1);
	assert_int_equal(kicked, 1);
	assert_int_equal(g.finishes, 2);
	assert_int_equal(ioloop_round(l, 0), 0);
	assert_int_equal(g.finishes, 2);
	ioloop_remove_event(l, &e);
	ioloop_remove_poller(l, &g.poller);
	close(e.fd);
}

static void what_a_look_finds_needs_no_sleep(void **state)
{
	struct ioloop *l = loop_of(state);
	struct guest g;

	ioloop_set_poll_ns(l, NS_PER_S);
	l->poll_ns = NS_PER_S;
	add_guest(l, &g);
	g.waiting = 3;
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(ioloop_round(l, -1), 1);
		assert_int_equal(g.served, i);
		assert_int_equal(g.finishes, i);
	}
	assert_int_equal(g.settles, 0);
	ioloop_remove_poller(l, &g.poller);
}

static void a_look_sees_posts_kicks_and_completions(void **state)
{
	struct ioloop *l = loop_of(state);
	unsigned ran = 0, kicked = 0;
	struct io_task t = { .run = count, .arg = &ran };
	struct io_event e = { .fd = eventfd(1, EFD_CLOEXEC), .ready = count, .arg = &kicked };
	struct guest g;

	ioloop_set_poll_ns(l, 20 * NS_PER_S);
	l->poll_ns = 20 * NS_PER_S;
	add_guest(l, &g);
	assert_int_equal(ioloop_add_event(l, &e), 0);
	assert_int_equal(ioloop_round(l, -1), 1);
	assert_int_equal(kicked, 1);
	ioloop_post(l, &t);
	assert_int_equal(ioloop_round(l, -1), 1);
	assert_int_equal(ran, 1);
	assert_int_equal(g.settles, 0);
	ioloop_remove_event(l, &e);
	ioloop_remove_poller(l, &g.poller);
	close(e.fd);
}

/* From this thread, but as another would: between the look and the sleep nobody
 * writes to wake the loop. */
static void a_post_right_before_the_sleep_prevents_it(void **state)
{
	struct ioloop *l = loop_of(state);
	unsigned ran = 0;
	struct io_task t = { .run = count, .arg = &ran };
	struct guest g;

	add_guest(l, &g);
	g.posts = &t;
	assert_int_equal(ioloop_round(l, -1), 1);
	assert_int_equal(g.settles, 1);
	assert_int_equal(ran, 1);
	ioloop_set_poll_ns(l, 3 * NS_PER_S);
	l->poll_ns = 3 * NS_PER_S;
	g.posts = &t; /* now during the look */
	assert_int_equal(ioloop_round(l, -1), 1);
	assert_int_equal(g.settles, 1);
	assert_int_equal(ran, 2);
	ioloop_remove_poller(l, &g.poller);
}

static void a_look_ends_for_a_timer(void **state)
{
	struct ioloop *l = loop_of(state);
	struct alarm_clock a;
	struct guest g;

	ioloop_set_poll_ns(l, 100 * NS_PER_S);
	l->poll_ns = 100 * NS_PER_S;
	add_guest(l, &g);
	init_alarm(l, &a, NULL);
	ioloop_arm(l, &a.timer, host_now_ns() + 5 * NS_PER_MS);
	while (a.fired == 0)
		ioloop_round(l, -1);
	ioloop_set_poll_ns(l, 0);
	ioloop_remove_poller(l, &g.poller);
}

/* Rounds with waits of wait_ms, and how many polls the last of them made. */
static unsigned polls_after(struct ioloop *l, struct guest *g, unsigned rounds, int wait_ms)
{
	unsigned before = 0;

	for (unsigned i = 0; i < rounds; i++) {
		before = g->polls;
		l->no_look_until_ns = 0; /* whatever else runs on this machine */
		ioloop_round(l, wait_ms);
	}
	return g->polls - before;
}

static void the_look_grows_while_waits_are_short_and_goes_when_they_are_long(void **state)
{
	struct ioloop *l = loop_of(state);
	unsigned looked = 0;
	struct guest g;

	add_guest(l, &g);
	ioloop_set_poll_ns(l, NS_PER_S); /* so that a wait of 2 ms is short */
	assert_int_equal(polls_after(l, &g, 1, 2), 0);
	assert_true(l->poll_ns == IO_POLL_FIRST_NS);
	/* A look that others interrupt starts from nothing again. */
	for (unsigned i = 0; i < 100 && l->poll_ns <= IO_POLL_FIRST_NS; i++)
		looked += polls_after(l, &g, 1, 2);
	assert_true(looked > 0);
	assert_true(l->poll_ns > IO_POLL_FIRST_NS);
	ioloop_set_poll_ns(l, NS_PER_MS); /* now it is long */
	assert_int_equal(polls_after(l, &g, 12, 2), 0);
	assert_true(l->poll_ns == 0);
	ioloop_remove_poller(l, &g.poller);
}

static void the_look_is_never_longer_than_allowed(void **state)
{
	struct ioloop *l = loop_of(state);
	struct guest g;

	add_guest(l, &g);
	ioloop_set_poll_ns(l, 3 * NS_PER_MS + 1);
	for (unsigned i = 0; i < 30; i++) {
		ioloop_round(l, 1);
		assert_true(l->poll_ns <= 3 * NS_PER_MS + 1);
	}
	ioloop_set_poll_ns(l, 0);
	assert_int_equal(polls_after(l, &g, 10, 1), 0);
	assert_true(l->poll_ns == 0);
	ioloop_remove_poller(l, &g.poller);
}

static bool poll_preempted(void *arg)
{
	((struct guest *)arg)->polls++;
	usleep(30000); /* as if another thread had the processor */
	return false;
}

static void a_look_that_others_interrupt_is_given_up_for_a_while(void **state)
{
	struct ioloop *l = loop_of(state);
	const uint64_t begun_ns = host_now_ns();
	struct guest g;

	add_guest(l, &g);
	g.poller.poll = poll_preempted;
	ioloop_set_poll_ns(l, 20 * NS_PER_MS);
	l->poll_ns = 20 * NS_PER_MS;
	ioloop_round(l, 100);
	assert_int_equal(g.polls, 1);
	assert_true(l->no_look_until_ns > begun_ns);
	l->no_look_until_ns = UINT64_MAX;
	for (unsigned i = 0; i < 4; i++)
		ioloop_round(l, 2);
	assert_int_equal(g.polls, 1);
	l->no_look_until_ns = 0; /* the while is over */
	g.poller.poll = guest_poll;
	ioloop_set_poll_ns(l, NS_PER_S);
	assert_int_equal(polls_after(l, &g, 1, 2), 0);
	assert_true(polls_after(l, &g, 1, 2) > 0);
	ioloop_remove_poller(l, &g.poller);
}

static void a_poller_may_remove_itself_and_others(void **state)
{
	struct ioloop *l = loop_of(state);
	struct guest a, b, c;

	add_guest(l, &a);
	add_guest(l, &b);
	add_guest(l, &c); /* polled first */
	c.removes = &b;
	ioloop_round(l, 0);
	assert_int_equal(a.polls, 1);
	assert_int_equal(b.polls, 0);
	assert_int_equal(c.polls, 1);
	c.removes = &c;
	ioloop_round(l, 0);
	ioloop_round(l, 0);
	assert_int_equal(a.polls, 3);
	assert_int_equal(c.polls, 2);
	ioloop_remove_poller(l, &a.poller);
	ioloop_remove_poller(l, &a.poller); /* harmless */
}

static void parts_of_a_poller_may_be_missing(void **state)
{
	struct ioloop *l = loop_of(state);
	struct io_poller p = { 0 };

	ioloop_add_poller(l, &p);
	assert_int_equal(ioloop_round(l, 0), 0);
	assert_int_equal(ioloop_round(l, 1), 0);
	ioloop_remove_poller(l, &p);
}

/* ---- posts ------------------------------------------------------------------------------ */

struct job {
	struct io_task task;
	struct ioloop *l;
	unsigned ran;
	unsigned again; /* post itself so often */
};

static void run_job(void *arg)
{
	struct job *j = arg;

	j->ran++;
	if (j->again > 0) {
		j->again--;
		ioloop_post(j->l, &j->task);
	}
}

static void a_task_is_queued_once_and_runs_once(void **state)
{
	struct ioloop *l = loop_of(state);
	struct job j = { .task = { .run = run_job, .arg = &j }, .l = l };

	ioloop_post(l, &j.task);
	ioloop_post(l, &j.task);
	assert_int_equal(j.ran, 0);
	assert_int_equal(ioloop_round(l, -1), 1);
	assert_int_equal(j.ran, 1);
	assert_int_equal(ioloop_round(l, 0), 0);
	ioloop_post(l, &j.task);
	assert_int_equal(ioloop_round(l, -1), 1);
	assert_int_equal(j.ran, 2);
}

static void a_task_that_posts_itself_does_not_hold_up_the_round(void **state)
{
	struct ioloop *l = loop_of(state);
	unsigned kicked = 0;
	struct io_event e = { .fd = eventfd(1, EFD_CLOEXEC), .ready = count, .arg = &kicked };
	struct job j = { .task = { .run = run_job, .arg = &j }, .l = l, .again = UINT32_MAX };

	assert_int_equal(ioloop_add_event(l, &e), 0);
	ioloop_post(l, &j.task);
	for (unsigned i = 1; i <= 10; i++) {
		assert_true(ioloop_round(l, -1) >= 1);
		assert_in_range(j.ran, i, 2 * i);
	}
	assert_int_equal(kicked, 1); /* the kernel was asked, too */
	j.again = 0;
	ioloop_round(l, 0);
	ioloop_remove_event(l, &e);
	close(e.fd);
}

static void *post_later(void *arg)
{
	struct job *j = arg;

	usleep(20000);
	ioloop_post(j->l, &j->task);
	return NULL;
}

static void a_post_from_another_thread_wakes_a_sleeper(void **state)
{
	struct ioloop *l = loop_of(state);
	struct job j = { .task = { .run = run_job, .arg = &j }, .l = l };
	pthread_t thread;

	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(pthread_create(&thread, NULL, post_later, &j), 0);
		while (j.ran < i)
			ioloop_round(l, -1);
		pthread_join(thread, NULL);
	}
}

#define POSTERS 3u
#define POSTS	5000u

struct poster {
	pthread_t thread;
	struct ioloop *l;
	struct io_task task;
	_Atomic unsigned posted; /* written before the post: must be seen by run() */
	unsigned seen;
};

static void see(void *arg)
{
	struct poster *p = arg;

	p->seen = atomic_load_explicit(&p->posted, memory_order_relaxed);
}

static void *post_many(void *arg)
{
	struct poster *p = arg;

	for (unsigned i = 1; i <= POSTS; i++) {
		atomic_store_explicit(&p->posted, i, memory_order_relaxed);
		ioloop_post(p->l, &p->task);
	}
	return NULL;
}

static void no_last_post_of_several_threads_is_lost(void **state)
{
	struct ioloop *l = loop_of(state);
	struct poster p[POSTERS];
	unsigned missing = POSTERS;

	for (unsigned i = 0; i < POSTERS; i++) {
		p[i] = (struct poster){ .l = l, .task = { .run = see, .arg = &p[i] } };
		assert_int_equal(pthread_create(&p[i].thread, NULL, post_many, &p[i]), 0);
	}
	while (missing > 0) {
		ioloop_round(l, -1); /* sleeps: a lost wake-up would hang here */
		missing = 0;
		for (unsigned i = 0; i < POSTERS; i++)
			missing += p[i].seen < POSTS;
	}
	for (unsigned i = 0; i < POSTERS; i++)
		pthread_join(p[i].thread, NULL);
}

static void *is_mine(void *arg)
{
	return ioloop_is_mine(arg) ? arg : NULL;
}

static void a_loop_knows_its_thread(void **state)
{
	struct ioloop *l = loop_of(state);
	void *result = l;
	pthread_t thread;

	assert_true(ioloop_is_mine(l));
	assert_int_equal(pthread_create(&thread, NULL, is_mine, l), 0);
	pthread_join(thread, &result);
	assert_null(result);
}

/* ---- rounds within rounds ------------------------------------------------------------------ */

struct nester {
	struct ioloop *l;
	struct io_task task, inner;
	struct alarm_clock a, b;
	unsigned inner_ran, kicked;
	struct io_event e;
};

static void run_nested(void *arg)
{
	struct nester *n = arg;

	while (n->inner_ran == 0 || n->kicked == 0 || n->b.fired == 0)
		ioloop_round(n->l, -1);
}

static void a_callback_may_run_rounds(void **state)
{
	struct ioloop *l = loop_of(state);
	struct nester n = { .l = l };

	n.e = (struct io_event){ .fd = eventfd(1, EFD_CLOEXEC), .ready = count, .arg = &n.kicked };
	n.task = (struct io_task){ .run = run_nested, .arg = &n };
	n.inner = (struct io_task){ .run = count, .arg = &n.inner_ran };
	init_alarm(l, &n.a, NULL);
	init_alarm(l, &n.b, NULL);
	assert_int_equal(ioloop_add_event(l, &n.e), 0);
	ioloop_arm(l, &n.a.timer, 0);
	ioloop_arm(l, &n.b.timer, 0);
	ioloop_post(l, &n.task);
	ioloop_post(l, &n.inner); /* queued behind the one that waits for it */
	ioloop_round(l, -1);
	assert_int_equal(n.inner_ran, 1);
	assert_int_equal(n.a.fired, 1);
	assert_int_equal(n.b.fired, 1);
	ioloop_remove_event(l, &n.e);
	close(n.e.fd);
}

static void fire_nested(void *arg, uint64_t now_ns)
{
	struct nester *n = arg;

	(void)now_ns;
	while (n->b.fired == 0)
		ioloop_round(n->l, -1);
}

static void a_timer_may_wait_for_another_that_is_due(void **state)
{
	struct ioloop *l = loop_of(state);
	struct nester n = { .l = l };

	io_timer_init(&n.a.timer, fire_nested, &n);
	init_alarm(l, &n.b, NULL);
	ioloop_arm(l, &n.a.timer, 0);
	ioloop_arm(l, &n.b.timer, 1);
	ioloop_round(l, -1);
	assert_int_equal(n.b.fired, 1);
}

static void names_of_engines_are_the_options(void **state)
{
	(void)state;
	assert_string_equal(io_engine_names[IO_ENGINE_AUTO], "auto");
	assert_string_equal(io_engine_names[IO_ENGINE_URING], "io_uring");
	assert_string_equal(io_engine_names[IO_ENGINE_THREADS], "threads");
}

static void destroying_nothing_is_harmless(void **state)
{
	(void)state;
	ioloop_destroy(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BOTH_ENGINES(a_round_with_nothing_to_do_ends_in_time),
		BOTH_ENGINES(an_idle_loop_sleeps_once_and_burns_nothing),
		BOTH_ENGINES(timers_fire_in_order_of_their_deadlines),
		BOTH_ENGINES(a_past_deadline_fires_in_the_next_round),
		BOTH_ENGINES(a_timer_may_be_moved_and_disarmed),
		BOTH_ENGINES(a_timer_armed_by_itself_waits_for_the_next_round),
		BOTH_ENGINES(a_due_timer_may_be_disarmed_by_another),
		BOTH_ENGINES(a_loop_settles_before_it_sleeps),
		BOTH_ENGINES(a_timer_armed_while_settling_is_minded),
		BOTH_ENGINES(a_round_that_only_looks_polls_once_and_does_not_settle),
		BOTH_ENGINES(callbacks_are_followed_by_finish),
		BOTH_ENGINES(what_a_look_finds_needs_no_sleep),
		BOTH_ENGINES(a_look_sees_posts_kicks_and_completions),
		BOTH_ENGINES(a_post_right_before_the_sleep_prevents_it),
		BOTH_ENGINES(a_look_ends_for_a_timer),
		BOTH_ENGINES(the_look_grows_while_waits_are_short_and_goes_when_they_are_long),
		BOTH_ENGINES(the_look_is_never_longer_than_allowed),
		BOTH_ENGINES(a_look_that_others_interrupt_is_given_up_for_a_while),
		BOTH_ENGINES(a_poller_may_remove_itself_and_others),
		BOTH_ENGINES(parts_of_a_poller_may_be_missing),
		BOTH_ENGINES(a_task_is_queued_once_and_runs_once),
		BOTH_ENGINES(a_task_that_posts_itself_does_not_hold_up_the_round),
		BOTH_ENGINES(a_post_from_another_thread_wakes_a_sleeper),
		BOTH_ENGINES(no_last_post_of_several_threads_is_lost),
		BOTH_ENGINES(a_loop_knows_its_thread),
		BOTH_ENGINES(a_callback_may_run_rounds),
		BOTH_ENGINES(a_timer_may_wait_for_another_that_is_due),
		cmocka_unit_test(names_of_engines_are_the_options),
		cmocka_unit_test(destroying_nothing_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
