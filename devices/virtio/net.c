#include "virtio/net.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "net/mac.h"
#include "virtio/net_ctrl.h"
#include "virtio/net_features.h"

#define NET_ID	  1u
#define NET_CLASS 0x020000u /* Ethernet controller */

#define CTRL_QUEUE_SIZE 64u
#define VLAN_TAG_BYTES	4u
/* Of one pair: one for its configuration, one for all queues.  An answer often comes
 * before the driver has heard that the question was sent: then one interrupt says both,
 * where two cost it an end-of-interrupt and an interrupt window more (two exits and a
 * seventh of a round trip).  More pairs have a vector a queue, as drivers spread those
 * over processors; they know only the two ways. */
#define VECTORS_OF_ONE_PAIR 2u

/* Configuration space (5.1.4): offset of each field. */
enum {
	CONFIG_MAC = 0,
	CONFIG_STATUS = 6,
	CONFIG_PAIRS_MAX = 8,
	CONFIG_MTU = 10,
	CONFIG_BYTES = 12,
};

#define STATUS_LINK_UP	1u
#define STATUS_ANNOUNCE 2u

struct virtio_net {
	struct virtio_pci pci;
	struct net_shared shared;
	struct net_ctrl ctrl;
	unsigned pair_count;
	unsigned ctrl_index; /* of the control queue; agreed on */
	struct net_pair pairs[];
};

static struct virtio_net *net_of(struct virtio *v)
{
	return container_of(v, struct virtio_net, pci.v);
}

static struct virtio_net *net_of_dev(struct device *dev)
{
	return container_of(dev, struct virtio_net, pci.dev);
}

static const struct virtio_net *net_of_const(const struct device *dev)
{
	return container_of(dev, const struct virtio_net, pci.dev);
}

/* ---- registers ------------------------------------------------------------------------ */

static void net_config_read(struct virtio *v, unsigned offset, void *to, unsigned len)
{
	struct net_shared *s = &net_of(v)->shared;
	const uint64_t mac = atomic_load(&s->filter.mac);
	const bool announce = (v->features & NET_F_GUEST_ANNOUNCE) && atomic_load(&s->announce);
	uint8_t bytes[CONFIG_BYTES];

	for (unsigned i = 0; i < NET_MAC_BYTES; i++)
		bytes[CONFIG_MAC + i] = (uint8_t)(mac >> 8 * i);
	le16_store(bytes + CONFIG_STATUS, (uint16_t)((net_link_is_down(s) ? 0 : STATUS_LINK_UP) |
						     (announce ? STATUS_ANNOUNCE : 0)));
	le16_store(bytes + CONFIG_PAIRS_MAX, (uint16_t)s->nic.pair_count);
	le16_store(bytes + CONFIG_MTU, (uint16_t)s->nic.mtu);
	memcpy(to, bytes + offset, len);
}

/* What a driver without the means to say otherwise is given: all frames. */
static unsigned filter_modes(uint64_t features)
{
	return (features & NET_F_CTRL_RX ? 0u : NET_FILTER_PROMISC) |
	       (features & NET_F_CTRL_VLAN ? NET_FILTER_VLANS_ONLY : 0u);
}

static bool net_features_ok(struct virtio *v)
{
	struct virtio_net *n = net_of(v);
	struct net_shared *s = &n->shared;

	if (!net_features_agree(v->features))
		return false;
	/* 5.1.2: without MQ there is one pair, and the third queue is the control
	 * queue. */
	n->ctrl_index = 2 * (v->features & NET_F_MQ ? n->pair_count : 1);
	s->mergeable = v->features & NET_F_MRG_RXBUF;
	s->from_guest = net_features_from_guest(v->features);
	atomic_store(&s->to_guest, net_features_to_guest(v->features));
	net_filter_reset(&s->filter, s->nic.mac, filter_modes(v->features));
	net_offloads(s->net, s->to_guest);
	return true;
}

/* No queue runs. */
static void forget_driver(struct virtio_net *n)
{
	struct net_shared *s = &n->shared;

	atomic_store(&s->active, 1);
	atomic_store(&s->announce, false);
	atomic_store(&s->to_guest, 0);
	net_filter_reset(&s->filter, s->nic.mac, NET_FILTER_PROMISC);
}

static void net_reset_state(struct virtio *v)
{
	forget_driver(net_of(v));
}

/* ---- queues ----------------------------------------------------------------------------- */

struct role {
	struct net_ctrl *ctrl; /* one of these, or none: a queue that nobody agreed on */
	struct net_pair *rx, *tx;
};

static struct role role_of(struct virtio *v, unsigned index)
{
	struct virtio_net *n = net_of(v);
	struct role r = { NULL, NULL, NULL };

	if (index == n->ctrl_index && (v->features & NET_F_CTRL_VQ))
		r.ctrl = &n->ctrl;
	else if (index < n->ctrl_index && index % 2 == 0)
		r.rx = &n->pairs[index / 2];
	else if (index < n->ctrl_index)
		r.tx = &n->pairs[index / 2];
	return r;
}

static void net_queue_start(struct virtio *v, unsigned index)
{
	const struct role r = role_of(v, index);

	if (r.ctrl)
		net_ctrl_start(r.ctrl, index);
	else if (r.rx)
		net_rx_start(r.rx);
	else if (r.tx)
		net_tx_start(r.tx);
}

static void net_queue_kick(struct virtio *v, unsigned index)
{
	const struct role r = role_of(v, index);

	if (r.ctrl)
		net_ctrl_kick(r.ctrl);
	else if (r.rx)
		net_rx_kick(r.rx);
	else if (r.tx)
		net_tx_kick(r.tx);
}

static void net_queue_stop(struct virtio *v, unsigned index)
{
	const struct role r = role_of(v, index);

	if (r.ctrl)
		net_ctrl_stop(r.ctrl);
	else if (r.rx)
		net_rx_stop(r.rx);
	else if (r.tx)
		net_tx_stop(r.tx);
	else
		virtio_queue_stopped(v, index);
}

static const struct virtio_ops net_ops = {
	.name = "virtio-net",
	.id = NET_ID,
	.class_code = NET_CLASS,
	.config_bytes = CONFIG_BYTES,
	.config_read = net_config_read,
	.features_ok = net_features_ok,
	.reset = net_reset_state,
	.queue_start = net_queue_start,
	.queue_kick = net_queue_kick,
	.queue_stop = net_queue_stop,
};

/* ---- the cable ---------------------------------------------------------------------------- */

void virtio_net_set_link(struct device *dev, bool up)
{
	net_link_change(&net_of_dev(dev)->shared, NET_LINK_NO_CABLE, up);
}

void virtio_net_announce(struct device *dev)
{
	struct net_shared *s = &net_of_dev(dev)->shared;

	atomic_store(&s->announce, true);
	virtio_config_changed(s->v);
}

/* ---- life ------------------------------------------------------------------------------------ */

static unsigned mtu_of(const struct virtio_net_config *cfg)
{
	const unsigned own = cfg->net->limits.mtu;

	return cfg->mtu ? cfg->mtu : own ? own : NET_MTU_DEFAULT;
}

static int check_config(const struct virtio_net_config *cfg, unsigned queue_size, struct err *err)
{
	const struct net_limits *l = &cfg->net->limits;

	assert(l->pairs_max >= 1 && l->pairs_max <= NET_PAIRS_MAX);
	assert(l->mtu_max <= NET_MTU_MAX && !net_mac_is_group(cfg->mac));
	if (cfg->pairs < 1 || cfg->pairs > l->pairs_max)
		return err_set(err, -EINVAL, "%u queue pairs: with %s 1 to %u are possible",
			       cfg->pairs, cfg->net->ops->name, l->pairs_max);
	if (mtu_of(cfg) < NET_MTU_MIN || mtu_of(cfg) > l->mtu_max)
		return err_set(err, -EINVAL, "an MTU of %u: with %s %u to %u are possible",
			       mtu_of(cfg), cfg->net->ops->name, NET_MTU_MIN, l->mtu_max);
	if (queue_size < VIRTIO_NET_QUEUE_SIZE_MIN || queue_size > VQ_SIZE_MAX ||
	    (queue_size & (queue_size - 1)) != 0)
		return err_set(err, -EINVAL,
			       "a queue of %u entries: powers of two from %u to %u are possible",
			       queue_size, VIRTIO_NET_QUEUE_SIZE_MIN, VQ_SIZE_MAX);
	return 0;
}

static void fill_shared(struct virtio_net *n, const struct virtio_net_config *cfg)
{
	struct net_shared *s = &n->shared;

	s->v = &n->pci.v;
	s->net = cfg->net;
	s->nic.ops = &net_pair_nic_ops;
	s->pairs = n->pairs;
	memcpy(s->nic.mac, cfg->mac, NET_MAC_BYTES);
	s->nic.mtu = mtu_of(cfg);
	s->nic.pair_count = cfg->pairs;
	s->plain_bytes_max = cfg->net->limits.mtu_max + NET_HEADER_BYTES + VLAN_TAG_BYTES;
	throttle_init(&s->rx_throttle, 0, 0, cfg->rx_bps, cfg->rx_bps_burst);
	throttle_init(&s->tx_throttle, 0, 0, cfg->tx_bps, cfg->tx_bps_burst);
	s->rx_limited = throttle_active(&s->rx_throttle);
	s->tx_limited = throttle_active(&s->tx_throttle);
	atomic_init(&s->link, cfg->net->limits.link_up ? 0 : NET_LINK_NO_CARRIER);
	forget_driver(n);
}

/* All but the network, which create() may have to leave to its caller. */
static void net_free(struct virtio_net *n)
{
	for (unsigned i = 0; i < n->pair_count; i++)
		net_pair_free(&n->pairs[i]);
	net_ctrl_free(&n->ctrl);
	throttle_destroy(&n->shared.rx_throttle);
	throttle_destroy(&n->shared.tx_throttle);
	free(n);
}

/* Queues of a pair on the pair's loop; the control queue on pair 0's. */
static int plug(struct virtio_net *n, const struct board *board,
		const struct virtio_net_config *cfg, unsigned queue_size, struct err *err)
{
	struct ioloop *loops[2 * NET_PAIRS_MAX + 1];
	uint16_t sizes[2 * NET_PAIRS_MAX + 1];
	struct virtio_pci_place place = cfg->place;
	const struct virtio_setup setup = {
		.ops = &net_ops,
		.mem = board->mem,
		.features = net_features_offered(&cfg->net->limits, cfg->pairs,
						 cfg->mtu || cfg->net->limits.mtu),
		.queue_count = 2 * cfg->pairs + 1,
		.queue_sizes = sizes,
	};

	assert(cfg->place.loop_count >= 1);
	for (unsigned i = 0; i < 2 * cfg->pairs; i++) {
		loops[i] = cfg->place.loops[i / 2 % cfg->place.loop_count];
		sizes[i] = (uint16_t)queue_size;
	}
	loops[2 * cfg->pairs] = cfg->place.loops[0];
	sizes[2 * cfg->pairs] = CTRL_QUEUE_SIZE;
	place.loops = loops;
	place.loop_count = setup.queue_count;
	place.vectors = cfg->pairs == 1 ? VECTORS_OF_ONE_PAIR : 0;
	return virtio_pci_init(&n->pci, board, &place, &setup, &virtio_net_type, err);
}

static int net_create(const struct board *board, const void *config, struct device **out,
		      struct err *err)
{
	const struct virtio_net_config *cfg = config;
	const unsigned queue_size =
		cfg->queue_size ? cfg->queue_size : VIRTIO_NET_QUEUE_SIZE_DEFAULT;
	struct virtio_net *n;
	int rc;

	rc = check_config(cfg, queue_size, err);
	if (rc < 0)
		return rc;
	n = calloc(1, sizeof(*n) + cfg->pairs * sizeof(n->pairs[0]));
	if (!n)
		return err_set(err, -ENOMEM, "no memory for a NIC");
	n->pair_count = cfg->pairs;
	fill_shared(n, cfg);
	for (unsigned i = 0; i < n->pair_count; i++)
		net_pair_init(&n->pairs[i], &n->shared, i);
	net_ctrl_init(&n->ctrl, &n->shared);
	rc = plug(n, board, cfg, queue_size, err);
	if (rc < 0) {
		net_free(n);
		return rc;
	}
	net_attach(cfg->net, &n->shared.nic);
	*out = &n->pci.dev;
	return 0;
}

static void net_reset(struct device *dev)
{
	virtio_pci_reset(container_of(dev, struct virtio_pci, dev));
}

static void net_destroy(struct device *dev)
{
	struct virtio_net *n = net_of_dev(dev);

	virtio_pci_free(&n->pci);
	net_close(n->shared.net);
	net_free(n);
}

const struct device_type virtio_net_type = { "virtio_net", net_create, net_reset, net_destroy };

unsigned virtio_net_pairs(const struct device *dev)
{
	return net_of_const(dev)->pair_count;
}

struct virtio_net_stats virtio_net_stats(const struct device *dev, unsigned pair)
{
	const struct net_pair *p = &net_of_const(dev)->pairs[pair];

	assert(pair < net_of_const(dev)->pair_count);
	return (struct virtio_net_stats){
		.tx_frames = p->stats.tx_frames,
		.tx_bytes = p->stats.tx_bytes,
		.tx_dropped = p->stats.tx_dropped,
		.tx_bad = p->tx_bad,
		.rx_frames = p->stats.rx_frames,
		.rx_bytes = p->stats.rx_bytes,
		.rx_dropped = p->stats.rx_dropped,
		.rx_filtered = p->rx_filtered,
	};
}
