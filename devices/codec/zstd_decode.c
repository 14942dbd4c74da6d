#include "codec/zstd_decode.h"

#include <errno.h>
#include <string.h>

#include "codec/xxh64.h"
#include "codec/zstd_literals.h"
#include "codec/zstd_sequences.h"

#define SKIPPABLE_HEADER_BYTES 8
#define CHECKSUM_BYTES	       4
#define WINDOW_LOG_MIN	       10

struct input {
	const uint8_t *at;
	const uint8_t *end;
};

struct frame {
	bool checksum;
	bool sized;
	uint64_t size_bytes;   /* of the content, if sized */
	uint64_t window_bytes;
};

static size_t left(const struct input *in)
{
	return (size_t)(in->end - in->at);
}

/* n bytes, 0..8, as a number; the caller has seen that they are there. */
static uint64_t take(struct input *in, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)in->at[i] << 8 * i;
	in->at += n;
	return v;
}

/* §3.1.1.1, after the magic number. */
static int frame_header_read(struct frame *f, struct input *in)
{
	static const uint8_t dictionary_bytes[4] = { 0, 1, 2, 4 };
	static const uint8_t size_bytes[4] = { 0, 2, 4, 8 };
	uint8_t descriptor, window;
	unsigned dictionary, size;
	bool single;

	if (left(in) < 1)
		return -EBADMSG;
	descriptor = *in->at++;
	single = descriptor & ZSTD_SINGLE_SEGMENT;
	dictionary = dictionary_bytes[descriptor & ZSTD_DICTIONARY_MASK];
	size = size_bytes[descriptor >> ZSTD_SIZE_SHIFT];
	if (single && size == 0)
		size = 1;
	if (descriptor & ZSTD_RESERVED || left(in) < !single + dictionary + size)
		return -EBADMSG;
	*f = (struct frame){ .checksum = descriptor & ZSTD_CHECKSUM, .sized = size > 0 };
	if (!single) {
		window = *in->at++;
		f->window_bytes = UINT64_C(1) << (WINDOW_LOG_MIN + (window >> 3));
		f->window_bytes += f->window_bytes / 8 * (window & 7);
	}
	if (take(in, dictionary) != 0)
		return -EOPNOTSUPP;
	f->size_bytes = take(in, size) + (size == 2 ? 256 : 0);
	if (single)
		f->window_bytes = f->size_bytes;
	return 0;
}

static int compressed_block(struct zstd_decoder *z, const uint8_t *in, size_t in_len,
			    struct zstd_output *out)
{
	struct zstd_literals lit;
	const int used = zstd_literals_read(z, in, in_len, (size_t)(out->end - out->at), &lit);

	if (used < 0)
		return used;
	return zstd_sequences_read(z, in + used, in_len - (size_t)used, lit, out);
}

/* §3.1.1.2: returns 1 after the last block, 0 after another, -EBADMSG. */
static int block_read(struct zstd_decoder *z, const struct frame *f, struct input *in,
		      struct zstd_output *out)
{
	const uint64_t block_max = min_u64(f->window_bytes, ZSTD_BLOCK_MAX);
	struct zstd_output block = *out;
	uint32_t header;
	bool last;
	size_t size;
	int rc = 0;

	if (left(in) < ZSTD_BLOCK_HEADER_BYTES)
		return -EBADMSG;
	header = (uint32_t)take(in, ZSTD_BLOCK_HEADER_BYTES);
	last = header & 1;
	size = header >> 3;
	block.end = out->at + min_u64(block_max, (uint64_t)(out->end - out->at));
	if (size > block_max)
		return -EBADMSG;
	switch (header >> 1 & 3) {
	case ZSTD_RAW:
		if (size > left(in) || size > (size_t)(block.end - block.at))
			return -EBADMSG;
		if (size)
			memcpy(block.at, in->at, size);
		block.at += size;
		in->at += size;
		break;
	case ZSTD_RLE:
		if (left(in) < 1 || size > (size_t)(block.end - block.at))
			return -EBADMSG;
		if (size)
			memset(block.at, *in->at, size);
		block.at += size;
		in->at++;
		break;
	case ZSTD_COMPRESSED:
		if (size > left(in))
			return -EBADMSG;
		rc = compressed_block(z, in->at, size, &block);
		in->at += size;
		break;
	default:
		return -EBADMSG;
	}
	out->at = block.at;
	return rc < 0 ? rc : last;
}

/* §3.1.1, after the magic number; *out moves on. */
static int frame_read(struct zstd_decoder *z, struct input *in, uint8_t **out, uint8_t *out_end)
{
	static const uint32_t first[ZSTD_REPEATS] = ZSTD_REPEATS_FIRST;
	struct zstd_output o = { *out, *out, out_end };
	struct frame f;
	int rc = frame_header_read(&f, in);

	if (rc < 0)
		return rc;
	z->huffman_bits = 0;
	memset(z->ready, 0, sizeof(z->ready));
	memcpy(z->repeat, first, sizeof(first));
	if (f.sized) {
		if (f.size_bytes > (size_t)(o.end - o.at))
			return -EBADMSG;
		o.end = o.at + f.size_bytes;
	}
	/* Bounded: a block takes three bytes of the input at least. */
	do
		rc = block_read(z, &f, in, &o);
	while (rc == 0);
	if (rc < 0 || (f.sized && o.at != o.end))
		return -EBADMSG;
	if (f.checksum) {
		if (left(in) < CHECKSUM_BYTES ||
		    take(in, CHECKSUM_BYTES) != (uint32_t)xxh64(*out, (size_t)(o.at - *out)))
			return -EBADMSG;
	}
	*out = o.at;
	return 0;
}

/* §3.1.2: true if it was one. */
static bool skippable_skip(struct input *in)
{
	size_t size;

	if (left(in) < SKIPPABLE_HEADER_BYTES ||
	    (le32_load(in->at) & ZSTD_SKIPPABLE_MASK) != ZSTD_SKIPPABLE)
		return false;
	size = le32_load(in->at + 4);
	if (size > left(in) - SKIPPABLE_HEADER_BYTES)
		return false;
	in->at += SKIPPABLE_HEADER_BYTES + size;
	return true;
}

int zstd_decode(struct zstd_decoder *work, const uint8_t *in, size_t in_len, uint8_t *out,
		size_t out_len, size_t *in_used)
{
	struct input input = { in, in + in_len };
	uint8_t *at = out;
	int rc;

	/* Bounded: each frame takes some of the input. */
	do {
		while (skippable_skip(&input))
			;
		if (left(&input) < 4 || take(&input, 4) != ZSTD_MAGIC)
			return -EBADMSG;
		rc = frame_read(work, &input, &at, out + out_len);
		if (rc < 0)
			return rc;
	} while (at != out + out_len);
	if (in_used)
		*in_used = (size_t)(input.at - in);
	return 0;
}
