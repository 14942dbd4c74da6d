#include "net/net.h"

void net_attach(struct net *n, struct net_nic *nic)
{
	if (n->ops->attach)
		n->ops->attach(n, nic);
}

void net_offloads(struct net *n, unsigned to_guest)
{
	if (n->ops->offloads)
		n->ops->offloads(n, to_guest);
}

void net_start(struct net *n, unsigned pair, struct ioloop *loop)
{
	if (n->ops->start)
		n->ops->start(n, pair, loop);
}

void net_stop(struct net *n, unsigned pair)
{
	if (n->ops->stop)
		n->ops->stop(n, pair);
}

void net_flush(struct net *n, unsigned pair)
{
	if (n->ops->flush)
		n->ops->flush(n, pair);
}

void net_rx_ready(struct net *n, unsigned pair)
{
	if (n->ops->rx_ready)
		n->ops->rx_ready(n, pair);
}

void net_print(const struct net *n, const char *label, FILE *out)
{
	if (n->ops->print)
		n->ops->print(n, label, out);
}

void net_close(struct net *n)
{
	if (n)
		n->ops->close(n);
}
