/* What a hostile peer of a network may send, byte by byte: a stream with lengths, cut
 * anywhere; and messages of a switch, which are routed, and finished for guests that take
 * little.
 *
 *	how8 can8 bytes...      how & 1: a stream, in parts of how >> 1; else one message */
#include <stdlib.h>
#include <string.h>

#include "net/finish.h"
#include "net/stream.h"
#include "net/switch_packet.h"
#include "net/switch_table.h"

#define trap_unless(cond) ((cond) ? (void)0 : __builtin_trap())

static void be_a_stream(const uint8_t *data, size_t size, size_t part)
{
	static struct stream_in in;
	const uint8_t *frame;
	size_t came = 0, taken = 0;
	int len = 0;

	in.start = in.end = 0;
	while (len >= 0 && came < size) {
		uint8_t *to;
		size_t n = stream_in_space(&in, &to);

		trap_unless(n > 0);
		n = n < part ? n : part;
		n = n < size - came ? n : size - came;
		memcpy(to, data + came, n);
		stream_in_came(&in, n);
		came += n;
		while ((len = stream_in_next(&in, &frame)) > 0) {
			trap_unless(len >= (int)NET_HEADER_BYTES &&
				    len <= (int)NET_FRAME_BYTES_MAX);
			trap_unless(taken + 4 + (size_t)len <= came);
			trap_unless(memcmp(frame, data + taken + 4, (size_t)len) == 0);
			stream_in_take(&in, (uint32_t)len);
			taken += 4 + (size_t)len;
		}
	}
}

struct sum {
	unsigned can, frames;
	size_t bytes;
};

/* Whoever receives it relies on this. */
static void take(void *arg, const struct net_frame *f)
{
	struct sum *s = arg;
	size_t len = 0;

	for (unsigned i = 0; i < f->iov_count; i++) {
		const uint8_t *at = f->iov[i].iov_base;

		len += f->iov[i].iov_len;
		for (size_t k = 0; k < f->iov[i].iov_len; k++)
			s->bytes += at[k] & 1;
	}
	trap_unless(len == f->len && len >= NET_HEADER_BYTES && len <= NET_FRAME_BYTES_MAX);
	trap_unless((net_offload_needs(&f->offload) & ~s->can) == 0);
	s->frames++;
}

/* What is taken of it is printed. */
static void be_a_lease(const uint8_t *data, size_t size)
{
	struct net_lease lease;
	uint8_t again[SWITCH_LEASE_BYTES];
	struct switch_packet packet;

	trap_unless(size == SWITCH_LEASE_BYTES);
	switch_lease_parse(data, &lease);
	trap_unless(memchr(lease.hostname, '\0', sizeof(lease.hostname)) != NULL);
	for (const char *c = lease.hostname; *c; c++)
		trap_unless(*c > ' ' && *c < 0x7f && *c != '"' && *c != '\\');
	switch_lease_emit(&lease, again);
	trap_unless(switch_packet_parse(again, sizeof(again), &packet) == 0);
}

static void be_a_message(const uint8_t *data, size_t size, unsigned can)
{
	static struct switch_table table;
	static uint64_t now_ns;
	struct sum sum = { .can = can & NET_CAN_CSUM ? can & SWITCH_CAN : 0 };
	struct switch_packet packet;
	uint8_t *frame;
	uint64_t to;
	int rc;

	if (size < SWITCH_HEADER_BYTES || switch_packet_parse(data, size, &packet) < 0)
		return;
	if (packet.kind == SWITCH_LEASE)
		be_a_lease(data, size);
	if (packet.kind != SWITCH_FRAME)
		return;
	trap_unless(packet.frame_bytes == size - SWITCH_HEADER_BYTES);
	frame = malloc(packet.frame_bytes); /* exactly: a byte too many is seen */
	trap_unless(frame != NULL);
	memcpy(frame, data + SWITCH_HEADER_BYTES, packet.frame_bytes);
	to = switch_route(&table, frame, can % 4, 0xf, ++now_ns);
	trap_unless((to & ~UINT64_C(0xf)) == 0 && !(to >> can % 4 & 1));
	rc = net_finish(frame, packet.frame_bytes, &packet.offload, sum.can, take, &sum);
	trap_unless(rc == 0 ? sum.frames > 0 : sum.frames == 0);
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	if (data[0] & 1)
		be_a_stream(data + 2, size - 2, (data[0] >> 1) + 1u);
	else
		be_a_message(data + 2, size - 2, data[1]);
	return 0;
}
