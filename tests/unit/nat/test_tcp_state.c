#include "nat/tcp_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static enum tcp_state after(enum tcp_state s, const enum tcp_event *events, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		s = tcp_state_next(s, events[i]);
	return s;
}

#define AFTER(from, ...)                                     \
	after(from, (const enum tcp_event[]){ __VA_ARGS__ }, \
	      ARRAY_LEN(((const enum tcp_event[]){ __VA_ARGS__ })))

static void a_guest_that_closes_first_ends_without_time_wait(void **state)
{
	(void)state;
	assert_int_equal(AFTER(CONN_SYN_RECEIVED, EVENT_OPEN), CONN_ESTABLISHED);
	assert_int_equal(AFTER(CONN_ESTABLISHED, EVENT_GUEST_FIN), CONN_CLOSE_WAIT);
	assert_int_equal(AFTER(CONN_CLOSE_WAIT, EVENT_OUR_FIN), CONN_LAST_ACK);
	assert_int_equal(AFTER(CONN_LAST_ACK, EVENT_FIN_ACKED), CONN_CLOSED);
}

static void a_host_that_closes_first_waits_at_the_end(void **state)
{
	(void)state;
	assert_int_equal(AFTER(CONN_SYN_SENT, EVENT_OPEN, EVENT_OUR_FIN), CONN_FIN_WAIT_1);
	assert_int_equal(AFTER(CONN_FIN_WAIT_1, EVENT_FIN_ACKED), CONN_FIN_WAIT_2);
	assert_int_equal(AFTER(CONN_FIN_WAIT_2, EVENT_GUEST_FIN), CONN_TIME_WAIT);
}

static void both_may_close_at_once(void **state)
{
	(void)state;
	assert_int_equal(AFTER(CONN_FIN_WAIT_1, EVENT_GUEST_FIN), CONN_CLOSING);
	assert_int_equal(AFTER(CONN_CLOSING, EVENT_FIN_ACKED), CONN_TIME_WAIT);
}

static void what_means_nothing_changes_nothing(void **state)
{
	(void)state;
	for (enum tcp_event e = 0; e < EVENTS; e++) {
		assert_int_equal(tcp_state_next(CONN_TIME_WAIT, e), CONN_TIME_WAIT);
		assert_int_equal(tcp_state_next(CONN_CLOSED, e), CONN_CLOSED);
		assert_int_equal(tcp_state_next(CONN_CONNECTING, e), CONN_CONNECTING);
	}
	assert_int_equal(tcp_state_next(CONN_CLOSE_WAIT, EVENT_GUEST_FIN), CONN_CLOSE_WAIT);
}

static void data_flows_only_where_no_fin_was(void **state)
{
	static const struct {
		enum tcp_state state;
		bool open, receives, sends;
	} rows[] = {
		{ CONN_CONNECTING, false, false, false },   { CONN_SYN_SENT, false, false, false },
		{ CONN_SYN_RECEIVED, false, false, false }, { CONN_ESTABLISHED, true, true, true },
		{ CONN_FIN_WAIT_1, true, true, false },	    { CONN_FIN_WAIT_2, true, true, false },
		{ CONN_CLOSE_WAIT, true, false, true },	    { CONN_CLOSING, true, false, false },
		{ CONN_LAST_ACK, true, false, false },	    { CONN_TIME_WAIT, false, false, false },
		{ CONN_CLOSED, false, false, false },
	};

	(void)state;
	assert_int_equal(ARRAY_LEN(rows), CONN_STATES);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(tcp_state_open(rows[i].state), rows[i].open);
		assert_int_equal(tcp_state_receives(rows[i].state), rows[i].receives);
		assert_int_equal(tcp_state_sends(rows[i].state), rows[i].sends);
		assert_true(strlen(tcp_state_name(rows[i].state)) > 1);
	}
	assert_string_equal(tcp_state_name(CONN_STATES), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_that_closes_first_ends_without_time_wait),
		cmocka_unit_test(a_host_that_closes_first_waits_at_the_end),
		cmocka_unit_test(both_may_close_at_once),
		cmocka_unit_test(what_means_nothing_changes_nothing),
		cmocka_unit_test(data_flows_only_where_no_fin_was),
	};

	return cmocka_run_group_tests_name("tcp_state", tests, NULL, NULL);
}
