/* nat/tcp_state.h: the states of a connection with the guest (RFC 9293, 3.3.2), as seen
 * from our end of it. */
#ifndef BANTAM_NAT_TCP_STATE_H
#define BANTAM_NAT_TCP_STATE_H

#include "base/types.h"

enum tcp_state {
	CONN_CONNECTING,   /* the guest's SYN is here, the host's connect() under way: LISTEN */
	CONN_SYN_SENT,	   /* a published port: our SYN is out */
	CONN_SYN_RECEIVED, /* our SYN-ACK is out */
	CONN_ESTABLISHED,
	CONN_FIN_WAIT_1, /* our FIN is out */
	CONN_FIN_WAIT_2, /* and acknowledged */
	CONN_CLOSE_WAIT, /* the guest's FIN came */
	CONN_CLOSING,	 /* both, and ours is not acknowledged */
	CONN_LAST_ACK,	 /* the same, but the guest's came first */
	CONN_TIME_WAIT,	 /* all is done; the guest may not know yet */
	CONN_CLOSED,
	CONN_STATES,
};

enum tcp_event {
	EVENT_OPEN,	 /* both SYNs are acknowledged */
	EVENT_OUR_FIN,	 /* we sent it, after all data */
	EVENT_FIN_ACKED, /* the guest has it */
	EVENT_GUEST_FIN, /* and all data before it */
	EVENTS,
};

/* The next state; the same where the event means nothing. */
enum tcp_state tcp_state_next(enum tcp_state state, enum tcp_event event);

/* "ESTABLISHED", ... */
const char *tcp_state_name(enum tcp_state state);

/* The three-way handshake is over. */
static inline bool tcp_state_open(enum tcp_state s)
{
	return s >= CONN_ESTABLISHED && s < CONN_TIME_WAIT;
}

/* Data of the guest may still come. */
static inline bool tcp_state_receives(enum tcp_state s)
{
	return s == CONN_ESTABLISHED || s == CONN_FIN_WAIT_1 || s == CONN_FIN_WAIT_2;
}

/* Data for the guest, or our FIN, may still be sent. */
static inline bool tcp_state_sends(enum tcp_state s)
{
	return s == CONN_ESTABLISHED || s == CONN_CLOSE_WAIT;
}

#endif
