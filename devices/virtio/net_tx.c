#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "host/now.h"
#include "net/offload.h"
#include "virtio/net_pair.h"

#define BURST_FRAMES 64u /* of 64 KiB each: about as many as a host sends in 1 ms */

/* ---- one frame ---------------------------------------------------------------------- */

/* Leave out the first n bytes, which are there. */
static void skip(const struct iovec **first, unsigned *count, struct iovec *iov, size_t n)
{
	while (iov->iov_len <= n) {
		n -= iov->iov_len;
		iov++;
		(*count)--;
	}
	iov->iov_base = (uint8_t *)iov->iov_base + n;
	iov->iov_len -= n;
	*first = iov;
}

/* Take the chain apart and check all that it says (5.1.6.2).  False: a rule is broken,
 * and the frame is not sent. */
static bool parse(struct net_pair *p, struct chain *c, struct net_frame *f)
{
	const struct net_shared *s = p->shared;
	uint8_t raw[NET_VNET_HEADER_BYTES];

	if (c->in_count > 0 || c->out_bytes < NET_VNET_HEADER_BYTES + NET_HEADER_BYTES ||
	    c->out_bytes > NET_VNET_HEADER_BYTES + NET_FRAME_BYTES_MAX)
		return false;
	chain_read(c, 0, raw, sizeof(raw));
	f->len = (uint32_t)c->out_bytes - NET_VNET_HEADER_BYTES;
	if (net_offload_parse(raw, f->len, s->from_guest, &f->offload) < 0)
		return false;
	if (f->offload.gso == NET_GSO_NONE && f->len > s->plain_bytes_max)
		return false;
	/* A driver must not say that (5.1.6.2.1), and nobody should believe it. */
	f->offload.csum_valid = false;
	f->iov_count = c->out_count;
	skip(&f->iov, &f->iov_count, c->iov, NET_VNET_HEADER_BYTES);
	return f->iov_count <= NET_IOV_MAX;
}

static void give_back(struct net_pair *p)
{
	p->tx.busy = false;
	virtio_push(p->shared->v, net_pair_tx_index(p), &p->tx.chain, 0);
}

/* Take the next chain.  False: there is none. */
static bool take(struct net_pair *p)
{
	struct virtio *v = p->shared->v;
	const unsigned index = net_pair_tx_index(p);
	struct net_tx *tx = &p->tx;
	int rc;

	tx->chain.iov = tx->iov;
	tx->chain.iov_max = tx->iov_max;
	rc = vq_pop(virtio_vq(v, index), &tx->chain);
	assert(rc >= 0 || rc == -EBADMSG); /* there is room for any chain */
	if (rc < 0)
		virtio_fault(v, index, NULL);
	if (rc <= 0)
		return false;
	tx->busy = parse(p, &tx->chain, &tx->frame);
	if (!tx->busy) {
		net_count(&p->tx_bad, 1);
		give_back(p);
	}
	return true;
}

/* False: it has to wait. */
static bool send_frame(struct net_pair *p)
{
	struct net_shared *s = p->shared;
	const struct net_frame *f = &p->tx.frame;

	if (net_link_is_down(s)) {
		net_count(&p->stats.tx_dropped, 1);
		give_back(p);
		return true;
	}
	if (net_send(s->net, p->index, f) == -EAGAIN) {
		p->tx.blocked = true;
		return false;
	}
	net_count(&p->stats.tx_frames, 1);
	net_count(&p->stats.tx_bytes, f->len);
	if (s->tx_limited)
		throttle_account(&s->tx_throttle, f->len, host_now_ns());
	give_back(p);
	return true;
}

/* ---- the queue ------------------------------------------------------------------------ */

/* Whether a frame waits that the limits do not allow yet. */
static bool must_wait(struct net_pair *p)
{
	struct net_shared *s = p->shared;

	return s->tx_limited && (p->tx.busy || vq_pending(virtio_vq(s->v, net_pair_tx_index(p)))) &&
	       net_pair_must_wait(p, &s->tx_throttle, &p->tx.throttle_timer);
}

/* One chain, or the frame that was kept.  False: there is nothing to do now. */
static bool step(struct net_pair *p)
{
	if (must_wait(p))
		return false;
	if (!p->tx.busy && !take(p))
		return false;
	return !p->tx.busy || send_frame(p);
}

void net_tx_kick(struct net_pair *p)
{
	const uint64_t sent = atomic_load_explicit(&p->stats.tx_frames, memory_order_relaxed);

	if (!p->started || !p->tx.running || p->tx.blocked)
		return;
	for (unsigned n = 0; n < BURST_FRAMES && step(p); n++)
		;
	if (atomic_load_explicit(&p->stats.tx_frames, memory_order_relaxed) != sent)
		net_flush(p->shared->net, p->index);
}

void net_tx_unblock(struct net_pair *p)
{
	p->tx.blocked = false;
	if (p->tx.running)
		virtio_again(p->shared->v, net_pair_tx_index(p));
}

static void throttle_over(void *arg, uint64_t now_ns)
{
	struct net_pair *p = arg;

	(void)now_ns;
	virtio_again(p->shared->v, net_pair_tx_index(p));
}

void net_tx_start(struct net_pair *p)
{
	const unsigned index = net_pair_tx_index(p);
	const unsigned bound = vq_iov_bound(&virtio_vq(p->shared->v, index)->setup);
	struct net_tx *tx = &p->tx;

	if (tx->iov_max < bound) {
		free(tx->iov);
		tx->iov = calloc(bound, sizeof(*tx->iov));
		tx->iov_max = tx->iov ? bound : 0;
	}
	tx->running = tx->iov_max > 0;
	if (!tx->running)
		virtio_fault(p->shared->v, index, "no memory for its frames");
	net_pair_settle(p);
}

void net_tx_stop(struct net_pair *p)
{
	struct net_tx *tx = &p->tx;

	ioloop_disarm(net_pair_loop(p), &tx->throttle_timer);
	if (tx->busy)
		net_count(&p->stats.tx_dropped, 1);
	tx->running = tx->busy = tx->blocked = false;
	net_pair_settle(p);
	virtio_queue_stopped(p->shared->v, net_pair_tx_index(p));
}

void net_tx_init(struct net_pair *p)
{
	io_timer_init(&p->tx.throttle_timer, throttle_over, p);
}

void net_tx_free(struct net_pair *p)
{
	free(p->tx.iov);
}
