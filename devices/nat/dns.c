/* DNS over UDP, forwarded: RFC 1035, and RFC 5452 against forged answers.
 *
 * A query goes to the host's first resolver, then, when that stays silent or is not
 * there, to the next, and round again; each that was asked may still answer.  To each
 * it goes from a connected socket of its own (so from a port that nobody can guess, and
 * only that resolver's words come back) and with an identifier of ours.  The answer is
 * passed on as it is, but for the identifier. */
#include "nat/dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "nat/dns_wire.h"
#include "nat/flow.h"
#include "nat/resolv.h"

#define QUERIES_MAX 64u
#define QUERY_BYTES 4096u /* longer ones nobody sends by UDP */
#define PATIENCE_NS (2 * NS_PER_S)
#define QUERY_NS    (15 * NS_PER_S) /* more than all patience together */
#define ROUNDS	    2u		    /* how often each server is asked */
#define BURST	    8u

struct query;

struct ask {
	struct query *query;
	struct nat_watch watch;
};

struct query {
	struct nat_flow flow; /* peer_port: the guest's identifier */
	struct nat *nat;
	struct nat_timer patience;
	unsigned tries; /* made so far */
	uint16_t id;	/* ours */
	struct ask asks[RESOLV_SERVERS_MAX];
	struct dns_message message;
	size_t len;
	uint8_t bytes[]; /* the query, with our identifier */
};

struct dns {
	struct nat_flow_table queries;
	struct resolv_file resolv;
	char *path;
	unsigned good; /* the server that answered last */
	uint8_t answer[WIRE_UDP_PAYLOAD_MAX + 1];
};

/* ---- to the guest -------------------------------------------------------------------------- */

static void reply(struct nat *n, const struct query *q, const uint8_t *bytes, size_t len)
{
	const struct nat_flow_key *k = &q->flow.key;
	const struct nat_to to = { .src = n->dns_ip, .dst = k->guest_ip, .proto = WIRE_PROTO_UDP };
	const struct wire_udp udp = { .src_port = DNS_PORT,
				      .dst_port = k->guest_port,
				      .len = (uint16_t)(WIRE_UDP_BYTES + len) };
	uint8_t header[WIRE_UDP_BYTES];

	wire_udp_emit(&udp, header);
	nat_send_datagram(n, &to, header, sizeof(header), bytes, len);
}

static void fail(struct nat *n, struct query *q)
{
	const size_t len =
		dns_make_failure(q->bytes, &q->message, q->flow.key.peer_port, DNS_RCODE_SERVFAIL);

	reply(n, q, q->bytes, len);
	nat_flow_end(&n->dns->queries, &q->flow);
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static int ask_open(struct nat *n, struct ask *a, const struct resolv_server *s)
{
	const int fd = nat_socket(n, s->address.ss_family, SOCK_DGRAM, 0);
	int rc;

	if (fd < 0)
		return fd;
	rc = connect(fd, (const struct sockaddr *)&s->address, s->len) < 0 ? -errno : 0;
	if (rc == 0)
		rc = nat_watch_open(n, &a->watch, fd, EPOLLIN);
	if (rc < 0)
		close(fd);
	return rc;
}

/* False: not sent, as far as this host knows. */
static bool ask(struct nat *n, struct query *q, unsigned which, const struct resolv_server *s)
{
	struct ask *a = &q->asks[which];

	if (a->watch.source.fd < 0 && ask_open(n, a, s) < 0)
		return false;
	return send(a->watch.source.fd, q->bytes, q->len, MSG_NOSIGNAL) == (ssize_t)q->len;
}

/* Ask the next server that can be asked, and wait for it; or give up. */
static void ask_next(struct nat *n, struct query *q)
{
	const struct resolv *r = &n->dns->resolv.now;
	const unsigned most = ROUNDS * r->server_count;

	while (q->tries < most) {
		const unsigned which = (n->dns->good + q->tries++) % r->server_count;

		if (ask(n, q, which, &r->servers[which])) {
			nat_timer_arm(n, &q->patience, nat_now_ns(n) + PATIENCE_NS);
			return;
		}
	}
	fail(n, q);
}

static void out_of_patience(struct nat_timer *t, uint64_t now_ns)
{
	struct query *q = container_of(t, struct query, patience);

	(void)now_ns;
	ask_next(q->nat, q);
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static bool is_answer(const struct query *q, const uint8_t *bytes, size_t len)
{
	struct dns_message m;

	/* A resolver by IPv6 can say more than fits into a packet for the guest. */
	if (len > WIRE_UDP_PAYLOAD_MAX)
		return false;
	return dns_parse(bytes, len, &m) == 0 && m.id == q->id &&
	       dns_is_answer(q->bytes, &q->message, bytes, &m);
}

static void ask_ready(void *arg, uint32_t events)
{
	struct ask *a = arg;
	struct query *q = a->query;
	struct nat *n = q->nat;
	struct dns *d = n->dns;

	(void)events;
	for (unsigned i = 0; i < BURST; i++) {
		const ssize_t len = recv(a->watch.source.fd, d->answer, sizeof(d->answer), 0);

		if (len < 0 && errno == EAGAIN)
			return;
		if (len < 0) {
			/* It is not there: do not wait for it. */
			nat_watch_close(n, &a->watch);
			ask_next(n, q);
			return;
		}
		if (!is_answer(q, d->answer, (size_t)len))
			continue;
		be16_store(d->answer, q->flow.key.peer_port);
		d->good = (unsigned)(a - q->asks);
		reply(n, q, d->answer, (size_t)len);
		nat_flow_end(&d->queries, &q->flow);
		return;
	}
}

/* ---- queries ------------------------------------------------------------------------------------
 */

static void query_close(struct nat *n, struct nat_flow *f)
{
	struct query *q = container_of(f, struct query, flow);

	nat_timer_disarm(n, &q->patience);
	for (unsigned i = 0; i < ARRAY_LEN(q->asks); i++)
		nat_watch_close(n, &q->asks[i].watch);
	free(q);
}

static struct query *query_make(struct nat *n, const struct nat_flow_key *key, const uint8_t *bytes,
				size_t len)
{
	struct query *q = calloc(1, sizeof(*q) + len);

	if (!q)
		return NULL;
	q->nat = n;
	q->flow.key = *key;
	q->flow.life_ns = QUERY_NS;
	nat_timer_init(&q->patience, out_of_patience);
	for (unsigned i = 0; i < ARRAY_LEN(q->asks); i++) {
		q->asks[i].query = q;
		nat_watch_init(&q->asks[i].watch, ask_ready, &q->asks[i]);
	}
	nat_random(&q->id, sizeof(q->id));
	q->len = len;
	memcpy(q->bytes, bytes, len);
	be16_store(q->bytes, q->id);
	return q;
}

/* A query that is under way already is one that the guest has lost patience with. */
static void on_query(struct nat *n, const struct nat_in *in, const struct wire_udp *udp,
		     const struct dns_message *m, const uint8_t *bytes, size_t len)
{
	const struct nat_flow_key key = { in->ip.src, in->ip.dst, udp->src_port, m->id };
	struct dns *d = n->dns;
	struct nat_flow *old = nat_flow_find(&d->queries, &key);
	struct query *q;

	if (old)
		nat_flow_end(&d->queries, old);
	q = query_make(n, &key, bytes, len);
	if (!q)
		return;
	q->message = *m;
	nat_count(&n->stats.queries);
	if (resolv_look(&d->resolv)->server_count <= d->good)
		d->good = 0;
	nat_flow_add(&d->queries, &q->flow);
	ask_next(n, q);
}

void dns_input(struct nat *n, const struct nat_in *in, const struct wire_udp *udp)
{
	const struct net_frame *f = in->frame;
	const size_t len = udp->len - WIRE_UDP_BYTES;
	uint8_t bytes[QUERY_BYTES];
	struct dns_message m;

	if (n->restrict_) {
		nat_count(&n->stats.refused);
		nat_icmp_error(n, in, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_PROHIBITED, 0);
		return;
	}
	if (len > sizeof(bytes) ||
	    iov_read(f->iov, f->iov_count, in->at + WIRE_UDP_BYTES, bytes, len) < len ||
	    dns_parse(bytes, len, &m) < 0 || m.is_response) {
		nat_count(&n->stats.malformed);
		return;
	}
	on_query(n, in, udp, &m, bytes, len);
}

int nat_dns_server_for_tcp(struct nat *n, struct sockaddr_storage *out, socklen_t *len)
{
	const struct resolv *r;
	const struct resolv_server *s;

	if (n->restrict_)
		return -ENOENT;
	r = resolv_look(&n->dns->resolv);
	s = &r->servers[n->dns->good % r->server_count];
	*out = s->address;
	*len = s->len;
	return 0;
}

const char *nat_resolv_domain(const struct nat *n)
{
	return resolv_look(&n->dns->resolv)->domain;
}

/* ---- life --------------------------------------------------------------------------- */

int dns_init(struct nat *n, const struct nat_config *c)
{
	struct dns *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	n->dns = d;
	d->queries.nat = n;
	d->queries.max = QUERIES_MAX;
	d->queries.close = query_close;
	d->path = strdup(c->resolv_conf ? c->resolv_conf : "/etc/resolv.conf");
	d->resolv.path = d->path;
	return d->path ? 0 : -ENOMEM;
}

void dns_fini(struct nat *n)
{
	if (!n->dns)
		return;
	nat_flow_end_all(&n->dns->queries);
	free(n->dns->path);
	free(n->dns);
	n->dns = NULL;
}
