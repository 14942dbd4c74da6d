#include "net/layer.h"

struct net_layer *net_layer_of(struct net *n)
{
	return container_of(n, struct net_layer, net);
}

struct net_layer *net_layer_of_nic(struct net_nic *nic)
{
	return container_of(nic, struct net_layer, nic);
}

void net_layer_init(struct net_layer *l, const struct net_ops *ops,
		    const struct net_nic_ops *nic_ops, struct net *below)
{
	l->net = (struct net){ .ops = ops, .limits = below->limits };
	l->nic = (struct net_nic){ .ops = nic_ops };
	l->below = below;
}

/* ---- down ------------------------------------------------------------------------ */

void net_layer_attach(struct net *n, struct net_nic *nic)
{
	struct net_layer *l = net_layer_of(n);
	const struct net_nic_ops *ops = l->nic.ops;

	l->above = nic;
	l->nic = *nic;
	l->nic.ops = ops;
	net_attach(l->below, &l->nic);
}

void net_layer_offloads(struct net *n, unsigned to_guest)
{
	net_offloads(net_layer_of(n)->below, to_guest);
}

void net_layer_start(struct net *n, unsigned pair, struct ioloop *loop)
{
	net_start(net_layer_of(n)->below, pair, loop);
}

void net_layer_stop(struct net *n, unsigned pair)
{
	net_stop(net_layer_of(n)->below, pair);
}

void net_layer_flush(struct net *n, unsigned pair)
{
	net_flush(net_layer_of(n)->below, pair);
}

void net_layer_rx_ready(struct net *n, unsigned pair)
{
	net_rx_ready(net_layer_of(n)->below, pair);
}

void net_layer_print(const struct net *n, const char *label, FILE *out)
{
	net_print(container_of(n, const struct net_layer, net)->below, label, out);
}

/* ---- up -------------------------------------------------------------------------- */

bool net_layer_room(struct net_nic *nic, unsigned pair, size_t want, struct net_room *room)
{
	struct net_nic *above = net_layer_of_nic(nic)->above;

	return above->ops->room(above, pair, want, room);
}

void net_layer_commit(struct net_nic *nic, unsigned pair, size_t len,
		      const struct net_offload *offload)
{
	struct net_nic *above = net_layer_of_nic(nic)->above;

	above->ops->commit(above, pair, len, offload);
}

void net_layer_dropped(struct net_nic *nic, unsigned pair)
{
	struct net_nic *above = net_layer_of_nic(nic)->above;

	above->ops->dropped(above, pair);
}

void net_layer_tx_ready(struct net_nic *nic, unsigned pair)
{
	struct net_nic *above = net_layer_of_nic(nic)->above;

	above->ops->tx_ready(above, pair);
}

void net_layer_link(struct net_nic *nic, bool up)
{
	struct net_nic *above = net_layer_of_nic(nic)->above;

	above->ops->link(above, up);
}
