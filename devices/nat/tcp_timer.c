/* What happens when nothing happens: retransmission (RFC 6298, 5), window probes
 * (RFC 9293, 3.8.6.1), acknowledgments that waited, and connections that nobody uses. */
#include "nat/tcp_internal.h"

static uint64_t idle_ns(const struct conn *c)
{
	switch (c->state) {
	case CONN_ESTABLISHED:
		return TCP_IDLE_OPEN_NS;
	case CONN_TIME_WAIT:
		return TCP_TIME_WAIT_NS;
	case CONN_CONNECTING:
		return TCP_IDLE_CONNECT_NS;
	default:
		return TCP_IDLE_HALF_NS;
	}
}

static uint64_t rtx_timeout_ns(const struct conn *c)
{
	return c->state == CONN_SYN_SENT ? TCP_PUBLISH_SYN_NS : tcp_rtt_timeout_ns(&c->rtt);
}

void conn_start_rtx(struct conn *c)
{
	c->rtx_ns = nat_now_ns(c->nat) + rtx_timeout_ns(c);
}

/* Data that only a closed window holds back: no event would tell that the guest's word
 * of its opening was lost. */
static bool wants_probe(const struct conn *c)
{
	return c->snd_una == c->snd_nxt && c->snd_wnd == 0 && tcp_state_open(c->state) &&
	       conn_has_unsent(c);
}

void conn_arm(struct conn *c)
{
	uint64_t soon_ns;

	if (c->rtx_ns == NAT_NEVER && wants_probe(c))
		conn_start_rtx(c);
	soon_ns = min_u64(min_u64(c->rtx_ns, c->ack_ns), c->look_ns);
	nat_timer_arm(c->nat, &c->timer, min_u64(soon_ns, c->used_ns + idle_ns(c)));
}

/* ---- nobody answers ---------------------------------------------------------------------------
 */

static unsigned retries_max(const struct conn *c)
{
	switch (c->state) {
	case CONN_SYN_SENT:
		return TCP_PUBLISH_SYN_COUNT;
	case CONN_SYN_RECEIVED:
		return TCP_SYN_RETRIES;
	default:
		return TCP_RETRIES_MAX;
	}
}

static void give_up(struct conn *c)
{
	if (c->state == CONN_SYN_SENT)
		publish_refuse(c);
	else
		conn_abort(c, true);
}

/* All from snd_una on, beginning with a segment (RFC 5681, 3.1: loss window). */
static void go_back(struct conn *c)
{
	c->snd_nxt = c->snd_una;
	c->limit_bytes = c->mss;
	c->resend = c->recovering = c->rtt_running = false;
	c->dup_acks = 0;
}

/* False: c is gone. */
static bool retransmit(struct conn *c)
{
	/* Whoever has no buffers cannot answer, and is not asked once more. */
	if (c->queue == QUEUE_STALLED) {
		conn_start_rtx(c);
		return true;
	}
	c->rtx_ns = NAT_NEVER;
	if (c->retries++ == retries_max(c)) {
		give_up(c);
		return false;
	}
	tcp_rtt_back_off(&c->rtt);
	if (!tcp_state_open(c->state))
		conn_send_syn(c);
	else if (c->snd_una != c->snd_nxt)
		go_back(c);
	else if (wants_probe(c))
		conn_send_probe(c);
	else
		c->retries = 0;
	return true;
}

void conn_timer_fired(struct nat_timer *t, uint64_t now_ns)
{
	struct conn *c = container_of(t, struct conn, timer);

	if (now_ns >= c->used_ns + idle_ns(c)) {
		conn_abort(c, true);
		return;
	}
	if (now_ns >= c->ack_ns) {
		c->ack_ns = NAT_NEVER;
		conn_owe_ack(c);
	}
	if (now_ns >= c->look_ns) {
		c->look_ns = NAT_NEVER;
		c->host_readable = true;
	}
	if (now_ns >= c->rtx_ns && !retransmit(c))
		return;
	if (!conn_settle(c))
		conn_arm(c);
}
