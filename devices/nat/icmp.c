/* ICMP, RFC 792, with the rules of RFC 1122, 3.2.2, and RFC 1812, 4.3.
 *
 * The router answers pings to itself; others go out through a ping socket (Linux:
 * net.ipv4.ping_group_range), which lets a program send echo requests and nothing
 * else, and replaces their identifier by its own.  Where the host allows no such
 * socket, the guest is told that it is prohibited: an answer is never made up. */
#include "nat/icmp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "nat/flow.h"
#include "nat/policy.h"

#define PINGS_MAX  64u
#define PING_NS	   (30 * NS_PER_S)
#define ANSWER_MAX KIB(9) /* as long as jumbo frames are */
#define BURST	   16u
#define QUOTE_MAX  548u /* an error is at most 576 bytes: RFC 1812, 4.3.2.3 */

struct icmp {
	struct nat_flow_table pings;
	bool told; /* that there are no ping sockets */
};

struct ping {
	struct nat_flow flow; /* guest_port: the identifier; peer_port: 0 */
	struct nat *nat;
	struct nat_watch watch;
	uint32_t host_ip;
	uint8_t ttl;
};

static void set_checksum(uint8_t header[WIRE_ICMP_BYTES], uint64_t payload_sum)
{
	const uint64_t sum = wire_sum(payload_sum, header, WIRE_ICMP_BYTES);

	be16_store(header + 2, (uint16_t)~wire_sum_fold(sum));
}

static void send_icmp(struct nat *n, uint32_t src, uint32_t dst, const struct wire_icmp *i,
		      const uint8_t *payload, size_t len)
{
	const struct nat_to to = { .src = src, .dst = dst, .proto = WIRE_PROTO_ICMP };
	uint8_t header[WIRE_ICMP_BYTES];

	wire_icmp_emit(i, header);
	set_checksum(header, wire_sum(0, payload, len));
	nat_send_datagram(n, &to, header, sizeof(header), payload, len);
}

/* ---- errors -------------------------------------------------------------------------------- */

/* RFC 1122, 3.2.2: never about an ICMP error, and never to or from other than one host. */
static bool may_complain(const struct nat *n, const struct nat_in *in)
{
	const uint32_t dst = in->ip.dst;
	const uint8_t type = nat_in_head_len(in) > 0 ? in->head[in->at] : 0;

	if (in->ip.proto == WIRE_PROTO_ICMP && type != WIRE_ICMP_ECHO)
		return false;
	return in->ip.src != 0 && in->ip.fragment_at == 0 && !(in->ether.dst[0] & 1) &&
	       dst >> 28 < 0xe && dst != (n->network_ip | ~NAT_NETMASK);
}

void nat_icmp_error(struct nat *n, const struct nat_in *in, uint8_t type, uint8_t code,
		    uint32_t rest)
{
	const struct net_frame *f = in->frame;
	const bool by_host = type == WIRE_ICMP_UNREACHABLE && code == WIRE_ICMP_PORT;
	const struct wire_icmp i = { type, code, rest };
	uint8_t quote[QUOTE_MAX];
	size_t len;

	if (!may_complain(n, in))
		return;
	len = iov_read(f->iov, f->iov_count, WIRE_ETHER_BYTES, quote,
		       min_u64(sizeof(quote), in->ip.total_bytes));
	send_icmp(n, by_host ? in->ip.dst : n->gateway_ip, in->ip.src, &i, quote, len);
}

void icmp_pass_on(struct nat *n, const struct nat_to *sent, uint32_t host_ip,
		  const struct nat_host_error *e, const uint8_t *quote, size_t quote_len)
{
	const struct wire_icmp i = { e->type, e->code, 0 };
	uint8_t bytes[WIRE_IP4_BYTES + WIRE_UDP_BYTES + NAT_QUOTE_BYTES];
	const struct wire_ip4 ip = {
		.src = sent->src,
		.dst = sent->dst,
		.proto = sent->proto,
		.ttl = 1,
		.dont_fragment = true,
		.total_bytes = (uint32_t)(WIRE_IP4_BYTES + quote_len),
	};
	uint32_t src = n->gateway_ip;

	quote_len = min_u64(quote_len, sizeof(bytes) - WIRE_IP4_BYTES);
	if (e->offender == host_ip)
		src = sent->dst;
	else if (e->offender != 0)
		src = nat_policy_peer(n, e->offender);
	wire_ip4_emit(&ip, bytes);
	memcpy(bytes + WIRE_IP4_BYTES, quote, quote_len);
	send_icmp(n, src, sent->src, &i, bytes, WIRE_IP4_BYTES + quote_len);
}

/* ---- answers to pings --------------------------------------------------------------------------
 */

/* The socket's identifier becomes the guest's. */
static void ping_receive(struct nat *n, struct ping *p)
{
	const struct nat_to to = { .src = p->flow.key.peer_ip,
				   .dst = p->flow.key.guest_ip,
				   .proto = WIRE_PROTO_ICMP };
	uint8_t header[WIRE_ICMP_BYTES];
	struct nat_packet packet;

	for (unsigned i = 0; i < BURST; i++) {
		struct iovec iov[NAT_IOV_MAX + 1] = { { header, sizeof(header) } };
		struct msghdr msg = { .msg_iov = iov };
		ssize_t got;

		if (!nat_packet_begin(n, to.dst, sizeof(header), nat_payload_max(n, sizeof(header)),
				      &packet)) {
			nat_watch_stall(n, &p->watch);
			return;
		}
		memcpy(iov + 1, packet.iov, packet.iov_count * sizeof(iov[0]));
		msg.msg_iovlen = packet.iov_count + 1;
		got = recvmsg(p->watch.source.fd, &msg, 0);
		if (got < (ssize_t)sizeof(header) || msg.msg_flags & MSG_TRUNC ||
		    header[0] != WIRE_ICMP_ECHO_REPLY) {
			nat_packet_cancel(n, &packet);
			if (got < 0)
				return;
			continue;
		}
		got -= (ssize_t)sizeof(header);
		be16_store(header + 2, 0);
		be16_store(header + 4, p->flow.key.guest_port);
		set_checksum(header, wire_sum_iov(0, packet.iov, packet.iov_count, 0, (size_t)got));
		nat_packet_send(n, &packet, &to, header, (size_t)got, 0);
		nat_flow_touch(&n->icmp->pings, &p->flow);
	}
}

/* The guest's identifier where the kernel had put its own; the checksum follows it
 * (RFC 1624, 3). */
static void quote_as_sent(const struct ping *p, uint8_t header[WIRE_ICMP_BYTES])
{
	uint32_t sum = (uint16_t)~be16_load(header + 2);

	sum += (uint16_t)~be16_load(header + 4) + (uint32_t)p->flow.key.guest_port;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	be16_store(header + 2, (uint16_t)~sum);
	be16_store(header + 4, p->flow.key.guest_port);
}

static void ping_errors(struct nat *n, struct ping *p)
{
	const struct nat_to sent = { .src = p->flow.key.guest_ip,
				     .dst = p->flow.key.peer_ip,
				     .proto = WIRE_PROTO_ICMP };
	struct nat_host_error e;

	for (unsigned i = 0; i < BURST && nat_errqueue_next(p->watch.source.fd, &e); i++) {
		if (e.quote_len < WIRE_ICMP_BYTES)
			continue;
		quote_as_sent(p, e.quote);
		icmp_pass_on(n, &sent, p->host_ip, &e, e.quote, e.quote_len);
	}
}

static void ping_ready(void *arg, uint32_t events)
{
	struct ping *p = arg;

	if (events & EPOLLERR)
		ping_errors(p->nat, p);
	if (events & EPOLLIN)
		ping_receive(p->nat, p);
}

/* ---- pings -------------------------------------------------------------------------- */

static void ping_close(struct nat *n, struct nat_flow *f)
{
	struct ping *p = container_of(f, struct ping, flow);

	nat_watch_close(n, &p->watch);
	free(p);
}

static void no_ping_sockets(struct nat *n, int rc)
{
	if (rc != -EACCES && rc != -EPERM)
		return;
	if (!n->icmp->told)
		log_info("nat: this host lets us send no pings (net.ipv4.ping_group_range); "
			 "the guest's are refused");
	n->icmp->told = true;
}

static int ping_connect(struct nat *n, uint32_t host_ip)
{
	const int fd = nat_socket(n, AF_INET, SOCK_DGRAM, IPPROTO_ICMP);

	if (fd >= 0)
		return nat_connect(fd, host_ip, 0);
	no_ping_sockets(n, fd);
	return fd;
}

static int ping_open(struct nat *n, const struct nat_flow_key *key, uint32_t host_ip,
		     struct ping **out)
{
	struct ping *p = calloc(1, sizeof(*p));
	int fd, rc;

	if (!p)
		return -ENOMEM;
	fd = ping_connect(n, host_ip);
	if (fd < 0) {
		free(p);
		return fd;
	}
	p->nat = n;
	p->host_ip = host_ip;
	p->flow.key = *key;
	p->flow.life_ns = PING_NS;
	nat_watch_init(&p->watch, ping_ready, p);
	rc = nat_watch_open(n, &p->watch, fd, EPOLLIN);
	if (rc < 0) {
		close(fd);
		free(p);
		return rc;
	}
	nat_flow_add(&n->icmp->pings, &p->flow);
	*out = p;
	return 0;
}

static void ping_send(struct nat *n, struct ping *p, const struct nat_in *in,
		      const struct wire_icmp *icmp)
{
	uint8_t header[WIRE_ICMP_BYTES];
	struct iovec iov[NAT_IOV_MAX + 1] = { { header, sizeof(header) } };
	const size_t want = in->len - WIRE_ICMP_BYTES;
	struct msghdr msg = { .msg_iov = iov };
	size_t len;

	wire_icmp_emit(icmp, header); /* the kernel fills in identifier and checksum */
	msg.msg_iovlen = 1 + nat_in_slice(in, WIRE_ICMP_BYTES, want, iov + 1, NAT_IOV_MAX, &len);
	if (len < want) {
		nat_count(&n->stats.malformed);
		return;
	}
	nat_flow_touch(&n->icmp->pings, &p->flow);
	nat_set_ttl(p->watch.source.fd, &p->ttl, in->ip.ttl);
	for (unsigned i = 0; i < 2 && sendmsg(p->watch.source.fd, &msg, MSG_NOSIGNAL) < 0; i++)
		ping_errors(n, p); /* of an earlier one; or it is lost, as pings may be */
}

static void ping_out(struct nat *n, const struct nat_in *in, const struct wire_icmp *icmp,
		     uint32_t host_ip)
{
	const struct nat_flow_key key = { .guest_ip = in->ip.src,
					  .peer_ip = in->ip.dst,
					  .guest_port = (uint16_t)(icmp->rest >> 16) };
	struct nat_flow *f = nat_flow_find(&n->icmp->pings, &key);
	struct ping *p = f ? container_of(f, struct ping, flow) : NULL;
	const int rc = p ? 0 : ping_open(n, &key, host_ip, &p);

	if (rc == 0)
		ping_send(n, p, in, icmp);
	else if (rc == -EACCES || rc == -EPERM)
		nat_icmp_error(n, in, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_PROHIBITED, 0);
	else if (rc == -ENETUNREACH || rc == -EHOSTUNREACH)
		nat_icmp_error(n, in, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_HOST, 0);
}

/* One to ourselves. */
static void answer(struct nat *n, const struct nat_in *in, const struct wire_icmp *icmp)
{
	const struct wire_icmp reply = { .type = WIRE_ICMP_ECHO_REPLY, .rest = icmp->rest };
	uint8_t payload[ANSWER_MAX];
	const size_t len = in->len - WIRE_ICMP_BYTES;
	const struct net_frame *f = in->frame;

	if (len > sizeof(payload))
		return;
	iov_read(f->iov, f->iov_count, in->at + WIRE_ICMP_BYTES, payload, len);
	send_icmp(n, in->ip.dst, in->ip.src, &reply, payload, len);
}

void icmp_input(struct nat *n, const struct nat_in *in)
{
	uint32_t host_ip;
	struct wire_icmp icmp;

	if (wire_icmp_parse(in->head + in->at, nat_in_head_len(in), &icmp) < 0) {
		nat_count(&n->stats.malformed);
		return;
	}
	if (icmp.type != WIRE_ICMP_ECHO || icmp.code != 0)
		return; /* answers and errors are for the host's kernel, which sent nothing */
	if (in->ip.dst == n->gateway_ip || in->ip.dst == n->dns_ip) {
		answer(n, in, &icmp);
		return;
	}
	switch (nat_policy(n, in->ip.dst, &host_ip)) {
	case NAT_GO:
		ping_out(n, in, &icmp, host_ip);
		break;
	case NAT_REFUSE:
		nat_count(&n->stats.refused);
		nat_icmp_error(n, in, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_PROHIBITED, 0);
		break;
	case NAT_IGNORE:
		nat_count(&n->stats.refused);
		break;
	}
}

int icmp_init(struct nat *n)
{
	n->icmp = calloc(1, sizeof(*n->icmp));
	if (!n->icmp)
		return -ENOMEM;
	n->icmp->pings.nat = n;
	n->icmp->pings.max = PINGS_MAX;
	n->icmp->pings.close = ping_close;
	return 0;
}

void icmp_fini(struct nat *n)
{
	if (n->icmp)
		nat_flow_end_all(&n->icmp->pings);
	free(n->icmp);
	n->icmp = NULL;
}
