/* One guest's socket.  What it does not take in time is kept for it, a little, and then
 * dropped: nobody else waits for it. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/switch_internal.h"

/* Before each message in the backlog: its length, and a bit; native. */
#define HEAD_BYTES  ((uint32_t)sizeof(uint32_t))
#define FROM_UPLINK (UINT32_C(1) << 31)

static void watch(struct switch_port *p, bool waits)
{
	if (p->waits != waits && ioloop_change_source(p->server->loop, &p->source,
						      EPOLLIN | (waits ? EPOLLOUT : 0u)) == 0)
		p->waits = waits;
}

/* 0: taken, or never will be; -EAGAIN. */
static int send_now(const struct switch_port *p, const uint8_t *message, size_t len)
{
	if (send(p->fd, message, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? -EAGAIN : 0;
}

/* ---- backlog --------------------------------------------------------------------- */

_Static_assert(SWITCH_BACKLOG_SLOW + HEAD_BYTES + SWITCH_PACKET_BYTES_MAX <= SWITCH_BACKLOG_UPLINK,
	       "who is not asked to wait is not dropped");

/* There is space for bytes more, which both parts together leave; now it is at the end.
 * Moved are at most 7/10 of it, after more than 2/10 were sent: no byte often. */
static void make_space(struct switch_port *p, uint32_t bytes)
{
	if (SWITCH_BACKLOG_BYTES - p->end >= bytes)
		return;
	memmove(p->backlog, p->backlog + p->start, p->end - p->start);
	p->end -= p->start;
	p->start = 0;
	assert(SWITCH_BACKLOG_BYTES - p->end >= bytes);
}

static bool keep(struct switch_port *p, unsigned from, const uint8_t *message, size_t len)
{
	const bool from_uplink = from == SWITCH_UPLINK_PORT;
	const uint32_t part_max = from_uplink ? SWITCH_BACKLOG_UPLINK : SWITCH_BACKLOG_GUESTS;
	const uint32_t part = from_uplink ? p->uplink_bytes : p->end - p->start - p->uplink_bytes;
	const uint32_t head = (uint32_t)len | (from_uplink ? FROM_UPLINK : 0);
	const uint32_t bytes = HEAD_BYTES + (uint32_t)len;

	if (!p->backlog)
		p->backlog = malloc(SWITCH_BACKLOG_BYTES);
	if (!p->backlog || part + bytes > part_max)
		return false;
	make_space(p, bytes);
	memcpy(p->backlog + p->end, &head, HEAD_BYTES);
	memcpy(p->backlog + p->end + HEAD_BYTES, message, len);
	p->end += bytes;
	p->uplink_bytes += from_uplink ? bytes : 0;
	return true;
}

/* Last of all: what it has been keeping comes at once. */
static void resume_uplink(struct switch_port *p)
{
	if (p->uplink_waits) {
		p->uplink_waits = false;
		switch_uplink_resume(p->server);
	}
}

static void send_backlog(struct switch_port *p)
{
	while (p->start < p->end) {
		uint32_t head, len;

		memcpy(&head, p->backlog + p->start, HEAD_BYTES);
		len = head & ~FROM_UPLINK;
		if (send_now(p, p->backlog + p->start + HEAD_BYTES, len) < 0)
			break;
		p->start += HEAD_BYTES + len;
		p->uplink_bytes -= head & FROM_UPLINK ? HEAD_BYTES + len : 0;
	}
	if (p->start == p->end) {
		p->start = p->end = 0;
		watch(p, false);
	}
	if (p->uplink_bytes < SWITCH_BACKLOG_SLOW / 2)
		resume_uplink(p);
}

bool switch_port_is_slow(struct switch_port *p)
{
	const bool slow = p->uplink_bytes >= SWITCH_BACKLOG_SLOW;

	p->uplink_waits |= slow;
	return slow;
}

void switch_port_drop(struct switch_port *p)
{
	p->dropped++;
	net_count(&p->server->stats.dropped, 1);
}

void switch_port_send(struct switch_port *p, unsigned from, const uint8_t *message, size_t len)
{
	if (p->start == p->end && send_now(p, message, len) == 0)
		return;
	if (!keep(p, from, message, len))
		switch_port_drop(p);
	watch(p, p->start < p->end);
}

/* ---- messages -------------------------------------------------------------------- */

static void refuse(struct switch_port *p, enum switch_refusal why)
{
	uint8_t raw[SWITCH_HEADER_BYTES];

	switch_packet_emit(SWITCH_REFUSED, why, raw);
	send_now(p, raw, sizeof(raw));
}

/* False: it is not welcome. */
static bool greet(struct switch_port *p, const struct switch_packet *hello)
{
	struct switch_server *s = p->server;
	uint8_t raw[SWITCH_HEADER_BYTES];

	if (!(hello->word & SWITCH_SAYS_UPLINK) != !s->uplink.net) {
		refuse(p, SWITCH_REFUSES_UPLINK);
		return false;
	}
	switch_packet_emit(SWITCH_WELCOME, 0, raw);
	send_now(p, raw, sizeof(raw));
	s->joined |= UINT64_C(1) << p->index;
	return true;
}

/* False: the port has to be closed. */
static bool take_message(struct switch_port *p, uint8_t *message, size_t len)
{
	struct switch_server *s = p->server;
	const bool joined = s->joined >> p->index & 1;
	struct switch_packet packet;
	const int rc = switch_packet_parse(message, len, &packet);

	if (rc == -EPROTO) {
		refuse(p, SWITCH_REFUSES_VERSION);
		return false;
	}
	if (!joined)
		return packet.kind == SWITCH_HELLO && greet(p, &packet);
	if (packet.kind != SWITCH_FRAME)
		return false;
	if (rc == 0)
		switch_forward(s, p->index, message, len);
	else
		switch_port_drop(p);
	return true;
}

static void receive(struct switch_port *p)
{
	struct switch_server *s = p->server;

	for (unsigned n = 0; n < SWITCH_BURST; n++) {
		/* MSG_TRUNC: the length as it was sent, so that parsing sees it. */
		const ssize_t len =
			recv(p->fd, s->from_port, sizeof(s->from_port), MSG_DONTWAIT | MSG_TRUNC);

		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (len <= 0 || !take_message(p, s->from_port, (size_t)len)) {
			switch_port_close(p);
			break;
		}
	}
	switch_uplink_flush(s);
}

static void ready(void *arg, uint32_t events)
{
	struct switch_port *p = arg;

	if (events & EPOLLOUT)
		send_backlog(p);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive(p);
}

/* ---- life ------------------------------------------------------------------------ */

int switch_port_open(struct switch_port *p, int fd)
{
	int rc;

	p->fd = fd;
	p->source = (struct io_source){ .fd = fd, .ready = ready, .arg = p };
	p->waits = false;
	p->dropped = 0;
	rc = ioloop_add_source(p->server->loop, &p->source, EPOLLIN);
	if (rc < 0) {
		close(fd);
		p->fd = -1;
	}
	return rc;
}

void switch_port_close(struct switch_port *p)
{
	struct switch_server *s = p->server;

	ioloop_remove_source(s->loop, &p->source);
	close(p->fd);
	p->fd = -1;
	s->joined &= ~(UINT64_C(1) << p->index);
	switch_forget(&s->table, p->index);
	free(p->backlog);
	p->backlog = NULL;
	p->start = p->end = p->uplink_bytes = 0;
	if (p->dropped > 0)
		log_info("network %s: port %u lost %llu frames", s->place.name, p->index,
			 (unsigned long long)p->dropped);
	resume_uplink(p);
}
