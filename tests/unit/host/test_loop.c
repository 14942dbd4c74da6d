#include "host/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

struct fixture;

struct end {
	struct loop_source source;
	struct fixture *f;
	int other; /* write here to make it ready */
	unsigned served;
	uint32_t events;
	struct end *removes; /* when served; or NULL */
};

struct fixture {
	struct loop loop;
	struct end a, b;
};

static void ready(void *arg, uint32_t events)
{
	struct end *e = arg;

	e->served++;
	e->events = events;
	if (e->removes)
		loop_remove(&e->f->loop, &e->removes->source);
}

static void open_end(struct fixture *f, struct end *e)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	e->f = f;
	e->source = (struct loop_source){ .fd = ends[0], .ready = ready, .arg = e };
	e->other = ends[1];
}

static void close_end(struct end *e)
{
	close(e->source.fd);
	if (e->other >= 0)
		close(e->other);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	alarm(60);
	assert_int_equal(loop_init(&f->loop), 0);
	open_end(f, &f->a);
	open_end(f, &f->b);
	assert_int_equal(loop_add(&f->loop, &f->a.source, EPOLLIN), 0);
	assert_int_equal(loop_add(&f->loop, &f->b.source, EPOLLIN), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	alarm(0);
	loop_close(&f->loop);
	close_end(&f->a);
	close_end(&f->b);
	free(f);
	return 0;
}

static void make_ready(struct end *e)
{
	assert_int_equal(write(e->other, "x", 1), 1);
}

static void nothing_ready_is_a_timeout(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(loop_wait(&f->loop, 0), 0);
	assert_int_equal(loop_wait(&f->loop, 5), 0);
	assert_int_equal(f->a.served + f->b.served, 0);
}

static void what_is_ready_is_told_with_its_events(void **state)
{
	struct fixture *f = *state;

	make_ready(&f->b);
	assert_int_equal(loop_wait(&f->loop, -1), 1);
	assert_int_equal(f->a.served, 0);
	assert_int_equal(f->b.served, 1);
	assert_int_equal(f->b.events, EPOLLIN);
}

static void it_is_told_again_until_it_is_read(void **state)
{
	struct fixture *f = *state;
	char c;

	make_ready(&f->a);
	loop_wait(&f->loop, -1);
	loop_wait(&f->loop, -1);
	assert_int_equal(f->a.served, 2);
	assert_int_equal(read(f->a.source.fd, &c, 1), 1);
	assert_int_equal(loop_wait(&f->loop, 0), 0);
}

static void a_peer_that_left_is_told(void **state)
{
	struct fixture *f = *state;

	close(f->a.other);
	f->a.other = -1;
	assert_int_equal(loop_wait(&f->loop, -1), 1);
	assert_true(f->a.events & EPOLLHUP);
}

static void one_round_serves_one_so_that_a_removed_source_is_not_called(void **state)
{
	struct fixture *f = *state;

	f->a.removes = &f->b;
	f->b.removes = &f->a;
	make_ready(&f->a);
	make_ready(&f->b);
	assert_int_equal(loop_wait(&f->loop, -1), 1);
	assert_int_equal(f->a.served + f->b.served, 1);
	f->a.removes = f->b.removes = NULL;
	assert_int_equal(loop_wait(&f->loop, -1), 1);
	assert_true(f->a.served == 0 || f->b.served == 0);
}

static void two_that_are_always_ready_take_turns(void **state)
{
	struct fixture *f = *state;

	make_ready(&f->a);
	make_ready(&f->b);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(loop_wait(&f->loop, -1), 1);
	assert_int_equal(f->a.served, 10);
	assert_int_equal(f->b.served, 10);
}

static void a_source_may_remove_itself(void **state)
{
	struct fixture *f = *state;

	f->a.removes = &f->a;
	make_ready(&f->a);
	assert_int_equal(loop_wait(&f->loop, -1), 1);
	assert_int_equal(loop_wait(&f->loop, 0), 0);
	loop_remove(&f->loop, &f->a.source); /* again: harmless */
	assert_int_equal(loop_add(&f->loop, &f->a.source, EPOLLIN), 0);
	assert_int_equal(loop_wait(&f->loop, -1), 1);
	assert_int_equal(f->a.served, 2);
}

static void no_events_wanted_means_silence_until_changed(void **state)
{
	struct fixture *f = *state;

	make_ready(&f->a);
	assert_int_equal(loop_change(&f->loop, &f->a.source, 0), 0);
	assert_int_equal(loop_wait(&f->loop, 0), 0);
	assert_int_equal(loop_change(&f->loop, &f->a.source, EPOLLIN), 0);
	assert_int_equal(loop_wait(&f->loop, 0), 1);
}

static void room_to_write_is_an_event_too(void **state)
{
	struct fixture *f = *state;
	struct end out = { .source = { .fd = f->a.other, .ready = ready, .arg = &out }, .f = f };

	assert_int_equal(loop_add(&f->loop, &out.source, EPOLLOUT), 0);
	assert_int_equal(loop_wait(&f->loop, -1), 1);
	assert_int_equal(out.events, EPOLLOUT);
	loop_remove(&f->loop, &out.source);
}

static void a_regular_file_is_refused(void **state)
{
	struct fixture *f = *state;
	struct loop_source file = { .ready = ready };

	file.fd = memfd_create("test", MFD_CLOEXEC);
	assert_true(file.fd >= 0);
	assert_int_equal(loop_add(&f->loop, &file, EPOLLIN), -EPERM);
	close(file.fd);
}

static void mistakes_are_told_by_errno(void **state)
{
	struct fixture *f = *state;
	struct loop_source none = { .fd = -1, .ready = ready };

	assert_int_equal(loop_add(&f->loop, &none, EPOLLIN), -EBADF);
	assert_int_equal(loop_add(&f->loop, &f->a.source, EPOLLIN), -EEXIST);
	loop_remove(&f->loop, &f->a.source);
	assert_int_equal(loop_change(&f->loop, &f->a.source, EPOLLIN), -ENOENT);
}

static void on_alarm(int number)
{
	(void)number;
}

static void a_signal_ends_the_wait(void **state)
{
	struct fixture *f = *state;
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval soon = { .it_interval = { 0, 5000 }, .it_value = { 0, 5000 } };
	const struct itimerval off = { 0 };
	struct sigaction old;

	assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(loop_wait(&f->loop, -1), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
}

static void closing_twice_is_harmless(void **state)
{
	struct fixture *f = *state;

	loop_close(&f->loop);
	assert_int_equal(f->loop.epoll_fd, -1);
	loop_close(&f->loop);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(nothing_ready_is_a_timeout),
		TEST(what_is_ready_is_told_with_its_events),
		TEST(it_is_told_again_until_it_is_read),
		TEST(a_peer_that_left_is_told),
		TEST(one_round_serves_one_so_that_a_removed_source_is_not_called),
		TEST(two_that_are_always_ready_take_turns),
		TEST(a_source_may_remove_itself),
		TEST(no_events_wanted_means_silence_until_changed),
		TEST(room_to_write_is_an_event_too),
		TEST(a_regular_file_is_refused),
		TEST(mistakes_are_told_by_errno),
		TEST(a_signal_ends_the_wait),
		TEST(closing_twice_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
