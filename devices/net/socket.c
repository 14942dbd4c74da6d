/* Peers that come and go.  Frames are socket_stream.c's and socket_dgram.c's. */
#include "net/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "host/now.h"
#include "net/socket_internal.h"

/* Attempts to connect again. */
#define RETRY_FIRST_NS (20 * NS_PER_MS)
#define RETRY_MAX_NS   NS_PER_S

static struct net_socket *socket_of(struct net *n)
{
	return container_of(n, struct net_socket, net);
}

static const char *path_of(const struct net_socket *s)
{
	return s->listens ? s->name.address.sun_path : s->peer.sun_path;
}

/* ---- watching -------------------------------------------------------------------- */

void socket_wait(struct net_socket *s, uint32_t set, uint32_t clear)
{
	const uint32_t events = (s->events | set) & ~clear;

	if (s->watched && s->events != events &&
	    ioloop_change_source(s->loop, &s->source, events) == 0)
		s->events = events;
}

static void watch(struct net_socket *s)
{
	s->source.fd = s->fd;
	s->events = EPOLLIN;
	s->watched = ioloop_add_source(s->loop, &s->source, s->events) == 0;
	if (!s->watched)
		log_error("socket %s: cannot be watched", path_of(s));
}

static void unwatch(struct net_socket *s)
{
	if (s->watched)
		ioloop_remove_source(s->loop, &s->source);
	s->watched = false;
}

static void ready(void *arg, uint32_t events)
{
	struct net_socket *s = arg;

	if (events & EPOLLOUT)
		s->mode->writable(s);
	/* What came before the end is received, in time. */
	if (s->watched && (s->events & EPOLLIN))
		s->mode->receive(s);
	else if (s->watched && (events & (EPOLLHUP | EPOLLERR)))
		socket_lose_peer(s, NULL);
}

/* ---- peers ----------------------------------------------------------------------- */

void socket_found_peer(struct net_socket *s)
{
	s->has_peer = true;
	s->found_ns = host_now_ns();
	s->mode->reset(s);
	log_info("socket %s: there is a peer", path_of(s));
	s->nic->ops->link(s->nic, true);
	/* The guest may wait for room with the last one still. */
	s->nic->ops->tx_ready(s->nic, 0);
}

/* A peer that stays for a moment only is tried ever more rarely, too. */
static void retry_later(struct net_socket *s)
{
	const uint64_t now_ns = host_now_ns();

	if (s->found_ns != 0 && now_ns - s->found_ns > RETRY_MAX_NS)
		s->retry_ns = RETRY_FIRST_NS;
	s->found_ns = 0;
	ioloop_arm(s->loop, &s->retry, now_ns + s->retry_ns);
	s->retry_ns = min_u64(2 * s->retry_ns, RETRY_MAX_NS);
}

static void watch_listener(struct net_socket *s)
{
	if (ioloop_add_source(s->loop, &s->listener, EPOLLIN) < 0)
		log_error("socket %s: cannot be watched", path_of(s));
}

/* DGRAM with listen: the socket is everybody's again.  The error that the peer may have
 * left in it would be told of for ever. */
static void let_go(struct net_socket *s)
{
	static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	socklen_t len = sizeof(int);
	int left;

	if (connect(s->fd, &nobody, sizeof(nobody)) < 0)
		log_error("socket %s: %s", path_of(s), strerror(errno));
	getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &left, &len);
}

/* The peer is gone: look for the next one. */
static void look_for_peer(struct net_socket *s)
{
	if (!s->listens)
		retry_later(s);
	else if (s->mode->type == SOCK_STREAM)
		watch_listener(s);
	else
		let_go(s);
}

void socket_lose_peer(struct net_socket *s, const char *why)
{
	if (!s->has_peer)
		return;
	s->has_peer = false;
	if (why)
		log_warn("socket %s: %s", path_of(s), why);
	else
		log_info("socket %s: the peer went away", path_of(s));
	if (!s->listens || s->mode->type == SOCK_STREAM) {
		unwatch(s);
		close(s->fd);
		s->fd = -1;
	}
	s->nic->ops->link(s->nic, false);
	look_for_peer(s);
}

static int why_not_connected(const struct net_socket *s, int rc, struct err *err)
{
	const char *const path = s->peer.sun_path;

	if (rc == -ENOENT || rc == -ECONNREFUSED)
		return err_set(err, rc, "socket %s: nobody is there; start its peer first", path);
	if (rc == -EPROTOTYPE)
		return err_set(err, rc, "socket %s: is no %s socket; say mode=%s", path,
			       s->mode->type == SOCK_STREAM ? "stream" : "datagram",
			       s->mode->type == SOCK_STREAM ? "dgram" : "stream");
	return err_errno(err, rc, "socket %s", path);
}

/* A socket of ours, connected to the peer.  Descriptor or -errno. */
static int connect_peer(struct net_socket *s, struct err *err)
{
	const int fd = socket(AF_UNIX, s->mode->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* A family alone: the kernel makes up a name, which datagrams need to be
	 * answered. */
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	int rc = 0;

	if (fd < 0)
		return err_errno(err, -errno, "socket");
	if (s->local)
		rc = unix_path_bind(fd, s->mode->type, s->local, &s->name, err);
	else if (s->mode->type == SOCK_DGRAM &&
		 bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) < 0)
		rc = err_errno(err, -errno, "socket %s", s->peer.sun_path);
	if (rc == 0 && connect(fd, (const struct sockaddr *)&s->peer, sizeof(s->peer)) < 0) {
		rc = why_not_connected(s, -errno, err);
		if (s->local)
			unix_path_remove(&s->name);
	}
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/* By connecting to the peer, or by listening again. */
static void retry(void *arg, uint64_t now_ns)
{
	struct net_socket *s = arg;
	int fd;

	(void)now_ns;
	if (s->listens) {
		if (ioloop_change_source(s->loop, &s->listener, EPOLLIN) < 0)
			retry_later(s);
		return;
	}
	fd = connect_peer(s, NULL);
	if (fd < 0) {
		retry_later(s);
		return;
	}
	s->fd = fd;
	watch(s);
	socket_found_peer(s);
}

static void on_peer(void *arg, uint32_t events)
{
	struct net_socket *s = arg;
	const int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0) {
		/* No descriptors, mostly: the listener would tell of it again and again. */
		if (errno != EAGAIN && ioloop_change_source(s->loop, &s->listener, 0) == 0)
			retry_later(s);
		return;
	}
	/* One at a time; the next ones wait. */
	ioloop_remove_source(s->loop, &s->listener);
	s->fd = fd;
	watch(s);
	socket_found_peer(s);
}

/* ---- the network ----------------------------------------------------------------- */

static void socket_attach(struct net *n, struct net_nic *nic)
{
	socket_of(n)->nic = nic;
}

static void socket_start(struct net *n, unsigned pair, struct ioloop *loop)
{
	struct net_socket *s = socket_of(n);

	assert(pair == 0);
	s->loop = loop;
	s->retry_ns = RETRY_FIRST_NS;
	if (s->fd >= 0)
		watch(s);
	if (s->out && s->has_peer && s->out->start != s->out->end)
		socket_wait(s, EPOLLOUT, 0);
	if (!s->has_peer && s->listens && s->mode->type == SOCK_STREAM)
		watch_listener(s);
	else if (!s->has_peer && !s->listens)
		retry_later(s);
}

static void socket_stop(struct net *n, unsigned pair)
{
	struct net_socket *s = socket_of(n);

	(void)pair;
	unwatch(s);
	if (!s->has_peer && s->listens && s->mode->type == SOCK_STREAM)
		ioloop_remove_source(s->loop, &s->listener);
	ioloop_disarm(s->loop, &s->retry);
	s->loop = NULL;
}

static int socket_send(struct net *n, unsigned pair, const struct net_frame *f)
{
	struct net_socket *s = socket_of(n);

	(void)pair;
	return s->mode->send(s, f);
}

static void socket_flush(struct net *n, unsigned pair)
{
	struct net_socket *s = socket_of(n);

	(void)pair;
	s->mode->flush(s);
}

static void socket_rx_ready(struct net *n, unsigned pair)
{
	struct net_socket *s = socket_of(n);

	(void)pair;
	/* Frames that are in memory already wake nobody. */
	socket_wait(s, EPOLLIN, 0);
	if (s->has_peer && s->watched)
		s->mode->receive(s);
}

static void socket_close(struct net *n)
{
	struct net_socket *s = socket_of(n);

	if (s->fd >= 0)
		close(s->fd);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	if (s->name.inode)
		unix_path_remove(&s->name);
	free(s->local);
	free(s->in);
	free(s->out);
	free(s);
}

static const struct net_ops socket_ops = {
	.name = "socket",
	.attach = socket_attach,
	.start = socket_start,
	.stop = socket_stop,
	.send = socket_send,
	.flush = socket_flush,
	.rx_ready = socket_rx_ready,
	.close = socket_close,
};

/* ---- opening ------------------------------------------------------------------------ */

static int open_listener(struct net_socket *s, const char *path, struct err *err)
{
	const int fd = socket(AF_UNIX, s->mode->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return err_errno(err, -errno, "socket %s", path);
	if (s->mode->type == SOCK_DGRAM) {
		s->fd = fd; /* from the first moment on */
		return unix_path_bind(fd, s->mode->type, path, &s->name, err);
	}
	s->listen_fd = fd;
	s->listener = (struct io_source){ .fd = fd, .ready = on_peer, .arg = s };
	rc = unix_path_bind(fd, s->mode->type, path, &s->name, err);
	if (rc == 0 && listen(fd, 1) < 0)
		rc = err_errno(err, -errno, "socket %s", path);
	return rc;
}

static int open_connection(struct net_socket *s, const struct net_socket_config *c, struct err *err)
{
	int rc = unix_path_address(c->path, &s->peer, err);

	if (rc == 0 && c->local) {
		s->local = strdup(c->local);
		rc = s->local ? 0 : err_set(err, -ENOMEM, "socket %s: no memory", c->path);
	}
	if (rc == 0)
		rc = connect_peer(s, err);
	if (rc < 0)
		return rc;
	s->fd = rc;
	s->has_peer = true;
	return 0;
}

static int alloc_buffers(struct net_socket *s, struct err *err)
{
	if (s->mode->type != SOCK_STREAM)
		return 0;
	s->in = malloc(sizeof(*s->in));
	s->out = malloc(sizeof(*s->out));
	if (!s->in || !s->out)
		return err_set(err, -ENOMEM, "no memory for a socket's buffers");
	s->mode->reset(s);
	return 0;
}

static struct net_socket *alloc_socket(const struct net_socket_config *c)
{
	struct net_socket *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->mode = c->mode == NET_SOCKET_STREAM ? &socket_stream : &socket_dgram;
	s->listens = c->listen;
	s->fd = s->listen_fd = -1;
	s->source = (struct io_source){ .ready = ready, .arg = s };
	io_timer_init(&s->retry, retry, s);
	s->net.ops = &socket_ops;
	return s;
}

int net_socket_open(const struct net_socket_config *config, struct net **out, struct err *err)
{
	struct net_socket *s = alloc_socket(config);
	int rc;

	assert(!config->local || (config->mode == NET_SOCKET_DGRAM && !config->listen));
	if (!s)
		return err_set(err, -ENOMEM, "socket %s: no memory", config->path);
	rc = alloc_buffers(s, err);
	if (rc == 0)
		rc = config->listen ? open_listener(s, config->path, err)
				    : open_connection(s, config, err);
	if (rc < 0) {
		socket_close(&s->net);
		return rc;
	}
	s->net.limits = (struct net_limits){
		.pairs_max = 1,
		.mtu_max = NET_MTU_MAX,
		.link_up = s->has_peer,
	};
	*out = &s->net;
	return 0;
}
