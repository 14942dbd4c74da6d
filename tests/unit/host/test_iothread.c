#include "host/iothread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fake/both_engines.h"

static struct iothread *start(enum io_engine engine, unsigned index)
{
	struct iothread *t = NULL;
	struct err err = { "" };

	alarm(100);
	assert_int_equal(iothread_start(engine, index, &t, &err), 0);
	return t;
}

struct facts {
	struct iothread *t;
	pthread_t self;
	char name[16];
	bool mine;
	enum io_engine engine;
};

static void find_facts(void *arg)
{
	struct facts *f = arg;

	f->self = pthread_self();
	pthread_getname_np(f->self, f->name, sizeof(f->name));
	f->mine = ioloop_is_mine(iothread_loop(f->t));
	f->engine = ioloop_engine(iothread_loop(f->t));
}

static void a_call_runs_on_the_thread_which_owns_its_loop(void **state)
{
	struct iothread *t = start(IO_ENGINE_AUTO, 3);
	struct facts f = { .t = t };

	(void)state;
	iothread_call(t, find_facts, &f);
	assert_false(pthread_equal(f.self, pthread_self()));
	assert_string_equal(f.name, "io3");
	assert_true(f.mine);
	assert_false(ioloop_is_mine(iothread_loop(t)));
	iothread_stop(t);
}

static void the_engine_is_the_one_asked_for(void **state)
{
	struct err err;
	struct facts f;

	(void)state;
	f.t = start(IO_ENGINE_THREADS, 0);
	iothread_call(f.t, find_facts, &f);
	assert_int_equal(f.engine, IO_ENGINE_THREADS);
	iothread_stop(f.t);
	f.t = start(IO_ENGINE_AUTO, 0);
	iothread_call(f.t, find_facts, &f);
	assert_int_equal(f.engine,
			 io_uring_usable(&err) == 0 ? IO_ENGINE_URING : IO_ENGINE_THREADS);
	iothread_stop(f.t);
}

static void add_one(void *arg)
{
	(*(unsigned *)arg)++;
}

static void what_was_posted_before_the_loop_exists_runs(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		struct iothread *t = start(IO_ENGINE_AUTO, 0);
		unsigned ran[3] = { 0 };
		struct io_task tasks[3];

		for (unsigned k = 0; k < 3; k++) {
			tasks[k] = (struct io_task){ .run = add_one, .arg = &ran[k] };
			ioloop_post(iothread_loop(t), &tasks[k]);
		}
		iothread_stop(t); /* after what was posted before */
		for (unsigned k = 0; k < 3; k++)
			assert_int_equal(ran[k], 1);
	}
}

static void calls_have_returned_when_they_return(void **state)
{
	struct iothread *t = start(IO_ENGINE_AUTO, 0);
	unsigned n = 0; /* unsynchronized but by the calls */

	(void)state;
	for (unsigned i = 1; i <= 2000; i++) {
		iothread_call(t, add_one, &n);
		assert_int_equal(n, i);
	}
	iothread_stop(t);
}

#define CALLERS 3u

struct caller {
	pthread_t thread;
	struct iothread *t;
	unsigned *n; /* written on the I/O thread only */
};

static void *call_many(void *arg)
{
	struct caller *c = arg;

	for (unsigned i = 0; i < 1000; i++)
		iothread_call(c->t, add_one, c->n);
	return NULL;
}

static void several_threads_may_call_at_once(void **state)
{
	struct iothread *t = start(IO_ENGINE_AUTO, 0);
	struct caller callers[CALLERS];
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){ .t = t, .n = &n };
		pthread_create(&callers[i].thread, NULL, call_many, &callers[i]);
	}
	for (unsigned i = 0; i < CALLERS; i++)
		pthread_join(callers[i].thread, NULL);
	assert_int_equal(n, 1000 * CALLERS);
	iothread_stop(t);
}

/* A device in small: kicks make writes, their completions signal back. */
struct toy {
	struct iothread *t;
	struct io_event kick;
	struct io_op op;
	struct iovec iov;
	int back;
	unsigned served;
};

static void toy_done(struct io_op *op, int64_t result)
{
	struct toy *toy = container_of(op, struct toy, op);

	assert_int_equal(result, 4);
	toy->served++;
	eventfd_write(toy->back, 1);
}

static void toy_kick(void *arg)
{
	struct toy *toy = arg;

	ioloop_submit(iothread_loop(toy->t), &toy->op);
}

static void toy_on(void *arg)
{
	struct toy *toy = arg;

	assert_int_equal(ioloop_add_event(iothread_loop(toy->t), &toy->kick), 0);
}

static void toy_off(void *arg)
{
	struct toy *toy = arg;

	ioloop_remove_event(iothread_loop(toy->t), &toy->kick);
}

static void ping_pong(enum io_engine engine)
{
	struct toy toy = { .t = start(engine, 0), .back = eventfd(0, EFD_CLOEXEC) };
	char data[4] = "abc";
	eventfd_t count;

	toy.kick =
		(struct io_event){ .fd = eventfd(0, EFD_CLOEXEC), .ready = toy_kick, .arg = &toy };
	toy.iov = (struct iovec){ data, 4 };
	toy.op = (struct io_op){ .kind = IO_WRITE,
				 .fd = memfd_create("test", MFD_CLOEXEC),
				 .iov = &toy.iov,
				 .iov_count = 1,
				 .done = toy_done };
	iothread_call(toy.t, toy_on, &toy);
	for (unsigned i = 0; i < 2000; i++) {
		assert_int_equal(eventfd_write(toy.kick.fd, 1), 0);
		assert_int_equal(eventfd_read(toy.back, &count), 0);
	}
	iothread_call(toy.t, toy_off, &toy);
	assert_int_equal(toy.served, 2000);
	iothread_stop(toy.t);
	close(toy.op.fd);
	close(toy.kick.fd);
	close(toy.back);
}

static void a_kick_a_write_and_an_answer_two_thousand_times(void **state)
{
	struct err err;

	(void)state;
	if (io_uring_usable(&err) == 0)
		ping_pong(IO_ENGINE_URING);
	ping_pong(IO_ENGINE_THREADS);
}

/* ---- its turn (io_patience.h) ------------------------------------------------------------ */

/* A device whose guest gains by patience, if it has any depth. */
struct turn {
	struct iothread *t;
	struct io_event kick;
	int back;
	bool deep;
	int policy;
};

static void turn_kick(void *arg)
{
	struct turn *turn = arg;

	turn->policy = sched_getscheduler(0);
	ioloop_gave_back(iothread_loop(turn->t),
			 turn->deep && turn->policy == SCHED_BATCH ? 1000 : 1);
	eventfd_write(turn->back, 1);
}

static void turn_on(void *arg)
{
	struct turn *turn = arg;

	assert_int_equal(ioloop_add_event(iothread_loop(turn->t), &turn->kick), 0);
}

static void turn_off(void *arg)
{
	struct turn *turn = arg;

	ioloop_remove_event(iothread_loop(turn->t), &turn->kick);
}

static void turn_start(struct turn *turn)
{
	*turn = (struct turn){ .t = start(IO_ENGINE_AUTO, 0), .back = eventfd(0, EFD_CLOEXEC) };
	turn->kick =
		(struct io_event){ .fd = eventfd(0, EFD_CLOEXEC), .ready = turn_kick, .arg = turn };
	iothread_call(turn->t, turn_on, turn);
}

static void turn_end(struct turn *turn)
{
	iothread_call(turn->t, turn_off, turn);
	iothread_stop(turn->t);
	close(turn->kick.fd);
	close(turn->back);
}

/* Kicks until the thread has this policy; false: it does not get it. */
static bool turn_gets(struct turn *turn, int policy)
{
	eventfd_t count;

	for (unsigned i = 0; i < 20000; i++) {
		assert_int_equal(eventfd_write(turn->kick.fd, 1), 0);
		assert_int_equal(eventfd_read(turn->back, &count), 0);
		if (turn->policy == policy)
			return true;
	}
	return false;
}

static void a_thread_leaves_the_processor_to_the_guest_where_that_pays(void **state)
{
	struct turn turn;

	(void)state;
	turn_start(&turn);
	assert_true(turn_gets(&turn, SCHED_OTHER));
	turn.deep = true;
	assert_true(turn_gets(&turn, SCHED_BATCH));
	turn.deep = false;
	assert_true(turn_gets(&turn, SCHED_OTHER));
	turn_end(&turn);
}

/* The thread of this process that has this name. */
static pid_t find_thread(const char *name)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *d;
	pid_t found = -1;

	assert_non_null(tasks);
	while ((d = readdir(tasks)) != NULL) {
		char path[300], comm[20] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", d->d_name);
		f = fopen(path, "r");
		if (f && fgets(comm, sizeof(comm), f) && strcspn(comm, "\n") == strlen(name) &&
		    strncmp(comm, name, strlen(name)) == 0)
			found = atoi(d->d_name);
		if (f)
			fclose(f);
	}
	closedir(tasks);
	return found;
}

struct by_worker {
	struct turn *turn;
	struct io_op op;
	struct iovec iov;
};

static void by_worker_done(struct io_op *op, int64_t result)
{
	assert_int_equal(result, 1);
	eventfd_write(container_of(op, struct by_worker, op)->turn->back, 1);
}

static void submit_by_worker(void *arg)
{
	struct by_worker *b = arg;

	ioloop_submit(iothread_loop(b->turn->t), &b->op);
}

static void a_worker_does_not_inherit_it(void **state)
{
	struct by_worker b = { .iov = { "x", 1 } };
	eventfd_t count;
	struct turn turn;

	(void)state;
	turn_start(&turn);
	turn.deep = true;
	assert_true(turn_gets(&turn, SCHED_BATCH));
	b.turn = &turn;
	b.op = (struct io_op){ .kind = IO_WRITE,
			       .fd = memfd_create("test", MFD_CLOEXEC),
			       .by_thread = true,
			       .iov = &b.iov,
			       .iov_count = 1,
			       .done = by_worker_done };
	iothread_call(turn.t, submit_by_worker, &b);
	assert_int_equal(eventfd_read(turn.back, &count), 0);
	assert_int_equal(sched_getscheduler(find_thread("io-worker0")), SCHED_OTHER);
	close(b.op.fd);
	turn_end(&turn);
}

static void a_policy_that_the_user_chose_stays(void **state)
{
	const struct sched_param none = { 0 };
	struct turn turn;

	(void)state;
	assert_int_equal(sched_setscheduler(0, SCHED_BATCH, &none), 0);
	turn_start(&turn);
	assert_int_equal(sched_setscheduler(0, SCHED_OTHER, &none), 0);
	assert_false(turn_gets(&turn, SCHED_OTHER));
	turn_end(&turn);
}

static void several_threads_have_loops_of_their_own(void **state)
{
	struct iothread *t[4];
	unsigned n[4] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		t[i] = start(IO_ENGINE_AUTO, i);
	for (unsigned i = 0; i < 4; i++)
		iothread_call(t[i], add_one, &n[i]);
	for (unsigned i = 0; i < 4; i++) {
		iothread_stop(t[i]);
		assert_int_equal(n[i], 1);
	}
}

static void a_stopped_thread_leaves_no_descriptor(void **state)
{
	int before, after;

	(void)state;
	iothread_stop(start(IO_ENGINE_AUTO, 0));
	before = dup(0);
	close(before);
	for (unsigned i = 0; i < 10; i++)
		iothread_stop(start(i % 2 ? IO_ENGINE_AUTO : IO_ENGINE_THREADS, 0));
	after = dup(0);
	close(after);
	assert_int_equal(after, before);
	iothread_stop(NULL); /* harmless */
}

static int forced_ring(void)
{
	struct iothread *t = NULL;
	struct err err = { "" };

	if (iothread_start(IO_ENGINE_URING, 0, &t, &err) != -EPERM)
		return 1;
	if (t || !strstr(err.text, "seccomp"))
		return 2;
	return 0;
}

static int automatic_ring(void)
{
	unsigned n = 0;
	struct iothread *t = NULL;
	struct err err = { "" };

	if (iothread_start(IO_ENGINE_AUTO, 0, &t, &err) != 0)
		return 1;
	iothread_call(t, add_one, &n);
	if (n != 1 || ioloop_engine(iothread_loop(t)) != IO_ENGINE_THREADS)
		return 2;
	iothread_stop(t);
	return 0;
}

static void a_forbidden_ring_fails_the_start_only_when_it_was_demanded(void **state)
{
	(void)state;
	assert_int_equal(without_io_uring(EPERM, forced_ring), 0);
	assert_int_equal(without_io_uring(EPERM, automatic_ring), 0);
}

static void without_descriptors_the_start_fails_with_a_reason(void **state)
{
	struct rlimit old, few;
	struct iothread *t = NULL;
	struct err err = { "" };
	int rc, fd = dup(0);

	(void)state;
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = (rlim_t)fd + 1; /* one: not enough */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	rc = iothread_start(IO_ENGINE_AUTO, 0, &t, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(rc, -EMFILE);
	assert_non_null(strstr(err.text, strerror(EMFILE)));
	assert_int_equal(dup(0), fd);
	close(fd);
}

static void without_a_descriptor_for_a_ring_threads_do_it(void **state)
{
	struct rlimit old, few;
	struct facts f;
	int fd = dup(0);

	(void)state;
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = (rlim_t)fd + 2;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	f.t = start(IO_ENGINE_AUTO, 0);
	iothread_call(f.t, find_facts, &f);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(f.engine, IO_ENGINE_THREADS);
	iothread_stop(f.t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_runs_on_the_thread_which_owns_its_loop),
		cmocka_unit_test(the_engine_is_the_one_asked_for),
		cmocka_unit_test(what_was_posted_before_the_loop_exists_runs),
		cmocka_unit_test(calls_have_returned_when_they_return),
		cmocka_unit_test(several_threads_may_call_at_once),
		cmocka_unit_test(a_kick_a_write_and_an_answer_two_thousand_times),
		cmocka_unit_test(a_thread_leaves_the_processor_to_the_guest_where_that_pays),
		cmocka_unit_test(a_worker_does_not_inherit_it),
		cmocka_unit_test(a_policy_that_the_user_chose_stays),
		cmocka_unit_test(several_threads_have_loops_of_their_own),
		cmocka_unit_test(a_stopped_thread_leaves_no_descriptor),
		cmocka_unit_test(a_forbidden_ring_fails_the_start_only_when_it_was_demanded),
		cmocka_unit_test(without_descriptors_the_start_fails_with_a_reason),
		cmocka_unit_test(without_a_descriptor_for_a_ring_threads_do_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
