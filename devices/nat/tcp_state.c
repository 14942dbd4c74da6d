#include "nat/tcp_state.h"

#include <assert.h>

struct row {
	const char *name;
	enum tcp_state next[EVENTS]; /* 0, CONN_CONNECTING, where none goes back: stay */
};

static const struct row rows[CONN_STATES] = {
	[CONN_CONNECTING] = { "CONNECTING", { 0 } },
	[CONN_SYN_SENT] = { "SYN_SENT", { [EVENT_OPEN] = CONN_ESTABLISHED } },
	[CONN_SYN_RECEIVED] = { "SYN_RECEIVED", { [EVENT_OPEN] = CONN_ESTABLISHED } },
	[CONN_ESTABLISHED] = { "ESTABLISHED",
			       { [EVENT_OUR_FIN] = CONN_FIN_WAIT_1,
				 [EVENT_GUEST_FIN] = CONN_CLOSE_WAIT } },
	[CONN_FIN_WAIT_1] = { "FIN_WAIT_1",
			      { [EVENT_FIN_ACKED] = CONN_FIN_WAIT_2,
				[EVENT_GUEST_FIN] = CONN_CLOSING } },
	[CONN_FIN_WAIT_2] = { "FIN_WAIT_2", { [EVENT_GUEST_FIN] = CONN_TIME_WAIT } },
	[CONN_CLOSE_WAIT] = { "CLOSE_WAIT", { [EVENT_OUR_FIN] = CONN_LAST_ACK } },
	[CONN_CLOSING] = { "CLOSING", { [EVENT_FIN_ACKED] = CONN_TIME_WAIT } },
	[CONN_LAST_ACK] = { "LAST_ACK", { [EVENT_FIN_ACKED] = CONN_CLOSED } },
	[CONN_TIME_WAIT] = { "TIME_WAIT", { 0 } },
	[CONN_CLOSED] = { "CLOSED", { 0 } },
};

enum tcp_state tcp_state_next(enum tcp_state state, enum tcp_event event)
{
	enum tcp_state next;

	assert(state < CONN_STATES && event < EVENTS);
	next = rows[state].next[event];
	return next ? next : state;
}

const char *tcp_state_name(enum tcp_state state)
{
	return state < CONN_STATES ? rows[state].name : "?";
}
