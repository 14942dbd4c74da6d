/* Streams through the NAT's TCP, between small TCPs of a guest and sockets of the host's,
 * over a link that loses, doubles and reorders frames: what arrives is what was sent, each
 * direction ends by itself, and nothing is left.
 *
 *	tcp_model [-n ROUNDS] [-s SEED]
 *
 * A round is one NAT with a few connections of random habits.  The clock is the test's; it
 * moves on when nothing else does. */
#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "nat/tcp_internal.h"
#include "nat/tcp_seq.h"

#define GATEWAY	     (NAT_NETWORK | NAT_HOST_GATEWAY)
#define GUEST	     (NAT_NETWORK | NAT_HOST_GUEST)
#define CONNS_MAX    4u
#define STREAM_MAX   400000u
#define WIRE_MAX     512u /* frames on their way */
#define L4_AT	     34u
#define STALL_MAX    20000u /* steps: what does not move for so long never will */
#define IDLE_STEPS   40u    /* without progress: time moves */
#define GUEST_RTO_NS (300 * NS_PER_MS)

#define CHECK(what)                              \
	do {                                     \
		if (!(what))                     \
			failed(__LINE__, #what); \
	} while (0)

struct wire_frame {
	uint8_t *bytes;
	size_t len;
	struct net_offload offload;
};

/* A stream in one direction: what is sent, and how much arrived. */
struct stream {
	uint8_t *bytes;
	uint32_t len, arrived;
	bool ended;
};

/* One connection: the guest's TCP, and the host's socket. */
struct line {
	struct stream up, down; /* from the guest, to it */
	uint16_t port, server_port;
	int listener, fd;
	/* the guest's TCP */
	uint32_t iss, snd_una, snd_nxt, snd_max, rcv_nxt, irs;
	uint32_t window; /* the NAT's */
	uint32_t own_window;
	uint64_t rtx_ns;
	int scale, nat_scale;
	uint16_t mss;
	bool open, owes_ack, fin_acked;
	bool stamped;
	uint32_t first_echoed; /* the SYN's stamp */
	/* the host's side */
	uint32_t written;
	bool shut;
	/* A reset in the middle: 0 none, 1 by the guest, 2 by the host. */
	unsigned breaks;
	uint32_t breaks_at;
	bool broken;
};

struct model {
	struct net_nic nic;
	struct net *net;
	struct nat *n;
	struct ioloop *loop;
	uint64_t now_ns;
	unsigned lose, twice, swap; /* of 1000 */
	unsigned room;		    /* of 100: buffers that there are */
	bool refused;
	struct wire_frame wire[WIRE_MAX]; /* to the guest */
	unsigned wire_count;
	uint8_t held[NET_FRAME_BYTES_MAX]; /* from it, to be overtaken */
	size_t held_len;
	uint8_t room_bytes[NET_FRAME_BYTES_MAX];
	struct iovec room_iov[130];
	struct line lines[CONNS_MAX];
	unsigned line_count;
	bool tso;
	unsigned long progress, frames, lost;
};

static uint64_t seed, random_state;

__attribute__((noinline)) static void failed(int line, const char *what)
{
	fprintf(stderr, "tcp_model: line %d: %s does not hold; seed %llu\n", line, what,
		(unsigned long long)seed);
	abort();
}

/* xorshift64* */
static uint32_t any(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(2685821657736338717) >> 32) % below);
}

static bool chance(unsigned of_1000)
{
	return any(1000) < of_1000;
}

static uint64_t model_now(void *arg)
{
	const struct model *m = arg;

	return m->now_ns;
}

/* ---- the link ------------------------------------------------------------------------------ */

static struct model *model_of(struct net_nic *nic)
{
	return container_of(nic, struct model, nic);
}

static bool link_room(struct net_nic *nic, unsigned pair, size_t want, struct net_room *room)
{
	struct model *m = model_of(nic);
	const size_t piece = 512 + any(4000), len = min_u64(want, sizeof(m->room_bytes));
	unsigned count = 0;

	(void)pair;
	if (any(100) >= m->room || m->wire_count == WIRE_MAX) {
		m->refused = true;
		return false;
	}
	for (size_t at = 0; at < len && count < ARRAY_LEN(m->room_iov) - 1; at += piece)
		m->room_iov[1 + count++] =
			(struct iovec){ m->room_bytes + at, min_u64(piece, len - at) };
	*room = (struct net_room){ .iov = m->room_iov + 1,
				   .iov_count = count,
				   .len = min_u64(len, piece * count) };
	return true;
}

static void wire_add(struct model *m, const uint8_t *bytes, size_t len,
		     const struct net_offload *offload)
{
	struct wire_frame *f;

	if (m->wire_count == WIRE_MAX)
		return;
	f = &m->wire[m->wire_count++];
	f->bytes = malloc(len);
	CHECK(f->bytes);
	memcpy(f->bytes, bytes, len);
	f->len = len;
	f->offload = *offload;
}

static void link_commit(struct net_nic *nic, unsigned pair, size_t len,
			const struct net_offload *offload)
{
	struct model *m = model_of(nic);

	(void)pair;
	if (len == 0)
		return;
	m->frames++;
	if (chance(m->lose)) {
		m->lost++;
		return;
	}
	wire_add(m, m->room_bytes, len, offload);
	if (chance(m->twice))
		wire_add(m, m->room_bytes, len, offload);
	if (m->wire_count > 1 && chance(m->swap)) {
		const unsigned other = any(m->wire_count - 1);
		const struct wire_frame last = m->wire[m->wire_count - 1];

		m->wire[m->wire_count - 1] = m->wire[other];
		m->wire[other] = last;
	}
}

static const struct net_nic_ops link_ops = { .room = link_room, .commit = link_commit };

static void guest_puts(struct model *m, const uint8_t *bytes, size_t len)
{
	const size_t cut = 1 + any((uint32_t)len);
	const struct iovec iov[2] = { { (void *)bytes, cut },
				      { (void *)(bytes + cut), len - cut } };
	const struct net_frame f = { .iov = iov, .iov_count = 2, .len = (uint32_t)len };

	CHECK(net_send(m->net, 0, &f) == 0);
}

/* The other direction loses and doubles at once, and reorders by holding one back. */
static void link_from_guest(struct model *m, const uint8_t *bytes, size_t len)
{
	m->frames++;
	if (chance(m->lose)) {
		m->lost++;
		return;
	}
	if (m->held_len == 0 && chance(m->swap)) {
		memcpy(m->held, bytes, len);
		m->held_len = len;
		return;
	}
	guest_puts(m, bytes, len);
	if (chance(m->twice))
		guest_puts(m, bytes, len);
	if (m->held_len > 0) {
		const size_t old = m->held_len;

		m->held_len = 0;
		guest_puts(m, m->held, old);
	}
}

/* ---- the guest's TCP ------------------------------------------------------------------------ */

/* They wrap in every run. */
static uint32_t stamp_now(const struct model *m)
{
	return (uint32_t)(m->now_ns / NS_PER_MS) - 2000;
}

static void guest_segment(struct model *m, struct line *l, uint8_t flags, uint32_t seq,
			  const uint8_t *payload, uint32_t len)
{
	static uint8_t f[NET_FRAME_BYTES_MAX];
	const bool syn = flags & WIRE_TCP_SYN;
	const struct wire_tcp s = {
		.src_port = l->port,
		.dst_port = l->server_port,
		.seq = seq,
		.ack = flags & WIRE_TCP_ACK ? l->rcv_nxt : 0,
		.flags = flags,
		.window = (uint16_t)min_u64(l->own_window >> (syn || l->scale < 0 ? 0 : l->scale),
					    65535),
		.mss = syn ? l->mss : 0,
		.window_scale = (int8_t)(syn ? l->scale : -1),
		.stamped = l->stamped,
		.stamp = stamp_now(m),
	};
	struct wire_ether e = { .type = WIRE_TYPE_IP4 };
	struct wire_ip4 ip = { .src = GUEST, .dst = GATEWAY, .proto = WIRE_PROTO_TCP, .ttl = 64 };
	const unsigned header = wire_tcp_emit(&s, f + L4_AT);
	uint64_t sum = wire_sum_pseudo(GUEST, GATEWAY, WIRE_PROTO_TCP, header + len);

	memcpy(e.dst, m->n->gateway_mac, NET_MAC_BYTES);
	memcpy(e.src, m->nic.mac, NET_MAC_BYTES);
	ip.total_bytes = WIRE_IP4_BYTES + header + len;
	wire_ether_emit(&e, f);
	wire_ip4_emit(&ip, f + WIRE_ETHER_BYTES);
	if (len > 0)
		memcpy(f + L4_AT + header, payload, len);
	sum = wire_sum(sum, f + L4_AT, header + len);
	be16_store(f + L4_AT + WIRE_TCP_CSUM_OFFSET, (uint16_t)~wire_sum_fold(sum));
	l->owes_ack = false;
	link_from_guest(m, f, L4_AT + header + len);
}

static uint32_t fin_seq(const struct line *l)
{
	return l->iss + 1 + l->up.len;
}

/* A segment, or a FIN, at snd_nxt, if the window allows.  Whether there was one. */
static bool guest_pushes(struct model *m, struct line *l)
{
	const uint32_t flight = l->snd_nxt - l->snd_una;
	const uint32_t room = flight < l->window ? l->window - flight : 0;
	const uint32_t left = fin_seq(l) - l->snd_nxt;
	uint32_t len = (uint32_t)min_u64(min_u64(left, room), 1 + any(m->tso ? 64000 : l->mss));
	uint8_t flags = WIRE_TCP_ACK;

	if (l->snd_nxt == fin_seq(l) + 1 || room == 0)
		return false;
	if (len == left && (len == 0 || (room > len && chance(500))))
		flags |= WIRE_TCP_FIN;
	guest_segment(m, l, flags, l->snd_nxt, l->up.bytes + (l->snd_nxt - l->iss - 1), len);
	l->snd_nxt += len + !!(flags & WIRE_TCP_FIN);
	l->snd_max = seq_later(l->snd_max, l->snd_nxt);
	if (l->rtx_ns == NAT_NEVER)
		l->rtx_ns = m->now_ns + GUEST_RTO_NS;
	return true;
}

/* Time is over: all again; or, at a closed window, a byte beyond it. */
static void guest_times_out(struct model *m, struct line *l)
{
	l->rtx_ns = m->now_ns + GUEST_RTO_NS;
	if (!l->open) {
		guest_segment(m, l, WIRE_TCP_SYN, l->iss, NULL, 0);
		return;
	}
	l->snd_nxt = l->snd_una;
	if (l->snd_una == fin_seq(l) + 1)
		l->rtx_ns = NAT_NEVER;
	else if (l->window == 0)
		guest_segment(m, l, WIRE_TCP_ACK, l->snd_una,
			      l->up.bytes + (l->snd_una - l->iss - 1), l->snd_una != fin_seq(l));
}

/* What is echoed was sent, since the SYN. */
static void guest_takes_stamp(struct model *m, struct line *l, const struct wire_tcp *s)
{
	CHECK(s->stamped == l->stamped);
	if (!s->stamped)
		return;
	CHECK(!seq_after(s->stamp_echo, stamp_now(m)));
	CHECK(!seq_before(s->stamp_echo, l->first_echoed));
}

static void guest_takes_ack(struct model *m, struct line *l, const struct wire_tcp *s)
{
	/* A probe's byte may have been taken, though it never was counted. */
	const uint32_t most = seq_later(l->snd_max, l->snd_una + (l->snd_una != fin_seq(l) + 1));

	CHECK(!seq_after(s->ack, most));
	if (seq_before(s->ack, l->snd_una))
		return;
	if (s->ack != l->snd_una) {
		l->snd_una = s->ack;
		l->snd_nxt = seq_later(l->snd_nxt, s->ack);
		l->snd_max = seq_later(l->snd_max, s->ack);
		l->rtx_ns = m->now_ns + GUEST_RTO_NS;
		m->progress++;
	}
	l->window = (uint32_t)s->window << l->nat_scale;
	l->fin_acked = l->snd_una == fin_seq(l) + 1;
}

static void guest_takes_data(struct model *m, struct line *l, const struct wire_tcp *s,
			     const uint8_t *payload, uint32_t len)
{
	const uint32_t skip = l->rcv_nxt - s->seq;
	const bool fin = s->flags & WIRE_TCP_FIN;

	if (len > 0 || fin)
		l->owes_ack = true;
	if (seq_after(s->seq, l->rcv_nxt) || skip > len || l->down.ended)
		return;
	CHECK(len - skip <= l->down.len - l->down.arrived);
	CHECK(memcmp(payload + skip, l->down.bytes + l->down.arrived, len - skip) == 0);
	l->down.arrived += len - skip;
	l->rcv_nxt += len - skip;
	m->progress += len - skip;
	if (!fin)
		return;
	CHECK(l->down.arrived == l->down.len);
	l->down.ended = true;
	l->rcv_nxt++;
}

static void guest_opens(struct model *m, struct line *l, const struct wire_tcp *s)
{
	if ((s->flags & (WIRE_TCP_SYN | WIRE_TCP_ACK)) != (WIRE_TCP_SYN | WIRE_TCP_ACK))
		return;
	CHECK(s->ack == l->iss + 1);
	CHECK((s->window_scale >= 0) == (l->scale >= 0));
	l->open = l->owes_ack = true;
	l->irs = s->seq;
	l->rcv_nxt = s->seq + 1;
	l->first_echoed = s->stamp_echo;
	l->snd_una = l->snd_nxt = l->snd_max = l->iss + 1;
	l->window = s->window;
	l->nat_scale = s->window_scale >= 0 ? s->window_scale : 0;
	l->rtx_ns = NAT_NEVER;
	m->progress++;
}

static void guest_hears(struct model *m, const struct wire_frame *f)
{
	const size_t len = f->len - L4_AT;
	const uint8_t *l4 = f->bytes + L4_AT;
	struct wire_tcp s;
	struct line *l = NULL;
	uint64_t sum = wire_sum_pseudo(GATEWAY, GUEST, WIRE_PROTO_TCP, (uint32_t)len);

	CHECK(wire_tcp_parse(l4, len, len, &s) == 0);
	if (!f->offload.needs_csum)
		CHECK(wire_sum_fold(wire_sum(sum, l4, len)) == 0xffff);
	for (unsigned i = 0; i < m->line_count; i++)
		if (m->lines[i].port == s.dst_port)
			l = &m->lines[i];
	CHECK(l);
	if (s.flags & WIRE_TCP_RST) {
		/* In TIME_WAIT's place, or where somebody broke it. */
		CHECK(l->breaks || (l->fin_acked && l->down.ended));
		l->broken = true;
		return;
	}
	if (l->broken) { /* a segment of no connection: RFC 9293, 3.10.7.1 */
		guest_segment(m, l, WIRE_TCP_RST, s.ack, NULL, 0);
		return;
	}
	if (!l->open) {
		guest_opens(m, l, &s);
		return;
	}
	CHECK(len - s.header_bytes <= (f->offload.gso ? 65535u : l->mss));
	if (s.flags & WIRE_TCP_SYN) {
		l->owes_ack = true;
		return;
	}
	guest_takes_stamp(m, l, &s);
	/* What a guest owes to a segment of nothing outside its window: a probe. */
	if (s.seq != l->rcv_nxt)
		l->owes_ack = true;
	guest_takes_ack(m, l, &s);
	guest_takes_data(m, l, &s, l4 + s.header_bytes, (uint32_t)len - s.header_bytes);
}

/* The link may lose it; the answer to whatever comes is one, too. */
static void guest_breaks(struct model *m, struct line *l)
{
	guest_segment(m, l, WIRE_TCP_RST, l->snd_max, NULL, 0);
	l->broken = true;
}

static void guest_acts(struct model *m, struct line *l)
{
	if (l->broken)
		return;
	if (l->breaks == 1 && l->open && l->down.arrived + l->up.arrived >= l->breaks_at) {
		guest_breaks(m, l);
		return;
	}
	if (m->now_ns >= l->rtx_ns)
		guest_times_out(m, l);
	if (!l->open)
		return;
	if (chance(50))
		l->own_window = chance(200) ? 0 : 1 + any(300000);
	for (unsigned i = any(4); i > 0 && guest_pushes(m, l); i--)
		;
	if (l->owes_ack && chance(700))
		guest_segment(m, l, WIRE_TCP_ACK, l->snd_nxt, NULL, 0);
	if (chance(20)) /* word of the window, lest it is lost for ever */
		guest_segment(m, l, WIRE_TCP_ACK, l->snd_nxt, NULL, 0);
}

/* ---- the host's side ---------------------------------------------------------------------------
 */

static void host_breaks(struct line *l)
{
	const struct linger at_once = { .l_onoff = 1 };

	setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(l->fd);
	l->fd = -1;
	l->broken = true;
}

static void host_reads(struct model *m, struct line *l)
{
	static uint8_t bytes[70000];
	const ssize_t n = recv(l->fd, bytes, 1 + any(sizeof(bytes) - 1), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0) {
		CHECK(l->breaks == 1);
		l->broken = l->up.ended = true;
		return;
	}
	CHECK((size_t)n <= l->up.len - l->up.arrived);
	CHECK(memcmp(bytes, l->up.bytes + l->up.arrived, (size_t)n) == 0);
	l->up.arrived += (uint32_t)n;
	m->progress += (unsigned long)n + 1;
	if (n == 0) {
		CHECK(l->up.arrived == l->up.len);
		l->up.ended = true;
	}
}

static void host_writes(struct model *m, struct line *l)
{
	const uint32_t left = l->down.len - l->written;
	ssize_t n;

	if (left == 0) {
		if (!l->shut)
			shutdown(l->fd, SHUT_WR);
		l->shut = true;
		return;
	}
	n = send(l->fd, l->down.bytes + l->written, 1 + any(left), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0) {
		CHECK(errno == EAGAIN || l->breaks == 1);
		if (errno != EAGAIN) /* the error is told once */
			l->broken = l->up.ended = l->shut = true;
		return;
	}
	l->written += (uint32_t)n;
	m->progress++;
}

static void host_acts(struct model *m, struct line *l)
{
	if (l->fd < 0 && !l->broken) {
		l->fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC);
		return;
	}
	if (l->fd < 0)
		return;
	if (l->breaks == 2 && l->down.arrived + l->up.arrived >= l->breaks_at) {
		host_breaks(l);
		return;
	}
	if (!l->up.ended && chance(300))
		host_reads(m, l);
	if (!l->shut && chance(300))
		host_writes(m, l);
}

/* ---- a round ------------------------------------------------------------------------ */

static struct stream make_stream(void)
{
	struct stream s = { .len = chance(100) ? 0 : any(chance(500) ? 3000 : STREAM_MAX) };

	s.bytes = malloc(s.len + 1);
	CHECK(s.bytes);
	for (uint32_t i = 0; i < s.len; i++)
		s.bytes[i] = (uint8_t)any(256);
	return s;
}

static void line_init(struct line *l, unsigned i)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	*l = (struct line){ .up = make_stream(),
			    .down = make_stream(),
			    .port = (uint16_t)(30000 + i),
			    .fd = -1,
			    .iss = chance(500) ? UINT32_MAX - any(100000) : any(UINT32_MAX),
			    .own_window = 1 + any(65535),
			    .scale = (int)any(9) - 1,
			    .stamped = chance(500),
			    .mss = (uint16_t)(100 + any(1361)),
			    .breaks = chance(150) ? 1 + any(2) : 0 };
	l->breaks_at = any(1 + l->up.len + l->down.len);
	l->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CHECK(bind(l->listener, (const struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(listen(l->listener, 1) == 0);
	CHECK(getsockname(l->listener, (struct sockaddr *)&a, &len) == 0);
	l->server_port = ntohs(a.sin_port);
}

static void line_fini(struct line *l)
{
	free(l->up.bytes);
	free(l->down.bytes);
	close(l->listener);
	if (l->fd >= 0)
		close(l->fd);
}

static bool line_done(const struct line *l)
{
	if (l->broken)
		return true;
	return l->fin_acked && l->down.ended && l->up.ended;
}

static void model_init(struct model *m)
{
	struct nat_config config = { .host_loopback = true, .now_ns = model_now, .now_arg = m };
	static const unsigned losses[] = { 0, 0, 10, 50, 150 };
	struct err err;

	m->now_ns = NS_PER_S;
	m->lose = losses[any(ARRAY_LEN(losses))];
	m->twice = any(3) * 20;
	m->swap = any(3) * 30;
	m->room = chance(300) ? 60 : 100;
	m->nic = (struct net_nic){ .ops = &link_ops, .mtu = 1500, .pair_count = 1 };
	CHECK(nat_create(&config, &m->net, &err) == 0);
	m->n = container_of(m->net, struct nat, net);
	CHECK(ioloop_create(chance(500) ? IO_ENGINE_AUTO : IO_ENGINE_THREADS, &m->loop, &err) == 0);
	m->tso = chance(500);
	if (chance(300)) { /* an older kernel */
		m->n->tcp->has_peek_off = false;
		m->n->tcp->waste = mmap(NULL, TCP_WASTE_BYTES, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		CHECK(m->n->tcp->waste != MAP_FAILED);
	}
	net_attach(m->net, &m->nic);
	net_offloads(m->net, m->tso ? NET_CAN_CSUM | NET_CAN_TSO4 : 0);
	net_start(m->net, 0, m->loop);
	m->line_count = 1 + any(CONNS_MAX);
	for (unsigned i = 0; i < m->line_count; i++)
		line_init(&m->lines[i], i);
}

static void deliver(struct model *m)
{
	const unsigned count = any(m->wire_count + 1);

	for (unsigned i = 0; i < count; i++) {
		guest_hears(m, &m->wire[i]);
		free(m->wire[i].bytes);
	}
	m->wire_count -= count;
	memmove(m->wire, m->wire + count, m->wire_count * sizeof(m->wire[0]));
}

static void step(struct model *m)
{
	ioloop_round(m->loop, 0);
	deliver(m);
	for (unsigned i = 0; i < m->line_count; i++) {
		guest_acts(m, &m->lines[i]);
		host_acts(m, &m->lines[i]);
	}
	net_flush(m->net, 0);
	if (m->refused) {
		m->refused = false;
		net_rx_ready(m->net, 0);
	}
}

static bool all_done(const struct model *m)
{
	for (unsigned i = 0; i < m->line_count; i++)
		if (!line_done(&m->lines[i]))
			return false;
	return true;
}

static void pass(struct model *m, uint64_t ns)
{
	m->now_ns += ns;
	nat_run_timers(m->n);
}

static unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned count = 0;

	CHECK(d);
	while (readdir(d))
		count++;
	closedir(d);
	return count;
}

static void run_lines(struct model *m)
{
	unsigned idle = 0;

	for (unsigned i = 0; i < m->line_count; i++)
		guest_times_out(m, &m->lines[i]); /* the SYN */
	while (!all_done(m)) {
		const unsigned long before = m->progress;

		CHECK(idle < STALL_MAX);
		step(m);
		idle = m->progress == before ? idle + 1 : 0;
		if (idle == 0 || idle % IDLE_STEPS != 0)
			continue;
		ioloop_round(m->loop, 1); /* the kernel's turn */
		pass(m, 50 * NS_PER_MS);
	}
}

/* What was broken has to be told to the NAT, or found out by it: in the end nothing is left. */
static void run_out(struct model *m)
{
	for (unsigned i = 0; i < 3000 && m->n->tcp->conn_count; i++) {
		step(m);
		ioloop_round(m->loop, 1);
		pass(m, NS_PER_S);
	}
	CHECK(m->n->tcp->conn_count == 0);
}

static void round_of(struct model *m)
{
	const unsigned before = descriptors();

	memset(m, 0, sizeof(*m));
	model_init(m);
	run_lines(m);
	run_out(m);
	net_stop(m->net, 0);
	net_close(m->net);
	ioloop_round(m->loop, 0);
	ioloop_destroy(m->loop);
	for (unsigned i = 0; i < m->line_count; i++)
		line_fini(&m->lines[i]);
	for (unsigned i = 0; i < m->wire_count; i++)
		free(m->wire[i].bytes);
	CHECK(descriptors() == before);
}

int main(int argc, char **argv)
{
	static struct model m;
	unsigned long rounds = 100, frames = 0, lost = 0;
	int option;

	while ((option = getopt(argc, argv, "n:s:")) != -1) {
		if (option == 'n')
			rounds = strtoul(optarg, NULL, 10);
		else if (option == 's')
			seed = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	for (unsigned long i = 0; i < rounds; i++, seed++) {
		random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
		any(2);
		round_of(&m);
		frames += m.frames;
		lost += m.lost;
	}
	printf("ok - streams_through_tcp_arrive_whole_and_leave_nothing\n");
	printf("    %lu rounds, %lu frames, %lu of them lost\n", rounds, frames, lost);
	return 0;
}
