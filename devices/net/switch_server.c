/* Who serves, and who comes.  The lock decides; everything else follows from it. */
#include "net/switch_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "host/now.h"
#include "net/switch_internal.h"

/* Between two attempts to take a guest, where there are no descriptors. */
#define REST_NS (100 * NS_PER_MS)

void switch_forward(struct switch_server *s, unsigned from, uint8_t *message, size_t len)
{
	uint64_t ports = switch_route(&s->table, message + SWITCH_HEADER_BYTES, from, s->joined,
				      host_now_ns());
	const uint64_t uplink = UINT64_C(1) << SWITCH_UPLINK_PORT;

	net_count(&s->stats.frames, 1);
	for (uint64_t left = ports & ~uplink; left != 0; left &= left - 1)
		switch_port_send(&s->ports[__builtin_ctzll(left)], from, message, len);
	if (ports & uplink) /* last: it may change the message */
		switch_uplink_send(s, message, len);
}

/* ---- who comes ------------------------------------------------------------------- */

static struct switch_port *free_port(struct switch_server *s)
{
	for (unsigned i = SWITCH_UPLINK_PORT + 1; i < SWITCH_PORTS_MAX; i++) {
		if (s->ports[i].fd < 0)
			return &s->ports[i];
	}
	return NULL;
}

static void take_guest(struct switch_server *s, int fd)
{
	struct switch_port *p = free_port(s);
	uint8_t raw[SWITCH_HEADER_BYTES];

	if (!p) {
		switch_packet_emit(SWITCH_REFUSED, SWITCH_REFUSES_FULL, raw);
		send(fd, raw, sizeof(raw), MSG_DONTWAIT | MSG_NOSIGNAL);
		close(fd);
	} else {
		switch_port_open(p, fd);
	}
}

/* No descriptors, mostly.  Whoever comes waits, and the listener, which would tell of him
 * again and again, rests meanwhile. */
static void rest(struct switch_server *s, int rc)
{
	if (!s->rest_told)
		log_warn("network %s: a guest that comes has to wait: %s", s->place.name,
			 strerror(-rc));
	s->rest_told = true;
	if (ioloop_change_source(s->loop, &s->listener, 0) == 0)
		ioloop_arm(s->loop, &s->rest, host_now_ns() + REST_NS);
}

static void rested(void *arg, uint64_t now_ns)
{
	struct switch_server *s = arg;

	if (ioloop_change_source(s->loop, &s->listener, EPOLLIN) < 0)
		ioloop_arm(s->loop, &s->rest, now_ns + REST_NS);
}

static void on_guests(void *arg, uint32_t events)
{
	struct switch_server *s = arg;

	(void)events;
	for (unsigned n = 0; n < SWITCH_PORTS_MAX; n++) {
		const int fd = network_place_accept(s->listen_fd);

		if (fd >= 0) {
			s->rest_told = false;
			take_guest(s, fd);
		} else if (fd != -EPERM && fd != -ECONNABORTED) {
			if (fd != -EAGAIN)
				rest(s, fd);
			return;
		}
	}
}

/* ---- who serves ------------------------------------------------------------------ */

static int listen_for_guests(struct switch_server *s)
{
	int rc;

	s->listen_fd = network_place_listen(&s->place);
	if (s->listen_fd < 0)
		return s->listen_fd;
	s->listener = (struct io_source){ .fd = s->listen_fd, .ready = on_guests, .arg = s };
	rc = ioloop_add_source(s->loop, &s->listener, EPOLLIN);
	if (rc < 0) {
		network_place_leave(&s->place);
		close(s->listen_fd);
	}
	return rc;
}

int switch_server_try(struct switch_server *s)
{
	int rc;

	if (s->lock_fd >= 0)
		return 0;
	s->lock_fd = network_place_lock(&s->place);
	if (s->lock_fd < 0) {
		rc = s->lock_fd;
		s->lock_fd = -1;
		return rc;
	}
	rc = listen_for_guests(s);
	if (rc < 0) {
		close(s->lock_fd);
		s->lock_fd = -1;
		return rc;
	}
	switch_uplink_start(s);
	log_info("network %s: served from here, at %s", s->place.name, s->place.address.sun_path);
	return 0;
}

void switch_server_stop(struct switch_server *s)
{
	if (s->lock_fd < 0)
		return;
	switch_uplink_stop(s);
	ioloop_disarm(s->loop, &s->rest);
	ioloop_remove_source(s->loop, &s->listener);
	network_place_leave(&s->place);
	close(s->listen_fd);
	/* Those who are cut off look for the lock at once. */
	close(s->lock_fd);
	s->lock_fd = -1;
	for (unsigned i = 0; i < SWITCH_PORTS_MAX; i++) {
		if (s->ports[i].fd >= 0)
			switch_port_close(&s->ports[i]);
	}
	s->joined = 0;
}

/* ---- life ------------------------------------------------------------------------ */

int switch_server_create(const struct network_place *place, struct net *uplink, struct ioloop *loop,
			 struct switch_server **out)
{
	struct switch_server *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->place = *place;
	s->loop = loop;
	s->lock_fd = s->listen_fd = -1;
	io_timer_init(&s->rest, rested, s);
	for (unsigned i = 0; i < SWITCH_PORTS_MAX; i++) {
		s->ports[i].server = s;
		s->ports[i].index = i;
		s->ports[i].fd = -1;
	}
	switch_uplink_init(s, uplink);
	*out = s;
	return 0;
}

const struct switch_stats *switch_server_stats(const struct switch_server *s)
{
	return &s->stats;
}

void switch_server_destroy(struct switch_server *s)
{
	free(s);
}
