/* The DHCP server, RFC 2131, section 4.3.  There is one address and one guest, so there
 * is nothing to reserve between an offer and its acceptance, and whoever asks, asks for
 * the guest: firmware, installer, system, each with an identity of its own. */
#include "nat/dhcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nat/dhcp_wire.h"
#include "nat/resolv.h"

#define LEASE_S	       86400u
#define FLAG_BROADCAST 0x8000u
#define MESSAGE_MAX    1472u /* of a client's: what one Ethernet frame holds */

struct dhcp {
	char hostname[NAT_NAME_MAX], domain[RESOLV_DOMAIN_MAX];
	void (*leased)(void *arg, const struct nat_lease *lease);
	void *leased_arg;
	pthread_mutex_t lock; /* of the two below: nat_lease() comes from any thread */
	bool has_lease;
	struct nat_lease lease;
};

/* ---- the lease ------------------------------------------------------------------------------ */

static void set_lease(struct nat *n, const struct dhcp_request *q)
{
	struct dhcp *d = n->dhcp;
	struct nat_lease lease = { .ip = n->guest_ip };

	memcpy(lease.mac, q->mac, sizeof(lease.mac));
	memcpy(lease.hostname, q->hostname, sizeof(lease.hostname));
	pthread_mutex_lock(&d->lock);
	d->lease = lease;
	d->has_lease = true;
	pthread_mutex_unlock(&d->lock);
	if (d->leased)
		d->leased(d->leased_arg, &lease);
}

/* Only its holder gives it up. */
static void end_lease(struct nat *n, const struct dhcp_request *q)
{
	struct dhcp *d = n->dhcp;

	pthread_mutex_lock(&d->lock);
	if (d->has_lease && memcmp(d->lease.mac, q->mac, NET_MAC_BYTES) == 0)
		d->has_lease = false;
	pthread_mutex_unlock(&d->lock);
}

bool nat_lease(struct net *net, struct nat_lease *out)
{
	struct dhcp *d = container_of(net, struct nat, net)->dhcp;
	bool has;

	pthread_mutex_lock(&d->lock);
	has = d->has_lease;
	*out = d->lease;
	pthread_mutex_unlock(&d->lock);
	return has;
}

/* ---- answers ----------------------------------------------------------------------------------
 */

/* RFC 2131, 4.1: to its address if it has one; by broadcast if it asks for that, and
 * always with a NAK; else to the address that it is about to have. */
static uint32_t reply_to(const struct dhcp_request *q, const struct dhcp_reply *r)
{
	if (r->type == DHCP_NAK)
		return UINT32_MAX;
	if (q->client_ip)
		return q->client_ip;
	return q->flags & FLAG_BROADCAST || !r->your_ip ? UINT32_MAX : r->your_ip;
}

static void send_reply(struct nat *n, const struct dhcp_request *q, const struct dhcp_reply *r)
{
	const struct nat_to to = { .src = n->gateway_ip,
				   .dst = reply_to(q, r),
				   .proto = WIRE_PROTO_UDP };
	struct wire_udp udp = { .src_port = DHCP_SERVER_PORT, .dst_port = DHCP_CLIENT_PORT };
	uint8_t header[WIRE_UDP_BYTES], message[DHCP_BYTES_MAX];
	const size_t len = dhcp_emit(q, r, message);

	udp.len = (uint16_t)(WIRE_UDP_BYTES + len);
	wire_udp_emit(&udp, header);
	nat_send_small(n, &to, header, sizeof(header), message, len);
}

static const char *domain(const struct nat *n)
{
	return n->dhcp->domain[0] ? n->dhcp->domain : nat_resolv_domain(n);
}

/* Where nothing can be reached there is no router and no name server: so the guest does
 * not wait for them. */
static void answer(struct nat *n, const struct dhcp_request *q, enum dhcp_type type)
{
	const bool inform = q->type == DHCP_INFORM; /* RFC 2131, 4.3.5: no lease */
	const struct dhcp_reply r = {
		.type = type,
		.your_ip = type == DHCP_NAK || inform ? 0 : n->guest_ip,
		.server_ip = n->gateway_ip,
		.netmask = NAT_NETMASK,
		.router_ip = n->restrict_ ? 0 : n->gateway_ip,
		.dns_ip = n->restrict_ ? 0 : n->dns_ip,
		.lease_s = inform ? 0 : LEASE_S,
		.mtu = (uint16_t)n->nic->mtu,
		.hostname = n->dhcp->hostname,
		.domain = domain(n),
	};

	send_reply(n, q, &r);
}

/* RFC 2131, 4.3.2: after an offer it names the server; after a restart the address that
 * it had; to renew it speaks from that address. */
static void on_request(struct nat *n, const struct dhcp_request *q)
{
	const uint32_t wanted = q->requested_ip ? q->requested_ip : q->client_ip;

	if (q->server_ip && q->server_ip != n->gateway_ip)
		return; /* it took another one's offer */
	if (wanted != n->guest_ip) {
		answer(n, q, DHCP_NAK);
		return;
	}
	answer(n, q, DHCP_ACK);
	set_lease(n, q);
}

static void on_discover(struct nat *n, const struct dhcp_request *q)
{
	answer(n, q, DHCP_OFFER);
}

static void on_inform(struct nat *n, const struct dhcp_request *q)
{
	if ((q->client_ip & NAT_NETMASK) == n->network_ip)
		answer(n, q, DHCP_ACK);
}

static void (*const handlers[])(struct nat *n, const struct dhcp_request *q) = {
	[DHCP_DISCOVER] = on_discover, [DHCP_REQUEST] = on_request, [DHCP_DECLINE] = end_lease,
	[DHCP_RELEASE] = end_lease,    [DHCP_INFORM] = on_inform,
};

void dhcp_input(struct nat *n, const struct nat_in *in, const struct wire_udp *udp)
{
	const struct net_frame *f = in->frame;
	uint8_t bytes[MESSAGE_MAX];
	struct dhcp_request q;
	const size_t len = iov_read(f->iov, f->iov_count, in->at + WIRE_UDP_BYTES, bytes,
				    min_u64(sizeof(bytes), udp->len - WIRE_UDP_BYTES));

	if (dhcp_parse(bytes, len, &q) < 0) {
		nat_count(&n->stats.malformed);
		return;
	}
	/* One that came through a relay is of another network. */
	if (q.relay_ip == 0 && handlers[q.type])
		handlers[q.type](n, &q);
}

/* ---- life --------------------------------------------------------------------------- */

/* nat_create() has looked at its length. */
static void copy_name(char *to, const char *name)
{
	if (name)
		memcpy(to, name, strlen(name) + 1);
}

int dhcp_init(struct nat *n, const struct nat_config *c)
{
	struct dhcp *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	pthread_mutex_init(&d->lock, NULL);
	n->dhcp = d;
	d->leased = c->leased;
	d->leased_arg = c->leased_arg;
	copy_name(d->hostname, c->hostname);
	copy_name(d->domain, c->domain);
	return 0;
}

void dhcp_fini(struct nat *n)
{
	if (n->dhcp)
		pthread_mutex_destroy(&n->dhcp->lock);
	free(n->dhcp);
	n->dhcp = NULL;
}
