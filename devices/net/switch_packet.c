#include "net/switch_packet.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

int switch_packet_parse(const uint8_t raw[SWITCH_HEADER_BYTES], size_t len,
			struct switch_packet *out)
{
	*out = (struct switch_packet){ .frame_bytes = 0 };
	if (len < SWITCH_HEADER_BYTES || raw[1] != SWITCH_VERSION || le16_load(raw + 2) != 0 ||
	    raw[0] < SWITCH_HELLO || raw[0] > SWITCH_FRAME)
		return -EPROTO;
	out->kind = (enum switch_kind)raw[0];
	if (out->kind != SWITCH_FRAME) {
		out->word = le32_load(raw + 4);
		return len == SWITCH_HEADER_BYTES ? 0 : -EPROTO;
	}
	out->frame_bytes = len - SWITCH_HEADER_BYTES;
	if (out->frame_bytes < NET_HEADER_BYTES || out->frame_bytes > NET_FRAME_BYTES_MAX)
		return -EBADMSG;
	return net_offload_parse(raw + 4, out->frame_bytes, SWITCH_CAN, &out->offload);
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
