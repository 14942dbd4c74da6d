#include "host/uring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/ioloop.h"
#include "host/now.h"
#include "fake/both_engines.h"

#define SQ 8u
#define CQ 16u

static int setup(void **state)
{
	struct uring *u = calloc(1, sizeof(*u));

	alarm(60);
	if (uring_open(u, SQ, CQ) < 0) {
		free(u);
		u = NULL;
	}
	*state = u;
	return 0;
}

static int teardown(void **state)
{
	if (*state)
		uring_close(*state);
	free(*state);
	return 0;
}

/* The ring, or the end of the test where there is none. */
static struct uring *ring(void **state)
{
	if (!*state)
		skip();
	return *state;
}

static bool nop(struct uring *u, uint64_t user_data)
{
	struct io_uring_sqe *sqe = uring_sqe(u);

	if (!sqe)
		return false;
	sqe->opcode = IORING_OP_NOP;
	sqe->user_data = user_data;
	return true;
}

static void poll_for(struct uring *u, int fd, uint64_t user_data)
{
	struct io_uring_sqe *sqe = uring_sqe(u);

	assert_non_null(sqe);
	sqe->opcode = IORING_OP_POLL_ADD;
	sqe->fd = fd;
	sqe->poll32_events = POLLIN;
	sqe->user_data = user_data;
}

static void an_order_gives_a_result_with_its_number(void **state)
{
	struct uring *u = ring(state);
	struct io_uring_cqe cqe;

	assert_false(uring_take(u, &cqe));
	assert_true(nop(u, 77));
	assert_int_equal(uring_unsubmitted(u), 1);
	assert_int_equal(uring_enter(u, 0), 1);
	assert_int_equal(uring_unsubmitted(u), 0);
	assert_int_equal(uring_results(u), 1);
	assert_true(uring_take(u, &cqe));
	assert_int_equal(cqe.user_data, 77);
	assert_int_equal(cqe.res, 0);
	assert_false(uring_take(u, &cqe));
}

static void a_full_ring_takes_no_more_orders_until_it_was_entered(void **state)
{
	struct uring *u = ring(state);

	for (unsigned i = 0; i < u->sq_entries; i++)
		assert_true(nop(u, i + 1));
	assert_false(nop(u, 99));
	assert_int_equal(uring_enter(u, 0), u->sq_entries);
	assert_true(nop(u, 99));
}

static void orders_go_round_the_ring_many_times(void **state)
{
	struct uring *u = ring(state);
	struct io_uring_cqe cqe;

	for (unsigned i = 1; i <= 100 * SQ; i++) {
		assert_true(nop(u, i));
		assert_int_equal(uring_enter(u, URING_FOREVER), 1);
		assert_true(uring_take(u, &cqe));
		assert_int_equal(cqe.user_data, i);
	}
}

static void results_beyond_the_room_are_kept_by_the_kernel(void **state)
{
	struct uring *u = ring(state);
	const unsigned count = 3 * u->cq_entries;
	struct io_uring_cqe cqe;
	unsigned taken = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!nop(u, i + 1)) {
			assert_true(uring_enter(u, 0) > 0);
			assert_true(nop(u, i + 1));
		}
	}
	while (uring_unsubmitted(u) > 0)
		assert_true(uring_enter(u, 0) > 0);
	assert_int_equal(uring_results(u), u->cq_entries);
	assert_true(uring_pending(u));
	while (taken < count) {
		while (uring_take(u, &cqe))
			assert_int_equal(cqe.user_data, ++taken);
		if (taken < count)
			assert_true(uring_enter(u, 0) >= 0);
	}
	assert_false(uring_pending(u));
}

static void a_wait_ends_in_time(void **state)
{
	struct uring *u = ring(state);
	const uint64_t begun_ns = host_now_ns();

	assert_int_equal(uring_enter(u, 20 * NS_PER_MS), -ETIME);
	assert_true(host_now_ns() - begun_ns >= 20 * NS_PER_MS);
	assert_int_equal(uring_wait(u, NS_PER_MS), -ETIME);
}

static void waiting_only_leaves_the_orders_alone(void **state)
{
	struct uring *u = ring(state);

	assert_true(nop(u, 5));
	assert_int_equal(uring_wait(u, NS_PER_MS), -ETIME);
	assert_int_equal(uring_unsubmitted(u), 1);
}

static void a_retracted_order_is_not_carried_out(void **state)
{
	struct uring *u = ring(state);
	const int fd = eventfd(1, EFD_CLOEXEC); /* a poll would succeed at once */
	struct io_uring_cqe cqe;

	poll_for(u, fd, 7);
	poll_for(u, fd, 9);
	assert_true(uring_retract(u, 7));
	assert_false(uring_retract(u, 7));
	assert_int_equal(uring_enter(u, URING_FOREVER), 2);
	for (unsigned i = 0; i < 2; i++) {
		while (!uring_take(u, &cqe))
			uring_wait(u, URING_FOREVER);
		assert_true(cqe.user_data == 0 || cqe.user_data == 9);
	}
	assert_false(uring_retract(u, 9)); /* too late */
	close(fd);
}

static void what_the_kernel_has_for_us_shows_without_a_system_call(void **state)
{
	struct uring *u = ring(state);
	const int fd = eventfd(0, EFD_CLOEXEC);
	struct io_uring_cqe cqe;

	poll_for(u, fd, 3);
	assert_int_equal(uring_enter(u, 0), 1);
	assert_false(uring_pending(u));
	assert_int_equal(uring_results(u), 0);
	eventfd_write(fd, 1);
	/* Deferred: flagged; else made at once, on our way out of the kernel. */
	assert_true(uring_pending(u) || uring_results(u) == 1);
	assert_true(uring_enter(u, 0) >= 0);
	assert_true(uring_take(u, &cqe));
	assert_int_equal(cqe.user_data, 3);
	assert_false(uring_pending(u));
	close(fd);
}

static void an_obstacle_names_the_setting_and_the_remedy(void **state)
{
	struct uring_obstacle o;

	(void)state;
	o = uring_explain(-EPERM, '2');
	assert_non_null(strstr(o.why, "kernel.io_uring_disabled is 2"));
	assert_string_equal(o.help, "sudo sysctl kernel.io_uring_disabled=0");
	o = uring_explain(-EPERM, '1');
	assert_non_null(strstr(o.why, "kernel.io_uring_group"));
	assert_non_null(strstr(o.help, "join that group"));
	o = uring_explain(-EPERM, '0');
	assert_non_null(strstr(o.why, "seccomp"));
	assert_non_null(strstr(o.help, "io_uring_enter"));
	o = uring_explain(-EPERM, 0);
	assert_non_null(strstr(o.why, "seccomp"));
	o = uring_explain(-ENOSYS, 0);
	assert_non_null(strstr(o.help, "CONFIG_IO_URING"));
	o = uring_explain(-EOPNOTSUPP, 0);
	assert_non_null(strstr(o.help, "5.13"));
	o = uring_explain(-EIO, 0);
	assert_string_equal(o.why, strerror(EIO));
	assert_string_equal(o.help, "");
}

static int usable_says_eperm(void)
{
	struct err err = { "" };

	return io_uring_usable(&err) == -EPERM && strstr(err.text, "seccomp") ? 0 : 1;
}

static int usable_says_enosys(void)
{
	struct err err = { "" };

	return io_uring_usable(&err) == -ENOSYS && strstr(err.text, "CONFIG_IO_URING") ? 0 : 1;
}

static void a_sandbox_that_forbids_it_is_told(void **state)
{
	(void)state;
	assert_int_equal(without_io_uring(EPERM, usable_says_eperm), 0);
	assert_int_equal(without_io_uring(ENOSYS, usable_says_enosys), 0);
}

static void a_probe_leaves_nothing_open(void **state)
{
	struct uring_obstacle o;
	const int before = eventfd(0, EFD_CLOEXEC);
	int after;

	(void)state;
	close(before);
	for (unsigned i = 0; i < 10; i++)
		uring_probe(&o);
	after = eventfd(0, EFD_CLOEXEC);
	close(after);
	assert_int_equal(after, before);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(an_order_gives_a_result_with_its_number),
		TEST(a_full_ring_takes_no_more_orders_until_it_was_entered),
		TEST(orders_go_round_the_ring_many_times),
		TEST(results_beyond_the_room_are_kept_by_the_kernel),
		TEST(a_wait_ends_in_time),
		TEST(waiting_only_leaves_the_orders_alone),
		TEST(a_retracted_order_is_not_carried_out),
		TEST(what_the_kernel_has_for_us_shows_without_a_system_call),
		cmocka_unit_test(an_obstacle_names_the_setting_and_the_remedy),
		cmocka_unit_test(a_sandbox_that_forbids_it_is_told),
		cmocka_unit_test(a_probe_leaves_nothing_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
