#include "virtio/net_pair.h"

#include <assert.h>

#include "base/checked.h"
#include "host/now.h"

void net_pair_init(struct net_pair *p, struct net_shared *shared, unsigned index)
{
	p->shared = shared;
	p->index = index;
	net_rx_init(p);
	net_tx_init(p);
}

void net_pair_free(struct net_pair *p)
{
	net_rx_free(p);
	net_tx_free(p);
}

void net_pair_settle(struct net_pair *p)
{
	struct net_shared *s = p->shared;
	const bool start = (p->rx.running || p->tx.running) && p->index < atomic_load(&s->active);

	if (start == p->started)
		return;
	if (start) {
		p->started = true;
		net_start(s->net, p->index, net_pair_loop(p));
		net_tx_unblock(p);
	} else {
		net_stop(s->net, p->index);
		p->started = false;
	}
}

bool net_pair_must_wait(const struct net_pair *p, struct throttle *t, struct io_timer *timer)
{
	const uint64_t now_ns = host_now_ns();
	const uint64_t wait_ns = throttle_wait_ns(t, now_ns);
	uint64_t until_ns;

	if (wait_ns == 0)
		return false;
	if (!add_u64(now_ns, wait_ns, &until_ns))
		until_ns = UINT64_MAX - 1;
	ioloop_arm(net_pair_loop(p), timer, until_ns);
	return true;
}

/* ---- the network's side --------------------------------------------------------- */

static struct net_shared *shared_of(struct net_nic *nic)
{
	return container_of(nic, struct net_shared, nic);
}

static struct net_pair *pair_of(struct net_nic *nic, unsigned pair)
{
	struct net_pair *p = &shared_of(nic)->pairs[pair];

	assert(pair < nic->pair_count && p->started);
	return p;
}

static bool nic_room(struct net_nic *nic, unsigned pair, size_t want, struct net_room *room)
{
	return net_rx_room(pair_of(nic, pair), want, room);
}

static void nic_commit(struct net_nic *nic, unsigned pair, size_t len,
		       const struct net_offload *offload)
{
	net_rx_commit(pair_of(nic, pair), len, offload);
}

static void nic_dropped(struct net_nic *nic, unsigned pair)
{
	net_count(&pair_of(nic, pair)->stats.rx_dropped, 1);
}

static void nic_tx_ready(struct net_nic *nic, unsigned pair)
{
	net_tx_unblock(pair_of(nic, pair));
}

void net_link_change(struct net_shared *s, enum net_link_bit bit, bool up)
{
	const unsigned before =
		up ? atomic_fetch_and(&s->link, ~(unsigned)bit) : atomic_fetch_or(&s->link, bit);

	if (!!(before & bit) == !up)
		return;
	/* It may lead elsewhere than before: the guest says where it is. */
	if (up && before == bit)
		atomic_store(&s->announce, true);
	virtio_config_changed(s->v);
}

static void nic_link(struct net_nic *nic, bool up)
{
	net_link_change(shared_of(nic), NET_LINK_NO_CARRIER, up);
}

const struct net_nic_ops net_pair_nic_ops = {
	.room = nic_room,
	.commit = nic_commit,
	.dropped = nic_dropped,
	.tx_ready = nic_tx_ready,
	.link = nic_link,
};
