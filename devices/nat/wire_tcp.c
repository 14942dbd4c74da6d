/* The TCP header and those of its options that matter here. */
#include "nat/wire.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

/* RFC 9293, 3.1 and 3.2; RFC 7323, 2.2 and 3.2. */
enum {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_WINDOW_SCALE = 3,
	OPTION_STAMPS = 8,
};
#define MSS_BYTES	   4u
#define WINDOW_SCALE_BYTES 3u
#define WINDOW_SCALE_MAX   14u
#define STAMPS_BYTES	   10u

static void parse_option(const uint8_t *option, unsigned len, struct wire_tcp *out)
{
	if (option[0] == OPTION_MSS && len == MSS_BYTES) {
		out->mss = be16_load(option + 2);
	} else if (option[0] == OPTION_WINDOW_SCALE && len == WINDOW_SCALE_BYTES) {
		/* RFC 7323, 2.3: more than 14 counts as 14. */
		out->window_scale = (int8_t)min_u64(option[2], WINDOW_SCALE_MAX);
	} else if (option[0] == OPTION_STAMPS && len == STAMPS_BYTES) {
		out->stamped = true;
		out->stamp = be32_load(option + 2);
		out->stamp_echo = be32_load(option + 6);
	}
}

static void parse_options(const uint8_t *bytes, unsigned len, struct wire_tcp *out)
{
	unsigned at = 0;

	while (at < len && bytes[at] != OPTION_END) {
		unsigned n = 1;

		if (bytes[at] != OPTION_NOP) {
			if (len - at < 2 || bytes[at + 1] < 2 || bytes[at + 1] > len - at)
				return;
			n = bytes[at + 1];
			parse_option(bytes + at, n, out);
		}
		at += n;
	}
}

int wire_tcp_parse(const uint8_t *bytes, size_t len, size_t packet_len, struct wire_tcp *out)
{
	if (len < WIRE_TCP_BYTES)
		return -EBADMSG;
	*out = (struct wire_tcp){
		.src_port = be16_load(bytes),
		.dst_port = be16_load(bytes + 2),
		.seq = be32_load(bytes + 4),
		.ack = be32_load(bytes + 8),
		.header_bytes = (uint16_t)((bytes[12] >> 4) * 4),
		.flags = bytes[13],
		.window = be16_load(bytes + 14),
		.urgent = be16_load(bytes + 18),
		.window_scale = -1,
	};
	if (out->header_bytes < WIRE_TCP_BYTES || out->header_bytes > len ||
	    out->header_bytes > packet_len)
		return -EBADMSG;
	parse_options(bytes + WIRE_TCP_BYTES, out->header_bytes - WIRE_TCP_BYTES, out);
	return 0;
}

unsigned wire_tcp_emit(const struct wire_tcp *t, uint8_t bytes[WIRE_TCP_BYTES_MAX])
{
	unsigned len = WIRE_TCP_BYTES;

	if (t->mss) {
		bytes[len] = OPTION_MSS;
		bytes[len + 1] = MSS_BYTES;
		be16_store(bytes + len + 2, t->mss);
		len += MSS_BYTES;
	}
	if (t->window_scale >= 0) {
		bytes[len] = OPTION_NOP; /* to whole words */
		bytes[len + 1] = OPTION_WINDOW_SCALE;
		bytes[len + 2] = WINDOW_SCALE_BYTES;
		bytes[len + 3] = (uint8_t)t->window_scale;
		len += WINDOW_SCALE_BYTES + 1;
	}
	if (t->stamped) {
		bytes[len] = bytes[len + 1] = OPTION_NOP; /* as RFC 7323, A, has it */
		bytes[len + 2] = OPTION_STAMPS;
		bytes[len + 3] = STAMPS_BYTES;
		be32_store(bytes + len + 4, t->stamp);
		be32_store(bytes + len + 8, t->stamp_echo);
		len += WIRE_TCP_STAMP_BYTES;
	}
	be16_store(bytes, t->src_port);
	be16_store(bytes + 2, t->dst_port);
	be32_store(bytes + 4, t->seq);
	be32_store(bytes + 8, t->ack);
	bytes[12] = (uint8_t)(len / 4 << 4);
	bytes[13] = t->flags;
	be16_store(bytes + 14, t->window);
	be16_store(bytes + 16, 0);
	be16_store(bytes + 18, t->urgent);
	return len;
}
