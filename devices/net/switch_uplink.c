/* The switch as the NIC of another network, one that it has behind itself.  Frames for
 * guests are written into a message and go out from there; frames from guests are
 * finished as far as that network cannot do it. */
#include <errno.h>

#include "host/now.h"
#include "net/finish.h"
#include "net/switch_internal.h"

static struct switch_server *server_of(struct net_nic *nic)
{
	return container_of(nic, struct switch_server, uplink.nic);
}

/* ---- from the uplink ------------------------------------------------------------- */

static bool lend_room(struct net_nic *nic, unsigned pair, size_t want, struct net_room *room)
{
	struct switch_server *s = server_of(nic);
	struct iovec *iov = &s->uplink.iov[1];

	(void)pair;
	(void)want;
	*iov = (struct iovec){ s->from_uplink + SWITCH_HEADER_BYTES, NET_FRAME_BYTES_MAX };
	*room = (struct net_room){ .iov = iov, .iov_count = 1, .len = iov->iov_len };
	return true;
}

static void commit(struct net_nic *nic, unsigned pair, size_t len,
		   const struct net_offload *offload)
{
	struct switch_server *s = server_of(nic);

	(void)pair;
	if (len < NET_HEADER_BYTES)
		return;
	switch_frame_emit(offload, s->from_uplink);
	switch_forward(s, SWITCH_UPLINK_PORT, s->from_uplink, SWITCH_HEADER_BYTES + len);
}

static void dropped(struct net_nic *nic, unsigned pair)
{
	(void)pair;
	switch_port_drop(&server_of(nic)->ports[SWITCH_UPLINK_PORT]);
}

/* Frames that it would not take at once were dropped. */
static void tx_ready(struct net_nic *nic, unsigned pair)
{
	(void)nic;
	(void)pair;
}

/* Guests are still linked with each other. */
static void link_changed(struct net_nic *nic, bool up)
{
	(void)nic;
	(void)up;
}

/* The port of a guest; NULL: not known. */
static struct switch_port *port_of(struct switch_server *s, const uint8_t mac[NET_MAC_BYTES])
{
	const int i = switch_find(&s->table, mac, host_now_ns());

	return i > (int)SWITCH_UPLINK_PORT && s->joined >> i & 1 ? &s->ports[i] : NULL;
}

static bool is_slow(struct net_nic *nic, unsigned pair, const uint8_t mac[NET_MAC_BYTES])
{
	struct switch_port *p = port_of(server_of(nic), mac);

	(void)pair;
	return p && switch_port_is_slow(p);
}

static void leased(struct net_nic *nic, unsigned pair, const struct net_lease *lease)
{
	struct switch_port *p = port_of(server_of(nic), lease->mac);
	uint8_t raw[SWITCH_LEASE_BYTES];

	(void)pair;
	switch_lease_emit(lease, raw);
	if (p)
		switch_port_send(p, SWITCH_UPLINK_PORT, raw, sizeof(raw));
}

static const struct net_nic_ops uplink_nic_ops = {
	.room = lend_room,
	.commit = commit,
	.dropped = dropped,
	.tx_ready = tx_ready,
	.link = link_changed,
	.is_slow = is_slow,
	.leased = leased,
};

/* ---- to the uplink --------------------------------------------------------------- */

static void pass(void *arg, const struct net_frame *f)
{
	struct switch_server *s = arg;

	if (net_send(s->uplink.net, 0, f) == -EAGAIN)
		switch_port_drop(&s->ports[SWITCH_UPLINK_PORT]);
}

void switch_uplink_send(struct switch_server *s, uint8_t *message, size_t len)
{
	struct switch_packet packet;

	if (switch_packet_parse(message, len, &packet) < 0 ||
	    net_finish(message + SWITCH_HEADER_BYTES, packet.frame_bytes, &packet.offload,
		       s->uplink.net->limits.from_guest, pass, s) < 0)
		switch_port_drop(&s->ports[SWITCH_UPLINK_PORT]);
}

void switch_uplink_flush(struct switch_server *s)
{
	if (s->uplink.net && s->lock_fd >= 0)
		net_flush(s->uplink.net, 0);
}

void switch_uplink_resume(struct switch_server *s)
{
	if (s->uplink.net && s->lock_fd >= 0)
		net_rx_ready(s->uplink.net, 0);
}

/* ---- life ------------------------------------------------------------------------ */

void switch_uplink_init(struct switch_server *s, struct net *uplink)
{
	struct switch_uplink *u = &s->uplink;

	u->net = uplink;
	if (!uplink)
		return;
	u->nic = (struct net_nic){
		.ops = &uplink_nic_ops,
		/* Of the range for local use; frames are never for the switch itself. */
		.mac = { 0x02, 0, 0, 0, 0, 1 },
		.mtu = uplink->limits.mtu ? uplink->limits.mtu : NET_MTU_DEFAULT,
		.pair_count = 1,
	};
	net_attach(uplink, &u->nic);
	net_offloads(uplink, uplink->limits.to_guest & SWITCH_CAN);
}

void switch_uplink_start(struct switch_server *s)
{
	if (!s->uplink.net)
		return;
	net_start(s->uplink.net, 0, s->loop);
	s->joined |= UINT64_C(1) << SWITCH_UPLINK_PORT;
}

void switch_uplink_stop(struct switch_server *s)
{
	if (s->uplink.net)
		net_stop(s->uplink.net, 0);
}
