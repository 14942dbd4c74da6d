#include "codec/zstd_encode_literals.h"

#include <errno.h>
#include <string.h>

#include "codec/bits.h"
#include "codec/fse_encode.h"
#include "codec/huffman.h"
#include "codec/zstd_format.h"

#define SYMBOLS		  256
#define STREAMS		  4
#define JUMP_TABLE_BYTES  6
#define HEADER_BYTES_MAX  5
#define DESCRIPTION_MAX	  128 /* bytes of weights: their number has seven bits */
#define HUFFMAN_LEN_MIN	  32  /* for fewer literals a code does not pay */
#define ONE_STREAM_BELOW  256
#define SYMBOLS_A_FLUSH	  (BITS_HELD / ZSTD_HUFFMAN_BITS)

struct code {
	unsigned bits_max;
	unsigned last; /* the last symbol that is used */
	uint8_t length[SYMBOLS];
	uint16_t bits[SYMBOLS];
};

/* §4.2.1.3: the longest codes have the lowest numbers. */
static void code_make(struct code *c, const uint32_t *uses)
{
	unsigned next = 0;

	c->bits_max = huffman_lengths(uses, SYMBOLS, ZSTD_HUFFMAN_BITS, c->length);
	for (unsigned s = 0; s < SYMBOLS; s++) {
		if (uses[s])
			c->last = s;
	}
	for (unsigned len = c->bits_max; len > 0; len--) {
		for (unsigned s = 0; s <= c->last; s++) {
			if (c->length[s] == len)
				c->bits[s] = (uint16_t)next++;
		}
		next >>= 1;
	}
}

static uint8_t weight_of(const struct code *c, unsigned symbol)
{
	return (uint8_t)(c->length[symbol] ? c->bits_max + 1 - c->length[symbol] : 0);
}

/* §4.2.1.2: weights in FSE, two states in turns, from the end.  Returns the bytes
 * behind the first, or -ENOSPC if it cannot be or is too long. */
static int weights_write_fse(const uint8_t *weights, unsigned count, uint8_t *out, size_t out_len)
{
	uint32_t uses[ZSTD_WEIGHT_SYMBOLS] = { 0 }, state[2];
	struct fse_counts counts;
	struct fse_encoder e;
	struct bits_out bits;
	unsigned kinds = 0, i = count;

	for (unsigned s = 0; s < count; s++)
		kinds += uses[weights[s]]++ == 0;
	if (kinds < 2 || count < 3)
		return -ENOSPC;
	fse_counts_make(&counts, uses, ZSTD_WEIGHT_SYMBOLS,
			count > 64 ? ZSTD_WEIGHT_LOG : FSE_LOG_MIN);
	fse_encoder_build(&e, &counts);
	bits_out_init(&bits, out, out_len);
	fse_counts_write(&bits, &counts);
	i--;
	state[i % 2] = fse_first(&e, weights[i]);
	i--;
	state[i % 2] = fse_first(&e, weights[i]);
	while (i-- > 0) {
		state[i % 2] = fse_put(&e, &bits, state[i % 2], weights[i]);
		bits_out_flush(&bits);
	}
	fse_finish(&e, &bits, state[1]);
	fse_finish(&e, &bits, state[0]);
	bits_out_mark(&bits);
	return bits.full ? -ENOSPC : (int)(bits.at - out);
}

/* §4.2.1.1: the shorter description, of DESCRIPTION_MAX bytes at most.  Returns its
 * bytes, or -ENOSPC if there is none. */
static int weights_write(const struct code *c, uint8_t *out)
{
	uint8_t weights[SYMBOLS];
	const unsigned count = c->last; /* the last one is implied */
	const unsigned direct = (count + 1) / 2;
	int n;

	for (unsigned s = 0; s < count; s++)
		weights[s] = weight_of(c, s);
	n = weights_write_fse(weights, count, out + 1, DESCRIPTION_MAX - 1);
	if (n >= 0 && (count > SYMBOLS / 2 || (unsigned)n < direct)) {
		out[0] = (uint8_t)n;
		return n + 1;
	}
	if (count > SYMBOLS / 2)
		return -ENOSPC;
	out[0] = (uint8_t)(ZSTD_HUFFMAN_DIRECT + count);
	weights[count] = 0;
	for (unsigned i = 0; i < direct; i++)
		out[1 + i] = (uint8_t)(weights[2 * i] << 4 | weights[2 * i + 1]);
	return (int)direct + 1;
}

static inline void symbol_put(const struct code *c, struct bits_out *out, uint8_t symbol)
{
	bits_out_put(out, c->bits[symbol], c->length[symbol]);
}

/* §4.2.2: one stream, the last literal first.  Returns its bytes, or -ENOSPC. */
static int stream_write(const struct code *c, const uint8_t *lit, size_t len, uint8_t *out,
			size_t out_len)
{
	struct bits_out bits;

	bits_out_init(&bits, out, out_len);
	for (; len % SYMBOLS_A_FLUSH != 0; len--)
		symbol_put(c, &bits, lit[len - 1]);
	bits_out_flush(&bits);
	for (; len > 0; len -= SYMBOLS_A_FLUSH) {
		for (unsigned i = 1; i <= SYMBOLS_A_FLUSH; i++)
			symbol_put(c, &bits, lit[len - i]);
		bits_out_flush(&bits);
	}
	bits_out_mark(&bits);
	return bits.full ? -ENOSPC : (int)(bits.at - out);
}

static int streams_write(const struct code *c, unsigned streams, const uint8_t *lit, size_t len,
			 uint8_t *out, size_t out_len)
{
	const size_t quarter = (len + 3) / 4;
	size_t used = JUMP_TABLE_BYTES;

	if (streams == 1)
		return stream_write(c, lit, len, out, out_len);
	if (out_len < JUMP_TABLE_BYTES)
		return -ENOSPC;
	for (unsigned s = 0; s < STREAMS; s++) {
		const size_t own = s < STREAMS - 1 ? quarter : len - 3 * quarter;
		const int n = stream_write(c, lit + s * quarter, own, out + used, out_len - used);

		if (n < 0)
			return n;
		if (s < STREAMS - 1)
			le16_store(out + (size_t)2 * s, (uint16_t)n);
		used += (size_t)n;
	}
	return (int)used;
}

/* §3.1.1.3.1.1: the header of coded literals. */
static unsigned packed_header(uint8_t *out, unsigned streams, size_t len, size_t packed_len)
{
	const unsigned form = streams == 1 ? 0 : len < 1 << 10 ? 1 : len < 1 << 14 ? 2 : 3;
	const unsigned size_bits = form < 2 ? 10 : form == 2 ? 14 : 18;
	const uint64_t v = ZSTD_LIT_HUFFMAN | form << 2 | len << 4 |
			   (uint64_t)packed_len << (4 + size_bits);
	const unsigned bytes = (4 + 2 * size_bits) / 8;

	for (unsigned i = 0; i < bytes; i++)
		out[i] = (uint8_t)(v >> 8 * i);
	return bytes;
}

static unsigned plain_header(uint8_t *out, enum zstd_literals_type type, size_t len)
{
	if (len < 1 << 5) {
		out[0] = (uint8_t)(type | len << 3);
		return 1;
	}
	if (len < 1 << 12) {
		le16_store(out, (uint16_t)(type | 1 << 2 | len << 4));
		return 2;
	}
	le16_store(out, (uint16_t)(type | 3 << 2 | len << 4));
	out[2] = (uint8_t)(len >> 12);
	return 3;
}

/* Returns the bytes of the section, or -ENOSPC if it is not shorter than the literals
 * or than out_len. */
static int huffman_write(const uint32_t *uses, const uint8_t *lit, size_t len, uint8_t *out,
			 size_t out_len)
{
	const unsigned streams = len < ONE_STREAM_BELOW ? 1 : STREAMS;
	const size_t room = min_u64(len, out_len);
	uint8_t description[DESCRIPTION_MAX], header[HEADER_BYTES_MAX];
	struct code c;
	uint64_t bits = 0;
	size_t head;
	int n, described;

	code_make(&c, uses);
	for (unsigned s = 0; s < SYMBOLS; s++)
		bits += (uint64_t)uses[s] * c.length[s];
	if (bits / 8 >= room)
		return -ENOSPC;
	described = weights_write(&c, description);
	if (described < 0)
		return described;
	head = packed_header(header, streams, len, 0) + (size_t)described;
	if (head >= room)
		return -ENOSPC;
	n = streams_write(&c, streams, lit, len, out + head, room - head);
	if (n < 0)
		return n;
	head = packed_header(out, streams, len, (size_t)described + (size_t)n);
	memcpy(out + head, description, (size_t)described);
	return (int)head + described + n;
}

int zstd_literals_write(const uint8_t *lit, size_t len, uint8_t *out, size_t out_len)
{
	uint32_t uses[SYMBOLS] = { 0 };
	uint8_t header[HEADER_BYTES_MAX];
	enum zstd_literals_type type = ZSTD_LIT_RAW;
	size_t bytes = len;
	unsigned head;

	for (size_t i = 0; i < len; i++)
		uses[lit[i]]++;
	if (len > 1 && uses[lit[0]] == len) {
		type = ZSTD_LIT_RLE;
		bytes = 1;
	} else if (len >= HUFFMAN_LEN_MIN) {
		const int n = huffman_write(uses, lit, len, out, out_len);

		if (n > 0)
			return n;
	}
	head = plain_header(header, type, len);
	if (head + bytes > out_len)
		return -ENOSPC;
	memcpy(out, header, head);
	memcpy(out + head, lit, bytes);
	return (int)(head + bytes);
}
