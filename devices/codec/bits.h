/* codec/bits.h: bits in bytes, three ways.
 *
 *   bytes          0        1        2
 *   bits      7......0 7......0 7......0
 *   in, out          1        2        3      lowest bit first, deflate and FSE headers
 *   back      3        2        1             from a marker in the last byte towards the
 *                                             first, highest bit first: the streams of zstd
 *
 * A reader holds the next bits in one word: refill, then take up to BITS_HELD of
 * them.  Behind the end it lends zeros and counts them, so that a decoder may look
 * ahead freely and ask once in a while whether it has taken what was not there. */
#ifndef BANTAM_CODEC_BITS_H
#define BANTAM_CODEC_BITS_H

#include "base/bytes.h"

/* Bits that a refill promises, and that a writer takes between two flushes. */
#define BITS_HELD 56

static inline uint64_t bits_mask(unsigned n)
{
	return (UINT64_C(1) << n) - 1;
}

/* Position of the highest bit of v, which is not 0. */
static inline unsigned bits_log2(uint32_t v)
{
	return 31 - (unsigned)__builtin_clz(v);
}

struct bits_in {
	uint64_t acc;	     /* next bit lowest; the rest is not to be relied on */
	unsigned count;	     /* bits in acc, 0..63 */
	size_t lent;	     /* bytes of zeros that followed the end */
	const uint8_t *at;   /* first byte that is not counted in acc */
	const uint8_t *end;
};

static inline void bits_in_init(struct bits_in *b, const uint8_t *in, size_t len)
{
	*b = (struct bits_in){ .at = in, .end = in + len };
}

/* At least BITS_HELD bits.  The bits of the byte at `at` may already be in acc above
 * count; or-ing them in again changes nothing. */
static inline void bits_in_refill(struct bits_in *b)
{
	if (__builtin_expect(b->end - b->at >= 8, 1)) {
		b->acc |= le64_load(b->at) << b->count;
		b->at += (63 - b->count) >> 3;
		b->count |= BITS_HELD;
		return;
	}
	for (; b->count < BITS_HELD; b->count += 8) {
		if (b->at < b->end)
			b->acc |= (uint64_t)*b->at++ << b->count;
		else
			b->lent++;
	}
}

static inline uint32_t bits_in_peek(const struct bits_in *b, unsigned n)
{
	return (uint32_t)(b->acc & bits_mask(n));
}

static inline void bits_in_drop(struct bits_in *b, unsigned n)
{
	b->acc >>= n;
	b->count -= n;
}

static inline uint32_t bits_in_take(struct bits_in *b, unsigned n)
{
	const uint32_t v = bits_in_peek(b, n);

	bits_in_drop(b, n);
	return v;
}

/* Whether bits were taken that the input does not have. */
static inline bool bits_in_overrun(const struct bits_in *b)
{
	return b->lent * 8 > b->count;
}

/* First byte of which no bit was taken.  Not after an overrun. */
static inline const uint8_t *bits_in_byte(const struct bits_in *b)
{
	return b->at - ((b->count >> 3) - b->lent);
}

struct bits_back {
	uint64_t acc;	     /* next bit highest; the rest is not to be relied on */
	unsigned count;	     /* bits in acc, 0..63 */
	size_t lent;	     /* bytes of zeros that preceded the start */
	const uint8_t *at;   /* behind the last byte that is not counted in acc */
	const uint8_t *start;
};

static inline void bits_back_refill(struct bits_back *b)
{
	if (__builtin_expect(b->at - b->start >= 8, 1)) {
		b->acc |= le64_load(b->at - 8) >> b->count;
		b->at -= (63 - b->count) >> 3;
		b->count |= BITS_HELD;
		return;
	}
	for (; b->count < BITS_HELD; b->count += 8) {
		if (b->at > b->start)
			b->acc |= (uint64_t)*--b->at << 56 >> b->count;
		else
			b->lent++;
	}
}

static inline void bits_back_drop(struct bits_back *b, unsigned n)
{
	b->acc <<= n;
	b->count -= n;
}

/* The next n bits, 0..32. */
static inline uint32_t bits_back_peek(const struct bits_back *b, unsigned n)
{
	return (uint32_t)(b->acc >> 1 >> (63 - n));
}

static inline uint32_t bits_back_take(struct bits_back *b, unsigned n)
{
	const uint32_t v = bits_back_peek(b, n);

	bits_back_drop(b, n);
	return v;
}

/* Bits not yet taken; negative when more were taken than there are. */
static inline int64_t bits_back_left(const struct bits_back *b)
{
	return (b->at - b->start) * 8 + (int64_t)b->count - (int64_t)b->lent * 8;
}

/* False when the bytes [in, in+len) do not end in a marker. */
static inline bool bits_back_init(struct bits_back *b, const uint8_t *in, size_t len)
{
	*b = (struct bits_back){ .at = in + len, .start = in };
	if (len == 0 || in[len - 1] == 0)
		return false;
	bits_back_refill(b);
	bits_back_drop(b, 8 - bits_log2(in[len - 1]));
	return true;
}

struct bits_out {
	uint64_t acc;	     /* first bit lowest */
	unsigned count;	     /* bits in acc: 0..7 after a flush */
	bool full;	     /* something did not fit and was dropped */
	uint8_t *at;
	uint8_t *end;
};

static inline void bits_out_init(struct bits_out *b, uint8_t *out, size_t len)
{
	*b = (struct bits_out){ .at = out, .end = out + len };
}

/* The low n bits of v, which has no others. */
static inline void bits_out_put(struct bits_out *b, uint64_t v, unsigned n)
{
	b->acc |= v << b->count;
	b->count += n;
}

/* All whole bytes to memory. */
static inline void bits_out_flush(struct bits_out *b)
{
	if (__builtin_expect(b->end - b->at >= 8, 1)) {
		le64_store(b->at, b->acc);
		b->at += b->count >> 3;
		b->acc >>= b->count & 0x38;
		b->count &= 7;
		return;
	}
	for (; b->count >= 8; b->count -= 8, b->acc >>= 8) {
		if (b->at < b->end)
			*b->at++ = (uint8_t)b->acc;
		else
			b->full = true;
	}
}

/* Zeros up to the next byte, and everything to memory. */
static inline void bits_out_align(struct bits_out *b)
{
	bits_out_flush(b);
	b->count = (b->count + 7) & ~7u;
	bits_out_flush(b);
}

#endif
