/* Segments from the guest: RFC 9293, 3.10.7, with the answers of RFC 5961 to what may be
 * forged.  The steps and their order are the standard's. */
#include "nat/tcp_internal.h"

#include <errno.h>

#include "nat/tcp_seq.h"

#define DUP_ACKS 3u /* RFC 5681, 3.2 */
/* Duplicates for one burst; more tell nothing more. */
#define ACKS_MAX 4u

/* One segment, as far as it was checked. */
struct arrival {
	const struct nat_in *in;
	const struct wire_tcp *s;
	uint32_t payload_bytes;
};

/* ---- state --------------------------------------------------------------------------------------
 */

/* Both directions are through.  What the guest has must be out of the socket, or its
 * end would be a reset (RFC 2525, 2.17). */
static void finish(struct conn *c)
{
	(void)host_take(c);
	nat_watch_close(c->nat, &c->host);
	c->rtx_ns = NAT_NEVER;
	conn_set_spare(c);
}

void conn_event(struct conn *c, enum tcp_event event)
{
	const enum tcp_state before = c->state;

	c->state = tcp_state_next(before, event);
	if (c->state != before && c->state >= CONN_TIME_WAIT)
		finish(c);
}

/* A duplicate of the last acknowledgment, for each segment that asks for one. */
static void owe_duplicate(struct conn *c)
{
	if (c->ack_count < ACKS_MAX)
		c->ack_count++;
}

/* ---- first: is it in the window? ---------------------------------------------------- */

/* RFC 9293, 3.4.  One that begins where it should is taken in any case: its
 * acknowledgment is good, and its data are cut to the window. */
static bool acceptable(const struct conn *c, const struct wire_tcp *s, uint32_t span)
{
	const uint32_t window = c->rcv_edge - c->rcv_nxt;

	if (s->seq == c->rcv_nxt || seq_within(s->seq, c->rcv_nxt, window))
		return true;
	return span > 0 && seq_within(s->seq + span - 1, c->rcv_nxt, window);
}

/* RFC 7323, 5.3, R1: it was overtaken by others, long ago (PAWS).  One without a stamp is
 * let through, as by Linux. */
static bool is_stale(const struct conn *c, const struct wire_tcp *s)
{
	return c->stamped && s->stamped && !(s->flags & WIRE_TCP_RST) &&
	       seq_before(s->stamp, c->guest_stamp) &&
	       c->used_ns - c->stamp_ns < TCP_STAMP_LIFE_NS;
}

/* R3: what we echo is the stamp of the segment that our next acknowledgment is for, and
 * not of one behind a hole.  By that the guest measures its round trips even in what it
 * sends again, and its time-outs stay short on a lossy way. */
static void take_stamp(struct conn *c, const struct wire_tcp *s)
{
	if (!c->stamped || !s->stamped || seq_after(s->seq, c->rcv_told))
		return;
	c->guest_stamp = s->stamp;
	c->stamp_ns = c->used_ns;
}

/* Whether this was the end of it: stale, out of the window, RST, SYN, or no ACK. */
static bool refuse_odd(struct conn *c, const struct arrival *a, bool *gone)
{
	const struct wire_tcp *s = a->s;

	if (is_stale(c, s) || !acceptable(c, s, tcp_span(s, a->payload_bytes))) {
		if (!(s->flags & WIRE_TCP_RST))
			owe_duplicate(c);
		return true;
	}
	take_stamp(c, s);
	if (s->flags & WIRE_TCP_RST) { /* RFC 5961, 3.2: exactly the next number */
		*gone = s->seq == c->rcv_nxt;
		if (*gone)
			conn_abort(c, false);
		else
			owe_duplicate(c);
		return true;
	}
	if (s->flags & WIRE_TCP_SYN) { /* RFC 5961, 4.2 */
		owe_duplicate(c);
		return true;
	}
	return !(s->flags & WIRE_TCP_ACK);
}

/* ---- fifth: its acknowledgment ------------------------------------------------------ */

static void measure(struct conn *c)
{
	if (!c->rtt_running || seq_before(c->snd_una, c->rtt_seq))
		return;
	c->rtt_running = false;
	tcp_rtt_sample(&c->rtt, nat_now_ns(c->nat) - c->rtt_at_ns);
}

/* Something new: RFC 6298, 5.2 and 5.3; RFC 6582, 3.2. */
static void take_ack(struct conn *c, uint32_t ack)
{
	const uint32_t acked = ack - c->snd_una;

	c->snd_una = ack;
	c->snd_nxt = seq_later(c->snd_nxt, ack);
	c->retries = 0;
	/* RFC 6298, 5, keeps a timer backed off until there is a new sample, for the sake of
	 * a crowded network.  Here is none. */
	c->rtt.backoff = 0;
	c->dup_acks = 0;
	c->limit_bytes =
		(uint32_t)min_u64((uint64_t)c->limit_bytes + acked, tcp_flight_max(c->nat->tcp));
	c->resend = c->recovering && seq_before(ack, c->recover);
	c->recovering = c->resend;
	measure(c);
	c->rtx_ns = NAT_NEVER;
	if (ack != c->snd_max)
		conn_start_rtx(c);
	if (c->host_eof && ack - c->fin_seq == 1)
		conn_event(c, EVENT_FIN_ACKED);
}

static void count_duplicate(struct conn *c, const struct arrival *a, uint32_t window)
{
	if (a->s->ack != c->snd_una || c->snd_una == c->snd_max || a->payload_bytes > 0 ||
	    (a->s->flags & WIRE_TCP_FIN) || window != c->snd_wnd)
		return;
	if (c->dup_acks < UINT8_MAX)
		c->dup_acks++;
	if (c->dup_acks != DUP_ACKS || c->recovering)
		return;
	c->resend = c->recovering = true;
	c->recover = c->snd_max;
}

static void take_window(struct conn *c, const struct wire_tcp *s, uint32_t window)
{
	if (seq_before(c->snd_wl1, s->seq) ||
	    (c->snd_wl1 == s->seq && !seq_before(s->ack, c->snd_wl2))) {
		c->snd_wnd = window;
		c->snd_wl1 = s->seq;
		c->snd_wl2 = s->ack;
	}
}

/* False: of something that was never sent; the rest is not looked at. */
static bool take_acknowledgment(struct conn *c, const struct arrival *a)
{
	const struct wire_tcp *s = a->s;
	const uint32_t window = (uint32_t)s->window << c->snd_scale;

	if (seq_after(s->ack, c->snd_max)) {
		owe_duplicate(c);
		return false;
	}
	if (seq_before(s->ack, c->snd_una)) /* old; its data may be new */
		return true;
	if (c->snd_una == c->snd_nxt && c->snd_wnd == 0)
		c->retries = 0; /* it answers our probes: RFC 9293, 3.8.6.1 */
	count_duplicate(c, a, window);
	if (seq_acks(s->ack, c->snd_una, c->snd_max))
		take_ack(c, s->ack);
	take_window(c, s, window);
	return true;
}

/* ---- seventh: its data; eighth: its FIN --------------------------------------------- */

/* What of the payload is new and inside the window goes to the socket.
 * 1: all that there was is taken; 0: not all; -errno */
static int take_data(struct conn *c, const struct arrival *a)
{
	const uint32_t skip = c->rcv_nxt - a->s->seq;
	const uint32_t fresh = a->payload_bytes - skip;
	const uint32_t len = (uint32_t)min_u64(fresh, c->rcv_edge - c->rcv_nxt);
	const bool fills = seq_before(c->rcv_nxt, c->rcv_max);
	ssize_t took = 0;

	if (len > 0 && !c->host_dead)
		took = host_write(c, a->in, a->s->header_bytes + skip, len);
	if (took < 0)
		return (int)took;
	c->rcv_nxt += (uint32_t)took;
	c->rcv_max = seq_later(c->rcv_max, c->rcv_nxt);
	/* Of a hole, at once: the guest waits for it before it sends more (RFC 5681, 4.2). */
	if (fills && took > 0)
		conn_owe_ack(c);
	if ((uint32_t)took == fresh)
		return 1;
	if ((uint32_t)took < len)
		host_refused(c);
	owe_duplicate(c);
	return 0;
}

static int take_fin(struct conn *c)
{
	const int rc = host_shutdown(c);

	c->rcv_nxt++;
	c->rcv_edge = seq_later(c->rcv_edge, c->rcv_nxt);
	conn_owe_ack(c);
	conn_event(c, EVENT_GUEST_FIN);
	return rc;
}

static int take_payload(struct conn *c, const struct arrival *a)
{
	const bool fin = a->s->flags & WIRE_TCP_FIN;
	int rc;

	if (!tcp_state_receives(c->state) || (a->payload_bytes == 0 && !fin))
		return 0;
	/* A hole before it.  Nothing is kept that we could not give to the socket: the
	 * link keeps order, so that holes are rare. */
	if (seq_after(a->s->seq, c->rcv_nxt)) {
		c->rcv_max = seq_later(c->rcv_max, a->s->seq + a->payload_bytes);
		owe_duplicate(c);
		return 0;
	}
	/* Ours already, but maybe not its FIN. */
	if (c->rcv_nxt - a->s->seq > a->payload_bytes) {
		owe_duplicate(c);
		return 0;
	}
	rc = take_data(c, a);
	return rc > 0 && fin ? take_fin(c) : rc < 0 ? rc : 0;
}

/* ---- by state ----------------------------------------------------------------------- */

/* Our SYN's answer is acknowledged.  False: something else is. */
static bool handshake_done(struct conn *c, const struct arrival *a)
{
	if (a->s->ack != c->snd_iss + 1) {
		tcp_send_reset(c->nat, &c->tuple, a->s, a->payload_bytes);
		return false;
	}
	conn_event(c, EVENT_OPEN);
	c->snd_wl1 = a->s->seq;
	c->snd_wl2 = a->s->ack;
	return true;
}

static void input_synchronized(struct conn *c, const struct arrival *a)
{
	bool gone = false;

	if (c->state == CONN_SYN_RECEIVED && (a->s->flags & WIRE_TCP_SYN) &&
	    a->s->seq == c->rcv_nxt - 1) {
		conn_send_syn(c); /* ours was lost */
		return;
	}
	if (refuse_odd(c, a, &gone)) {
		if (!gone)
			conn_enqueue(c, QUEUE_TODO);
		return;
	}
	conn_enqueue(c, QUEUE_TODO);
	if (c->state == CONN_SYN_RECEIVED && !handshake_done(c, a))
		return;
	if (take_acknowledgment(c, a) && take_payload(c, a) < 0)
		host_died(c);
}

/* The host still connects. */
static void input_connecting(struct conn *c, const struct arrival *a)
{
	const struct tcp_tuple tuple = c->tuple;
	const uint32_t first = c->rcv_nxt - 1;
	struct nat *n = c->nat;

	if (a->s->flags & WIRE_TCP_RST) {
		if (a->s->seq == c->rcv_nxt)
			conn_abort(c, false);
	} else if ((a->s->flags & WIRE_TCP_SYN) && a->s->seq != first) {
		conn_abort(c, false); /* it began anew */
		tcp_open(n, a->in, &tuple, a->s);
	}
}

/* A published port: RFC 9293, 3.10.7.3. */
static void input_syn_sent(struct conn *c, const struct arrival *a)
{
	const struct wire_tcp *s = a->s;
	const bool acks = (s->flags & WIRE_TCP_ACK) && s->ack == c->snd_iss + 1;

	if ((s->flags & WIRE_TCP_ACK) && !acks) {
		tcp_send_reset(c->nat, &c->tuple, s, a->payload_bytes);
		return;
	}
	if (!acks) /* simultaneous open: there is nothing of the guest's to meet */
		return;
	if (s->flags & WIRE_TCP_RST) {
		publish_refuse(c);
		return;
	}
	if (!(s->flags & WIRE_TCP_SYN))
		return;
	conn_take_syn(c, s);
	c->snd_una = s->ack;
	c->rtx_ns = NAT_NEVER;
	c->retries = 0;
	tcp_rtt_init(&c->rtt);
	if (publish_accept(c) < 0)
		return;
	conn_event(c, EVENT_OPEN);
	conn_owe_ack(c);
	conn_enqueue(c, QUEUE_TODO);
}

/* RFC 9293, 3.10.7.4: what it sends again is acknowledged again. */
static void input_time_wait(struct conn *c, const struct arrival *a)
{
	bool gone = false;

	refuse_odd(c, a, &gone);
	if (!gone)
		conn_enqueue(c, QUEUE_TODO);
}

typedef void (*input)(struct conn *c, const struct arrival *a);

static const input inputs[CONN_STATES] = {
	[CONN_CONNECTING] = input_connecting,	  [CONN_SYN_SENT] = input_syn_sent,
	[CONN_SYN_RECEIVED] = input_synchronized, [CONN_ESTABLISHED] = input_synchronized,
	[CONN_FIN_WAIT_1] = input_synchronized,	  [CONN_FIN_WAIT_2] = input_synchronized,
	[CONN_CLOSE_WAIT] = input_synchronized,	  [CONN_CLOSING] = input_synchronized,
	[CONN_LAST_ACK] = input_synchronized,	  [CONN_TIME_WAIT] = input_time_wait,
};

void conn_input(struct conn *c, const struct nat_in *in, const struct wire_tcp *s)
{
	const struct arrival a = { .in = in, .s = s, .payload_bytes = in->len - s->header_bytes };

	if (!inputs[c->state]) /* CLOSED: it goes with the end of the burst */
		return;
	if (c->state != CONN_TIME_WAIT)
		conn_use(c);
	inputs[c->state](c, &a);
}

bool conn_may_reopen(const struct conn *c, const struct wire_tcp *s)
{
	const uint8_t kind = s->flags & (WIRE_TCP_SYN | WIRE_TCP_ACK | WIRE_TCP_RST | WIRE_TCP_FIN);

	return kind == WIRE_TCP_SYN && seq_after(s->seq, c->rcv_nxt);
}
