/* A NAT with a guest that is the test, a loop, and a clock that the test moves.  All
 * sockets of the host's side are on its loopback. */
#ifndef BANTAM_TEST_NAT_FIXTURE_H
#define BANTAM_TEST_NAT_FIXTURE_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "fake/fake_nic.h"
#include "nat/internal.h"
#include "nat/nat.h"

#define GATEWAY (NAT_NETWORK | NAT_HOST_GATEWAY)
#define DNS	(NAT_NETWORK | NAT_HOST_DNS)
#define GUEST	(NAT_NETWORK | NAT_HOST_GUEST)
#define L4_AT	34u /* of a frame without IP options */

struct nat_rig {
	struct fake_nic fake;
	struct net *net;
	struct nat *n;
	struct ioloop *loop;
	uint64_t now_ns;
};

static inline uint64_t rig_now(void *arg)
{
	const struct nat_rig *r = arg;

	return r->now_ns;
}

static inline void rig_start(struct nat_rig *r, const struct nat_config *config)
{
	struct nat_config c = config ? *config : (struct nat_config){ 0 };
	struct err err;

	r->now_ns = NS_PER_S;
	c.now_ns = rig_now;
	c.now_arg = r;
	alarm(60);
	fake_nic_init(&r->fake);
	assert_int_equal(ioloop_create(IO_ENGINE_THREADS, &r->loop, &err), 0);
	if (nat_create(&c, &r->net, &err) < 0)
		fail_msg("%s", err.text);
	r->n = container_of(r->net, struct nat, net);
	net_attach(r->net, &r->fake.nic);
	net_offloads(r->net, 0);
	net_start(r->net, 0, r->loop);
}

static inline void rig_end(struct nat_rig *r)
{
	net_stop(r->net, 0);
	net_close(r->net);
	ioloop_destroy(r->loop);
	fake_nic_fini(&r->fake);
	alarm(0);
}

/* What is ready is served; some of it may take the host's kernel a moment. */
static inline void rig_rounds(struct nat_rig *r)
{
	for (unsigned i = 0; i < 64 && ioloop_round(r->loop, 0) > 0; i++)
		;
}

/* The next frame for the guest, waiting up to five seconds for it. */
static inline const struct fake_frame *rig_next(struct nat_rig *r)
{
	const struct fake_frame *f = fake_nic_next(&r->fake);

	for (unsigned i = 0; !f && i < 500; i++) {
		ioloop_round(r->loop, 10);
		f = fake_nic_next(&r->fake);
	}
	assert_non_null(f);
	return f;
}

/* Nothing comes for the guest. */
static inline void rig_quiet(struct nat_rig *r)
{
	for (unsigned i = 0; i < 5; i++)
		ioloop_round(r->loop, 5);
	assert_null(fake_nic_next(&r->fake));
}

static inline void rig_pass(struct nat_rig *r, uint64_t ns)
{
	r->now_ns += ns;
	nat_run_timers(r->n);
}

/* ---- frames ------------------------------------------------------------------------------- */

struct frame {
	uint8_t bytes[NET_FRAME_BYTES_MAX];
	size_t len;
};

/* Ethernet and IP headers of the guest's; payload_len bytes will follow. */
static inline void frame_ip(struct frame *f, uint32_t src, uint32_t dst, uint8_t proto,
			    size_t payload_len)
{
	const struct wire_ip4 ip = { .src = src,
				     .dst = dst,
				     .proto = proto,
				     .ttl = 64,
				     .total_bytes = (uint32_t)(20 + payload_len) };
	static const uint8_t guest_mac[NET_MAC_BYTES] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
	struct wire_ether e = { .type = WIRE_TYPE_IP4 };

	memcpy(e.src, guest_mac, sizeof(guest_mac));
	be16_store(e.dst, 0x5255);
	be32_store(e.dst + 2, dst == DNS ? DNS : GATEWAY);
	wire_ether_emit(&e, f->bytes);
	wire_ip4_emit(&ip, f->bytes + 14);
	f->len = L4_AT + payload_len;
}

/* Make the checksum of the transport, at offset of its header, right. */
static inline void frame_sum(struct frame *f, unsigned offset)
{
	uint8_t *l4 = f->bytes + L4_AT;
	const uint32_t len = (uint32_t)(f->len - L4_AT);
	uint64_t sum = 0;

	be16_store(l4 + offset, 0);
	if (f->bytes[23] != WIRE_PROTO_ICMP)
		sum = wire_sum_pseudo(be32_load(f->bytes + 26), be32_load(f->bytes + 30),
				      f->bytes[23], len);
	be16_store(l4 + offset, (uint16_t)~wire_sum_fold(wire_sum(sum, l4, len)));
}

static inline void frame_udp(struct frame *f, uint32_t src, uint16_t src_port, uint32_t dst,
			     uint16_t dst_port, const void *payload, size_t len)
{
	const struct wire_udp udp = { src_port, dst_port, (uint16_t)(8 + len), 0 };

	frame_ip(f, src, dst, WIRE_PROTO_UDP, 8 + len);
	wire_udp_emit(&udp, f->bytes + L4_AT);
	if (len > 0)
		memcpy(f->bytes + L4_AT + 8, payload, len);
	frame_sum(f, WIRE_UDP_CSUM_OFFSET);
}

static inline void rig_send(struct nat_rig *r, const struct frame *f)
{
	assert_int_equal(fake_nic_send(&r->fake, r->net, f->bytes, f->len, NULL), 0);
}

/* Alone: no other follows at once. */
static inline void rig_send_udp(struct nat_rig *r, uint16_t src_port, uint32_t dst,
				uint16_t dst_port, const void *payload, size_t len)
{
	static struct frame f;

	frame_udp(&f, GUEST, src_port, dst, dst_port, payload, len);
	rig_send(r, &f);
	net_flush(r->net, 0);
}

/* ---- what came ------------------------------------------------------------------------------ */

/* A frame for the guest whose IP header is right. */
static inline struct wire_ip4 came_ip(const struct fake_frame *f)
{
	struct wire_ip4 ip;

	assert_true(f->len >= L4_AT);
	assert_int_equal(be16_load(f->bytes + 12), WIRE_TYPE_IP4);
	assert_int_equal(wire_ip4_parse(f->bytes + 14, f->len - 14, f->len - 14, &ip), 0);
	assert_int_equal(ip.total_bytes, f->len - 14);
	return ip;
}

/* The same for UDP, with its checksum. */
static inline struct wire_udp came_udp(const struct fake_frame *f)
{
	const struct wire_ip4 ip = came_ip(f);
	const size_t len = f->len - L4_AT;
	struct wire_udp udp;
	uint64_t sum;

	assert_int_equal(ip.proto, WIRE_PROTO_UDP);
	assert_int_equal(wire_udp_parse(f->bytes + L4_AT, len, len, &udp), 0);
	assert_int_equal(udp.len, len);
	sum = wire_sum_pseudo(ip.src, ip.dst, ip.proto, (uint32_t)len);
	if (!f->offload.needs_csum)
		assert_int_equal(wire_sum_fold(wire_sum(sum, f->bytes + L4_AT, len)), 0xffff);
	return udp;
}

static inline struct wire_icmp came_icmp(const struct fake_frame *f)
{
	const struct wire_ip4 ip = came_ip(f);
	const size_t len = f->len - L4_AT;
	struct wire_icmp icmp;

	assert_int_equal(ip.proto, WIRE_PROTO_ICMP);
	assert_int_equal(wire_icmp_parse(f->bytes + L4_AT, len, &icmp), 0);
	assert_int_equal(wire_sum_fold(wire_sum(0, f->bytes + L4_AT, len)), 0xffff);
	return icmp;
}

/* ---- the host's side ---------------------------------------------------------------------------
 */

/* A socket on the host's loopback, bound to a port of its own. */
static inline int host_socket(int type, uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* A datagram that the host received, waiting up to five seconds for it. */
static inline size_t host_receive(int fd, void *bytes, size_t max, struct sockaddr_in *from)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	socklen_t from_len = sizeof(*from);
	ssize_t n;

	assert_int_equal(poll(&p, 1, 5000), 1);
	n = recvfrom(fd, bytes, max, 0, (struct sockaddr *)from, from ? &from_len : NULL);
	assert_true(n >= 0);
	return (size_t)n;
}

static inline void host_send(int fd, const struct sockaddr_in *to, const void *bytes, size_t len)
{
	assert_int_equal(sendto(fd, bytes, len, 0, (const struct sockaddr *)to, sizeof(*to)), len);
}

static inline struct sockaddr_in host_address(uint32_t ip, uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(ip) };
}

#endif
