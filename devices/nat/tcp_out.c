/* Segments to the guest: RFC 9293; RFC 5681 and 6582 for what is sent again at once.
 *
 * There is no congestion window: the way to the guest is a queue in memory, which says
 * itself when it is full.  What bounds us is the guest's window, and, after a time-out,
 * a slow start. */
#include "nat/tcp_internal.h"

#include <errno.h>

#include "nat/tcp_seq.h"

/* An IP packet's length has 16 bits. */
#define SEGMENT_MAX (65535u - WIRE_IP4_BYTES)
/* The window's end moves by a segment at least, or by this (RFC 9293, 3.8.6.2.2). */
#define WINDOW_STEP 1024u
/* The guest has no buffers: no error of a socket's. */
#define NO_ROOM (-EXFULL)

/* ---- one segment ------------------------------------------------------------------------------
 */

/* Never back: RFC 9293, 3.8.6. */
static uint16_t tell_window(struct conn *c)
{
	const uint32_t largest = UINT32_C(0xffff) << c->rcv_scale;
	const uint32_t edge = c->rcv_nxt + (uint32_t)min_u64(c->credit_bytes, largest);

	if (seq_after(edge, c->rcv_edge) && edge - c->rcv_edge >= min_u64(c->mss, WINDOW_STEP))
		c->rcv_edge = edge;
	return (uint16_t)min_u64((c->rcv_edge - c->rcv_nxt) >> c->rcv_scale, UINT16_MAX);
}

/* Our timestamps: milliseconds, from somewhere on (RFC 7323, 5.4: one to a thousand). */
static uint32_t stamp_now(const struct conn *c)
{
	return c->snd_iss + (uint32_t)(nat_now_ns(c->nat) / NS_PER_MS);
}

static struct wire_tcp segment_of(struct conn *c, uint32_t seq, uint8_t flags)
{
	return (struct wire_tcp){
		.src_port = c->tuple.peer_port,
		.dst_port = c->tuple.guest_port,
		.seq = seq,
		.ack = c->rcv_nxt,
		.flags = flags,
		.window = tell_window(c),
		.window_scale = -1,
		.stamped = c->stamped,
		.stamp = c->stamped ? stamp_now(c) : 0,
		.stamp_echo = c->guest_stamp,
	};
}

static struct nat_to way_to(const struct tcp_tuple *t)
{
	return (struct nat_to){ .src = t->peer_ip, .dst = t->guest_ip, .proto = WIRE_PROTO_TCP };
}

/* Every segment with ACK tells all there is to tell. */
static void told(struct conn *c)
{
	c->rcv_told = c->rcv_nxt;
	c->ack_ns = NAT_NEVER;
}

static bool send_bare(struct conn *c, const struct wire_tcp *s)
{
	const struct nat_to to = way_to(&c->tuple);
	uint8_t header[WIRE_TCP_BYTES_MAX];
	const unsigned len = wire_tcp_emit(s, header);
	struct nat_packet p;

	if (!nat_packet_begin(c->nat, to.dst, len, 0, &p))
		return false;
	nat_packet_send(c->nat, &p, &to, header, 0, 0);
	told(c);
	return true;
}

static bool send_control(struct conn *c, uint32_t seq, uint8_t flags)
{
	const struct wire_tcp s = segment_of(c, seq, flags);

	return send_bare(c, &s);
}

/* RFC 9293, 3.7.1; RFC 7323, 2.2 and 3.2: a scale is answered by a scale, timestamps by
 * timestamps, and a SYN's own window has no scale. */
void conn_send_syn(struct conn *c)
{
	const bool answer = c->state == CONN_SYN_RECEIVED;
	struct wire_tcp s = segment_of(c, c->snd_iss, WIRE_TCP_SYN | (answer ? WIRE_TCP_ACK : 0));

	s.mss = (uint16_t)nat_payload_max(c->nat, WIRE_TCP_BYTES);
	if (!answer || c->rcv_scale > 0)
		s.window_scale = TCP_OUR_SCALE;
	if (!answer) {
		s.ack = 0;
		s.stamped = true;
		s.stamp = stamp_now(c);
	}
	s.window = (uint16_t)min_u64(answer ? c->rcv_edge - c->rcv_nxt : UINT16_MAX, UINT16_MAX);
	send_bare(c, &s);
	c->snd_nxt = c->snd_max = c->snd_iss + 1;
	conn_start_rtx(c);
}

void conn_send_probe(struct conn *c)
{
	send_control(c, c->snd_una - 1, WIRE_TCP_ACK);
}

static void send_small(struct nat *n, const struct tcp_tuple *tuple, const struct wire_tcp *s)
{
	const struct nat_to to = way_to(tuple);
	uint8_t header[WIRE_TCP_BYTES_MAX];
	const unsigned len = wire_tcp_emit(s, header);

	nat_send_small(n, &to, header, len, NULL, 0);
}

void conn_send_reset(struct conn *c)
{
	const struct wire_tcp s = segment_of(c, c->snd_max, WIRE_TCP_RST | WIRE_TCP_ACK);

	send_small(c->nat, &c->tuple, &s);
}

void tcp_send_reset(struct nat *n, const struct tcp_tuple *tuple, const struct wire_tcp *s,
		    uint32_t payload_bytes)
{
	const bool has_ack = s->flags & WIRE_TCP_ACK;
	const struct wire_tcp rst = {
		.src_port = tuple->peer_port,
		.dst_port = tuple->guest_port,
		.seq = has_ack ? s->ack : 0,
		.ack = has_ack ? 0 : s->seq + tcp_span(s, payload_bytes),
		.flags = WIRE_TCP_RST | (has_ack ? 0 : WIRE_TCP_ACK),
		.window_scale = -1,
	};

	if (!(s->flags & WIRE_TCP_RST))
		send_small(n, tuple, &rst);
}

/* ---- data --------------------------------------------------------------------------- */

/* What one frame carries at most: whole segments. */
static uint32_t frame_max(const struct conn *c)
{
	const uint32_t most = SEGMENT_MAX - conn_header_bytes(c);

	return c->nat->guest_tso4 ? most / c->mss * c->mss : c->mss;
}

/* A frame of at most want bytes of the socket's from seq on.
 * *cut  there were no more, as far as this read tells
 * Bytes; 0: the end; -EAGAIN: nothing there; NO_ROOM; or -errno of the socket. */
static ssize_t send_data(struct conn *c, uint32_t seq, uint32_t want, bool *cut)
{
	const struct nat_to to = way_to(&c->tuple);
	uint8_t header[WIRE_TCP_BYTES_MAX];
	struct nat_packet p;
	struct wire_tcp s;
	ssize_t got;

	if (!nat_packet_begin(c->nat, to.dst, conn_header_bytes(c), want, &p))
		return NO_ROOM;
	got = host_peek(c, seq, p.iov, p.iov_count);
	if (got <= 0) {
		nat_packet_cancel(c->nat, &p);
		return got;
	}
	*cut = (size_t)got < p.payload_max;
	s = segment_of(c, seq, WIRE_TCP_ACK | (*cut ? WIRE_TCP_PSH : 0));
	wire_tcp_emit(&s, header);
	nat_packet_send(c->nat, &p, &to, header, (size_t)got, got > c->mss ? c->mss : 0);
	told(c);
	return got;
}

/* Ask for much where there was much: buffers of the guest are not claimed in vain. */
static void adapt_chunk(struct conn *c, uint32_t want, uint32_t got)
{
	if (got == want && want == c->chunk_bytes)
		c->chunk_bytes = (uint32_t)min_u64(4 * (uint64_t)want, frame_max(c));
	else if (got < c->chunk_bytes / 4)
		c->chunk_bytes = (uint32_t)max_u64(c->chunk_bytes / 2, c->mss);
}

/* snd_nxt moves on over len numbers that were just sent. */
static void sent(struct conn *c, uint32_t len)
{
	const bool fresh = c->snd_nxt == c->snd_max;

	c->snd_nxt += len;
	c->snd_max = seq_later(c->snd_max, c->snd_nxt);
	if (fresh && !c->rtt_running) { /* RFC 6298, 3: Karn's algorithm */
		c->rtt_running = true;
		c->rtt_seq = c->snd_nxt;
		c->rtt_at_ns = nat_now_ns(c->nat);
	}
	if (c->rtx_ns == NAT_NEVER)
		conn_start_rtx(c);
}

static uint32_t sendable(const struct conn *c)
{
	const uint32_t window = (uint32_t)min_u64(c->snd_wnd, c->limit_bytes);
	const uint32_t flight = c->snd_nxt - c->snd_una;

	return flight < window ? window - flight : 0;
}

/* Less than a segment only if nothing is on its way that would make it more (RFC 9293,
 * 3.8.6.2.1). */
static bool worth_it(const struct conn *c, uint32_t room)
{
	return room >= c->mss || (room > 0 && c->snd_nxt == c->snd_una);
}

static bool data_left(const struct conn *c)
{
	if (c->host_eof)
		return seq_before(c->snd_nxt, c->fin_seq);
	return c->host_readable || seq_before(c->snd_nxt, c->snd_max);
}

bool conn_has_unsent(const struct conn *c)
{
	return data_left(c) || (c->host_eof && !c->host_dead && c->snd_nxt == c->fin_seq);
}

/* One frame, or what there is instead of one.
 * 1: sent, or the end was found; 0: nothing to do now; NO_ROOM */
static int push_frame(struct conn *c, uint32_t room)
{
	const uint32_t want = (uint32_t)min_u64(min_u64(room, c->chunk_bytes), frame_max(c));
	bool cut = false;
	const ssize_t got = send_data(c, c->snd_nxt, want, &cut);

	if (got > 0) {
		sent(c, (uint32_t)got);
		adapt_chunk(c, want, (uint32_t)got);
		if (cut && !c->host_hup) {
			c->host_readable = false;
			c->look_ns = nat_now_ns(c->nat) + TCP_LOOK_DELAY_NS;
		}
		return 1;
	}
	if (got == -EAGAIN) {
		c->host_readable = false;
		return 0;
	}
	if (got == NO_ROOM)
		return NO_ROOM;
	if (got < 0)
		host_died(c);
	c->host_eof = true;
	c->fin_seq = c->snd_nxt;
	return 1;
}

static int push_fin(struct conn *c)
{
	if (!send_control(c, c->snd_nxt, WIRE_TCP_FIN | WIRE_TCP_ACK))
		return NO_ROOM;
	sent(c, 1);
	conn_event(c, EVENT_OUR_FIN);
	return 1;
}

/* The hole that the guest tells of, by a segment. */
static int resend(struct conn *c)
{
	uint32_t len = (uint32_t)min_u64(c->snd_max - c->snd_una, c->mss);
	ssize_t rc;
	bool cut;

	if (!c->resend || len == 0)
		return 0;
	if (c->host_eof && c->snd_una == c->fin_seq) {
		rc = send_control(c, c->fin_seq, WIRE_TCP_FIN | WIRE_TCP_ACK) ? 1 : NO_ROOM;
	} else {
		if (c->host_eof)
			len = (uint32_t)min_u64(len, c->fin_seq - c->snd_una);
		rc = send_data(c, c->snd_una, len, &cut);
	}
	if (rc > 0)
		c->resend = c->rtt_running = false;
	return rc < 0 && rc != -EAGAIN ? (int)rc : 0;
}

/* All that may be sent, but for a round's worth.  0; NO_ROOM; -errno */
static int push(struct conn *c)
{
	int rc = resend(c);

	for (unsigned i = 0; rc == 0 && conn_has_unsent(c); i++) {
		const uint32_t room = sendable(c);

		if (!worth_it(c, room))
			return 0;
		if (i == TCP_ROUND_FRAMES) {
			conn_later(c);
			return 0;
		}
		rc = data_left(c) ? push_frame(c, room) : push_fin(c);
		if (rc > 0)
			rc = 0;
	}
	return rc;
}

/* ---- acknowledgments ---------------------------------------------------------------- */

void conn_owe_ack(struct conn *c)
{
	if (c->ack_count == 0)
		c->ack_count = 1;
}

/* At once for what is more than two segments (RFC 9293, 3.8.6.3); for less, something
 * that goes there anyway will tell, or the timer. */
static void decide_ack(struct conn *c)
{
	const uint32_t untold = c->rcv_nxt - c->rcv_told;

	if (untold >= 2u * c->mss)
		conn_owe_ack(c);
	else if (untold > 0 && c->ack_ns == NAT_NEVER)
		c->ack_ns = nat_now_ns(c->nat) + TCP_ACK_DELAY_NS;
}

static int send_acks(struct conn *c)
{
	for (; c->ack_count > 0; c->ack_count--)
		if (!send_control(c, c->snd_nxt, WIRE_TCP_ACK))
			return NO_ROOM;
	return 0;
}

/* A reset throws nothing away that came before it: a server that answers, and closes
 * without having read all of the question, resets. */
static bool is_over(const struct conn *c)
{
	return c->host_dead && c->host_eof && !seq_before(c->snd_una, c->fin_seq);
}

/* ---- all of it ---------------------------------------------------------------------- */

static int settle(struct conn *c)
{
	int rc;

	if (tcp_state_open(c->state)) {
		const uint32_t told_before = c->rcv_told;

		if (c->credit_old && c->credit_bytes < c->credit_asks)
			host_ask_room(c);
		rc = host_take(c);
		if (rc == 0)
			rc = push(c);
		if (rc < 0)
			return rc;
		if (is_over(c))
			return -ECONNRESET;
		/* Data told it; duplicates have to come alone. */
		if (c->ack_count == 1 && told_before != c->rcv_told)
			c->ack_count = 0;
		decide_ack(c);
	}
	return send_acks(c);
}

bool conn_settle(struct conn *c)
{
	int rc;

	if (c->queue == QUEUE_STALLED)
		return false;
	rc = settle(c);
	if (rc < 0 && rc != NO_ROOM) {
		conn_abort(c, true);
		return true;
	}
	if (c->state == CONN_CLOSED) {
		conn_free(c);
		return true;
	}
	if (rc == NO_ROOM)
		conn_enqueue(c, QUEUE_STALLED);
	conn_arm(c);
	return rc != NO_ROOM;
}
