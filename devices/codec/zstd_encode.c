#include "codec/zstd_encode.h"

#include <errno.h>
#include <string.h>

#include "codec/zstd_encode_literals.h"
#include "codec/zstd_encode_sequences.h"
#include "codec/zstd_parse.h"

/* Offset values stay below 2^28, and so within the predefined code. */
#define IN_MAX ((size_t)128 << 20)

#define FRAME_HEADER_MAX 9

/* §3.1.1.1: magic, descriptor and size of the content.  Returns the bytes. */
static unsigned frame_header(uint8_t *out, size_t in_len)
{
	le32_store(out, ZSTD_MAGIC);
	if (in_len < 256) {
		out[4] = ZSTD_SINGLE_SEGMENT;
		out[5] = (uint8_t)in_len;
		return 6;
	}
	if (in_len < 65536 + 256) {
		out[4] = ZSTD_SINGLE_SEGMENT | 1 << ZSTD_SIZE_SHIFT;
		le16_store(out + 5, (uint16_t)(in_len - 256));
		return 7;
	}
	out[4] = ZSTD_SINGLE_SEGMENT | 2 << ZSTD_SIZE_SHIFT;
	le32_store(out + 5, (uint32_t)in_len);
	return 9;
}

/* The content of a compressed block from z->parsed.  Returns its bytes, or -ENOSPC. */
static int block_content(struct zstd_encoder *z, uint8_t *out, size_t out_len)
{
	const struct zstd_parsed *p = &z->parsed;
	const int lit = zstd_literals_write(p->literals, p->literal_count, out, out_len);
	int seq;

	if (lit < 0)
		return lit;
	seq = zstd_sequences_write(z, out + lit, out_len - (size_t)lit);
	return seq < 0 ? seq : lit + seq;
}

static bool all_the_same(const uint8_t *in, size_t len)
{
	return len > 1 && memcmp(in, in + 1, len - 1) == 0;
}

/* §3.1.1.2: the block of z->parsed, which is that of in, in whichever form is the
 * shortest.  Returns its bytes, or -ENOSPC. */
static int block_write(struct zstd_encoder *z, const uint32_t repeat_before[ZSTD_REPEATS],
		       const uint8_t *in, bool last, uint8_t *out, size_t out_len)
{
	const size_t len = z->parsed.len;
	enum zstd_block_type type = ZSTD_RAW;
	size_t size = len, bytes = len;
	uint32_t header;
	int n = -ENOSPC;

	if (out_len < ZSTD_BLOCK_HEADER_BYTES)
		return -ENOSPC;
	out_len -= ZSTD_BLOCK_HEADER_BYTES;
	if (all_the_same(in, len)) {
		type = ZSTD_RLE;
		bytes = 1;
	} else if (len > 0) {
		n = block_content(z, out + ZSTD_BLOCK_HEADER_BYTES, min_u64(out_len, len - 1));
		if (n >= 0) {
			type = ZSTD_COMPRESSED;
			size = bytes = (size_t)n;
		}
	}
	if (bytes > out_len)
		return -ENOSPC;
	header = (uint32_t)(last | type << 1 | size << 3);
	le16_store(out, (uint16_t)header);
	out[2] = (uint8_t)(header >> 16);
	if (type != ZSTD_COMPRESSED) {
		if (bytes)
			memcpy(out + ZSTD_BLOCK_HEADER_BYTES, in, bytes);
		/* The decoder sees no sequences in such a block. */
		memcpy(z->repeat, repeat_before, sizeof(z->repeat));
	}
	return (int)(ZSTD_BLOCK_HEADER_BYTES + bytes);
}

int zstd_encode(struct zstd_encoder *work, const uint8_t *in, size_t in_len, uint8_t *out,
		size_t out_len, size_t *out_used)
{
	static const uint32_t first[ZSTD_REPEATS] = ZSTD_REPEATS_FIRST;
	uint8_t header[FRAME_HEADER_MAX];
	const uint8_t *at = in, *const end = in + in_len;
	size_t used = frame_header(header, in_len);

	if (in_len > IN_MAX)
		return -EINVAL;
	if (out_len <= used)
		return -ENOSPC;
	out_len--;
	memcpy(out, header, used);
	memcpy(work->repeat, first, sizeof(first));
	zstd_parse_reset(work, in_len);
	do {
		uint32_t repeat[ZSTD_REPEATS];
		int n;

		memcpy(repeat, work->repeat, sizeof(repeat));
		zstd_parse_block(work, in, at, end);
		n = block_write(work, repeat, at, at + work->parsed.len == end, out + used,
				out_len - used);
		if (n < 0)
			return n;
		used += (size_t)n;
		at += work->parsed.len;
	} while (at < end);
	*out_used = used;
	return 0;
}
