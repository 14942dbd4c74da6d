/* A hostile guest's TCP, against real sockets of the host's loopback: a script of
 * segments that are nearly right, and of what the host does meanwhile.
 *
 * Input: records, a byte what to do and then what that needs; numbers of two bytes are
 * little-endian, missing bytes are 0.
 *
 *	0  segment   port8 flags8 seq16 ack16 window16 len16 mss16 scale8
 *	             numbers are relative to what is expected, and signed
 *	1  raw       port8 len8 bytes...      a TCP header and more, byte by byte
 *	2  flush
 *	3  round     of the loop
 *	4  pass      ms16                     time
 *	5  buffers   count8 bytes16           that the guest has; then rx_ready
 *	6  write     len16                    the server of the host's
 *	7  read      len16
 *	8  end       how8                     shutdown, close, or reset
 *	9  client    connects to the published port, or leaves
 *	10 rings     stop and start
 *
 * After each record what must always hold of every connection is looked at; in the end
 * none is left. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "nat/tcp_internal.h"
#include "nat/tcp_seq.h"

#define GATEWAY	 (NAT_NETWORK | NAT_HOST_GATEWAY)
#define GUEST	 (NAT_NETWORK | NAT_HOST_GUEST)
#define L4_AT	 34u
#define RECORDS	 64u
#define PORTS	 4u /* of the guest's */
#define ENDS_MAX 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at, *end;
};

static uint8_t take8(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static uint16_t take16(struct input *in)
{
	const unsigned low = take8(in);

	return (uint16_t)(low | (unsigned)take8(in) << 8);
}

static void trap_unless(bool ok)
{
	if (!ok)
		__builtin_trap();
}

struct fuzz {
	struct net_nic nic;
	struct net *net;
	struct nat *n;
	struct ioloop *loop;
	uint64_t now_ns;
	int listener;
	uint16_t server_port;
	unsigned room_count;
	size_t room_bytes;
	uint8_t *room;
	struct iovec iov[2];
	int ends[ENDS_MAX]; /* of the server's connections; -1: none */
	int client;
	/* The last that came for the guest. */
	struct wire_tcp last;
	bool came;
	uint8_t frame[NET_FRAME_BYTES_MAX];
};

static bool fuzz_room(struct net_nic *nic, unsigned pair, size_t want, struct net_room *room)
{
	struct fuzz *z = container_of(nic, struct fuzz, nic);

	trap_unless(pair == 0 && !z->room && want <= NET_FRAME_BYTES_MAX);
	if (z->room_count == 0)
		return false;
	z->iov[1].iov_len = min_u64(want, z->room_bytes);
	z->iov[1].iov_base = z->room = malloc(z->iov[1].iov_len);
	*room = (struct net_room){ &z->iov[1], 1, z->iov[1].iov_len };
	return true;
}

static void fuzz_commit(struct net_nic *nic, unsigned pair, size_t len,
			const struct net_offload *offload)
{
	struct fuzz *z = container_of(nic, struct fuzz, nic);

	(void)pair;
	trap_unless(z->room && len <= z->iov[1].iov_len && (len == 0 || len >= L4_AT));
	trap_unless(!offload->gso || (offload->needs_csum && offload->gso_bytes >= TCP_MSS_MIN));
	if (len > 0) {
		z->room_count--;
		if (z->room[23] == WIRE_PROTO_TCP)
			z->came = wire_tcp_parse(z->room + L4_AT, len - L4_AT, len - L4_AT,
						 &z->last) == 0;
	}
	free(z->room);
	z->room = NULL;
}

static const struct net_nic_ops fuzz_ops = { .room = fuzz_room, .commit = fuzz_commit };

static uint64_t fuzz_now(void *arg)
{
	return ((const struct fuzz *)arg)->now_ns;
}

/* ---- the guest ------------------------------------------------------------------------------- */

/* head_len bytes of l4, and whatever was in the frame before up to len. */
static void put_frame(struct fuzz *z, const uint8_t *l4, size_t head_len, size_t len)
{
	const struct wire_ip4 ip = { .src = GUEST,
				     .dst = GATEWAY,
				     .proto = WIRE_PROTO_TCP,
				     .ttl = 64,
				     .total_bytes = (uint32_t)(WIRE_IP4_BYTES + len) };
	struct wire_ether e = { .type = WIRE_TYPE_IP4 };
	const struct iovec iov = { z->frame, L4_AT + len };
	/* Nobody looks at the checksum then: it would only be in the way. */
	const struct net_frame f = { .iov = &iov,
				     .iov_count = 1,
				     .len = (uint32_t)(L4_AT + len),
				     .offload = { .needs_csum = true } };

	memcpy(e.dst, z->n->gateway_mac, NET_MAC_BYTES);
	memcpy(e.src, z->nic.mac, NET_MAC_BYTES);
	wire_ether_emit(&e, z->frame);
	wire_ip4_emit(&ip, z->frame + WIRE_ETHER_BYTES);
	memcpy(z->frame + L4_AT, l4, head_len);
	trap_unless(net_send(z->net, 0, &f) == 0);
}

/* A port of the guest's, or that of a client's connection. */
static struct tcp_tuple tuple_of(const struct fuzz *z, uint8_t port)
{
	struct tcp_tuple t = { GUEST, GATEWAY, (uint16_t)(1000 + port % PORTS), z->server_port };

	if (port & 0x80) {
		t.guest_port = 80;
		t.peer_port = z->last.src_port;
	}
	return t;
}

static void put_segment(struct fuzz *z, struct input *in)
{
	const struct tcp_tuple tuple = tuple_of(z, take8(in));
	const struct conn *c = conn_find(z->n->tcp, &tuple);
	uint8_t bytes[WIRE_TCP_BYTES_MAX] = { 0 };
	struct wire_tcp s = { .src_port = tuple.guest_port, .dst_port = tuple.peer_port };
	unsigned header_bytes, len;

	s.flags = take8(in);
	s.seq = (c ? c->rcv_nxt : 0) + (uint32_t)(int16_t)take16(in);
	s.ack = (c ? c->snd_nxt : 0) + (uint32_t)(int16_t)take16(in);
	s.window = take16(in);
	len = take16(in);
	if (s.flags & WIRE_TCP_SYN)
		s.mss = take16(in);
	s.window_scale = (int8_t)(s.flags & WIRE_TCP_SYN ? take8(in) % 17 - 1 : -1);
	s.stamped = s.flags & WIRE_TCP_URG; /* which says nothing else */
	s.stamp = (c ? c->guest_stamp : 0) + (s.stamped ? (uint32_t)(int8_t)take8(in) : 0);
	header_bytes = wire_tcp_emit(&s, bytes);
	put_frame(z, bytes, header_bytes, min_u64(header_bytes + len, 65000));
}

static void put_raw(struct fuzz *z, struct input *in)
{
	const struct tcp_tuple tuple = tuple_of(z, take8(in));
	uint8_t bytes[255] = { 0 };
	const unsigned len = take8(in);

	for (unsigned i = 0; i < len; i++)
		bytes[i] = take8(in);
	be16_store(bytes, tuple.guest_port);
	be16_store(bytes + 2, tuple.peer_port);
	put_frame(z, bytes, sizeof(bytes), len);
}

/* ---- the host ----------------------------------------------------------------------- */

/* All that wait, as far as there is room. */
static void accept_some(struct fuzz *z)
{
	for (unsigned i = 0; i < ENDS_MAX; i++) {
		if (z->ends[i] >= 0)
			continue;
		z->ends[i] = accept4(z->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (z->ends[i] < 0)
			return;
	}
}

static void reset_fd(int *fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (*fd < 0)
		return;
	setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(*fd);
	*fd = -1;
}

static int *an_end(struct fuzz *z, unsigned which)
{
	accept_some(z);
	return which & 0x80 ? &z->client : &z->ends[which % ENDS_MAX];
}

static void end_one(struct fuzz *z, unsigned how)
{
	int *fd = an_end(z, how >> 2);

	if (*fd < 0)
		return;
	if (how % 4 == 0) {
		reset_fd(fd);
	} else if (how % 4 == 1) {
		close(*fd);
		*fd = -1;
	} else {
		shutdown(*fd, SHUT_WR);
	}
}

static void move_bytes(struct fuzz *z, unsigned amount, bool write)
{
	static uint8_t bytes[65536];
	const int fd = *an_end(z, amount % 8);

	if (write && fd >= 0)
		(void)!send(fd, bytes, amount,
			    MSG_DONTWAIT | MSG_NOSIGNAL | (amount % 97 ? 0 : MSG_OOB));
	else if (fd >= 0)
		(void)!recv(fd, bytes, amount, MSG_DONTWAIT);
}

static void client(struct fuzz *z)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(nat_published(z->net, 0)),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (z->client >= 0) {
		reset_fd(&z->client);
		return;
	}
	z->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)!connect(z->client, (const struct sockaddr *)&to, sizeof(to));
}

/* ---- what always holds -------------------------------------------------------------- */

static void check_conn(const struct conn *c)
{
	const bool has_socket =
		c->state != CONN_TIME_WAIT && c->state != CONN_CLOSED && c->state != CONN_SYN_SENT;

	trap_unless(c->state < CONN_STATES);
	trap_unless(!seq_after(c->snd_una, c->snd_nxt) && !seq_after(c->snd_nxt, c->snd_max));
	trap_unless(c->snd_max - c->snd_una <= TCP_FLIGHT_MAX + 1);
	if (tcp_state_open(c->state))
		trap_unless(!seq_after(c->taken, c->snd_una));
	trap_unless(!seq_after(c->rcv_nxt, c->rcv_edge));
	trap_unless(!seq_after(c->rcv_told, c->rcv_nxt));
	trap_unless((c->host.source.fd >= 0) == has_socket);
	trap_unless(!c->listener || c->state == CONN_SYN_SENT);
	trap_unless(c->timer.deadline_ns != NAT_NEVER || c->queue != QUEUE_NONE);
}

static void check(const struct fuzz *z)
{
	const struct tcp *t = z->n->tcp;
	unsigned count = 0;

	trap_unless(!z->room);
	for (const struct conn *c = t->oldest; c; c = c->newer, count++)
		check_conn(c);
	trap_unless(count == t->conn_count);
	trap_unless(t->listeners[0].syns_out <= TCP_PUBLISH_SYNS_MAX);
}

/* ---- a script ----------------------------------------------------------------------- */

static void act(struct fuzz *z, struct input *in)
{
	switch (take8(in) % 11) {
	case 0:
		put_segment(z, in);
		break;
	case 1:
		put_raw(z, in);
		break;
	case 2:
		net_flush(z->net, 0);
		break;
	case 3:
		ioloop_round(z->loop, 0);
		break;
	case 4:
		z->now_ns += take16(in) * NS_PER_MS;
		nat_run_timers(z->n);
		break;
	case 5:
		z->room_count = take8(in);
		z->room_bytes = max_u64(take16(in), 1);
		net_rx_ready(z->net, 0);
		break;
	case 6:
		move_bytes(z, take16(in), true);
		break;
	case 7:
		move_bytes(z, take16(in), false);
		break;
	case 8:
		end_one(z, take8(in));
		break;
	case 9:
		client(z);
		break;
	default:
		net_stop(z->net, 0);
		net_start(z->net, 0, z->loop);
		break;
	}
}

static void fuzz_init(struct fuzz *z)
{
	const struct nat_publish publish = {
		.proto = NAT_TCP, .host_ip = NAT_LOOPBACK, .guest_port = 80, .text = "fuzz"
	};
	const struct nat_config config = { .host_loopback = true,
					   .now_ns = fuzz_now,
					   .now_arg = z,
					   .publishes = &publish,
					   .publish_count = 1 };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	struct err err;

	z->nic = (struct net_nic){ .ops = &fuzz_ops, .mtu = 1500, .pair_count = 1 };
	z->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	trap_unless(bind(z->listener, (const struct sockaddr *)&a, sizeof(a)) == 0 &&
		    listen(z->listener, 64) == 0 &&
		    getsockname(z->listener, (struct sockaddr *)&a, &len) == 0);
	z->server_port = ntohs(a.sin_port);
	trap_unless(nat_create(&config, &z->net, &err) == 0);
	z->n = container_of(z->net, struct nat, net);
	trap_unless(ioloop_create(IO_ENGINE_THREADS, &z->loop, &err) == 0);
	net_attach(z->net, &z->nic);
	z->n->tcp->waste = malloc(TCP_WASTE_BYTES);
}

static void rest(struct fuzz *z)
{
	for (unsigned i = 0; i < ENDS_MAX; i++)
		reset_fd(&z->ends[i]);
	reset_fd(&z->client);
	for (struct conn *c; (c = z->n->tcp->oldest) != NULL;)
		conn_abort(c, false);
	for (int fd; (fd = accept4(z->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;)
		close(fd);
	for (int fd; (fd = accept4(z->n->tcp->listeners[0].watch.source.fd, NULL, NULL,
				   SOCK_CLOEXEC)) >= 0;)
		close(fd);
	net_stop(z->net, 0);
	nat_timer_disarm(z->n, &z->n->tcp->listeners[0].retry);
	check(z);
	trap_unless(z->n->tcp->conn_count == 0 && z->n->tcp->listeners[0].syns_out == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz fuzz;
	struct fuzz *z = &fuzz;
	struct input in = { data, data + size };
	const uint8_t shape = take8(&in);

	if (!z->net)
		fuzz_init(z);
	z->now_ns = NS_PER_S;
	z->room_count = 100;
	z->room_bytes = NET_FRAME_BYTES_MAX;
	z->n->tcp->has_peek_off = !(shape & 4); /* Linux before 6.9 has none */
	z->nic.mtu = shape & 2 ? NET_MTU_MIN + shape : NET_MTU_DEFAULT;
	for (unsigned i = 0; i < ENDS_MAX; i++)
		z->ends[i] = -1;
	z->client = -1;
	memset(&z->last, 0, sizeof(z->last));
	net_offloads(z->net, shape & 1 ? NET_CAN_CSUM | NET_CAN_TSO4 : 0);
	net_start(z->net, 0, z->loop);
	for (unsigned i = 0; i < RECORDS && in.at < in.end; i++) {
		act(z, &in);
		check(z);
	}
	rest(z);
	return 0;
}
