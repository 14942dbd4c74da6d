/* A guest's TCP by hand: each segment is the test's, and each that comes is looked at. */
#ifndef BANTAM_TEST_TCP_FIXTURE_H
#define BANTAM_TEST_TCP_FIXTURE_H

#include "nat_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/mman.h>

#include "nat/tcp_internal.h"
#include "nat/tcp_seq.h"

#define SYN WIRE_TCP_SYN
#define ACK WIRE_TCP_ACK
#define FIN WIRE_TCP_FIN
#define RST WIRE_TCP_RST
#define PSH WIRE_TCP_PSH

#define ISS 0xfffff000u /* numbers wrap early in every test */

static const struct nat_config with_host = { .host_loopback = true };

/* The guest's end of one connection. */
struct peer {
	struct nat_rig *rig;
	uint32_t guest_ip, ip;
	uint16_t port, guest_port;
	uint32_t snd, rcv; /* the next number of each side */
	uint16_t window, mss;
	int scale;   /* -1: none */
	uint8_t ttl; /* 0: the usual one */
	bool stamped;
	uint32_t stamp, echo; /* of each segment, as the test says */
};

struct came {
	struct wire_tcp tcp;
	const uint8_t *payload;
	size_t len;
	struct net_offload offload;
};

static inline struct peer peer_of(struct nat_rig *r, uint16_t port)
{
	return (struct peer){ .rig = r,
			      .guest_ip = GUEST,
			      .ip = GATEWAY,
			      .port = port,
			      .guest_port = 40000,
			      .snd = ISS,
			      .window = 0xffff,
			      .mss = 1460,
			      .scale = 7 };
}

/* ---- from the guest -------------------------------------------------------------------- */

/* Without the end of a burst. */
static inline void peer_put(struct peer *p, uint8_t flags, uint32_t seq, uint32_t ack,
			    const void *payload, size_t len)
{
	static struct frame f;
	const bool syn = flags & SYN;
	const struct wire_tcp s = { .src_port = p->guest_port,
				    .dst_port = p->port,
				    .seq = seq,
				    .ack = ack,
				    .flags = flags,
				    .window = p->window,
				    .mss = syn ? p->mss : 0,
				    .window_scale = (int8_t)(syn ? p->scale : -1),
				    .stamped = p->stamped,
				    .stamp = p->stamp,
				    .stamp_echo = p->echo };
	uint8_t header[WIRE_TCP_BYTES_MAX];
	const unsigned header_bytes = wire_tcp_emit(&s, header);

	frame_ip(&f, p->guest_ip, p->ip, WIRE_PROTO_TCP, header_bytes + len);
	f.bytes[11] = (uint8_t)(f.bytes[11] + p->guest_ip - GUEST); /* each its own address */
	memcpy(f.bytes + L4_AT, header, header_bytes);
	if (len > 0)
		memcpy(f.bytes + L4_AT + header_bytes, payload, len);
	frame_sum(&f, WIRE_TCP_CSUM_OFFSET);
	if (p->ttl > 0) {
		struct wire_ip4 ip;

		assert_int_equal(wire_ip4_parse(f.bytes + 14, 20, f.len - 14, &ip), 0);
		ip.ttl = p->ttl;
		wire_ip4_emit(&ip, f.bytes + 14);
	}
	rig_send(p->rig, &f);
}

static inline void peer_send(struct peer *p, uint8_t flags, uint32_t seq, uint32_t ack,
			     const void *payload, size_t len)
{
	peer_put(p, flags, seq, ack, payload, len);
	net_flush(p->rig->net, 0);
}

/* The next data of the stream, as they should be. */
static inline void peer_write(struct peer *p, const void *payload, size_t len)
{
	peer_send(p, ACK | PSH, p->snd, p->rcv, payload, len);
	p->snd += (uint32_t)len;
}

static inline void peer_ack(struct peer *p)
{
	peer_send(p, ACK, p->snd, p->rcv, NULL, 0);
}

static inline void peer_fin(struct peer *p)
{
	peer_send(p, FIN | ACK, p->snd, p->rcv, NULL, 0);
	p->snd++;
}

/* ---- to the guest -------------------------------------------------------------------------- */

static inline struct came came_tcp(const struct fake_frame *f)
{
	const struct wire_ip4 ip = came_ip(f);
	const uint8_t *l4 = f->bytes + L4_AT;
	const size_t len = f->len - L4_AT;
	struct came c = { .offload = f->offload };
	uint64_t sum;

	assert_int_equal(ip.proto, WIRE_PROTO_TCP);
	assert_int_equal(ip.dst & NAT_NETMASK, NAT_NETWORK);
	assert_int_equal(wire_tcp_parse(l4, len, len, &c.tcp), 0);
	sum = wire_sum_pseudo(ip.src, ip.dst, ip.proto, (uint32_t)len);
	if (f->offload.needs_csum)
		assert_int_equal(be16_load(l4 + WIRE_TCP_CSUM_OFFSET), wire_sum_fold(sum));
	else
		assert_int_equal(wire_sum_fold(wire_sum(sum, l4, len)), 0xffff);
	c.payload = l4 + c.tcp.header_bytes;
	c.len = len - c.tcp.header_bytes;
	return c;
}

static inline struct came peer_next(struct peer *p)
{
	const struct fake_frame *f = rig_next(p->rig);
	const struct came c = came_tcp(f);

	assert_int_equal(came_ip(f).dst, p->guest_ip);
	assert_int_equal(c.tcp.src_port, p->port);
	assert_int_equal(c.tcp.dst_port, p->guest_port);
	return c;
}

/* The next segment has these flags (PSH aside), this payload, and acknowledges all. */
static inline struct came peer_expect(struct peer *p, uint8_t flags, const void *payload,
				      size_t len)
{
	const struct came c = peer_next(p);

	assert_int_equal(c.tcp.flags & ~PSH, flags);
	assert_int_equal(c.len, len);
	if (len > 0)
		assert_memory_equal(c.payload, payload, len);
	return c;
}

/* The same, in order: it becomes part of what the guest has. */
static inline struct came peer_read(struct peer *p, uint8_t flags, const void *payload, size_t len)
{
	const struct came c = peer_expect(p, flags, payload, len);

	assert_int_equal(c.tcp.seq, p->rcv);
	p->rcv += (uint32_t)len + !!(flags & FIN);
	return c;
}

/* In order, until len bytes are there, and no end before; each is acknowledged.  Returns
 * how many frames. */
static inline unsigned peer_reads_all(struct peer *p, const uint8_t *want, size_t len)
{
	unsigned frames = 0;

	for (size_t at = 0; at < len; frames++) {
		const struct came c = peer_next(p);

		assert_int_equal(c.tcp.flags & (RST | FIN), 0);
		if (c.len == 0)
			continue;
		assert_int_equal(c.tcp.seq, p->rcv);
		assert_true(c.len <= len - at);
		assert_memory_equal(c.payload, want + at, c.len);
		at += c.len;
		p->rcv += (uint32_t)c.len;
		peer_ack(p);
	}
	return frames;
}

/* A bare acknowledgment of all that the guest sent. */
static inline struct came peer_acked(struct peer *p)
{
	const struct came c = peer_expect(p, ACK, NULL, 0);

	assert_int_equal(c.tcp.ack, p->snd);
	assert_int_equal(c.tcp.seq, p->rcv);
	return c;
}

/* ---- the host -----------------------------------------------------------------------------------
 */

static inline int host_listen(uint16_t *port)
{
	const int fd = host_socket(SOCK_STREAM, port);

	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static inline int host_accept(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	int fd;

	assert_int_equal(poll(&p, 1, 5000), 1);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static inline int host_connect(uint16_t port)
{
	const struct sockaddr_in to = host_address(INADDR_LOOPBACK, port);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Exactly these bytes come. */
static inline void host_reads(int fd, const void *want, size_t len)
{
	uint8_t *bytes = malloc(len);
	size_t at = 0;

	while (at < len) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, 5000), 1);
		n = recv(fd, bytes + at, len - at, 0);
		assert_true(n > 0);
		at += (size_t)n;
	}
	assert_memory_equal(bytes, want, len);
	free(bytes);
}

/* What the next read says: 0 for the end, or -errno. */
static inline ssize_t host_ends(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;
	ssize_t n;

	assert_int_equal(poll(&p, 1, 5000), 1);
	n = recv(fd, &byte, 1, MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

static inline void host_writes(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

static inline void host_closes_by_reset(int fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

/* ---- both --------------------------------------------------------------------------- */

/* A connection of the guest's to a server of the host's. */
struct splice {
	struct nat_rig rig;
	struct peer peer;
	int listener, fd;
};

static inline void splice_handshake(struct splice *s)
{
	struct peer *p = &s->peer;
	struct came c;

	peer_send(p, SYN, p->snd, 0, NULL, 0);
	s->fd = host_accept(s->listener);
	p->snd++;
	c = peer_expect(p, SYN | ACK, NULL, 0);
	assert_int_equal(c.tcp.ack, p->snd);
	p->rcv = c.tcp.seq + 1;
	peer_ack(p);
}

static inline void splice_start_with(struct splice *s, const struct nat_config *config)
{
	uint16_t port;

	rig_start(&s->rig, config);
	s->listener = host_listen(&port);
	s->peer = peer_of(&s->rig, port);
	s->fd = -1;
}

static inline void splice_start(struct splice *s)
{
	splice_start_with(s, &with_host);
	splice_handshake(s);
}

static inline void splice_end(struct splice *s)
{
	rig_end(&s->rig);
	if (s->fd >= 0)
		close(s->fd);
	close(s->listener);
}

static inline struct conn *splice_conn(struct splice *s)
{
	const struct tcp_tuple tuple = { s->peer.guest_ip, s->peer.ip, s->peer.guest_port,
					 s->peer.port };

	return conn_find(s->rig.n->tcp, &tuple);
}

static inline unsigned splice_count(struct splice *s)
{
	return s->rig.n->tcp->conn_count;
}

/* As on a kernel without SO_PEEK_OFF for TCP: the socket was made with an offset already. */
static inline void splice_forget_peek_off(struct splice *s)
{
	const int off = -1;
	struct tcp *t = s->rig.n->tcp;

	t->has_peek_off = false;
	t->waste = mmap(NULL, TCP_WASTE_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(t->waste != MAP_FAILED);
	setsockopt(splice_conn(s)->host.source.fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off));
}

/* len bytes that are nowhere the same. */
static inline uint8_t *some_bytes(size_t len)
{
	uint8_t *b = malloc(len);
	uint32_t x = 12345;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		b[i] = (uint8_t)(x >> 24);
	}
	return b;
}

#endif
