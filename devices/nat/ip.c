/* IPv4, RFC 791, as far as a router whose neighbours are guests needs it (RFC 1812): checks,
 * time to live, and who gets it. */
#include "nat/ip.h"

#include "nat/icmp.h"
#include "nat/tcp.h"
#include "nat/udp.h"

typedef void (*protocol_input)(struct nat *n, const struct nat_in *in);

static const protocol_input protocols[UINT8_MAX + 1] = {
	[WIRE_PROTO_ICMP] = icmp_input,
	[WIRE_PROTO_TCP] = tcp_input,
	[WIRE_PROTO_UDP] = udp_input,
};

/* The transport's checksum.  The guest may leave that of TCP and UDP to us (virtio 1.2,
 * 5.1.6.2): the packet crosses no wire, so nobody fills it in and nobody needs it. */
static bool checksum_right(const struct nat_in *in)
{
	const struct net_frame *f = in->frame;
	uint64_t sum = 0;

	if (f->offload.needs_csum)
		return true;
	if (in->ip.proto != WIRE_PROTO_ICMP)
		sum = wire_sum_pseudo(in->ip.src, in->ip.dst, in->ip.proto, in->len);
	if (in->ip.proto == WIRE_PROTO_UDP && in->len >= WIRE_UDP_BYTES) {
		const uint8_t *field = in->head + in->at + WIRE_UDP_CSUM_OFFSET;

		if (field[0] == 0 && field[1] == 0)
			return true; /* none was made: RFC 768 */
	}
	sum = wire_sum_iov(sum, f->iov, f->iov_count, in->at, in->len);
	return wire_sum_fold(sum) == 0xffff;
}

/* Only a host of the network may send, and none of ours.  Without an address of its
 * own yet it has only DHCP to talk to (RFC 1122, 3.2.1.3 (a)). */
static bool source_right(const struct nat *n, const struct wire_ip4 *ip)
{
	return ip->src == 0 ? ip->proto == WIRE_PROTO_UDP : nat_is_guest(n, ip->src);
}

/* As a router: one hop less (RFC 1812, 5.3.1). */
static bool lives_on(struct nat *n, const struct nat_in *in)
{
	if (in->ip.ttl > 1 || (in->ip.dst & NAT_NETMASK) == n->network_ip ||
	    in->ip.dst == UINT32_MAX)
		return true;
	nat_icmp_error(n, in, WIRE_ICMP_TIME_EXCEEDED, 0, 0);
	return false;
}

void ip_input(struct nat *n, struct nat_in *in)
{
	const size_t head_len = in->head_len - WIRE_ETHER_BYTES;
	protocol_input input;

	if (wire_ip4_parse(in->head + WIRE_ETHER_BYTES, head_len, in->frame->len - WIRE_ETHER_BYTES,
			   &in->ip) < 0) {
		nat_count(&n->stats.malformed);
		return;
	}
	in->at = WIRE_ETHER_BYTES + in->ip.header_bytes;
	in->len = in->ip.total_bytes - in->ip.header_bytes;
	if (!source_right(n, &in->ip)) {
		nat_count(&n->stats.refused);
		return;
	}
	nat_hear(n, in->ip.src, in->ether.src);
	if (in->ip.more_fragments || in->ip.fragment_at > 0) {
		nat_count(&n->stats.fragments);
		return;
	}
	input = protocols[in->ip.proto];
	if (!input) {
		nat_count(&n->stats.unsupported);
		nat_icmp_error(n, in, WIRE_ICMP_UNREACHABLE, WIRE_ICMP_PROTOCOL, 0);
	} else if (!checksum_right(in)) {
		nat_count(&n->stats.malformed);
	} else if (lives_on(n, in)) {
		input(n, in);
	}
}
