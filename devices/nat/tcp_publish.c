/* Published ports: the host's clients for a server of the guest's.
 *
 *	client connects ─▶ waits in the backlog ─▶ SYN to the guest
 *	    SYN-ACK: accept() and splice      RST: accept() and reset
 *
 * So nobody is given to a guest that did not say yes.  Who it is shows only in
 * accept(), after the guest's yes, and any client of the port will do for it: the guest
 * sees them all as the router, each by a port of its own. */
#include "nat/tcp_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG	 128
#define RETRY_NS NS_PER_S
/* RFC 6335, 6: for connections nobody has registered. */
#define DYNAMIC_FIRST 49152u
#define DYNAMIC_COUNT 16384u

/* Clients that wait; tcp(7) has it in a listening socket's TCP_INFO. */
static unsigned waiting(const struct listener *l)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(l->watch.source.fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return 0;
	return info.tcpi_unacked;
}

/* A port of the router's that has no connection with the guest's.  There are fewer
 * connections than ports. */
static struct tcp_tuple free_tuple(struct nat *n, uint16_t guest_port)
{
	struct tcp_tuple tuple = { .guest_ip = n->guest_ip,
				   .peer_ip = n->gateway_ip,
				   .guest_port = guest_port };

	_Static_assert(TCP_CONNS_MAX < DYNAMIC_COUNT, "no free port");
	do
		tuple.peer_port = (uint16_t)(DYNAMIC_FIRST + n->tcp->next_port++ % DYNAMIC_COUNT);
	while (conn_find(n->tcp, &tuple));
	return tuple;
}

static bool send_syn(struct listener *l)
{
	const struct tcp_tuple tuple = free_tuple(l->nat, l->guest_port);
	struct conn *c = conn_new(l->nat, &tuple);

	if (!c)
		return false;
	c->state = CONN_SYN_SENT;
	c->listener = l;
	l->syns_out++;
	conn_send_syn(c);
	conn_arm(c);
	return true;
}

/* A SYN for each client, but not too many at a time. */
static void serve(struct listener *l)
{
	const unsigned wanted = (unsigned)min_u64(waiting(l), TCP_PUBLISH_SYNS_MAX);

	while (l->syns_out < wanted && send_syn(l))
		;
}

static void ready(void *arg, uint32_t events)
{
	(void)events;
	serve(arg);
}

static void retry(struct nat_timer *t, uint64_t now_ns)
{
	(void)now_ns;
	serve(container_of(t, struct listener, retry));
}

static struct listener *leave(struct conn *c)
{
	struct listener *l = c->listener;

	c->listener = NULL;
	l->syns_out--;
	return l;
}

static void serve_later(struct listener *l)
{
	nat_timer_arm(l->nat, &l->retry, nat_now_ns(l->nat) + RETRY_NS);
}

void publish_forget(struct conn *c)
{
	serve_later(leave(c));
}

/* The client that waited longest.  -EAGAIN: it went; -errno: serve() comes later. */
static int take_client(struct listener *l)
{
	const int fd = accept4(l->watch.source.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == EAGAIN || errno == ECONNABORTED)
		return -EAGAIN;
	nat_count(&l->nat->stats.no_socket);
	serve_later(l);
	return -errno;
}

int publish_accept(struct conn *c)
{
	struct listener *l = leave(c);
	const int fd = take_client(l);
	int rc = fd;

	if (fd >= 0) {
		host_prepare(c->nat->tcp, fd);
		rc = conn_watch(c, fd);
		if (rc < 0)
			close(fd);
	}
	if (rc < 0) {
		conn_abort(c, true);
		return rc;
	}
	c->host_readable = true;
	host_ask_room(c);
	serve(l);
	return 0;
}

void publish_refuse(struct conn *c)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct listener *l = leave(c);
	const int fd = take_client(l);

	conn_free(c);
	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(fd);
	}
	if (fd >= 0 || fd == -EAGAIN)
		serve(l);
}

/* ---- life --------------------------------------------------------------------------- */

static int bind_and_listen(int fd, const struct nat_publish *p, uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(p->host_port),
				  .sin_addr.s_addr = htonl(p->host_ip) };
	socklen_t len = sizeof(at);
	const int yes = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return -errno;
	*port = ntohs(at.sin_port);
	return 0;
}

int tcp_publish(struct nat *n, const struct nat_publish *p, uint16_t *port)
{
	struct listener *l = &n->tcp->listeners[n->tcp->listener_count];
	int fd, rc;

	if (n->tcp->listener_count == NAT_PUBLISHES_MAX)
		return -ENOSPC;
	fd = nat_socket(n, AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		return fd;
	l->nat = n;
	l->guest_port = p->guest_port;
	nat_timer_init(&l->retry, retry);
	nat_watch_init(&l->watch, ready, l);
	rc = bind_and_listen(fd, p, port);
	if (rc == 0)
		rc = nat_watch_open(n, &l->watch, fd, EPOLLIN | EPOLLET);
	if (rc < 0)
		close(fd);
	else
		n->tcp->listener_count++;
	return rc;
}

void publish_fini(struct nat *n)
{
	for (unsigned i = 0; i < n->tcp->listener_count; i++) {
		nat_timer_disarm(n, &n->tcp->listeners[i].retry);
		nat_watch_close(n, &n->tcp->listeners[i].watch);
	}
}
