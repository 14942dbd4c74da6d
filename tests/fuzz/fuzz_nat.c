/* A hostile guest before the NAT: frames of any bytes, some of them with lengths and
 * checksums put right so that they get far, at any time, with buffers or without.
 *
 * The network is a restricted one, so that nothing leaves this process.  Whatever comes:
 * what the guest is sent is whole and right, it is no more than was asked for, and no
 * socket is opened.  Of many guests each has at most one address, and no two the same.
 *
 * Input: records of 4 bytes (what, flags, length: 16 bits) and length bytes.  The upper bit
 * of the first byte: there are many guests. */
#include <arpa/inet.h>
#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fake/fake_nic.h"
#include "nat/lease.h"
#include "nat/tcp_internal.h"
#include "nat/wire.h"
#include "net/mac.h"

#define RECORD_BYTES   4u
#define RECORDS_MAX    64u
#define GUEST	       (NAT_NETWORK | NAT_HOST_GUEST)
#define USES_MAX       64u /* of a NAT */
#define FRESH_DHCP_MAX KIB(16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                  \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

struct rig {
	struct fake_nic fake;
	struct net *net;
	struct nat *n; /* the same */
	struct nat fresh;
	uint8_t fresh_dhcp[FRESH_DHCP_MAX]; /* as they were made */
	unsigned uses;
	uint64_t now_ns;
	bool many;
	unsigned leases_seen;
	uint8_t macs[UINT8_MAX + 1][NET_MAC_BYTES]; /* who was given what, until when */
	uint64_t until_ns[UINT8_MAX + 1];
};

static uint64_t fake_now(void *arg)
{
	const struct rig *r = arg;

	return r->now_ns;
}

/* One loop for all inputs: nothing stays in it. */
static struct ioloop *the_loop(void)
{
	static struct ioloop *loop;

	if (!loop)
		CHECK(ioloop_create(IO_ENGINE_THREADS, &loop, NULL) == 0);
	return loop;
}

/* ---- what must hold ------------------------------------------------------------------------ */

static void check_transport(const struct fake_frame *f, const struct wire_ip4 *ip)
{
	const uint8_t *l4 = f->bytes + WIRE_ETHER_BYTES + WIRE_IP4_BYTES;
	const uint32_t len = ip->total_bytes - WIRE_IP4_BYTES;
	uint64_t sum = 0;

	if (ip->more_fragments || ip->fragment_at > 0)
		return;
	if (f->offload.needs_csum) {
		CHECK(f->offload.csum_start == WIRE_ETHER_BYTES + WIRE_IP4_BYTES);
		CHECK(f->offload.csum_offset + 2u <= len);
		return;
	}
	if (ip->proto != WIRE_PROTO_ICMP)
		sum = wire_sum_pseudo(ip->src, ip->dst, ip->proto, len);
	CHECK(wire_sum_fold(wire_sum(sum, l4, len)) == 0xffff);
}

static void check_frame(const struct rig *r, const struct fake_frame *f)
{
	struct wire_ether e;
	struct wire_ip4 ip;

	CHECK(wire_ether_parse(f->bytes, f->len, &e) == 0);
	CHECK(f->len <= WIRE_ETHER_BYTES + r->fake.nic.mtu);
	CHECK(e.src[0] == 0x52 && e.src[1] == 0x55);
	if (e.type == WIRE_TYPE_ARP) {
		CHECK(f->len == WIRE_ETHER_BYTES + WIRE_ARP_BYTES);
		return;
	}
	CHECK(e.type == WIRE_TYPE_IP4);
	CHECK(wire_ip4_parse(f->bytes + WIRE_ETHER_BYTES, f->len - WIRE_ETHER_BYTES,
			     f->len - WIRE_ETHER_BYTES, &ip) == 0);
	CHECK(ip.total_bytes == f->len - WIRE_ETHER_BYTES);
	check_transport(f, &ip);
}

/* An address was given: it is one of ours, and nobody else has it. */
static void check_lease(struct rig *r)
{
	const struct net_lease *l = &r->fake.lease;
	const uint8_t host = l->ip & 0xff;
	const bool same = memcmp(r->macs[host], l->mac, NET_MAC_BYTES) == 0;

	if (r->leases_seen == r->fake.lease_count)
		return;
	r->leases_seen = r->fake.lease_count;
	CHECK(r->many && l->ip == (NAT_NETWORK | host));
	CHECK(host >= LEASE_FIRST && host <= LEASE_LAST && !net_mac_is_group(l->mac));
	CHECK(same || r->now_ns >= r->until_ns[host]);
	for (unsigned i = 0; i <= UINT8_MAX; i++) {
		if (memcmp(r->macs[i], l->mac, NET_MAC_BYTES) == 0)
			r->until_ns[i] = 0;
	}
	memcpy(r->macs[host], l->mac, NET_MAC_BYTES);
	r->until_ns[host] = r->now_ns + LEASE_BOUND_S * NS_PER_S;
}

/* One packet asks for at most one answer; those that had waited may come with it.  An
 * offer comes behind a question of our own. */
static void check_came(struct rig *r, unsigned most)
{
	const struct fake_frame *f;
	unsigned count = 0;

	for (; (f = fake_nic_next(&r->fake)) != NULL; count++)
		check_frame(r, f);
	CHECK(count <= most + r->many);
	check_lease(r);
	CHECK(nat_stats(r->net)->flows == 0 && nat_stats(r->net)->queries == 0);
}

/* ---- what the guest does -----------------------------------------------------------------------
 */

enum {
	FIX_ETHER = 1 << 0,
	FIX_IP = 1 << 1,
	FIX_SOURCE = 1 << 2,
	FIX_TRANSPORT = 1 << 3,
	FIX_DHCP = 1 << 4,
	NEEDS_CSUM = 1 << 5,
	TO_OURS = 1 << 6,
	IN_PIECES = 1 << 7,
};

static void fix_ip(uint8_t *ip, size_t len, uint8_t flags, uint32_t source)
{
	const unsigned header =
		(ip[0] & 15u) * 4u < 20 || (ip[0] & 15u) * 4u > len ? 20 : (ip[0] & 15u) * 4u;

	ip[0] = (uint8_t)(0x40 | header / 4);
	be16_store(ip + 2, (uint16_t)min_u64(len, UINT16_MAX));
	if (flags & FIX_SOURCE) {
		be16_store(ip + 6, 0);
		be32_store(ip + 12, ip[12] & 1 ? 0 : source);
	}
	if (flags & TO_OURS)
		be32_store(ip + 16,
			   ip[16] & 1 ? UINT32_MAX : NAT_NETWORK | (2 + (ip[16] >> 1 & 1)));
	be16_store(ip + 10, 0);
	be16_store(ip + 10, (uint16_t)~wire_sum_fold(wire_sum(0, ip, header)));
}

static void fix_transport(uint8_t *ip, size_t len)
{
	const size_t header = (ip[0] & 15u) * 4u;
	uint8_t *l4 = ip + header;
	unsigned field = 2;
	uint64_t sum = 0;

	len -= header;
	if (ip[9] == WIRE_PROTO_UDP)
		field = WIRE_UDP_CSUM_OFFSET;
	else if (ip[9] == WIRE_PROTO_TCP)
		field = WIRE_TCP_CSUM_OFFSET;
	if (field + 2 > len)
		return;
	if (ip[9] == WIRE_PROTO_UDP)
		be16_store(l4 + 4, (uint16_t)len);
	if (ip[9] != WIRE_PROTO_ICMP)
		sum = wire_sum_pseudo(be32_load(ip + 12), be32_load(ip + 16), ip[9], (uint32_t)len);
	be16_store(l4 + field, 0);
	be16_store(l4 + field, (uint16_t)~wire_sum_fold(wire_sum(sum, l4, len)));
}

static void fix_dhcp(uint8_t *ip, size_t len)
{
	if (len < 20 + 8 + 240)
		return;
	ip[0] = 0x45;
	ip[9] = WIRE_PROTO_UDP;
	be32_store(ip + 16, UINT32_MAX);
	be16_store(ip + 22, 67);
	be32_store(ip + 28, 0x01010600);
	be32_store(ip + 52, 0);
	be32_store(ip + 28 + 236, 0x63825363);
}

/* A holder may have given it back. */
static void hear_release(struct rig *r, const uint8_t *bytes, size_t len)
{
	static const uint8_t magic[] = { 0x63, 0x82, 0x53, 0x63 };

	if (len < 14 + 20 + 8 + 240 || memcmp(bytes + 14 + 20 + 8 + 236, magic, 4) != 0)
		return;
	for (unsigned i = 0; i <= UINT8_MAX; i++) {
		if (memcmp(r->macs[i], bytes + 14 + 20 + 8 + 28, NET_MAC_BYTES) == 0)
			r->until_ns[i] = 0;
	}
}

static void send_frame(struct rig *r, uint8_t *bytes, size_t len, uint8_t flags)
{
	struct net_offload o = { 0 };

	if (len >= WIRE_ETHER_BYTES && flags & FIX_ETHER) {
		memset(bytes, 0xff, NET_MAC_BYTES);
		bytes[6] &= 0xfe;
		be16_store(bytes + 12, bytes[12] & 1 ? WIRE_TYPE_ARP : WIRE_TYPE_IP4);
	}
	if (len >= WIRE_ETHER_BYTES + WIRE_IP4_BYTES && flags & FIX_IP) {
		uint8_t *ip = bytes + WIRE_ETHER_BYTES;

		if (flags & FIX_DHCP)
			fix_dhcp(ip, len - WIRE_ETHER_BYTES);
		fix_ip(ip, len - WIRE_ETHER_BYTES, flags, r->many ? NAT_NETWORK | ip[13] : GUEST);
		if (flags & FIX_TRANSPORT)
			fix_transport(ip, len - WIRE_ETHER_BYTES);
	}
	if (flags & NEEDS_CSUM && len > 60)
		o = (struct net_offload){ .needs_csum = true, .csum_start = 34, .csum_offset = 6 };
	r->fake.piece_bytes = flags & IN_PIECES ? 1 + len % 61 : 0;
	if (r->leases_seen == r->fake.lease_count)
		hear_release(r, bytes, len);
	CHECK(fake_nic_send(&r->fake, r->net, bytes, len, &o) == 0);
	check_came(r, 1);
}

static void act(struct rig *r, uint8_t what, uint8_t flags, const uint8_t *bytes, size_t len)
{
	static uint8_t copy[UINT16_MAX + 1];

	switch (what & 7) {
	case 5:
		r->fake.room_count = flags;
		net_rx_ready(r->net, 0);
		check_came(r, NAT_SMALL_COUNT);
		break;
	case 6:
		r->now_ns += flags * NS_PER_S;
		nat_run_timers(r->n);
		check_came(r, 64);
		break;
	case 7:
		r->fake.room_bytes = flags & 1 ? 20u + flags : NET_FRAME_BYTES_MAX;
		net_offloads(r->net, flags & 2 ? NET_CAN_CSUM | NET_CAN_TSO4 : 0);
		r->fake.room_count = flags & 4 ? 0 : UINT_MAX;
		break;
	default:
		memcpy(copy, bytes, len);
		send_frame(r, copy, len, flags);
		break;
	}
}

/* ---- a script ---------------------------------------------------------------------- */

/* To make a NAT takes longer than most scripts, so one is used for many.  Without flows,
 * connections and queries, which a restricted network has none of, all that a guest can
 * change is in here. */
static void make(struct rig *r)
{
	const struct nat_config config = {
		.many_guests = r->many,
		.restrict_ = true,
		.host_loopback = true,
		.hostname = "guest",
		.domain = "example.org",
		.now_ns = fake_now,
		.now_arg = r,
	};

	CHECK(nat_create(&config, &r->net, NULL) == 0);
	r->n = container_of(r->net, struct nat, net);
	r->fresh = *r->n;
	CHECK(malloc_usable_size(r->n->dhcp) <= FRESH_DHCP_MAX);
	memcpy(r->fresh_dhcp, r->n->dhcp, malloc_usable_size(r->n->dhcp));
	r->uses = 0;
}

static void make_fresh(struct rig *r)
{
	CHECK(r->n->tcp->conn_count == 0 && !r->n->timers.root);
	*r->n = r->fresh;
	memcpy(r->n->dhcp, r->fresh_dhcp, malloc_usable_size(r->n->dhcp));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rig rigs[2];
	const bool many = size > 0 && data[0] & 0x80;
	struct rig *r = &rigs[many];

	fake_nic_init(&r->fake);
	r->many = many;
	r->leases_seen = 0;
	memset(r->macs, 0, sizeof(r->macs));
	memset(r->until_ns, 0, sizeof(r->until_ns));
	r->now_ns = NS_PER_S;
	if (!r->net)
		make(r);
	net_attach(r->net, &r->fake.nic);
	net_start(r->net, 0, the_loop());
	for (unsigned i = 0; i < RECORDS_MAX && size >= RECORD_BYTES; i++) {
		const size_t len = min_u64(le16_load(data + 2), size - RECORD_BYTES);

		act(r, data[0], data[1], data + RECORD_BYTES, len);
		data += RECORD_BYTES + len;
		size -= RECORD_BYTES + len;
	}
	net_stop(r->net, 0);
	fake_nic_fini(&r->fake);
	if (++r->uses < USES_MAX) {
		make_fresh(r);
	} else {
		net_close(r->net);
		r->net = NULL;
	}
	return 0;
}
