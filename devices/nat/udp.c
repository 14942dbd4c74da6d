/* UDP flows of the guest's: each a connected socket, so that the host's kernel lets
 * through its peer's datagrams only, and tells what became of ours. */
#include "nat/udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nat/dhcp.h"
#include "nat/dns.h"
#include "nat/dns_wire.h"
#include "nat/icmp.h"
#include "nat/policy.h"
#include "nat/udp_internal.h"

#define FLOWS_MAX   512u
#define DNS_FLOW_NS (10 * NS_PER_S) /* one question, one answer */

/* ---- to the guest ------------------------------------------------------------------------ */

ssize_t udp_receive(struct nat *n, uint32_t guest_ip, int fd, struct msghdr *msg,
		    struct nat_packet *packet)
{
	ssize_t got;

	if (!nat_packet_begin(n, guest_ip, WIRE_UDP_BYTES, nat_payload_max(n, WIRE_UDP_BYTES),
			      packet))
		return -ENOBUFS;
	packet->iov[packet->iov_count] = (struct iovec){ n->udp->rest, sizeof(n->udp->rest) };
	msg->msg_iov = packet->iov;
	msg->msg_iovlen = packet->iov_count + 1;
	got = recvmsg(fd, msg, 0);
	if (got >= 0)
		return got;
	got = -errno;
	nat_packet_cancel(n, packet);
	return got;
}

/* More than the guest's MTU: what does not fit into one packet is in the rest. */
static void send_long(struct nat *n, struct nat_packet *packet, const struct nat_to *to,
		      uint8_t *header, size_t len)
{
	const size_t front = packet->payload_max;
	struct udp *u = n->udp;

	iov_read(packet->iov, packet->iov_count, 0, u->whole, front);
	nat_packet_cancel(n, packet);
	memcpy(u->whole + front, u->rest, len - front);
	nat_send_datagram(n, to, header, WIRE_UDP_BYTES, u->whole, len);
}

void udp_deliver(struct nat *n, struct udp_flow *f, struct nat_packet *packet, size_t len)
{
	const struct nat_flow_key *k = &f->flow.key;
	const struct nat_to to = { .src = k->peer_ip, .dst = k->guest_ip, .proto = WIRE_PROTO_UDP };
	const struct wire_udp udp = { .src_port = k->peer_port,
				      .dst_port = k->guest_port,
				      .len = (uint16_t)(WIRE_UDP_BYTES + len) };
	uint8_t header[WIRE_UDP_BYTES];

	wire_udp_emit(&udp, header);
	if (len <= packet->payload_max)
		nat_packet_send(n, packet, &to, header, len, 0);
	else
		send_long(n, packet, &to, header, len);
	nat_flow_touch(&n->udp->flows, &f->flow);
}

static void flow_receive(struct nat *n, struct udp_flow *f)
{
	struct nat_packet packet;

	for (unsigned i = 0; i < UDP_BURST; i++) {
		struct msghdr msg = { 0 };
		const ssize_t got =
			udp_receive(n, f->flow.key.guest_ip, f->watch.source.fd, &msg, &packet);

		if (got == -ENOBUFS)
			nat_watch_stall(n, &f->watch);
		if (got < 0)
			return;
		udp_deliver(n, f, &packet, (size_t)got);
	}
}

void udp_flow_errors(struct nat *n, struct udp_flow *f)
{
	const struct nat_flow_key *k = &f->flow.key;
	const struct nat_to sent = { .src = k->guest_ip,
				     .dst = k->peer_ip,
				     .proto = WIRE_PROTO_UDP };
	struct nat_host_error e;

	for (unsigned i = 0; i < UDP_BURST && nat_errqueue_next(f->watch.source.fd, &e); i++) {
		const struct wire_udp udp = { .src_port = k->guest_port,
					      .dst_port = k->peer_port,
					      .len = (uint16_t)(WIRE_UDP_BYTES + e.quote_len) };
		uint8_t quote[WIRE_UDP_BYTES + NAT_QUOTE_BYTES];

		wire_udp_emit(&udp, quote);
		memcpy(quote + WIRE_UDP_BYTES, e.quote, e.quote_len);
		icmp_pass_on(n, &sent, f->host_ip, &e, quote, WIRE_UDP_BYTES + e.quote_len);
	}
}

static void flow_ready(void *arg, uint32_t events)
{
	struct udp_flow *f = arg;

	if (events & EPOLLERR)
		udp_flow_errors(f->nat, f);
	if (events & EPOLLIN)
		flow_receive(f->nat, f);
}

/* ---- a flow's life ------------------------------------------------------------------------- */

static void flow_close(struct nat *n, struct nat_flow *flow)
{
	struct udp_flow *f = container_of(flow, struct udp_flow, flow);

	if (n->udp->batch.flow == f)
		udp_batch_end(n);
	nat_watch_close(n, &f->watch);
	free(f);
}

static int flow_open(struct nat *n, const struct nat_flow_key *key, uint32_t host_ip,
		     struct udp_flow **out)
{
	struct udp_flow *f = calloc(1, sizeof(*f));
	int fd, rc;

	if (!f)
		return -ENOMEM;
	fd = nat_socket(n, AF_INET, SOCK_DGRAM, 0);
	if (fd >= 0)
		fd = nat_connect(fd, host_ip, key->peer_port);
	if (fd < 0) {
		free(f);
		return fd;
	}
	f->nat = n;
	f->host_ip = host_ip;
	f->host_port = key->peer_port;
	f->flow.key = *key;
	f->flow.life_ns = key->peer_port == DNS_PORT ? DNS_FLOW_NS : UDP_FLOW_NS;
	nat_watch_init(&f->watch, flow_ready, f);
	rc = nat_watch_open(n, &f->watch, fd, EPOLLIN);
	if (rc < 0) {
		close(fd);
		free(f);
		return rc;
	}
	nat_flow_add(&n->udp->flows, &f->flow);
	*out = f;
	return 0;
}

uint16_t udp_largest_share(const struct nat *n)
{
	return n->udp ? share_largest(&n->udp->flows.shares) : 0;
}

bool udp_make_room(struct nat *n)
{
	return n->udp && nat_flow_make_room(&n->udp->flows);
}

/* ---- from the guest ---------------------------------------------------------------------------
 */

static void flow_send(struct nat *n, struct udp_flow *f, const struct nat_in *in,
		      const struct wire_udp *udp)
{
	struct iovec iov[NAT_IOV_MAX];
	const size_t want = udp->len - WIRE_UDP_BYTES;
	size_t len;
	const unsigned count = nat_in_slice(in, WIRE_UDP_BYTES, want, iov, NAT_IOV_MAX, &len);

	if (len < want) {
		nat_count(&n->stats.malformed);
		return;
	}
	nat_flow_touch(&n->udp->flows, &f->flow);
	if (f->port)
		udp_port_send(f, iov, count);
	else
		udp_batch_add(n, f, in->ip.ttl, iov, count, len);
}

/* Why there is no flow. */
static void complain(struct nat *n, const struct nat_in *in, int rc)
{
	if (rc == -ENETUNREACH || rc == -EHOSTUNREACH)
		nat_icmp_error(n, in, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_HOST, 0);
	else if (rc == -EACCES || rc == -EPERM)
		nat_icmp_error(n, in, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_PROHIBITED, 0);
	/* No socket or no memory: lost, as datagrams may be. */
}

static void refuse(struct nat *n, const struct nat_in *in)
{
	const bool ours = in->ip.dst == n->gateway_ip || in->ip.dst == n->dns_ip;

	nat_count(&n->stats.refused);
	nat_icmp_error(n, in, WIRE_ICMP_UNREACHABLE, ours ? WIRE_ICMP_PORT : WIRE_ICMP_PROHIBITED,
		       0);
}

static void to_flow(struct nat *n, const struct nat_in *in, const struct wire_udp *udp)
{
	const struct nat_flow_key key = { in->ip.src, in->ip.dst, udp->src_port, udp->dst_port };
	struct nat_flow *found = nat_flow_find(&n->udp->flows, &key);
	struct udp_flow *f = found ? container_of(found, struct udp_flow, flow) : NULL;
	enum nat_verdict verdict;
	uint32_t host_ip = 0;
	int rc = 0;

	if (!f) {
		verdict = nat_policy(n, in->ip.dst, &host_ip);
		if (verdict == NAT_REFUSE)
			refuse(n, in);
		if (verdict == NAT_IGNORE)
			nat_count(&n->stats.refused);
		if (verdict != NAT_GO)
			return;
		rc = flow_open(n, &key, host_ip, &f);
	}
	if (rc < 0)
		complain(n, in, rc);
	else
		flow_send(n, f, in, udp);
}

void udp_flush(struct nat *n)
{
	udp_batch_end(n);
}

void udp_input(struct nat *n, const struct nat_in *in)
{
	struct wire_udp udp;

	if (wire_udp_parse(in->head + in->at, nat_in_head_len(in), in->len, &udp) < 0) {
		nat_count(&n->stats.malformed);
		return;
	}
	if (udp.dst_port == DHCP_SERVER_PORT &&
	    (in->ip.dst == UINT32_MAX || in->ip.dst == n->gateway_ip))
		dhcp_input(n, in, &udp);
	else if (in->ip.src == 0)
		nat_count(&n->stats.refused);
	else if (in->ip.dst == n->dns_ip && udp.dst_port == DNS_PORT)
		dns_input(n, in, &udp);
	else if (udp.dst_port == 0)
		nat_count(&n->stats.malformed);
	else
		to_flow(n, in, &udp);
}

/* ---- life -------------------------------------------------------------------------------------
 */

int udp_init(struct nat *n)
{
	n->udp = calloc(1, sizeof(*n->udp));
	if (!n->udp)
		return -ENOMEM;
	n->udp->flows.nat = n;
	n->udp->flows.max = FLOWS_MAX;
	n->udp->flows.close = flow_close;
	return 0;
}

void udp_fini(struct nat *n)
{
	if (!n->udp)
		return;
	nat_flow_end_all(&n->udp->flows);
	udp_ports_close(n);
	free(n->udp);
	n->udp = NULL;
}
