#include "codec/zstd_literals.h"

#include <errno.h>
#include <string.h>

#include "codec/bits.h"

#define STREAMS		 4
#define JUMP_TABLE_BYTES 6

/* Symbols that one refill is enough for. */
#define SYMBOLS_A_REFILL (BITS_HELD / ZSTD_HUFFMAN_BITS)

struct header {
	enum zstd_literals_type type;
	unsigned streams;
	size_t bytes; /* of the header */
	size_t len;   /* of the literals */
	size_t packed_len; /* of the streams and the code */
};

/* §3.1.1.3.1.1 */
static int header_read(struct header *h, const uint8_t *in, size_t in_len)
{
	static const uint8_t plain_bytes[4] = { 1, 2, 1, 3 };
	static const uint8_t plain_shift[4] = { 3, 4, 3, 4 };
	static const uint8_t packed_bytes[4] = { 3, 3, 4, 5 };
	static const uint8_t packed_bits[4] = { 10, 10, 14, 18 };
	uint64_t v = 0;
	unsigned form;

	if (in_len == 0)
		return -EBADMSG;
	h->type = in[0] & 3;
	form = in[0] >> 2 & 3;
	h->bytes = h->type <= ZSTD_LIT_RLE ? plain_bytes[form] : packed_bytes[form];
	if (h->bytes > in_len)
		return -EBADMSG;
	for (unsigned i = 0; i < h->bytes; i++)
		v |= (uint64_t)in[i] << 8 * i;
	if (h->type <= ZSTD_LIT_RLE) {
		h->streams = 0;
		h->len = v >> plain_shift[form];
		h->packed_len = h->type == ZSTD_LIT_RAW ? h->len : 1;
	} else {
		h->streams = form == 0 ? 1 : STREAMS;
		h->len = v >> 4 & bits_mask(packed_bits[form]);
		h->packed_len = v >> (4 + packed_bits[form]) & bits_mask(packed_bits[form]);
	}
	return h->packed_len > in_len - h->bytes ? -EBADMSG : 0;
}

/* §4.2.1.2: weights in FSE, two states that take turns.  The end is where a state
 * asks for bits that are not there; the other one still has a symbol.
 * Returns the number of weights, or -EBADMSG. */
static int weights_read_fse(uint8_t *weights, const uint8_t *in, size_t in_len)
{
	struct fse_counts counts;
	struct fse_table table;
	struct bits_back bits;
	uint32_t state[2];
	const int used = fse_counts_read(&counts, in, in_len, ZSTD_WEIGHT_SYMBOLS, ZSTD_WEIGHT_LOG);

	if (used < 0 || !bits_back_init(&bits, in + used, in_len - (size_t)used))
		return -EBADMSG;
	fse_table_build(&table, &counts, NULL);
	state[0] = bits_back_take(&bits, table.log);
	state[1] = bits_back_take(&bits, table.log);
	if (bits_back_left(&bits) < 0)
		return -EBADMSG;
	for (unsigned n = 0; n < ZSTD_WEIGHTS_MAX - 1; n++) {
		const struct fse_state *s = &table.state[state[n % 2]];

		weights[n] = (uint8_t)s->value;
		bits_back_refill(&bits);
		state[n % 2] = s->next + bits_back_take(&bits, s->next_bits);
		if (bits_back_left(&bits) < 0) {
			weights[n + 1] = (uint8_t)table.state[state[(n + 1) % 2]].value;
			return (int)n + 2;
		}
	}
	return -EBADMSG;
}

/* §4.2.1.1: returns the bytes of the description, or -EBADMSG. */
static int weights_read(uint8_t *weights, unsigned *count, const uint8_t *in, size_t in_len)
{
	size_t bytes;
	int n;

	if (in_len == 0)
		return -EBADMSG;
	if (in[0] <= ZSTD_HUFFMAN_DIRECT) {
		bytes = in[0];
		if (bytes > in_len - 1)
			return -EBADMSG;
		n = weights_read_fse(weights, in + 1, bytes);
		if (n < 0)
			return n;
		*count = (unsigned)n;
		return (int)bytes + 1;
	}
	*count = in[0] - ZSTD_HUFFMAN_DIRECT;
	bytes = (*count + 1) / 2;
	if (bytes > in_len - 1)
		return -EBADMSG;
	for (unsigned i = 0; i < *count; i++)
		weights[i] = i % 2 ? in[1 + i / 2] & 0xf : in[1 + i / 2] >> 4;
	return (int)bytes + 1;
}

/* §4.2.1.3: from weights, the last one of which is implied, to the table.  A weight w
 * is a code that 2^(w-1) entries lead to; the least weights come first. */
static int huffman_build(struct zstd_decoder *z, uint8_t *weights, unsigned count)
{
	unsigned per_weight[ZSTD_WEIGHT_SYMBOLS + 1] = { 0 };
	unsigned begin[ZSTD_WEIGHT_SYMBOLS + 1] = { 0 };
	unsigned total = 0, rest, bits;

	for (unsigned s = 0; s < count; s++) {
		if (weights[s] > ZSTD_HUFFMAN_BITS)
			return -EBADMSG;
		per_weight[weights[s]]++;
		total += 1u << weights[s] >> 1;
	}
	if (total == 0)
		return -EBADMSG;
	bits = bits_log2(total) + 1;
	rest = (1u << bits) - total;
	if (bits > ZSTD_HUFFMAN_BITS || (rest & (rest - 1)) != 0)
		return -EBADMSG;
	weights[count] = (uint8_t)(bits_log2(rest) + 1);
	per_weight[weights[count]]++;
	count++;
	if (per_weight[1] < 2)
		return -EBADMSG; /* the code is not as long as it says */
	for (unsigned w = 1; w <= bits; w++)
		begin[w + 1] = begin[w] + (per_weight[w] << (w - 1));
	for (unsigned s = 0; s < count; s++) {
		const unsigned w = weights[s];
		const uint16_t entry = (uint16_t)((bits + 1 - w) << 8 | s);

		if (w == 0)
			continue;
		for (unsigned n = 1u << (w - 1); n > 0; n--)
			z->huffman[begin[w]++] = entry;
	}
	z->huffman_bits = bits;
	return 0;
}

/* The table beside the stores to literals, which might alias the decoder's fields. */
struct lookup {
	const uint16_t *table;
	unsigned shift;
};

static inline struct lookup lookup_of(const struct zstd_decoder *z)
{
	return (struct lookup){ z->huffman, 64 - z->huffman_bits };
}

static inline uint8_t symbol_take(struct lookup l, struct bits_back *b)
{
	const uint16_t e = l.table[b->acc >> l.shift];

	bits_back_drop(b, e >> 8);
	return (uint8_t)e;
}

/* The rest of a stream with every check: it must end with the last symbol. */
static int stream_finish(struct lookup l, struct bits_back *b, uint8_t *out, const uint8_t *end)
{
	while (out < end) {
		bits_back_refill(b);
		*out++ = symbol_take(l, b);
	}
	return bits_back_left(b) == 0 ? 0 : -EBADMSG;
}

/* §4.2.2: each stream makes a quarter, the last what is left.  The four are
 * independent of each other, which keeps the processor busy. */
static int four_streams(struct zstd_decoder *z, const uint8_t *in, size_t in_len, size_t len)
{
	const struct lookup l = lookup_of(z);
	const size_t quarter = (len + 3) / 4;
	struct bits_back b[STREAMS];
	uint8_t *out = z->literals;
	const uint8_t *end = out + len;
	const uint8_t *at = in + JUMP_TABLE_BYTES;
	size_t done = 0, last;

	if (in_len < JUMP_TABLE_BYTES || quarter * 3 > len)
		return -EBADMSG;
	last = len - quarter * 3;
	in_len -= JUMP_TABLE_BYTES;
	for (unsigned s = 0; s < STREAMS; s++) {
		const size_t n = s < STREAMS - 1 ? le16_load(in + (size_t)2 * s) : in_len;

		if (n > in_len || !bits_back_init(&b[s], at, n))
			return -EBADMSG;
		at += n;
		in_len -= n;
	}
	for (; done + SYMBOLS_A_REFILL <= last; done += SYMBOLS_A_REFILL) {
		for (unsigned s = 0; s < STREAMS; s++) {
			uint8_t *o = out + s * quarter + done;
			struct bits_back own = b[s];

			bits_back_refill(&own);
			for (unsigned i = 0; i < SYMBOLS_A_REFILL; i++)
				o[i] = symbol_take(l, &own);
			b[s] = own;
		}
	}
	for (unsigned s = 0; s < STREAMS; s++) {
		const uint8_t *stop = s < STREAMS - 1 ? out + (s + 1) * quarter : end;

		if (stream_finish(l, &b[s], out + s * quarter + done, stop) < 0)
			return -EBADMSG;
	}
	return 0;
}

static int one_stream(struct zstd_decoder *z, const uint8_t *in, size_t in_len, size_t len)
{
	struct bits_back b;

	if (!bits_back_init(&b, in, in_len))
		return -EBADMSG;
	return stream_finish(lookup_of(z), &b, z->literals, z->literals + len);
}

static int huffman_literals(struct zstd_decoder *z, const struct header *h, const uint8_t *in)
{
	uint8_t weights[ZSTD_WEIGHTS_MAX + 1];
	size_t in_len = h->packed_len;

	if (h->type == ZSTD_LIT_HUFFMAN) {
		unsigned count;
		const int used = weights_read(weights, &count, in, in_len);

		if (used < 0 || huffman_build(z, weights, count) < 0)
			return -EBADMSG;
		in += used;
		in_len -= (size_t)used;
	}
	if (z->huffman_bits == 0)
		return -EBADMSG; /* none to inherit */
	return h->streams == 1 ? one_stream(z, in, in_len, h->len)
			       : four_streams(z, in, in_len, h->len);
}

int zstd_literals_read(struct zstd_decoder *z, const uint8_t *in, size_t in_len, size_t len_max,
		       struct zstd_literals *out)
{
	struct header h;

	if (header_read(&h, in, in_len) < 0 || h.len > len_max)
		return -EBADMSG;
	*out = (struct zstd_literals){ z->literals, h.len, z->literals + sizeof(z->literals) };
	switch (h.type) {
	case ZSTD_LIT_RAW:
		out->at = in + h.bytes;
		out->memory_end = in + in_len;
		break;
	case ZSTD_LIT_RLE:
		memset(z->literals, in[h.bytes], h.len);
		break;
	default:
		if (huffman_literals(z, &h, in + h.bytes) < 0)
			return -EBADMSG;
		break;
	}
	return (int)(h.bytes + h.packed_len);
}
