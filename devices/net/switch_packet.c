#include "net/switch_packet.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "net/mac.h"

/* Offsets in a lease's message. */
enum { LEASE_IP = 4, LEASE_MAC = 8, LEASE_ZERO = 14, LEASE_HOSTNAME = SWITCH_HEADER_BYTES };

/* As far as its header tells. */
static int judge_lease(const uint8_t raw[SWITCH_HEADER_BYTES], size_t len)
{
	const bool right = len == SWITCH_LEASE_BYTES && le16_load(raw + LEASE_ZERO) == 0;

	return right && !net_mac_is_group(raw + LEASE_MAC) ? 0 : -EPROTO;
}

int switch_packet_parse(const uint8_t raw[SWITCH_HEADER_BYTES], size_t len,
			struct switch_packet *out)
{
	*out = (struct switch_packet){ .frame_bytes = 0 };
	if (len < SWITCH_HEADER_BYTES || raw[1] != SWITCH_VERSION || le16_load(raw + 2) != 0 ||
	    raw[0] < SWITCH_HELLO || raw[0] > SWITCH_LEASE)
		return -EPROTO;
	out->kind = (enum switch_kind)raw[0];
	if (out->kind == SWITCH_LEASE)
		return judge_lease(raw, len);
	if (out->kind != SWITCH_FRAME) {
		out->word = le32_load(raw + 4);
		return len == SWITCH_HEADER_BYTES ? 0 : -EPROTO;
	}
	out->frame_bytes = len - SWITCH_HEADER_BYTES;
	if (out->frame_bytes < NET_HEADER_BYTES || out->frame_bytes > NET_FRAME_BYTES_MAX)
		return -EBADMSG;
	return net_offload_parse(raw + 4, out->frame_bytes, SWITCH_CAN, &out->offload);
}

void switch_lease_parse(const uint8_t raw[SWITCH_LEASE_BYTES], struct net_lease *out)
{
	const char *raw_hostname = (const char *)raw + LEASE_HOSTNAME;

	out->ip = le32_load(raw + LEASE_IP);
	memcpy(out->mac, raw + LEASE_MAC, NET_MAC_BYTES);
	net_hostname_take(raw + LEASE_HOSTNAME, strnlen(raw_hostname, NET_HOSTNAME_BYTES),
			  out->hostname);
}

void switch_packet_emit(enum switch_kind kind, uint32_t word, uint8_t raw[SWITCH_HEADER_BYTES])
{
	memset(raw, 0, SWITCH_HEADER_BYTES);
	raw[0] = (uint8_t)kind;
	raw[1] = SWITCH_VERSION;
	le32_store(raw + 4, word);
}

void switch_frame_emit(const struct net_offload *o, uint8_t raw[SWITCH_HEADER_BYTES])
{
	raw[0] = SWITCH_FRAME;
	raw[1] = SWITCH_VERSION;
	le16_store(raw + 2, 0);
	net_offload_emit(o, raw + 4);
}

void switch_lease_emit(const struct net_lease *lease, uint8_t raw[SWITCH_LEASE_BYTES])
{
	memset(raw, 0, SWITCH_LEASE_BYTES);
	raw[0] = SWITCH_LEASE;
	raw[1] = SWITCH_VERSION;
	le32_store(raw + LEASE_IP, lease->ip);
	memcpy(raw + LEASE_MAC, lease->mac, NET_MAC_BYTES);
	memcpy(raw + LEASE_HOSTNAME, lease->hostname, strlen(lease->hostname));
}
