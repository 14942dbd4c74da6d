/* What only the inside of the io_uring engine shows. */
#include "../../../vmm/host/ioloop_uring.c"

#include "fake/both_engines.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

struct req {
	struct io_op op;
	struct iovec iov;
	unsigned done;
	int64_t result;
};

static void on_done(struct io_op *op, int64_t result)
{
	struct req *r = container_of(op, struct req, op);

	r->done++;
	r->result = result;
}

static void submit_write(struct ioloop *l, struct req *r, int fd)
{
	*r = (struct req){
		.op = { .kind = IO_WRITE,
			.fd = fd,
			.iov = &r->iov,
			.iov_count = 1,
			.done = on_done },
		.iov = { (void *)(uintptr_t) "hello", 5 },
	};
	ioloop_submit(l, &r->op);
}

/* The only operation in the list, as if the kernel had answered it. */
static unsigned answer(struct ioloop *l, struct req *r, int32_t result)
{
	struct ring_engine *e = l->engine;

	assert_ptr_equal(e->first, &r->op);
	e->first = NULL;
	e->last = &e->first;
	e->in_kernel++;
	return op_result(l, &r->op, result);
}

static void again_is_tried_at_once_and_then_after_a_while(void **state)
{
	struct ioloop *l = loop_of(state);
	struct ring_engine *e = l->engine;
	const int fd = memfd_create("test", MFD_CLOEXEC);
	const uint64_t begun_ns = host_now_ns();
	struct req r;

	submit_write(l, &r, fd);
	assert_int_equal(answer(l, &r, -EAGAIN), 0);
	assert_ptr_equal(e->first, &r.op);
	assert_int_equal(answer(l, &r, -EINTR), 0);
	assert_null(e->first);
	assert_ptr_equal(e->later, &r.op);
	assert_true(e->retry.deadline_ns >= begun_ns + NS_PER_MS);
	assert_true(e->retry.deadline_ns < UINT64_MAX);
	while (ioloop_in_flight(l) > 0)
		ioloop_round(l, -1);
	assert_int_equal(r.done, 1);
	assert_int_equal(r.result, 5);
	close(fd);
}

static void again_a_hundred_times_becomes_an_error(void **state)
{
	struct ioloop *l = loop_of(state);
	struct ring_engine *e = l->engine;
	struct req r;

	submit_write(l, &r, -1);
	for (unsigned i = 0; i < IO_RETRIES_MAX; i++) {
		assert_int_equal(answer(l, &r, -EAGAIN), 0);
		if (e->later)
			e->retry.fire(e->retry.arg, 0);
	}
	assert_int_equal(answer(l, &r, -EAGAIN), 1);
	assert_int_equal(r.done, 1);
	assert_int_equal(r.result, -EIO);
	ioloop_disarm(l, &e->retry);
}

static unsigned watches(const struct ioloop *l)
{
	const struct ring_engine *e = l->engine;
	unsigned count = 0;

	for (const struct io_watch *w = e->watches; w; w = w->next)
		count++;
	return count;
}

static void on_kick(void *arg)
{
	(*(unsigned *)arg)++;
}

static void a_removed_event_leaves_nothing_behind(void **state)
{
	struct ioloop *l = loop_of(state);
	unsigned kicks = 0;
	struct io_event event = { .fd = eventfd(0, EFD_CLOEXEC), .ready = on_kick, .arg = &kicks };

	ioloop_round(l, 0);
	assert_int_equal(watches(l), 1); /* the loop's own wake-up */
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(ioloop_add_event(l, &event), 0);
		if (i % 2)
			ioloop_round(l, 0); /* armed, or not yet */
		assert_int_equal(watches(l), 2);
		ioloop_remove_event(l, &event);
		for (unsigned n = 0; n < 10 && watches(l) > 1; n++)
			ioloop_round(l, 0);
		assert_int_equal(watches(l), 1);
	}
	assert_int_equal(kicks, 0);
	close(event.fd);
}

/* An order may stay in the ring when the kernel has no memory for it. */
static void an_order_left_in_the_ring_does_not_outlive_its_event(void **state)
{
	struct ioloop *l = loop_of(state);
	struct ring_engine *e = l->engine;
	unsigned kicks = 0;
	struct io_event event = { .fd = eventfd(1, EFD_CLOEXEC), .ready = on_kick, .arg = &kicks };
	const struct io_uring_sqe *sqe;

	ioloop_round(l, 0);
	assert_int_equal(ioloop_add_event(l, &event), 0);
	assert_true(order_watches(e));
	assert_int_equal(uring_unsubmitted(&e->ring), 1);
	ioloop_remove_event(l, &event);
	sqe = &e->ring.sqes[(e->ring.sq_next - 1) & (SQ_ENTRIES - 1)];
	assert_int_equal(sqe->opcode, IORING_OP_NOP);
	assert_int_equal(sqe->user_data, 0);
	ioloop_round(l, 0);
	ioloop_round(l, 0);
	assert_int_equal(kicks, 0);
	assert_int_equal(watches(l), 1);
	close(event.fd);
}

/* Kernels before 6.1 and full result rings end a multishot poll. */
static void a_poll_that_the_kernel_ended_is_armed_again(void **state)
{
	struct ioloop *l = loop_of(state);
	struct ring_engine *e = l->engine;
	unsigned kicks = 0;
	struct io_event event = { .fd = eventfd(0, EFD_CLOEXEC), .ready = on_kick, .arg = &kicks };
	const struct io_uring_cqe last = { .res = EPOLLIN };

	assert_int_equal(ioloop_add_event(l, &event), 0);
	assert_true(order_watches(e));
	assert_true(uring_retract(&e->ring, to_pointer(event.watch) | TAG_WATCH));
	assert_int_equal(watch_result(l, event.watch, &last), 1);
	assert_int_equal(kicks, 1);
	ioloop_round(l, 0);
	eventfd_write(event.fd, 1);
	ioloop_round(l, 1000);
	assert_int_equal(kicks, 2);
	ioloop_remove_event(l, &event);
	close(event.fd);
}

static bool kick_while_looking(void *arg)
{
	eventfd_write(*(int *)arg, 1);
	return false;
}

static bool fail_to_settle(void *arg)
{
	(void)arg;
	fail_msg("the loop was about to sleep");
	return false;
}

static void a_look_sees_kicks_without_a_system_call_for_each_glance(void **state)
{
	struct ioloop *l = loop_of(state);
	unsigned kicks = 0;
	struct io_event event = { .fd = eventfd(0, EFD_CLOEXEC), .ready = on_kick, .arg = &kicks };
	struct io_poller p = { .poll = kick_while_looking,
			       .settle = fail_to_settle,
			       .arg = &event.fd };

	assert_int_equal(ioloop_add_event(l, &event), 0);
	ioloop_round(l, 0);
	ioloop_add_poller(l, &p);
	ioloop_set_poll_ns(l, 20 * NS_PER_S);
	l->poll_ns = 20 * NS_PER_S;
	assert_int_equal(ioloop_round(l, -1), 1);
	assert_int_equal(kicks, 1);
	ioloop_remove_poller(l, &p);
	ioloop_remove_event(l, &event);
	close(event.fd);
}

#define TEST(f)                                                                      \
	{                                                                            \
#f, f, both_setup, both_teardown, (void *)(uintptr_t)IO_ENGINE_URING \
	}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(again_is_tried_at_once_and_then_after_a_while),
		TEST(again_a_hundred_times_becomes_an_error),
		TEST(a_removed_event_leaves_nothing_behind),
		TEST(an_order_left_in_the_ring_does_not_outlive_its_event),
		TEST(a_poll_that_the_kernel_ended_is_armed_again),
		TEST(a_look_sees_kicks_without_a_system_call_for_each_glance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
