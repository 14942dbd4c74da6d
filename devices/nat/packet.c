/* Packets to the guest: headers are written by us, payload has been read straight into
 * the guest's buffers. */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "nat/internal.h"

#define IP_AT	     WIRE_ETHER_BYTES
#define TRANSPORT_AT (WIRE_ETHER_BYTES + WIRE_IP4_BYTES)
#define TTL	     64u

/* All headers of one packet. */
struct headers {
	uint8_t bytes[NAT_HEAD_BYTES];
	unsigned len;
};

unsigned nat_payload_max(const struct nat *n, unsigned transport_bytes)
{
	const unsigned mtu = n->nic ? n->nic->mtu : NET_MTU_DEFAULT;
	const unsigned headers = WIRE_IP4_BYTES + transport_bytes;

	return mtu > headers ? mtu - headers : 0;
}

/* ---- the guest's room ------------------------------------------------------------------------ */

/* Of many guests one may be slow; others go on. */
static bool is_slow(const struct nat *n, uint32_t dst)
{
	const struct net_nic_ops *ops = n->nic->ops;

	return ops->is_slow && ops->is_slow(n->nic, 0, nat_mac(n, dst));
}

bool nat_packet_begin(struct nat *n, uint32_t dst, unsigned transport_bytes, size_t payload_max,
		      struct nat_packet *p)
{
	const struct net_nic_ops *ops = n->loop ? n->nic->ops : NULL;

	p->header_bytes = TRANSPORT_AT + transport_bytes;
	if (!ops || is_slow(n, dst) ||
	    !ops->room(n->nic, 0, p->header_bytes + payload_max, &p->room))
		return false;
	p->iov_count = iov_slice(p->room.iov, p->room.iov_count, p->header_bytes, payload_max,
				 p->iov, NAT_IOV_MAX, &p->payload_max);
	if (p->room.len >= p->header_bytes + (payload_max > 0 ? 1 : 0))
		return true;
	nat_packet_cancel(n, p); /* a buffer that holds no packet */
	return false;
}

void nat_packet_cancel(struct nat *n, struct nat_packet *p)
{
	const struct net_offload none = { 0 };

	(void)p;
	n->nic->ops->commit(n->nic, 0, 0, &none);
}

/* ---- headers --------------------------------------------------------------------------------- */

/* Where the checksum field of TCP and UDP is; 0: not ours to fill in. */
static unsigned csum_offset(uint8_t proto)
{
	switch (proto) {
	case WIRE_PROTO_TCP:
		return WIRE_TCP_CSUM_OFFSET;
	case WIRE_PROTO_UDP:
		return WIRE_UDP_CSUM_OFFSET;
	default:
		return 0;
	}
}

static void write_ip(struct nat *n, const struct nat_to *to, size_t total_bytes, uint8_t *bytes)
{
	const struct wire_ip4 ip = {
		.src = to->src,
		.dst = to->dst,
		.proto = to->proto,
		.tos = to->tos,
		.ttl = TTL,
		.id = n->ip_id++,
		.total_bytes = (uint32_t)total_bytes,
	};

	wire_ip4_emit(&ip, bytes);
}

static void write_ether(const struct nat *n, const struct nat_to *to, uint8_t *bytes)
{
	struct wire_ether e = { .type = WIRE_TYPE_IP4 };

	if (to->dst == UINT32_MAX)
		memset(e.dst, 0xff, NET_MAC_BYTES);
	else
		memcpy(e.dst, to->mac ? to->mac : nat_mac(n, to->dst), NET_MAC_BYTES);
	memcpy(e.src, to->src == n->dns_ip ? n->dns_mac : n->gateway_mac, NET_MAC_BYTES);
	wire_ether_emit(&e, bytes);
}

static void write_headers(struct nat *n, struct headers *h, const struct nat_to *to,
			  const uint8_t *transport, unsigned transport_bytes, size_t payload_len)
{
	write_ether(n, to, h->bytes);
	write_ip(n, to, WIRE_IP4_BYTES + transport_bytes + payload_len, h->bytes + IP_AT);
	memcpy(h->bytes + TRANSPORT_AT, transport, transport_bytes);
	h->len = TRANSPORT_AT + transport_bytes;
}

/* payload_sum: wire_sum() of it. */
static void finish_checksum(struct headers *h, const struct nat_to *to, size_t payload_len,
			    uint64_t payload_sum)
{
	const unsigned offset = csum_offset(to->proto);
	const uint32_t transport_bytes = h->len - TRANSPORT_AT;
	uint8_t *transport = h->bytes + TRANSPORT_AT;
	uint64_t sum = payload_sum;
	uint16_t csum;

	if (!offset)
		return;
	be16_store(transport + offset, 0);
	sum += wire_sum_pseudo(to->src, to->dst, to->proto,
			       transport_bytes + (uint32_t)payload_len);
	csum = (uint16_t)~wire_sum_fold(wire_sum(sum, transport, transport_bytes));
	if (csum == 0 && to->proto == WIRE_PROTO_UDP)
		csum = 0xffff; /* 0 would mean: none (RFC 768) */
	be16_store(transport + offset, csum);
}

/* Leave the sum to the guest: the field holds that of the pseudo header. */
static void leave_checksum(struct headers *h, const struct nat_to *to, size_t payload_len,
			   uint16_t gso_bytes, struct net_offload *o)
{
	const unsigned offset = csum_offset(to->proto);
	const uint32_t len = h->len - TRANSPORT_AT + (uint32_t)payload_len;

	be16_store(h->bytes + TRANSPORT_AT + offset,
		   wire_sum_fold(wire_sum_pseudo(to->src, to->dst, to->proto, len)));
	*o = (struct net_offload){
		.needs_csum = true,
		.csum_start = TRANSPORT_AT,
		.csum_offset = (uint16_t)offset,
		.gso = gso_bytes ? NET_GSO_TCP4 : NET_GSO_NONE,
		.gso_bytes = gso_bytes,
		.header_bytes = (uint16_t)h->len,
	};
}

void nat_packet_send(struct nat *n, struct nat_packet *p, const struct nat_to *to,
		     uint8_t *transport, size_t payload_len, uint16_t gso_bytes)
{
	struct net_offload offload = { 0 };
	struct headers h;

	assert(payload_len <= p->payload_max);
	assert(!gso_bytes || to->proto == WIRE_PROTO_TCP);
	write_headers(n, &h, to, transport, p->header_bytes - TRANSPORT_AT, payload_len);
	/* A driver may change its mind at any time, but not about this packet. */
	if (gso_bytes || (n->guest_csum && csum_offset(to->proto)))
		leave_checksum(&h, to, payload_len, gso_bytes, &offload);
	else
		finish_checksum(&h, to, payload_len,
				wire_sum_iov(0, p->iov, p->iov_count, 0, payload_len));
	iov_write(p->room.iov, p->room.iov_count, 0, h.bytes, h.len);
	n->nic->ops->commit(n->nic, 0, h.len + payload_len, &offload);
}

/* ---- whole packets of ours ---------------------------------------------------------- */

static void lost(struct nat *n)
{
	nat_count(&n->stats.no_room);
	if (n->nic && n->nic->ops->dropped)
		n->nic->ops->dropped(n->nic, 0);
}

static bool deliver(struct nat *n, const uint8_t *frame, size_t len)
{
	const struct net_offload none = { 0 };
	struct net_room room;

	if (!n->loop || !n->nic->ops->room(n->nic, 0, len, &room))
		return false;
	len = room.len < len ? 0 : len;
	iov_write(room.iov, room.iov_count, 0, frame, len);
	n->nic->ops->commit(n->nic, 0, len, &none);
	return true;
}

static void queue(struct nat *n, const uint8_t *frame, size_t len)
{
	struct nat_small *s = &n->small[(n->small_at + n->small_count) % NAT_SMALL_COUNT];

	assert(len <= NAT_SMALL_BYTES);
	if (n->small_count == NAT_SMALL_COUNT) {
		lost(n);
		return;
	}
	n->small_count++;
	s->len = (uint16_t)len;
	memcpy(s->bytes, frame, len);
}

void nat_send_frame(struct nat *n, const uint8_t *frame, size_t len)
{
	if (n->small_count > 0 || !deliver(n, frame, len))
		queue(n, frame, len);
}

void nat_packets_resume(struct nat *n)
{
	while (n->small_count > 0) {
		const struct nat_small *s = &n->small[n->small_at];

		if (!deliver(n, s->bytes, s->len))
			return;
		n->small_at = (n->small_at + 1) % NAT_SMALL_COUNT;
		n->small_count--;
	}
}

void nat_send_small(struct nat *n, const struct nat_to *to, uint8_t *transport,
		    unsigned transport_bytes, const void *payload, size_t payload_len)
{
	uint8_t frame[NAT_SMALL_BYTES];
	struct headers h;

	write_headers(n, &h, to, transport, transport_bytes, payload_len);
	if (h.len + payload_len > sizeof(frame)) {
		lost(n);
		return;
	}
	finish_checksum(&h, to, payload_len, wire_sum(0, payload, payload_len));
	memcpy(frame, h.bytes, h.len);
	if (payload_len > 0)
		memcpy(frame + h.len, payload, payload_len);
	nat_send_frame(n, frame, h.len + payload_len);
}

/* ---- datagrams of any size ---------------------------------------------------------- */

/* Where a datagram that goes in fragments is (RFC 791, 3.2). */
struct cut {
	const struct iovec *iov; /* transport header and payload */
	unsigned iov_count;
	size_t at, len; /* of what lies in iov */
	uint16_t id;
};

/* Room for all of it, or none. */
static bool begin_whole(struct nat *n, uint32_t dst, unsigned transport_bytes, size_t payload_len,
			struct nat_packet *p)
{
	if (!nat_packet_begin(n, dst, transport_bytes, payload_len, p))
		return false;
	if (p->payload_max < payload_len)
		nat_packet_cancel(n, p);
	return p->payload_max == payload_len;
}

/* False: no room. */
static bool send_fragment(struct nat *n, const struct nat_to *to, struct cut *c, size_t most)
{
	const size_t len = min_u64(c->len - c->at, most);
	const struct wire_ip4 ip = {
		.src = to->src,
		.dst = to->dst,
		.proto = to->proto,
		.tos = to->tos,
		.ttl = TTL,
		.id = c->id,
		.fragment_at = (uint16_t)c->at,
		.more_fragments = c->at + len < c->len,
		.total_bytes = (uint32_t)(WIRE_IP4_BYTES + len),
	};
	const struct net_offload none = { 0 };
	uint8_t headers[TRANSPORT_AT];
	struct iovec piece[2];
	struct nat_packet p;
	size_t at = 0;
	unsigned count;

	if (!begin_whole(n, to->dst, 0, len, &p))
		return false;
	write_ether(n, to, headers);
	wire_ip4_emit(&ip, headers + IP_AT);
	iov_write(p.room.iov, p.room.iov_count, 0, headers, sizeof(headers));
	count = iov_slice(c->iov, c->iov_count, c->at, len, piece, ARRAY_LEN(piece), NULL);
	for (unsigned i = 0; i < count; at += piece[i++].iov_len)
		iov_write(p.iov, p.iov_count, at, piece[i].iov_base, piece[i].iov_len);
	n->nic->ops->commit(n->nic, 0, sizeof(headers) + len, &none);
	c->at += len;
	return true;
}

/* False: no room. */
static bool send_whole(struct nat *n, const struct nat_to *to, uint8_t *transport,
		       unsigned transport_bytes, const void *payload, size_t payload_len)
{
	struct nat_packet p;

	if (!begin_whole(n, to->dst, transport_bytes, payload_len, &p))
		return false;
	iov_write(p.iov, p.iov_count, 0, payload, payload_len);
	nat_packet_send(n, &p, to, transport, payload_len, 0);
	return true;
}

static void send_fragments(struct nat *n, const struct nat_to *to, struct cut *c)
{
	const size_t most = nat_payload_max(n, 0) & ~(size_t)7;

	while (c->at < c->len) {
		if (most == 0 || !send_fragment(n, to, c, most)) {
			lost(n);
			return;
		}
	}
}

void nat_send_datagram(struct nat *n, const struct nat_to *to, uint8_t *transport,
		       unsigned transport_bytes, const void *payload, size_t payload_len)
{
	const struct iovec iov[2] = { { transport, transport_bytes },
				      { (void *)(uintptr_t)payload, payload_len } };
	struct cut c = { .iov = iov, .iov_count = 2, .len = transport_bytes + payload_len };
	struct headers h;

	if (payload_len <= nat_payload_max(n, transport_bytes)) {
		if (!send_whole(n, to, transport, transport_bytes, payload, payload_len))
			nat_send_small(n, to, transport, transport_bytes, payload, payload_len);
		return;
	}
	write_headers(n, &h, to, transport, transport_bytes, payload_len);
	finish_checksum(&h, to, payload_len, wire_sum(0, payload, payload_len));
	memcpy(transport, h.bytes + TRANSPORT_AT, transport_bytes);
	c.id = n->ip_id++;
	send_fragments(n, to, &c);
}
