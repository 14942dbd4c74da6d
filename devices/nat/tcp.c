/* The table of connections: which there are, which were used last, and which have
 * something to do. */
#include "nat/tcp_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "nat/tcp_seq.h"

/* ---- by tuple ------------------------------------------------------------------------------ */

static uint64_t tuple_hash(const struct tcp *t, const struct tcp_tuple *tuple)
{
	return tcp_hash(&t->key, (uint64_t)tuple->guest_ip << 32 | tuple->peer_ip,
			(uint64_t)tuple->guest_port << 16 | tuple->peer_port);
}

static struct conn **bucket_of(struct tcp *t, const struct tcp_tuple *tuple)
{
	return &t->buckets[tuple_hash(t, tuple) % TCP_BUCKETS];
}

static bool same_tuple(const struct tcp_tuple *a, const struct tcp_tuple *b)
{
	return a->guest_ip == b->guest_ip && a->peer_ip == b->peer_ip &&
	       a->guest_port == b->guest_port && a->peer_port == b->peer_port;
}

struct conn *conn_find(struct tcp *t, const struct tcp_tuple *tuple)
{
	struct conn *c = *bucket_of(t, tuple);

	while (c && !same_tuple(&c->tuple, tuple))
		c = c->bucket_next;
	return c;
}

static void leave_bucket(struct tcp *t, struct conn *c)
{
	struct conn **p = bucket_of(t, &c->tuple);

	while (*p != c)
		p = &(*p)->bucket_next;
	*p = c->bucket_next;
}

/* ---- by use ---------------------------------------------------------------------------------- */

static void age_out(struct tcp *t, struct conn *c)
{
	*(c->older ? &c->older->newer : &t->oldest) = c->newer;
	*(c->newer ? &c->newer->older : &t->newest) = c->older;
}

static void age_newest(struct tcp *t, struct conn *c)
{
	c->older = t->newest;
	c->newer = NULL;
	*(t->newest ? &t->newest->newer : &t->oldest) = c;
	t->newest = c;
}

static void age_oldest(struct tcp *t, struct conn *c)
{
	c->newer = t->oldest;
	c->older = NULL;
	*(t->oldest ? &t->oldest->older : &t->newest) = c;
	t->oldest = c;
}

void conn_use(struct conn *c)
{
	struct tcp *t = c->nat->tcp;

	c->used_ns = nat_now_ns(c->nat);
	if (t->newest == c)
		return;
	age_out(t, c);
	age_newest(t, c);
}

void conn_set_spare(struct conn *c)
{
	struct tcp *t = c->nat->tcp;

	age_out(t, c);
	age_oldest(t, c);
}

/* ---- by what there is to do --------------------------------------------------------------------
 */

static void dequeue(struct conn *c)
{
	struct conn_list *list = &c->nat->tcp->queues[c->queue];

	if (c->queue == QUEUE_NONE)
		return;
	*c->queue_link = c->queue_next;
	if (c->queue_next)
		c->queue_next->queue_link = c->queue_link;
	else
		list->last = c->queue_link;
	c->queue = QUEUE_NONE;
}

void conn_enqueue(struct conn *c, enum conn_queue queue)
{
	struct conn_list *list = &c->nat->tcp->queues[queue];

	if (c->queue == queue)
		return;
	dequeue(c);
	c->queue = queue;
	c->queue_next = NULL;
	c->queue_link = list->last;
	*list->last = c;
	list->last = &c->queue_next;
}

void conn_later(struct conn *c)
{
	struct tcp *t = c->nat->tcp;

	conn_enqueue(c, QUEUE_TODO);
	if (t->soon.deadline_ns == NAT_NEVER)
		nat_timer_arm(c->nat, &t->soon, 0);
}

/* Each that is in it now gets one turn; one that comes back waits. */
static void serve_queue(struct tcp *t, enum conn_queue queue)
{
	struct conn_list *list = &t->queues[queue];
	unsigned count = 0;

	for (const struct conn *c = list->first; c; c = c->queue_next)
		count++;
	for (struct conn *c; count > 0 && (c = list->first) != NULL; count--) {
		dequeue(c);
		conn_settle(c);
	}
}

void tcp_flush(struct nat *n)
{
	serve_queue(n->tcp, QUEUE_TODO);
}

/* The longest-waiting first, until one finds that there is still no room.  Of many guests
 * one may have room where another has none: each connection has a turn then. */
void tcp_rx_ready(struct nat *n)
{
	struct conn_list *stalled = &n->tcp->queues[QUEUE_STALLED];

	if (n->many_guests) {
		serve_queue(n->tcp, QUEUE_STALLED);
		return;
	}
	for (struct conn *c; (c = stalled->first) != NULL;) {
		dequeue(c);
		if (!conn_settle(c))
			return;
	}
}

static void soon_fired(struct nat_timer *timer, uint64_t now_ns)
{
	struct tcp *t = container_of(timer, struct tcp, soon);

	(void)now_ns;
	serve_queue(t, QUEUE_TODO);
}

/* ---- birth and death ---------------------------------------------------------------- */

static void host_ready(void *arg, uint32_t events)
{
	struct conn *c = arg;

	if (c->state == CONN_CONNECTING) {
		conn_connected(c, events);
		return;
	}
	host_hear(c, events);
	conn_settle(c);
}

/* RFC 6528: the clock, and what only this tuple has. */
static uint32_t first_seq(const struct nat *n, const struct tcp_tuple *tuple)
{
	const uint64_t ticks = nat_now_ns(n) / (4 * NS_PER_US);

	return (uint32_t)(ticks + (tuple_hash(n->tcp, tuple) >> 32));
}

/* The least recently used of a guest that has the most.  NULL: none that has a socket. */
static struct conn *oldest_of_largest(const struct tcp *t, bool has_socket)
{
	const uint16_t largest = share_largest(&t->shares);
	struct conn *c = t->oldest;

	while (c && (share_of(&t->shares, c->tuple.guest_ip) < largest ||
		     (has_socket && c->host.source.fd < 0)))
		c = c->newer;
	return c;
}

/* What is over, or else of a guest that has the most; there are some. */
static struct conn *least_missed(const struct tcp *t)
{
	return t->oldest->state == CONN_TIME_WAIT ? t->oldest : oldest_of_largest(t, false);
}

uint16_t tcp_largest_share(const struct nat *n)
{
	return n->tcp ? share_largest(&n->tcp->shares) : 0;
}

bool tcp_make_room(struct nat *n)
{
	struct conn *c = oldest_of_largest(n->tcp, true);

	if (c)
		conn_abort(c, true);
	return c != NULL;
}

struct conn *conn_new(struct nat *n, const struct tcp_tuple *tuple)
{
	struct tcp *t = n->tcp;
	struct conn **bucket = bucket_of(t, tuple);
	struct conn *c;

	assert(!conn_find(t, tuple));
	if (t->conn_count == TCP_CONNS_MAX)
		conn_abort(least_missed(t), true);
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->nat = n;
	c->tuple = *tuple;
	c->state = CONN_CONNECTING;
	c->snd_iss = c->snd_una = c->snd_nxt = c->snd_max = first_seq(n, tuple);
	c->taken = c->peeked = c->snd_iss + 1;
	c->used_ns = nat_now_ns(n);
	c->rtx_ns = c->ack_ns = c->look_ns = NAT_NEVER;
	tcp_rtt_init(&c->rtt);
	nat_timer_init(&c->timer, conn_timer_fired);
	nat_watch_init(&c->host, host_ready, c);
	c->bucket_next = *bucket;
	*bucket = c;
	age_newest(t, c);
	share_add(&t->shares, tuple->guest_ip);
	t->conn_count++;
	return c;
}

void conn_free(struct conn *c)
{
	struct nat *n = c->nat;
	struct tcp *t = n->tcp;

	if (c->listener)
		publish_forget(c);
	dequeue(c);
	age_out(t, c);
	leave_bucket(t, c);
	share_remove(&t->shares, c->tuple.guest_ip);
	t->conn_count--;
	nat_timer_disarm(n, &c->timer);
	nat_watch_close(n, &c->host);
	free(c);
}

void conn_abort(struct conn *c, bool tell_guest)
{
	if (tell_guest && c->state != CONN_CONNECTING && c->state != CONN_TIME_WAIT)
		conn_send_reset(c);
	host_reset(c);
	conn_free(c);
}

/* ---- segments ----------------------------------------------------------------------- */

static struct tcp_tuple tuple_of(const struct nat_in *in, const struct wire_tcp *s)
{
	return (struct tcp_tuple){ .guest_ip = in->ip.src,
				   .peer_ip = in->ip.dst,
				   .guest_port = s->src_port,
				   .peer_port = s->dst_port };
}

void tcp_input(struct nat *n, const struct nat_in *in)
{
	struct tcp_tuple tuple;
	struct wire_tcp s;
	struct conn *c;

	if (wire_tcp_parse(in->head + in->at, nat_in_head_len(in), in->len, &s) < 0) {
		nat_count(&n->stats.malformed);
		return;
	}
	tuple = tuple_of(in, &s);
	c = conn_find(n->tcp, &tuple);
	if (c && c->state == CONN_TIME_WAIT && conn_may_reopen(c, &s)) {
		conn_free(c);
		c = NULL;
	}
	if (c)
		conn_input(c, in, &s);
	else
		tcp_open(n, in, &tuple, &s);
}

/* ---- life --------------------------------------------------------------------------- */

int tcp_init(struct nat *n)
{
	struct tcp *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	for (unsigned i = 0; i < QUEUES; i++)
		t->queues[i].last = &t->queues[i].first;
	nat_random(&t->key, sizeof(t->key));
	nat_random(&t->next_port, sizeof(t->next_port));
	nat_timer_init(&t->soon, soon_fired);
	t->has_peek_off = host_has_peek_off();
	if (!t->has_peek_off) {
		t->waste = mmap(NULL, TCP_WASTE_BYTES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (t->waste == MAP_FAILED) {
			free(t);
			return -ENOMEM;
		}
	}
	n->tcp = t;
	return 0;
}

void tcp_fini(struct nat *n)
{
	struct tcp *t = n->tcp;

	if (!t)
		return;
	for (struct conn *c = t->oldest, *next; c; c = next) {
		next = c->newer;
		conn_abort(c, false);
	}
	publish_fini(n);
	nat_timer_disarm(n, &t->soon);
	if (t->waste)
		munmap(t->waste, TCP_WASTE_BYTES);
	free(t);
	n->tcp = NULL;
}
