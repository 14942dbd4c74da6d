#include "nat/wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"

int wire_ether_parse(const uint8_t *bytes, size_t len, struct wire_ether *out)
{
	if (len < WIRE_ETHER_BYTES)
		return -EBADMSG;
	memcpy(out->dst, bytes, NET_MAC_BYTES);
	memcpy(out->src, bytes + 6, NET_MAC_BYTES);
	out->type = be16_load(bytes + 12);
	return out->src[0] & 1 ? -EBADMSG : 0; /* no group sends */
}

void wire_ether_emit(const struct wire_ether *e, uint8_t bytes[WIRE_ETHER_BYTES])
{
	memcpy(bytes, e->dst, NET_MAC_BYTES);
	memcpy(bytes + 6, e->src, NET_MAC_BYTES);
	be16_store(bytes + 12, e->type);
}

/* ---- ARP ------------------------------------------------------------------------------- */

/* Hardware type 1 (Ethernet), protocol type, and the lengths of addresses of both. */
static const uint8_t arp_kind[] = { 0, 1, 8, 0, NET_MAC_BYTES, 4 };

int wire_arp_parse(const uint8_t *bytes, size_t len, struct wire_arp *out)
{
	if (len < WIRE_ARP_BYTES || memcmp(bytes, arp_kind, sizeof(arp_kind)) != 0)
		return -EBADMSG;
	out->op = be16_load(bytes + 6);
	memcpy(out->sender_mac, bytes + 8, NET_MAC_BYTES);
	out->sender_ip = be32_load(bytes + 14);
	memcpy(out->target_mac, bytes + 18, NET_MAC_BYTES);
	out->target_ip = be32_load(bytes + 24);
	return 0;
}

void wire_arp_emit(const struct wire_arp *a, uint8_t bytes[WIRE_ARP_BYTES])
{
	memcpy(bytes, arp_kind, sizeof(arp_kind));
	be16_store(bytes + 6, a->op);
	memcpy(bytes + 8, a->sender_mac, NET_MAC_BYTES);
	be32_store(bytes + 14, a->sender_ip);
	memcpy(bytes + 18, a->target_mac, NET_MAC_BYTES);
	be32_store(bytes + 24, a->target_ip);
}

/* ---- IPv4 ------------------------------------------------------------------------------ */

#define IP_DF	       0x4000u
#define IP_MF	       0x2000u
#define IP_OFFSET_MASK 0x1fffu /* in units of 8 bytes */

int wire_ip4_parse(const uint8_t *bytes, size_t len, size_t packet_len, struct wire_ip4 *out)
{
	uint16_t fragment;

	if (len < WIRE_IP4_BYTES || bytes[0] >> 4 != 4)
		return -EBADMSG;
	fragment = be16_load(bytes + 6);
	*out = (struct wire_ip4){
		.header_bytes = (uint16_t)((bytes[0] & 15) * 4),
		.tos = bytes[1],
		.total_bytes = be16_load(bytes + 2),
		.id = be16_load(bytes + 4),
		.dont_fragment = fragment & IP_DF,
		.more_fragments = fragment & IP_MF,
		.fragment_at = (uint16_t)((fragment & IP_OFFSET_MASK) * 8),
		.ttl = bytes[8],
		.proto = bytes[9],
		.src = be32_load(bytes + 12),
		.dst = be32_load(bytes + 16),
	};
	if (out->header_bytes < WIRE_IP4_BYTES || out->header_bytes > len ||
	    out->total_bytes < out->header_bytes || out->total_bytes > packet_len)
		return -EBADMSG;
	return wire_sum_fold(wire_sum(0, bytes, out->header_bytes)) == 0xffff ? 0 : -EBADMSG;
}

void wire_ip4_emit(const struct wire_ip4 *ip, uint8_t bytes[WIRE_IP4_BYTES])
{
	assert(ip->total_bytes <= UINT16_MAX && ip->fragment_at % 8 == 0);
	bytes[0] = 0x45;
	bytes[1] = ip->tos;
	be16_store(bytes + 2, (uint16_t)ip->total_bytes);
	be16_store(bytes + 4, ip->id);
	be16_store(bytes + 6, (uint16_t)((ip->dont_fragment ? IP_DF : 0) |
					 (ip->more_fragments ? IP_MF : 0) | ip->fragment_at / 8));
	bytes[8] = ip->ttl;
	bytes[9] = ip->proto;
	be16_store(bytes + 10, 0);
	be32_store(bytes + 12, ip->src);
	be32_store(bytes + 16, ip->dst);
	be16_store(bytes + 10, (uint16_t)~wire_sum_fold(wire_sum(0, bytes, WIRE_IP4_BYTES)));
}

/* ---- ICMP ------------------------------------------------------------------------------ */

int wire_icmp_parse(const uint8_t *bytes, size_t len, struct wire_icmp *out)
{
	if (len < WIRE_ICMP_BYTES)
		return -EBADMSG;
	*out = (struct wire_icmp){ bytes[0], bytes[1], be32_load(bytes + 4) };
	return 0;
}

void wire_icmp_emit(const struct wire_icmp *i, uint8_t bytes[WIRE_ICMP_BYTES])
{
	bytes[0] = i->type;
	bytes[1] = i->code;
	be16_store(bytes + 2, 0);
	be32_store(bytes + 4, i->rest);
}

/* ---- UDP ------------------------------------------------------------------------------- */

int wire_udp_parse(const uint8_t *bytes, size_t len, size_t packet_len, struct wire_udp *out)
{
	if (len < WIRE_UDP_BYTES)
		return -EBADMSG;
	*out = (struct wire_udp){ be16_load(bytes), be16_load(bytes + 2), be16_load(bytes + 4),
				  be16_load(bytes + 6) };
	return out->len >= WIRE_UDP_BYTES && out->len <= packet_len ? 0 : -EBADMSG;
}

void wire_udp_emit(const struct wire_udp *u, uint8_t bytes[WIRE_UDP_BYTES])
{
	be16_store(bytes, u->src_port);
	be16_store(bytes + 2, u->dst_port);
	be16_store(bytes + 4, u->len);
	be16_store(bytes + 6, u->csum);
}
