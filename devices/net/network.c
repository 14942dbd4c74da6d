/* A guest's port of its named network: a connection to whoever serves it, perhaps this
 * very process.  When that one ends, all others lose their connection at once; each has
 * its own server try, which one of them can, and connects again. */
#include "net/network.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "host/now.h"
#include "host/thread.h"
#include "net/network_internal.h"

/* Attempts to connect again: the first, and the longest time between two. */
#define RETRY_FIRST_NS NS_PER_MS
#define RETRY_MAX_NS   (250 * NS_PER_MS)
/* The guest is told of an interruption that is longer; others pass like lost frames. */
#define LINK_GRACE_NS NS_PER_S
/* At first: someone may have the lock and not listen yet, or be slow. */
#define OPEN_PATIENCE_MS 3000u
#define OPEN_STEP_MS	 10u

static void try_to_serve(void *arg)
{
	struct network *w = arg;
	const int rc = switch_server_try(w->server);

	if (rc < 0 && rc != -EAGAIN)
		log_debug("network %s: cannot serve it: %s", w->place.name, strerror(-rc));
}

static const char *refusal_text(const struct network *w, uint32_t why)
{
	switch (why) {
	case SWITCH_REFUSES_VERSION:
		return "another version of Bantam serves it; use one version for all its guests";
	case SWITCH_REFUSES_UPLINK:
		return w->uplink ? "it runs without a NAT; leave nat=on out, or use another name"
				 : "it runs with a NAT; say nat=on, or use another name";
	case SWITCH_REFUSES_FULL:
		return "all its ports are taken";
	default:
		return "refused";
	}
}

/* ---- losing and finding the server ----------------------------------------------- */

static void set_link(struct network *w, bool up)
{
	if (w->link_up == up)
		return;
	w->link_up = up;
	w->nic->ops->link(w->nic, up);
}

static void retry_later(struct network *w, uint64_t now_ns)
{
	ioloop_arm(w->loop, &w->retry, now_ns + w->retry_ns);
	w->retry_ns = min_u64(2 * w->retry_ns, RETRY_MAX_NS);
}

void network_lose(struct network *w)
{
	if (w->fd < 0)
		return;
	ioloop_remove_source(w->loop, &w->source);
	close(w->fd);
	w->fd = -1;
	w->lost_ns = host_now_ns();
	ioloop_post(iothread_loop(w->thread), &w->try_task);
	retry_later(w, w->lost_ns);
}

static int say_hello(const struct network *w, int fd)
{
	uint8_t raw[SWITCH_HEADER_BYTES];

	switch_packet_emit(SWITCH_HELLO, w->uplink ? SWITCH_SAYS_UPLINK : 0, raw);
	return send(fd, raw, sizeof(raw), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int connect_again(struct network *w)
{
	int rc;
	const int fd = network_place_connect(&w->place);

	if (fd < 0)
		return fd;
	w->source.fd = fd;
	rc = say_hello(w, fd);
	if (rc == 0)
		rc = ioloop_add_source(w->loop, &w->source, EPOLLIN);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	w->fd = fd;
	w->events = EPOLLIN;
	return 0;
}

static void retry(void *arg, uint64_t now_ns)
{
	struct network *w = arg;

	if (connect_again(w) == 0) {
		set_link(w, true);
		w->nic->ops->tx_ready(w->nic, 0);
		return;
	}
	if (now_ns - w->lost_ns > LINK_GRACE_NS)
		set_link(w, false);
	ioloop_post(iothread_loop(w->thread), &w->try_task);
	retry_later(w, now_ns);
}

static void take_lease(struct network *w, const uint8_t raw[SWITCH_LEASE_BYTES])
{
	struct net_lease lease;

	switch_lease_parse(raw, &lease);
	pthread_mutex_lock(&w->lock);
	w->lease = lease;
	w->has_lease = true;
	pthread_mutex_unlock(&w->lock);
	if (w->leased)
		w->leased(w->leased_arg);
}

bool net_network_lease(struct net *n, struct net_lease *out)
{
	struct network *w = network_of(n);
	bool has;

	pthread_mutex_lock(&w->lock);
	has = w->has_lease;
	*out = w->lease;
	pthread_mutex_unlock(&w->lock);
	return has;
}

bool network_take_answer(struct network *w, const struct switch_packet *packet,
			 const uint8_t raw[SWITCH_LEASE_BYTES])
{
	if (packet->kind == SWITCH_LEASE && w->uplink) {
		take_lease(w, raw);
		return true;
	}
	if (packet->kind == SWITCH_WELCOME) {
		w->retry_ns = RETRY_FIRST_NS;
		w->refusal_told = false;
		return true;
	}
	if (packet->kind == SWITCH_REFUSED && !w->refusal_told) {
		log_warn("network %s: %s", w->place.name, refusal_text(w, packet->word));
		w->refusal_told = true;
	}
	return false;
}

static void network_offloads(struct net *n, unsigned to_guest)
{
	atomic_store(&network_of(n)->to_guest, to_guest);
}

/* ---- life ------------------------------------------------------------------------- */

static void network_attach(struct net *n, struct net_nic *nic)
{
	network_of(n)->nic = nic;
}

static void network_start(struct net *n, unsigned pair, struct ioloop *loop)
{
	struct network *w = network_of(n);

	assert(pair == 0);
	w->loop = loop;
	w->events = EPOLLIN;
	w->retry_ns = RETRY_FIRST_NS;
	w->source.fd = w->fd;
	if (w->fd >= 0 && ioloop_add_source(loop, &w->source, w->events) < 0) {
		close(w->fd);
		w->fd = -1;
	}
	if (w->fd < 0) {
		w->lost_ns = host_now_ns();
		retry_later(w, w->lost_ns);
	}
}

static void network_stop(struct net *n, unsigned pair)
{
	struct network *w = network_of(n);

	(void)pair;
	if (w->fd >= 0)
		ioloop_remove_source(w->loop, &w->source);
	ioloop_disarm(w->loop, &w->retry);
	w->loop = NULL;
}

static void stop_serving(void *arg)
{
	switch_server_stop(arg);
}

/* The frames are those that passed while this process served. */
static void network_print(const struct net *n, const char *label, FILE *out)
{
	const struct network *w = container_of(n, const struct network, net);
	const struct switch_stats *s = switch_server_stats(w->server);

	fprintf(out,
		"stats: %s network %s: lost %llu while nobody served; switched here %llu, dropped "
		"%llu\n",
		label, w->place.name, (unsigned long long)w->lost_frames,
		(unsigned long long)s->frames, (unsigned long long)s->dropped);
	if (w->uplink)
		net_print(w->uplink, label, out);
}

static void network_close(struct net *n)
{
	struct network *w = network_of(n);

	if (w->fd >= 0)
		close(w->fd);
	if (w->server)
		iothread_call(w->thread, stop_serving, w->server);
	iothread_stop(w->thread);
	switch_server_destroy(w->server);
	net_close(w->uplink);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static const struct net_ops network_ops = {
	.name = "network",
	.attach = network_attach,
	.offloads = network_offloads,
	.start = network_start,
	.stop = network_stop,
	.send = network_send,
	.rx_ready = network_rx_ready,
	.print = network_print,
	.close = network_close,
};

/* ---- the first connection ----------------------------------------------------------- */

/* 0; -EPROTO with err filled; -EAGAIN: no answer, perhaps the next time. */
static int wait_for_welcome(const struct network *w, int fd, struct err *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t raw[SWITCH_HEADER_BYTES];
	struct switch_packet packet;
	ssize_t len;

	if (poll(&p, 1, OPEN_PATIENCE_MS) <= 0)
		return -EAGAIN;
	len = recv(fd, raw, sizeof(raw), MSG_DONTWAIT | MSG_TRUNC);
	/* Refused before our hello was read: that comes first, and then the reason. */
	if (len < 0 && errno == ECONNRESET)
		len = recv(fd, raw, sizeof(raw), MSG_DONTWAIT | MSG_TRUNC);
	if (len <= 0)
		return -EAGAIN;
	if (switch_packet_parse(raw, (size_t)len, &packet) < 0)
		return err_set(err, -EPROTO, "%s", refusal_text(w, SWITCH_REFUSES_VERSION));
	if (packet.kind != SWITCH_WELCOME)
		return err_set(err, -EPROTO, "%s", refusal_text(w, packet.word));
	return 0;
}

static int connect_once(struct network *w, struct err *err)
{
	int rc;
	const int fd = network_place_connect(&w->place);

	if (fd < 0)
		return err_errno(err, fd, "network %s: %s", w->place.name,
				 w->place.address.sun_path);
	rc = say_hello(w, fd);
	if (rc == 0)
		rc = wait_for_welcome(w, fd, err);
	if (rc == 0)
		w->fd = fd;
	else
		close(fd);
	return rc;
}

static int connect_first(struct network *w, struct err *err)
{
	const uint64_t end_ns = host_now_ns() + OPEN_PATIENCE_MS * NS_PER_MS;
	int rc;

	do {
		iothread_call(w->thread, try_to_serve, w);
		rc = connect_once(w, err);
		if (rc == 0 || rc == -EPROTO || rc == -EPERM || rc == -EACCES)
			return rc;
		poll(NULL, 0, OPEN_STEP_MS);
	} while (host_now_ns() < end_ns);
	return err_set(err, rc,
		       "network %s: whoever serves it does not answer, at %s; is that process "
		       "stopped?",
		       w->place.name, w->place.address.sun_path);
}

static void name_thread(void *arg)
{
	(void)arg;
	thread_name("switch", 0);
}

static int bring_up(struct network *w, const struct net_network_config *config, struct err *err)
{
	int rc = network_place_find(config->name, config->dir, &w->place, err);

	if (rc == 0)
		rc = iothread_start(IO_ENGINE_AUTO, 0, &w->thread, err);
	if (rc < 0)
		return rc;
	iothread_call(w->thread, name_thread, NULL);
	rc = switch_server_create(&w->place, config->uplink, iothread_loop(w->thread), &w->server);
	if (rc < 0)
		return err_set(err, rc, "network %s: no memory", config->name);
	w->try_task = (struct io_task){ .run = try_to_serve, .arg = w };
	return connect_first(w, err);
}

int net_network_open(const struct net_network_config *config, struct net **out, struct err *err)
{
	struct network *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return err_set(err, -ENOMEM, "network %s: no memory", config->name);
	pthread_mutex_init(&w->lock, NULL);
	w->leased = config->leased;
	w->leased_arg = config->leased_arg;
	w->fd = -1;
	w->link_up = true;
	w->source = (struct io_source){ .ready = network_ready, .arg = w };
	io_timer_init(&w->retry, retry, w);
	w->net.ops = &network_ops;
	w->net.limits = (struct net_limits){
		.pairs_max = 1,
		.mtu = config->uplink ? config->uplink->limits.mtu : 0,
		.mtu_max = NET_MTU_MAX,
		.from_guest = SWITCH_CAN,
		.to_guest = SWITCH_CAN,
		.link_up = true,
	};
	w->uplink = config->uplink;
	rc = bring_up(w, config, err);
	if (rc < 0) {
		w->uplink = NULL; /* still the caller's */
		network_close(&w->net);
		return rc;
	}
	*out = &w->net;
	return 0;
}
