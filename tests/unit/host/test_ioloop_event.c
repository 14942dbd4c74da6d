/* The I/O loop: kicks and sources, on both engines. */
#include "host/ioloop.h"

#include "fake/both_engines.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

struct bell {
	struct ioloop *l;
	struct io_event event;
	unsigned rung;
	struct bell *removes; /* when rung; or NULL */
	struct bell *awaits;  /* run rounds until this one was rung, too */
};

static void ring(void *arg)
{
	struct bell *b = arg;

	b->rung++;
	if (b->removes)
		ioloop_remove_event(b->l, &b->removes->event);
	while (b->awaits && b->awaits->rung == 0)
		ioloop_round(b->l, -1);
}

static void open_bell(struct ioloop *l, struct bell *b)
{
	*b = (struct bell){ .l = l };
	b->event = (struct io_event){ .fd = eventfd(0, EFD_CLOEXEC), .ready = ring, .arg = b };
	assert_true(b->event.fd >= 0);
	assert_int_equal(ioloop_add_event(l, &b->event), 0);
}

static void close_bell(struct bell *b)
{
	ioloop_remove_event(b->l, &b->event);
	close(b->event.fd);
}

static void kick(struct bell *b)
{
	assert_int_equal(eventfd_write(b->event.fd, 1), 0);
}

/* Some rounds that do not wait. */
static void go_round(struct ioloop *l)
{
	for (unsigned i = 0; i < 5; i++)
		ioloop_round(l, 0);
}

static void each_kick_is_heard(void **state)
{
	struct ioloop *l = loop_of(state);
	struct bell a, b;

	open_bell(l, &a);
	open_bell(l, &b);
	for (unsigned i = 1; i <= 1000; i++) {
		kick(&a);
		assert_int_equal(ioloop_round(l, -1), 1);
		assert_int_equal(a.rung, i);
	}
	assert_int_equal(b.rung, 0);
	assert_int_equal(ioloop_round(l, 0), 0);
	close_bell(&a);
	close_bell(&b);
}

static void a_kick_before_the_event_was_added_is_heard(void **state)
{
	struct ioloop *l = loop_of(state);
	struct bell b = { .l = l };

	b.event = (struct io_event){ .fd = eventfd(3, EFD_CLOEXEC), .ready = ring, .arg = &b };
	assert_int_equal(ioloop_add_event(l, &b.event), 0);
	assert_int_equal(ioloop_round(l, 1000), 1);
	assert_int_equal(b.rung, 1);
	assert_int_equal(ioloop_round(l, 0), 0);
	close_bell(&b);
}

static void kicks_that_come_together_are_heard_at_least_once(void **state)
{
	struct ioloop *l = loop_of(state);
	struct bell b;

	open_bell(l, &b);
	for (unsigned i = 0; i < 100; i++)
		kick(&b);
	go_round(l);
	assert_in_range(b.rung, 1, 100);
	close_bell(&b);
}

#define KICKS 20000u

static void *kick_many(void *arg)
{
	for (unsigned i = 0; i < KICKS; i++)
		kick(arg);
	return NULL;
}

/* The last kick above all: a guest waits for its answer. */
static void no_last_kick_of_another_thread_is_lost(void **state)
{
	struct ioloop *l = loop_of(state);
	struct bell b;
	pthread_t thread;

	open_bell(l, &b);
	assert_int_equal(pthread_create(&thread, NULL, kick_many, &b), 0);
	ioloop_round(l, -1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	go_round(l);
	for (unsigned i = 0; i < 100; i++) {
		const unsigned before = b.rung;

		kick(&b);
		ioloop_round(l, 1000);
		assert_true(b.rung > before);
	}
	close_bell(&b);
}

static void a_removed_event_is_not_heard(void **state)
{
	struct ioloop *l = loop_of(state);
	struct bell b;

	open_bell(l, &b);
	kick(&b);
	ioloop_remove_event(l, &b.event); /* before it was armed */
	go_round(l);
	assert_int_equal(b.rung, 0);

	assert_int_equal(ioloop_add_event(l, &b.event), 0);
	go_round(l);
	assert_int_equal(b.rung, 1); /* the counter was not 0 */
	kick(&b);
	ioloop_remove_event(l, &b.event); /* while armed, and rung */
	go_round(l);
	assert_int_equal(b.rung, 1);
	close(b.event.fd);
}

static void a_removed_events_number_may_be_anothers(void **state)
{
	struct ioloop *l = loop_of(state);
	struct bell old, new;

	open_bell(l, &old);
	go_round(l);
	close_bell(&old);
	open_bell(l, &new);
	assert_int_equal(new.event.fd, old.event.fd);
	kick(&new);
	go_round(l);
	assert_int_equal(new.rung, 1);
	assert_int_equal(old.rung, 0);
	close_bell(&new);

	open_bell(l, &old); /* and if it was never armed */
	close_bell(&old);
	open_bell(l, &new);
	assert_int_equal(new.event.fd, old.event.fd);
	kick(&new);
	go_round(l);
	assert_int_equal(new.rung, 1);
	assert_int_equal(old.rung, 0);
	close_bell(&new);
}

static void an_event_may_remove_itself_and_others(void **state)
{
	struct ioloop *l = loop_of(state);
	struct bell a, b;

	open_bell(l, &a);
	open_bell(l, &b);
	go_round(l);
	a.removes = &b;
	b.removes = &a;
	kick(&a);
	kick(&b);
	go_round(l);
	assert_int_equal(a.rung + b.rung, 1);
	close_bell(&a);
	close_bell(&b);

	open_bell(l, &a);
	a.removes = &a;
	kick(&a);
	go_round(l);
	kick(&a);
	go_round(l);
	assert_int_equal(a.rung, 1);
	close_bell(&a);
}

static void an_event_may_wait_for_another_by_rounds_of_its_own(void **state)
{
	struct ioloop *l = loop_of(state);
	struct bell a, b;

	open_bell(l, &a);
	open_bell(l, &b);
	go_round(l);
	a.awaits = &b;
	b.awaits = &a;
	kick(&a);
	kick(&b); /* both come in one batch */
	go_round(l);
	assert_int_equal(a.rung, 1);
	assert_int_equal(b.rung, 1);
	close_bell(&a);
	close_bell(&b);
}

static void mistakes_are_told_by_errno(void **state)
{
	struct ioloop *l = loop_of(state);
	struct io_event event = { .fd = -1, .ready = ring };
	struct io_source source = { .fd = -1 };
	const int file = memfd_create("test", MFD_CLOEXEC);

	assert_int_equal(ioloop_add_event(l, &event), -EBADF);
	assert_int_equal(ioloop_add_source(l, &source, EPOLLIN), -EBADF);
	event.fd = source.fd = file;
	assert_int_equal(ioloop_add_event(l, &event), -EPERM);
	assert_int_equal(ioloop_add_source(l, &source, EPOLLIN), -EPERM);
	close(file);
	source.fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(ioloop_change_source(l, &source, EPOLLIN), -ENOENT);
	close(source.fd);
}

/* ---- sources ------------------------------------------------------------------- */

struct end {
	struct ioloop *l;
	struct io_source source;
	int other; /* write here to make it ready */
	unsigned served;
	uint32_t events;
	bool removes; /* itself, when served */
};

static void ready(void *arg, uint32_t events)
{
	struct end *e = arg;

	e->served++;
	e->events = events;
	if (e->removes)
		ioloop_remove_source(e->l, &e->source);
}

static void open_end(struct ioloop *l, struct end *e)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	*e = (struct end){ .l = l, .other = ends[1] };
	e->source = (struct io_source){ .fd = ends[0], .ready = ready, .arg = e };
	assert_int_equal(ioloop_add_source(l, &e->source, EPOLLIN), 0);
}

static void close_end(struct end *e)
{
	ioloop_remove_source(e->l, &e->source);
	close(e->source.fd);
	if (e->other >= 0)
		close(e->other);
}

static void make_ready(struct end *e)
{
	assert_int_equal(write(e->other, "x", 1), 1);
}

static void a_source_is_told_until_it_was_read(void **state)
{
	struct ioloop *l = loop_of(state);
	struct end e;
	char c;

	open_end(l, &e);
	assert_int_equal(ioloop_round(l, 0), 0);
	make_ready(&e);
	while (e.served < 10)
		ioloop_round(l, -1);
	assert_int_equal(e.events, EPOLLIN);
	assert_int_equal(read(e.source.fd, &c, 1), 1);
	go_round(l); /* one may have been under way */
	e.served = 0;
	go_round(l);
	assert_int_equal(e.served, 0);
	make_ready(&e);
	ioloop_round(l, 1000);
	assert_true(e.served > 0);
	close_end(&e);
}

static void a_source_by_edges_is_told_of_what_is_new(void **state)
{
	struct ioloop *l = loop_of(state);
	struct end e;

	open_end(l, &e);
	ioloop_remove_source(l, &e.source);
	make_ready(&e); /* before it is added */
	assert_int_equal(ioloop_add_source(l, &e.source, EPOLLIN | EPOLLET), 0);
	for (unsigned i = 1; i < 4; i++) {
		go_round(l);
		assert_int_equal(e.served, i); /* once, though it is never read */
		go_round(l);
		assert_int_equal(e.served, i);
		make_ready(&e);
	}
	close_end(&e);
}

static void two_that_are_always_ready_take_turns(void **state)
{
	struct ioloop *l = loop_of(state);
	struct end a, b;

	open_end(l, &a);
	open_end(l, &b);
	make_ready(&a);
	make_ready(&b);
	for (unsigned i = 0; i < 50; i++)
		ioloop_round(l, 10);
	assert_true(a.served > 10 && b.served > 10);
	close_end(&a);
	close_end(&b);
}

static void a_peer_that_left_is_told(void **state)
{
	struct ioloop *l = loop_of(state);
	struct end e;

	open_end(l, &e);
	close(e.other);
	e.other = -1;
	ioloop_round(l, 1000);
	assert_true(e.events & EPOLLHUP);
	close_end(&e);
}

static void a_rest_is_silence_until_changed(void **state)
{
	struct ioloop *l = loop_of(state);
	struct end e;

	open_end(l, &e);
	go_round(l);
	make_ready(&e);
	assert_int_equal(ioloop_change_source(l, &e.source, 0), 0);
	go_round(l);
	assert_int_equal(e.served, 0);
	assert_int_equal(ioloop_change_source(l, &e.source, EPOLLIN), 0);
	go_round(l);
	assert_true(e.served > 0);
	close_end(&e);
}

static void room_to_write_is_told_when_asked_for(void **state)
{
	struct ioloop *l = loop_of(state);
	struct end e, out = { .l = l };

	open_end(l, &e);
	out.source = (struct io_source){ .fd = e.other, .ready = ready, .arg = &out };
	assert_int_equal(ioloop_add_source(l, &out.source, 0), 0);
	go_round(l);
	assert_int_equal(out.served, 0);
	assert_int_equal(ioloop_change_source(l, &out.source, EPOLLOUT), 0);
	ioloop_round(l, 1000);
	assert_int_equal(out.served, 1);
	assert_int_equal(out.events, EPOLLOUT);
	ioloop_remove_source(l, &out.source);
	close_end(&e);
}

static void a_removed_source_is_not_told(void **state)
{
	struct ioloop *l = loop_of(state);
	struct end e;

	open_end(l, &e);
	go_round(l);
	make_ready(&e);
	ioloop_remove_source(l, &e.source);
	go_round(l);
	assert_int_equal(e.served, 0);
	assert_int_equal(ioloop_add_source(l, &e.source, EPOLLIN), 0);
	e.removes = true;
	go_round(l);
	assert_int_equal(e.served, 1);
	close_end(&e);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BOTH_ENGINES(each_kick_is_heard),
		BOTH_ENGINES(a_kick_before_the_event_was_added_is_heard),
		BOTH_ENGINES(kicks_that_come_together_are_heard_at_least_once),
		BOTH_ENGINES(no_last_kick_of_another_thread_is_lost),
		BOTH_ENGINES(a_removed_event_is_not_heard),
		BOTH_ENGINES(a_removed_events_number_may_be_anothers),
		BOTH_ENGINES(an_event_may_remove_itself_and_others),
		BOTH_ENGINES(an_event_may_wait_for_another_by_rounds_of_its_own),
		BOTH_ENGINES(mistakes_are_told_by_errno),
		BOTH_ENGINES(a_source_is_told_until_it_was_read),
		BOTH_ENGINES(a_source_by_edges_is_told_of_what_is_new),
		BOTH_ENGINES(two_that_are_always_ready_take_turns),
		BOTH_ENGINES(a_peer_that_left_is_told),
		BOTH_ENGINES(a_rest_is_silence_until_changed),
		BOTH_ENGINES(room_to_write_is_told_when_asked_for),
		BOTH_ENGINES(a_removed_source_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
