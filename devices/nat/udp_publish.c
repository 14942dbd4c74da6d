/* Published UDP ports.  A peer of the host's becomes a flow of the guest's when it first
 * speaks: what the guest answers goes back through the same socket, from the address
 * that the peer spoke to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nat/policy.h"
#include "nat/udp_internal.h"

#define PORT_TRIES 8u

union control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

static bool is_from(const struct udp_flow *f, const struct udp_port *port,
		    const struct sockaddr_in *peer)
{
	return f->port == port && f->host_ip == ntohl(peer->sin_addr.s_addr) &&
	       f->host_port == ntohs(peer->sin_port);
}

static struct udp_flow *peer_add(struct nat *n, struct udp_port *port,
				 const struct nat_flow_key *key, const struct sockaddr_in *peer)
{
	struct udp_flow *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->nat = n;
	f->port = port;
	f->host_ip = ntohl(peer->sin_addr.s_addr);
	f->host_port = ntohs(peer->sin_port);
	f->flow.key = *key;
	f->flow.life_ns = UDP_FLOW_NS;
	nat_watch_init(&f->watch, NULL, NULL);
	nat_flow_add(&n->udp->flows, &f->flow);
	return f;
}

/* The peer's flow, maybe a new one.  Peers with different addresses may all appear as
 * the router: each has a port of its own there, its own if it can be.  NULL: no memory,
 * or too many peers with the same port. */
static struct udp_flow *flow_of(struct nat *n, struct udp_port *port,
				const struct sockaddr_in *peer)
{
	struct nat_flow_key key = {
		.guest_ip = n->guest_ip,
		.guest_port = port->guest_port,
		.peer_ip = nat_policy_peer(n, ntohl(peer->sin_addr.s_addr)),
		.peer_port = ntohs(peer->sin_port),
	};

	for (unsigned i = 0; i < PORT_TRIES; i++) {
		struct nat_flow *found = nat_flow_find(&n->udp->flows, &key);

		if (!found)
			return peer_add(n, port, &key, peer);
		if (is_from(container_of(found, struct udp_flow, flow), port, peer))
			return container_of(found, struct udp_flow, flow);
		key.peer_port = (uint16_t)(key.peer_port < UINT16_MAX ? key.peer_port + 1 : 1024);
	}
	return NULL;
}

static uint32_t local_ip(struct msghdr *msg)
{
	struct in_pktinfo info;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		return ntohl(info.ipi_spec_dst.s_addr);
	}
	return 0;
}

static void port_ready(void *arg, uint32_t events)
{
	struct udp_port *port = arg;
	struct nat *n = port->nat;
	struct nat_packet packet;

	(void)events; /* an error is taken by the next call */
	for (unsigned i = 0; i < UDP_BURST; i++) {
		struct sockaddr_in peer = { 0 };
		union control control;
		struct msghdr msg = { .msg_name = &peer,
				      .msg_namelen = sizeof(peer),
				      .msg_control = control.bytes,
				      .msg_controllen = sizeof(control.bytes) };
		const ssize_t got =
			udp_receive(n, n->guest_ip, port->watch.source.fd, &msg, &packet);
		struct udp_flow *f;

		if (got == -ENOBUFS)
			nat_watch_stall(n, &port->watch);
		if (got < 0)
			return;
		f = flow_of(n, port, &peer);
		if (!f) {
			nat_count(&n->stats.no_room);
			nat_packet_cancel(n, &packet);
			continue;
		}
		f->local_ip = local_ip(&msg);
		udp_deliver(n, f, &packet, (size_t)got);
	}
}

void udp_port_send(const struct udp_flow *f, struct iovec *iov, size_t iov_count)
{
	struct sockaddr_in peer = { .sin_family = AF_INET,
				    .sin_port = htons(f->host_port),
				    .sin_addr.s_addr = htonl(f->host_ip) };
	const struct in_pktinfo from = { .ipi_spec_dst.s_addr = htonl(f->local_ip) };
	union control control = { 0 };
	const struct msghdr msg = { .msg_name = &peer,
				    .msg_namelen = sizeof(peer),
				    .msg_iov = iov,
				    .msg_iovlen = iov_count,
				    .msg_control = control.bytes,
				    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(from));
	memcpy(CMSG_DATA(c), &from, sizeof(from));
	/* Or it is lost, as datagrams may be. */
	(void)sendmsg(f->port->watch.source.fd, &msg, MSG_NOSIGNAL);
}

/* ---- life --------------------------------------------------------------------------------- */

static int port_bind(struct nat *n, const struct nat_publish *p, uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(p->host_port),
				  .sin_addr.s_addr = htonl(p->host_ip) };
	const int fd = nat_socket(n, AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(at);
	const int on = 1;
	int rc;

	if (fd < 0)
		return fd;
	if (setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) == 0 &&
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&at, &len) == 0) {
		*port = ntohs(at.sin_port);
		return fd;
	}
	rc = -errno;
	close(fd);
	return rc;
}

int udp_publish(struct nat *n, const struct nat_publish *p, uint16_t *port)
{
	struct udp_port *u = calloc(1, sizeof(*u));
	int fd, rc;

	if (!u)
		return -ENOMEM;
	fd = port_bind(n, p, port);
	if (fd < 0) {
		free(u);
		return fd;
	}
	u->nat = n;
	u->guest_port = p->guest_port;
	nat_watch_init(&u->watch, port_ready, u);
	rc = nat_watch_open(n, &u->watch, fd, EPOLLIN);
	if (rc < 0) {
		close(fd);
		free(u);
		return rc;
	}
	u->next = n->udp->ports;
	n->udp->ports = u;
	return 0;
}

void udp_ports_close(struct nat *n)
{
	for (struct udp_port *u; (u = n->udp->ports) != NULL;) {
		n->udp->ports = u->next;
		nat_watch_close(n, &u->watch);
		free(u);
	}
}
