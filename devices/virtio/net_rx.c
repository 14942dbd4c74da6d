#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "host/now.h"
#include "virtio/net_pair.h"

/* How long a guest may take to add buffers before it counts as one that has no more. */
#define PATIENCE_NS (20 * NS_PER_MS)

#define NUM_BUFFERS_AT 10u /* in the header */

static struct vq *vq_of(const struct net_pair *p)
{
	return virtio_vq(p->shared->v, net_pair_rx_index(p));
}

static struct chain *held_at(const struct net_rx *rx, unsigned n)
{
	return &rx->held[(rx->held_first + n) & (rx->held_max - 1)];
}

/* ---- the reserve ------------------------------------------------------------------ */

static void forget_all(struct net_rx *rx)
{
	rx->held_first = rx->held_count = rx->header_count = 0;
	rx->begin = rx->end = 1;
	rx->room_bytes = 0;
}

/* Make place at the window's end; it costs less than a move for each piece that went
 * through since the last time. */
static void slide(struct net_rx *rx)
{
	memmove(rx->window + 1, rx->window + rx->begin,
		(rx->end - rx->begin) * sizeof(*rx->window));
	rx->end -= rx->begin - 1;
	rx->begin = 1;
}

/* vq_pop() behind the end of the window. */
static int pop(struct net_pair *p, struct chain *c)
{
	struct net_rx *rx = &p->rx;

	c->iov = rx->window + rx->end;
	c->iov_max = rx->window_max - rx->end;
	return c->iov_max > 0 ? vq_pop(vq_of(p), c) : -ENOBUFS;
}

/* Whether the driver may give such a buffer (5.1.6.3.1); one without MRG_RXBUF that no
 * frame fits into is of no use either. */
static bool is_usable(const struct net_pair *p, const struct chain *c)
{
	return c->out_count == 0 &&
	       c->in_bytes >= NET_VNET_HEADER_BYTES + (p->shared->mergeable ? 0 : NET_HEADER_BYTES);
}

/* Take a chain into reserve, or give it back if it is none to be used.
 * 1; 0: the ring is empty; -ENOBUFS: the reserve is full; -EBADMSG */
static int take(struct net_pair *p)
{
	const unsigned index = net_pair_rx_index(p);
	struct net_rx *rx = &p->rx;
	struct chain c;
	int rc;

	if (rx->held_count == rx->held_max)
		return -ENOBUFS;
	rc = pop(p, &c);
	if (rc == -ENOBUFS && rx->begin > 1) {
		slide(rx);
		rc = pop(p, &c);
	}
	if (rc == -EBADMSG)
		virtio_fault(p->shared->v, index, NULL);
	if (rc <= 0)
		return rc;
	if (!is_usable(p, &c)) {
		virtio_push(p->shared->v, index, &c, 0);
		return 1;
	}
	*held_at(rx, rx->held_count++) = c;
	rx->end += c.in_count;
	rx->room_bytes += (size_t)c.in_bytes;
	return 1;
}

/* Take the place of the header off the oldest chain, once. */
static void cut_header(struct net_rx *rx)
{
	size_t left = NET_VNET_HEADER_BYTES;

	if (rx->header_count > 0 || rx->held_count == 0)
		return;
	while (left > 0) { /* it is there: is_usable() */
		struct iovec *piece = &rx->window[rx->begin];
		const size_t n = min_u64(left, piece->iov_len);

		rx->header[rx->header_count++] = (struct iovec){ piece->iov_base, n };
		piece->iov_base = (uint8_t *)piece->iov_base + n;
		piece->iov_len -= n;
		if (piece->iov_len == 0) {
			rx->begin++;
			held_at(rx, 0)->in_count--;
		}
		left -= n;
	}
	rx->room_bytes -= NET_VNET_HEADER_BYTES;
}

/* ---- lending ----------------------------------------------------------------------- */

/* Take what a frame of want bytes needs.  True: waiting for more is of no use. */
static bool gather(struct net_pair *p, size_t want)
{
	struct net_rx *rx = &p->rx;
	int rc = 1;

	cut_header(rx);
	/* Chains that are given back at once count, too: the loop ends. */
	for (unsigned n = 0; n <= rx->held_max && rc > 0; n++) {
		if (rx->held_count > 0 && (!p->shared->mergeable || rx->room_bytes >= want ||
					   rx->end - rx->begin >= NET_IOV_MAX))
			return true;
		rc = take(p);
		cut_header(rx);
	}
	return rc == -ENOBUFS;
}

/* No: the network is told when there may be room. */
static bool refuse(struct net_rx *rx)
{
	rx->wanted = true;
	return false;
}

static bool is_allowed(struct net_pair *p)
{
	struct net_shared *s = p->shared;

	if (!p->rx.running || atomic_load_explicit(&s->v->broken, memory_order_relaxed))
		return false;
	return !s->rx_limited || !net_pair_must_wait(p, &s->rx_throttle, &p->rx.throttle_timer);
}

/* The guest has what was wanted; and what others wait for?  A small frame that fits
 * says nothing about a large one. */
static void satisfied(struct net_pair *p)
{
	struct net_rx *rx = &p->rx;

	if (rx->room_bytes >= rx->unable_bytes)
		rx->unable_bytes = 0;
	if (rx->room_bytes >= rx->awaited_bytes)
		ioloop_disarm(net_pair_loop(p), &rx->patience);
}

/* Whether what is in reserve is lent, though it is less than was wanted. */
static bool lend_less(struct net_pair *p, size_t want, bool no_use_to_wait)
{
	struct net_rx *rx = &p->rx;

	if (rx->room_bytes < NET_HEADER_BYTES)
		return false;
	if (no_use_to_wait || (rx->unable_bytes > 0 && want >= rx->unable_bytes))
		return true;
	if (rx->patience.deadline_ns == UINT64_MAX) {
		rx->awaited_bytes = want;
		ioloop_arm(net_pair_loop(p), &rx->patience, host_now_ns() + PATIENCE_NS);
	}
	rx->awaited_bytes = min_u64(rx->awaited_bytes, want);
	return false;
}

static void fill_room(struct net_rx *rx, struct net_room *room)
{
	room->iov = rx->window + rx->begin;
	room->iov_count = rx->end - rx->begin;
	room->len = rx->room_bytes;
	while (room->iov_count > NET_IOV_MAX)
		room->len -= room->iov[--room->iov_count].iov_len;
}

bool net_rx_room(struct net_pair *p, size_t want, struct net_room *room)
{
	struct net_rx *rx = &p->rx;
	bool no_use_to_wait;

	assert(rx->lent_bytes == 0 && want >= NET_HEADER_BYTES);
	if (!is_allowed(p))
		return refuse(rx);
	no_use_to_wait = gather(p, want);
	if (rx->room_bytes >= want)
		satisfied(p);
	else if (!lend_less(p, want, no_use_to_wait))
		return refuse(rx);
	fill_room(rx, room);
	rx->lent_bytes = room->len;
	return true;
}

/* ---- the end of a loan -------------------------------------------------------------- */

/* The first bytes of the frame in the window. */
static size_t peek(const struct net_rx *rx, size_t frame_len, uint8_t *to, size_t to_len)
{
	const size_t len = min_u64(frame_len, to_len);
	const struct iovec *piece = &rx->window[rx->begin];
	size_t done = 0;

	for (; done < len; piece++) {
		const size_t n = min_u64(len - done, piece->iov_len);

		memcpy(to + done, piece->iov_base, n);
		done += n;
	}
	return len;
}

/* How many chains, from the oldest on, hold so many bytes. */
static unsigned chains_for(const struct net_rx *rx, size_t len)
{
	size_t room = 0;
	unsigned n = 0;

	while (room < len)
		room += (size_t)held_at(rx, n++)->in_bytes;
	return n;
}

/* 5.1.6.4.1: the driver sees only what it agreed to see. */
static void write_header(const struct net_rx *rx, const struct net_offload *offload,
			 unsigned to_guest, unsigned chain_count)
{
	struct net_offload o = *offload;
	uint8_t raw[NET_VNET_HEADER_BYTES];
	const uint8_t *from = raw;

	o.csum_valid = o.csum_valid && (to_guest & NET_CAN_CSUM);
	net_offload_emit(&o, raw);
	le16_store(raw + NUM_BUFFERS_AT, (uint16_t)chain_count);
	for (unsigned i = 0; i < rx->header_count; i++) {
		memcpy(rx->header[i].iov_base, from, rx->header[i].iov_len);
		from += rx->header[i].iov_len;
	}
}

/* Give the oldest chain back with so many bytes of a frame in it. */
static void give_oldest(struct net_pair *p, size_t written)
{
	struct net_rx *rx = &p->rx;
	struct chain *c = held_at(rx, 0);

	virtio_push(p->shared->v, net_pair_rx_index(p), c, (uint32_t)written);
	rx->begin += c->in_count;
	rx->room_bytes -= (size_t)c->in_bytes;
	rx->held_first++;
	if (--rx->held_count == 0)
		rx->begin = rx->end = 1;
}

static void deliver(struct net_pair *p, size_t len, const struct net_offload *offload,
		    unsigned to_guest)
{
	struct net_shared *s = p->shared;
	struct net_rx *rx = &p->rx;
	size_t left = len + NET_VNET_HEADER_BYTES;
	const unsigned count = chains_for(rx, left);

	write_header(rx, offload, to_guest, count);
	rx->room_bytes += NET_VNET_HEADER_BYTES; /* chains count with it */
	rx->header_count = 0;
	for (unsigned i = 0; i < count; i++) {
		const size_t n = min_u64(left, held_at(rx, 0)->in_bytes);

		give_oldest(p, n);
		left -= n;
	}
	net_count(&p->stats.rx_frames, 1);
	net_count(&p->stats.rx_bytes, len);
	if (s->rx_limited)
		throttle_account(&s->rx_throttle, len, host_now_ns());
}

void net_rx_commit(struct net_pair *p, size_t len, const struct net_offload *offload)
{
	struct net_shared *s = p->shared;
	const unsigned to_guest = atomic_load_explicit(&s->to_guest, memory_order_relaxed);
	uint8_t head[NET_FILTER_PEEK_BYTES];
	struct net_rx *rx = &p->rx;

	assert(rx->lent_bytes > 0 && len <= rx->lent_bytes);
	rx->lent_bytes = 0;
	if (len == 0)
		return;
	/* A frame can have waited in the network while the driver, or the next one,
	 * thought better of an offload. */
	if (len < NET_HEADER_BYTES || net_link_is_down(s) ||
	    (net_offload_needs(offload) & ~to_guest))
		net_count(&p->stats.rx_dropped, 1);
	else if (!net_filter_accepts(&s->filter, head, peek(rx, len, head, sizeof(head))))
		net_count(&p->rx_filtered, 1);
	else
		deliver(p, len, offload, to_guest);
}

/* ---- the queue ----------------------------------------------------------------------- */

/* The network may ask again, if it asked in vain. */
void net_rx_kick(struct net_pair *p)
{
	if (!p->started || !p->rx.running || !p->rx.wanted)
		return;
	p->rx.wanted = false;
	net_rx_ready(p->shared->net, p->index);
}

static void patience_over(void *arg, uint64_t now_ns)
{
	struct net_pair *p = arg;

	(void)now_ns;
	p->rx.unable_bytes = p->rx.awaited_bytes;
	net_rx_kick(p);
}

static void throttle_over(void *arg, uint64_t now_ns)
{
	(void)now_ns;
	net_rx_kick(arg);
}

/* Room for two of the longest chains: see slide(). */
static bool make_room(struct net_rx *rx, const struct vq_setup *setup)
{
	const unsigned window_max = 1 + 2 * vq_iov_bound(setup);

	if (rx->window_max < window_max) {
		free(rx->window);
		rx->window = calloc(window_max, sizeof(*rx->window));
		rx->window_max = rx->window ? window_max : 0;
	}
	if (!rx->held)
		rx->held = calloc(setup->size_max, sizeof(*rx->held));
	rx->held_max = setup->size_max;
	return rx->window && rx->held;
}

void net_rx_start(struct net_pair *p)
{
	struct net_rx *rx = &p->rx;

	forget_all(rx);
	rx->unable_bytes = 0;
	rx->running = make_room(rx, &vq_of(p)->setup);
	if (!rx->running)
		virtio_fault(p->shared->v, net_pair_rx_index(p), "no memory for its buffers");
	net_pair_settle(p);
}

void net_rx_stop(struct net_pair *p)
{
	struct net_rx *rx = &p->rx;

	assert(rx->lent_bytes == 0);
	ioloop_disarm(net_pair_loop(p), &rx->patience);
	ioloop_disarm(net_pair_loop(p), &rx->throttle_timer);
	rx->running = false;
	net_pair_settle(p);
	virtio_queue_stopped(p->shared->v, net_pair_rx_index(p));
}

void net_rx_init(struct net_pair *p)
{
	io_timer_init(&p->rx.patience, patience_over, p);
	io_timer_init(&p->rx.throttle_timer, throttle_over, p);
}

void net_rx_free(struct net_pair *p)
{
	free(p->rx.held);
	free(p->rx.window);
}
