/* ARP, RFC 826: the router and the name server have addresses; nobody else does. */
#include "nat/arp.h"

#include <string.h>

#include "base/bytes.h"

static const uint8_t *mac_of(const struct nat *n, uint32_t ip)
{
	if (ip == n->gateway_ip)
		return n->gateway_mac;
	return ip == n->dns_ip ? n->dns_mac : NULL;
}

static void answer(struct nat *n, const struct wire_arp *request, const uint8_t *mac)
{
	uint8_t frame[WIRE_ETHER_BYTES + WIRE_ARP_BYTES];
	struct wire_ether e = { .type = WIRE_TYPE_ARP };
	struct wire_arp reply = {
		.op = WIRE_ARP_REPLY,
		.sender_ip = request->target_ip,
		.target_ip = request->sender_ip,
	};

	memcpy(reply.sender_mac, mac, NET_MAC_BYTES);
	memcpy(reply.target_mac, request->sender_mac, NET_MAC_BYTES);
	memcpy(e.src, mac, NET_MAC_BYTES);
	memcpy(e.dst, request->sender_mac, NET_MAC_BYTES);
	wire_ether_emit(&e, frame);
	wire_arp_emit(&reply, frame + WIRE_ETHER_BYTES);
	nat_send_frame(n, frame, sizeof(frame));
}

void arp_probe(struct nat *n, uint32_t ip)
{
	uint8_t frame[WIRE_ETHER_BYTES + WIRE_ARP_BYTES];
	struct wire_ether e = { .type = WIRE_TYPE_ARP };
	struct wire_arp request = { .op = WIRE_ARP_REQUEST,
				    .sender_ip = n->gateway_ip,
				    .target_ip = ip };

	memset(e.dst, 0xff, NET_MAC_BYTES);
	memcpy(e.src, n->gateway_mac, NET_MAC_BYTES);
	memcpy(request.sender_mac, n->gateway_mac, NET_MAC_BYTES);
	wire_ether_emit(&e, frame);
	wire_arp_emit(&request, frame + WIRE_ETHER_BYTES);
	nat_send_frame(n, frame, sizeof(frame));
}

void arp_input(struct nat *n, const uint8_t *bytes, size_t len)
{
	struct wire_arp a;
	const uint8_t *mac;

	if (wire_arp_parse(bytes, len, &a) < 0 || a.sender_mac[0] & 1) {
		nat_count(&n->stats.malformed);
		return;
	}
	nat_hear(n, a.sender_ip, a.sender_mac);
	/* A gratuitous one asks for the guest's own address: nothing to answer.  A probe
	 * (sender 0, RFC 5227, 2.1.1) of ours is answered, and so finds it taken. */
	mac = mac_of(n, a.target_ip);
	if (a.op == WIRE_ARP_REQUEST && mac)
		answer(n, &a, mac);
}
