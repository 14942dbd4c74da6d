/* Connections that the guest makes.  It hears of success when the host has connected,
 * and of failure what the host was told:
 *
 *	SYN ─▶ connect() ─▶ SYN-ACK | RST | ICMP unreachable
 *
 * A SYN that may go few hops is somebody's who looks for the way: it goes no further as
 * the host's, and the guest hears who stopped it. */
#include "nat/tcp_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "nat/errqueue.h"
#include "nat/icmp.h"
#include "nat/policy.h"

#define DNS_PORT	   53u
#define EVENTS_OF_A_SPLICE (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

int conn_watch(struct conn *c, int fd)
{
	return nat_watch_open(c->nat, &c->host, fd, EVENTS_OF_A_SPLICE);
}

void conn_take_syn(struct conn *c, const struct wire_tcp *syn)
{
	const uint64_t ours = nat_payload_max(c->nat, WIRE_TCP_BYTES);
	uint64_t mss;

	c->rcv_nxt = c->rcv_edge = c->rcv_told = c->rcv_max = syn->seq + 1;
	c->snd_wnd = syn->window; /* never scaled: RFC 7323, 2.2 */
	c->snd_wl1 = syn->seq;
	c->snd_wl2 = c->snd_iss;
	if (syn->window_scale >= 0) {
		c->snd_scale = (uint8_t)syn->window_scale;
		c->rcv_scale = TCP_OUR_SCALE;
	}
	c->stamped = syn->stamped;
	c->guest_stamp = syn->stamp;
	c->stamp_ns = c->used_ns;
	/* MSS leaves options out of account: RFC 6691, 2. */
	mss = min_u64(syn->mss ? syn->mss : TCP_MSS_UNSAID, ours);
	mss -= min_u64(mss, conn_header_bytes(c) - WIRE_TCP_BYTES);
	c->mss = (uint16_t)max_u64(mss, TCP_MSS_MIN);
	c->chunk_bytes = 4u * c->mss;
	c->limit_bytes = tcp_flight_max(c->nat->tcp);
}

/* ---- refusals ----------------------------------------------------------------------- */

/* What ICMP has for it (RFC 1812, 5.2.7.1); -1: TCP has a word of its own, RST. */
static int unreachable_code(int error)
{
	switch (error) {
	case ENETUNREACH:
	case ENETDOWN:
		return WIRE_ICMP_NET;
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ETIMEDOUT:
		return WIRE_ICMP_HOST;
	case EACCES:
	case EPERM:
		return WIRE_ICMP_PROHIBITED;
	default:
		return -1;
	}
}

/* The guest's SYN, as far as an ICMP error quotes it.  Returns its length. */
static unsigned quote_syn(const struct conn *c, uint8_t tcp[WIRE_TCP_BYTES_MAX])
{
	const struct wire_tcp syn = { .src_port = c->tuple.guest_port,
				      .dst_port = c->tuple.peer_port,
				      .seq = c->rcv_nxt - 1,
				      .flags = WIRE_TCP_SYN,
				      .window_scale = -1 };

	return wire_tcp_emit(&syn, tcp);
}

static void say_unreachable(struct conn *c, int code)
{
	uint8_t tcp[WIRE_TCP_BYTES_MAX];
	const unsigned len = quote_syn(c, tcp);
	struct nat_in in = { .at = WIRE_ETHER_BYTES + WIRE_IP4_BYTES, .len = len };
	struct iovec iov = { in.head, in.at + len };
	const struct net_frame frame = { .iov = &iov, .iov_count = 1, .len = in.at + len };

	in.frame = &frame;
	in.head_len = frame.len;
	in.ip = (struct wire_ip4){ .src = c->tuple.guest_ip,
				   .dst = c->tuple.peer_ip,
				   .proto = WIRE_PROTO_TCP,
				   .ttl = 64,
				   .header_bytes = WIRE_IP4_BYTES,
				   .total_bytes = WIRE_IP4_BYTES + len };
	wire_ip4_emit(&in.ip, in.head + WIRE_ETHER_BYTES);
	memcpy(in.head + in.at, tcp, len);
	nat_icmp_error(c->nat, &in, WIRE_ICMP_UNREACHABLE, (uint8_t)code, 0);
}

/* What the host's network said of a SYN with few hops.  False: nothing. */
static bool pass_on(struct conn *c)
{
	const struct nat_to sent = { .src = c->tuple.guest_ip,
				     .dst = c->tuple.peer_ip,
				     .proto = WIRE_PROTO_TCP };
	uint8_t tcp[WIRE_TCP_BYTES_MAX];
	struct nat_host_error e;
	uint32_t host_ip = 0;

	if (c->ttl == 0 || !nat_errqueue_next(c->host.source.fd, &e))
		return false;
	(void)nat_policy(c->nat, c->tuple.peer_ip, &host_ip); /* it said yes before */
	icmp_pass_on(c->nat, &sent, host_ip, &e, tcp, quote_syn(c, tcp));
	return true;
}

/* The host did not connect: error says why.  c is gone. */
static void fail(struct conn *c, int error)
{
	const int code = unreachable_code(error);

	if (!pass_on(c)) {
		if (code >= 0)
			say_unreachable(c, code);
		else
			conn_send_reset(c);
	}
	conn_free(c);
}

/* ---- connecting --------------------------------------------------------------------- */

/* Only as long as it connects: an established connection survives what ICMP says of one
 * packet (RFC 5461), but not with IP_RECVERR (tcp(7)). */
static void set_hops(struct conn *c, int fd, uint8_t guest_ttl)
{
	const bool few = c->ttl != 0;

	nat_set_ttl(fd, &c->ttl, guest_ttl);
	if ((c->ttl != 0) != few)
		nat_errqueue_keep(fd, c->ttl != 0);
}

void conn_connected(struct conn *c, uint32_t events)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->host.source.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error) {
		fail(c, error);
		return;
	}
	if (!(events & EPOLLOUT))
		return;
	set_hops(c, c->host.source.fd, UINT8_MAX);
	c->state = CONN_SYN_RECEIVED;
	host_hear(c, events); /* it may have ended already, and says so but once */
	c->host_readable = true;
	host_ask_room(c);
	conn_send_syn(c);
	conn_arm(c);
}

/* 0: under way; -errno */
static int start_connect(struct conn *c, const struct sockaddr_storage *to, socklen_t len,
			 uint8_t ttl)
{
	const int fd = nat_socket(c->nat, to->ss_family, SOCK_STREAM, 0);
	int rc;

	if (fd < 0)
		return fd;
	host_prepare(c->nat->tcp, fd);
	set_hops(c, fd, ttl);
	if (connect(fd, (const struct sockaddr *)to, len) < 0 && errno != EINPROGRESS)
		rc = -errno;
	else
		rc = conn_watch(c, fd);
	if (rc < 0)
		close(fd);
	return rc;
}

/* Where that is for a socket of the host's. */
static enum nat_verdict where(struct nat *n, const struct tcp_tuple *tuple,
			      struct sockaddr_storage *to, socklen_t *len)
{
	struct sockaddr_in ip4 = { .sin_family = AF_INET, .sin_port = htons(tuple->peer_port) };
	uint32_t host_ip;
	enum nat_verdict verdict;

	if (tuple->peer_ip == n->dns_ip && tuple->peer_port == DNS_PORT)
		return nat_dns_server_for_tcp(n, to, len) < 0 ? NAT_REFUSE : NAT_GO;
	verdict = nat_policy(n, tuple->peer_ip, &host_ip);
	if (verdict != NAT_GO)
		return verdict;
	ip4.sin_addr.s_addr = htonl(host_ip);
	memcpy(to, &ip4, sizeof(ip4));
	*len = sizeof(ip4);
	return NAT_GO;
}

static void refuse(struct nat *n, const struct nat_in *in, const struct tcp_tuple *tuple,
		   const struct wire_tcp *s)
{
	tcp_send_reset(n, tuple, s, in->len - s->header_bytes);
}

void tcp_open(struct nat *n, const struct nat_in *in, const struct tcp_tuple *tuple,
	      const struct wire_tcp *s)
{
	struct sockaddr_storage to = { 0 };
	struct conn *c = NULL;
	enum nat_verdict verdict;
	socklen_t len = 0;
	int rc;

	if ((s->flags & (WIRE_TCP_SYN | WIRE_TCP_ACK | WIRE_TCP_RST)) != WIRE_TCP_SYN) {
		refuse(n, in, tuple, s);
		return;
	}
	verdict = where(n, tuple, &to, &len);
	if (verdict != NAT_GO)
		nat_count(&n->stats.refused);
	else
		c = conn_new(n, tuple);
	if (!c) {
		if (verdict != NAT_IGNORE)
			refuse(n, in, tuple, s);
		return;
	}
	conn_take_syn(c, s);
	conn_arm(c);
	rc = start_connect(c, &to, len, in->ip.ttl);
	if (rc < 0)
		fail(c, -rc);
}
