/* The DHCP server, RFC 2131, section 4.3.  For one guest there is one address, so there is
 * nothing to reserve between an offer and its acceptance, and whoever asks, asks for the
 * guest: firmware, installer, system, each with an identity of its own.  For many there is
 * a pool (lease.h). */
#include "nat/dhcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nat/arp.h"
#include "nat/dhcp_wire.h"
#include "nat/lease.h"
#include "nat/resolv.h"
#include "net/mac.h"

#define LEASE_ALONE_S  86400u
#define FLAG_BROADCAST 0x8000u
#define MESSAGE_MAX    1472u /* of a client's: what one Ethernet frame holds */

struct dhcp {
	char hostname[NAT_NAME_MAX], domain[RESOLV_DOMAIN_MAX];
	void (*leased)(void *arg, const struct net_lease *lease);
	void *leased_arg;
	pthread_mutex_t lock; /* of the two below: nat_lease() comes from any thread */
	bool has_lease;
	struct net_lease lease;
	struct lease_pool pool; /* of many guests */
};

/* ---- the lease of one guest --------------------------------------------------------- */

static void set_lease(struct nat *n, const struct net_lease *lease)
{
	struct dhcp *d = n->dhcp;

	pthread_mutex_lock(&d->lock);
	d->lease = *lease;
	d->has_lease = true;
	pthread_mutex_unlock(&d->lock);
	if (d->leased)
		d->leased(d->leased_arg, lease);
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

bool nat_lease(struct net *net, struct net_lease *out)
{
	struct dhcp *d = container_of(net, struct nat, net)->dhcp;
	bool has;

	pthread_mutex_lock(&d->lock);
	has = d->has_lease;
	*out = d->lease;
	pthread_mutex_unlock(&d->lock);
	return has;
}

/* ---- who gets which address --------------------------------------------------------- */

/* Of the network, or 0. */
static uint8_t host_of(const struct nat *n, uint32_t raw_ip)
{
	return (raw_ip & NAT_NETMASK) == n->network_ip ? (uint8_t)raw_ip : 0;
}

/* 0: all are taken.  A fresh address is looked at before it is given (RFC 2131, 3.1.2): an
 * answer comes before the client's request does, which is refused then. */
static uint32_t choose(struct nat *n, const struct dhcp_request *q)
{
	uint8_t host;
	bool fresh;

	if (!n->many_guests)
		return n->guest_ip;
	host = lease_offer(&n->dhcp->pool, &n->neighbours, q->mac, host_of(n, q->requested_ip),
			   nat_now_ns(n), &fresh);
	if (host == 0)
		return 0;
	if (fresh)
		arp_probe(n, n->network_ip | host);
	return n->network_ip | host;
}

static bool may_have(struct nat *n, const struct dhcp_request *q, uint32_t raw_ip)
{
	if (!n->many_guests)
		return raw_ip == n->guest_ip;
	return lease_take(&n->dhcp->pool, &n->neighbours, q->mac, host_of(n, raw_ip),
			  nat_now_ns(n));
}

/* Each time, if there are many: another process may have told it before, or nobody. */
static void tell(struct nat *n, const struct dhcp_request *q, uint32_t ip)
{
	struct net_lease lease = { .ip = ip };

	memcpy(lease.mac, q->mac, sizeof(lease.mac));
	memcpy(lease.hostname, q->hostname, sizeof(lease.hostname));
	if (!n->many_guests)
		set_lease(n, &lease);
	else if (n->nic->ops->leased)
		n->nic->ops->leased(n->nic, 0, &lease);
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
				   .proto = WIRE_PROTO_UDP,
				   .mac = n->many_guests ? q->mac : NULL };
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
 * not wait for them.  Guests on a switch have an MTU each, which their NICs tell them.
 * your_ip  0 with a NAK, and where there is no lease (RFC 2131, 4.3.5) */
static void answer(struct nat *n, const struct dhcp_request *q, enum dhcp_type type,
		   uint32_t your_ip)
{
	const uint32_t lease_s = n->many_guests ? LEASE_BOUND_S : LEASE_ALONE_S;
	const struct dhcp_reply r = {
		.type = type,
		.your_ip = your_ip,
		.server_ip = n->gateway_ip,
		.netmask = NAT_NETMASK,
		.router_ip = n->restrict_ ? 0 : n->gateway_ip,
		.dns_ip = n->restrict_ ? 0 : n->dns_ip,
		.lease_s = your_ip ? lease_s : 0,
		.mtu = n->many_guests ? 0 : (uint16_t)n->nic->mtu,
		.hostname = n->dhcp->hostname,
		.domain = domain(n),
	};

	send_reply(n, q, &r);
}

/* RFC 2131, 4.3.2: after an offer it names the server; after a restart the address that
 * it had; to renew it speaks from that address.  Who is not known is given what is free:
 * maybe another process gave it before. */
static void on_request(struct nat *n, const struct dhcp_request *q)
{
	const uint32_t wanted = q->requested_ip ? q->requested_ip : q->client_ip;

	if (q->server_ip && q->server_ip != n->gateway_ip) {
		lease_refuse(&n->dhcp->pool, q->mac); /* it took another one's offer */
	} else if (may_have(n, q, wanted)) {
		answer(n, q, DHCP_ACK, wanted);
		tell(n, q, wanted);
	} else {
		answer(n, q, DHCP_NAK, 0);
	}
}

static void on_discover(struct nat *n, const struct dhcp_request *q)
{
	const uint32_t ip = choose(n, q);

	if (ip)
		answer(n, q, DHCP_OFFER, ip);
	else
		nat_count(&n->stats.no_address);
}

static void on_decline(struct nat *n, const struct dhcp_request *q)
{
	if (!n->many_guests)
		end_lease(n, q);
	else
		lease_decline(&n->dhcp->pool, q->mac, host_of(n, q->requested_ip), nat_now_ns(n));
}

static void on_release(struct nat *n, const struct dhcp_request *q)
{
	if (!n->many_guests)
		end_lease(n, q);
	else if (lease_release(&n->dhcp->pool, q->mac, host_of(n, q->client_ip)))
		neighbour_leave(&n->neighbours, q->client_ip, q->mac);
}

static void on_inform(struct nat *n, const struct dhcp_request *q)
{
	if ((q->client_ip & NAT_NETMASK) == n->network_ip)
		answer(n, q, DHCP_ACK, 0);
}

static void (*const handlers[])(struct nat *n, const struct dhcp_request *q) = {
	[DHCP_DISCOVER] = on_discover, [DHCP_REQUEST] = on_request, [DHCP_DECLINE] = on_decline,
	[DHCP_RELEASE] = on_release,   [DHCP_INFORM] = on_inform,
};

/* Of many guests each is known by its address, so it has to have one. */
static bool is_someone(const struct nat *n, const struct dhcp_request *q)
{
	static const uint8_t zeros[NET_MAC_BYTES];

	return !n->many_guests ||
	       (!net_mac_is_group(q->mac) && memcmp(q->mac, zeros, sizeof(zeros)) != 0);
}

void dhcp_input(struct nat *n, const struct nat_in *in, const struct wire_udp *udp)
{
	const struct net_frame *f = in->frame;
	uint8_t bytes[MESSAGE_MAX];
	struct dhcp_request q;
	const size_t len = iov_read(f->iov, f->iov_count, in->at + WIRE_UDP_BYTES, bytes,
				    min_u64(sizeof(bytes), udp->len - WIRE_UDP_BYTES));

	if (dhcp_parse(bytes, len, &q) < 0 || !is_someone(n, &q)) {
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
