/* Segments: each gets a copy of all headers, with lengths, numbers and checksums of its
 * own; their payload stays where it is.
 *
 * IPv4: RFC 791; IPv6: RFC 8200; TCP: RFC 9293; UDP: RFC 768; checksums: RFC 1071. */
#include "net/finish.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "net/offload.h"

enum {
	ETHERTYPE_AT = 12,
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_VLAN = 0x8100,
	VLAN_BYTES = 4,

	IPV4_BYTES = 20, /* without options */
	IPV4_LENGTH = 2,
	IPV4_ID = 4,
	IPV4_FRAGMENT = 6,
	IPV4_PROTOCOL = 9,
	IPV4_CSUM = 10,
	IPV4_ADDRESSES = 12,
	IPV6_BYTES = 40,
	IPV6_LENGTH = 4,
	IPV6_NEXT = 6,
	IPV6_ADDRESSES = 8,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,

	TCP_BYTES = 20, /* without options */
	TCP_SEQUENCE = 4,
	TCP_DATA_OFFSET = 12,
	TCP_FLAGS = 13,
	TCP_CSUM = 16,
	TCP_FIN_PSH = 0x09,
	TCP_CWR = 0x80,
	UDP_BYTES = 8,
	UDP_LENGTH = 4,
	UDP_CSUM = 6,
};

/* Ethernet with a tag, IPv4 and TCP with all options. */
#define HEADERS_BYTES_MAX (NET_HEADER_BYTES + 4u + 60u + 60u)
/* No honest sender asks for more: 64 KiB in segments of 64 bytes. */
#define SEGMENTS_MAX 1024u

/* ---- checksums ------------------------------------------------------------------- */

/* Sum of 16-bit words, the last byte padded; not folded. */
static uint64_t sum_words(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;

	for (; len >= 4; p += 4, len -= 4)
		sum += be32_load(p);
	if (len >= 2) {
		sum += be16_load(p);
		p += 2;
		len -= 2;
	}
	return len > 0 ? sum + ((uint64_t)*p << 8) : sum;
}

/* The checksum field's value.  0 means "none" in UDP and is the same number as 0xffff
 * to all who add up. */
static uint16_t fold(uint64_t sum)
{
	uint16_t csum;

	sum = (sum >> 32) + (sum & UINT32_MAX);
	sum = (sum >> 32) + (sum & UINT32_MAX);
	sum = (sum >> 16) + (sum & UINT16_MAX);
	sum = (sum >> 16) + (sum & UINT16_MAX);
	csum = (uint16_t)~sum;
	return csum != 0 ? csum : UINT16_MAX;
}

/* The field holds the pseudo header's sum already (virtio 1.2, 5.1.6.2). */
static void complete_csum(uint8_t *bytes, size_t len, const struct net_offload *o)
{
	uint8_t *const start = bytes + o->csum_start;

	be16_store(start + o->csum_offset, fold(sum_words(start, len - o->csum_start)));
}

/* ---- headers --------------------------------------------------------------------- */

struct headers {
	size_t ip, transport, payload; /* where they begin */
	bool ipv6, tcp;
};

static int find_ip(const uint8_t *bytes, size_t len, struct headers *h)
{
	unsigned type;

	h->ip = NET_HEADER_BYTES;
	type = be16_load(bytes + ETHERTYPE_AT);
	if (type == ETHERTYPE_VLAN && len >= NET_HEADER_BYTES + VLAN_BYTES) {
		type = be16_load(bytes + ETHERTYPE_AT + VLAN_BYTES);
		h->ip += VLAN_BYTES;
	}
	h->ipv6 = type == ETHERTYPE_IPV6;
	return h->ipv6 || type == ETHERTYPE_IPV4 ? 0 : -EBADMSG;
}

/* Where the transport header begins, and of which protocol it is. */
static int find_transport(const uint8_t *bytes, size_t len, struct headers *h, unsigned *protocol)
{
	const uint8_t *ip = bytes + h->ip;
	size_t ip_bytes;

	if (len < h->ip + (h->ipv6 ? IPV6_BYTES : IPV4_BYTES))
		return -EBADMSG;
	if (h->ipv6) {
		/* Nobody offers segmentation behind extension headers. */
		*protocol = ip[IPV6_NEXT];
		ip_bytes = IPV6_BYTES;
	} else {
		*protocol = ip[IPV4_PROTOCOL];
		ip_bytes = 4u * (ip[0] & 15u);
		/* Only the bit "don't fragment" may be set. */
		if (be16_load(ip + IPV4_FRAGMENT) & 0xbfff)
			return -EBADMSG;
	}
	if (ip[0] >> 4 != (h->ipv6 ? 6 : 4) || ip_bytes < IPV4_BYTES)
		return -EBADMSG;
	h->transport = h->ip + ip_bytes;
	return h->transport <= len ? 0 : -EBADMSG;
}

static int find_payload(const uint8_t *bytes, size_t len, struct headers *h)
{
	size_t transport_bytes = UDP_BYTES;

	if (h->tcp) {
		if (len < h->transport + TCP_BYTES)
			return -EBADMSG;
		transport_bytes = 4u * (bytes[h->transport + TCP_DATA_OFFSET] >> 4);
		if (transport_bytes < TCP_BYTES)
			return -EBADMSG;
	}
	h->payload = h->transport + transport_bytes;
	return h->payload <= len ? 0 : -EBADMSG;
}

/* Whether the frame is what o->gso says. */
static int parse_headers(const uint8_t *bytes, size_t len, const struct net_offload *o,
			 struct headers *h)
{
	const bool any_ip = o->gso == NET_GSO_UDP_L4;
	unsigned protocol;

	h->tcp = o->gso == NET_GSO_TCP4 || o->gso == NET_GSO_TCP6;
	if (!h->tcp && o->gso != NET_GSO_UDP_L4)
		return -EBADMSG;
	if (find_ip(bytes, len, h) < 0 || find_transport(bytes, len, h, &protocol) < 0 ||
	    (!any_ip && h->ipv6 != (o->gso == NET_GSO_TCP6)) ||
	    protocol != (h->tcp ? PROTOCOL_TCP : PROTOCOL_UDP) || h->transport != o->csum_start)
		return -EBADMSG;
	return find_payload(bytes, len, h);
}

/* ---- segments -------------------------------------------------------------------- */

struct segment {
	size_t offset, bytes; /* of the payload */
	unsigned number;
	bool last;
};

static void set_ip(uint8_t *ip, const struct headers *h, const struct segment *s)
{
	const size_t behind = h->payload - h->transport + s->bytes;

	if (h->ipv6) {
		be16_store(ip + IPV6_LENGTH, (uint16_t)behind);
		return;
	}
	be16_store(ip + IPV4_LENGTH, (uint16_t)(h->transport - h->ip + behind));
	be16_store(ip + IPV4_ID, (uint16_t)(be16_load(ip + IPV4_ID) + s->number));
	be16_store(ip + IPV4_CSUM, 0);
	be16_store(ip + IPV4_CSUM, fold(sum_words(ip, h->transport - h->ip)));
}

static void set_tcp(uint8_t *tcp, const struct segment *s)
{
	be32_store(tcp + TCP_SEQUENCE, be32_load(tcp + TCP_SEQUENCE) + (uint32_t)s->offset);
	if (!s->last)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_FIN_PSH;
	if (s->number > 0)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR; /* RFC 3168, 6.1.2: once a window */
}

static void set_transport_csum(uint8_t *headers, const struct headers *h, const uint8_t *payload,
			       const struct segment *s)
{
	const uint8_t *addresses = headers + h->ip + (h->ipv6 ? IPV6_ADDRESSES : IPV4_ADDRESSES);
	const size_t transport_bytes = h->payload - h->transport;
	uint8_t *const field = headers + h->transport + (h->tcp ? TCP_CSUM : UDP_CSUM);
	uint64_t sum = (h->tcp ? PROTOCOL_TCP : PROTOCOL_UDP) + transport_bytes + s->bytes;

	be16_store(field, 0);
	sum += sum_words(addresses, h->ipv6 ? 32 : 8);
	/* Headers are of even length, so that the words go on in the payload. */
	sum += sum_words(headers + h->transport, transport_bytes);
	sum += sum_words(payload, s->bytes);
	be16_store(field, fold(sum));
}

/* headers  a copy that is this segment's own */
static void set_headers(uint8_t *headers, const struct headers *h, const uint8_t *payload,
			const struct segment *s)
{
	set_ip(headers + h->ip, h, s);
	if (h->tcp)
		set_tcp(headers + h->transport, s);
	else
		be16_store(headers + h->transport + UDP_LENGTH, (uint16_t)(UDP_BYTES + s->bytes));
	set_transport_csum(headers, h, payload, s);
}

static int cut(uint8_t *bytes, size_t len, const struct net_offload *o,
	       void (*emit)(void *arg, const struct net_frame *f), void *arg)
{
	uint8_t copy[HEADERS_BYTES_MAX];
	struct headers h;
	size_t payload_bytes, count;

	if (parse_headers(bytes, len, o, &h) < 0)
		return -EBADMSG;
	payload_bytes = len - h.payload;
	count = payload_bytes > 0 ? (payload_bytes - 1) / o->gso_bytes + 1 : 1;
	if (count > SEGMENTS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < count; i++) {
		struct segment s = { .offset = i * o->gso_bytes, .number = (unsigned)i };
		struct iovec iov[2];

		s.last = i == count - 1;
		s.bytes = s.last ? payload_bytes - s.offset : o->gso_bytes;
		memcpy(copy, bytes, h.payload);
		iov[0] = (struct iovec){ copy, h.payload };
		iov[1] = (struct iovec){ bytes + h.payload + s.offset, s.bytes };
		set_headers(copy, &h, iov[1].iov_base, &s);
		emit(arg, &(struct net_frame){ .iov = iov,
					       .iov_count = s.bytes > 0 ? 2 : 1,
					       .len = (uint32_t)(h.payload + s.bytes) });
	}
	return 0;
}

int net_finish(uint8_t *bytes, size_t len, const struct net_offload *o, unsigned can,
	       void (*emit)(void *arg, const struct net_frame *f), void *arg)
{
	const unsigned needs = net_offload_needs(o);
	const struct iovec iov = { bytes, len };
	struct net_frame f = { .iov = &iov, .iov_count = 1, .len = (uint32_t)len, .offload = *o };

	if ((needs & ~can) == 0) {
		emit(arg, &f);
		return 0;
	}
	if (o->gso != NET_GSO_NONE)
		return cut(bytes, len, o, emit, arg);
	complete_csum(bytes, len, o);
	f.offload = (struct net_offload){ .needs_csum = false };
	emit(arg, &f);
	return 0;
}
