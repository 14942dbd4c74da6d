/* What the tests of the codecs share: outputs between guards, and samples of every
 * kind of content. */
#ifndef BANTAM_TESTS_CODEC_FIXTURE_H
#define BANTAM_TESTS_CODEC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/types.h"

#define GUARD_BYTES 64
#define GUARD	    0xa5

/* len bytes with guards on either side. */
static inline uint8_t *guarded_new(size_t len)
{
	uint8_t *p = malloc(len + (size_t)2 * GUARD_BYTES);

	assert_non_null(p);
	memset(p, GUARD, len + (size_t)2 * GUARD_BYTES);
	return p + GUARD_BYTES;
}

static inline void guarded_check(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < GUARD_BYTES; i++) {
		assert_int_equal((p - GUARD_BYTES)[i], GUARD);
		assert_int_equal(p[len + i], GUARD);
	}
}

/* Check the guards and free. */
static inline void guarded_free(uint8_t *p, size_t len)
{
	guarded_check(p, len);
	free(p - GUARD_BYTES);
}

/* A copy of the exact size, so that the sanitizer sees a read behind it. */
static inline uint8_t *exact_copy(const uint8_t *in, size_t len)
{
	uint8_t *p = malloc(len ? len : 1);

	assert_non_null(p);
	if (len)
		memcpy(p, in, len);
	return p;
}

/* xorshift64 */
static inline uint64_t sample_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

enum sample {
	SAMPLE_ZEROS,	/* one byte */
	SAMPLE_PERIODS, /* short patterns, of each length for a while */
	SAMPLE_TEXT,	/* words */
	SAMPLE_RECORDS, /* numbers that count up, and noise in some columns */
	SAMPLE_SKEWED,	/* single bytes of very different frequency, without matches */
	SAMPLE_NOISE,	/* incompressible */
	SAMPLE_MIXED,	/* all of it by turns */
	SAMPLES
};

static inline uint8_t sample_byte(enum sample kind, size_t i, uint64_t *state)
{
	static const char words[8][8] = { "guest ", "cluster", "of ",	 "the ",
					  "disk, ", "vector ", "virtio ", "is\n" };
	const uint64_t r = sample_random(state);

	switch (kind) {
	case SAMPLE_ZEROS:
		return 0;
	case SAMPLE_PERIODS:
		return (uint8_t)(i % (1 + i / 500 % 40));
	case SAMPLE_TEXT:
		return (uint8_t)words[(i / 8 * 0x9e3779b1u >> 20) % 8][i % 8];
	case SAMPLE_RECORDS:
		return (uint8_t)(i % 16 < 4 ? i / 16 >> i % 4 * 8 : i % 16 < 6 ? r : i % 16);
	case SAMPLE_SKEWED:
		return (uint8_t)__builtin_ctzll(r | UINT64_C(1) << 40);
	case SAMPLE_NOISE:
		return (uint8_t)r;
	default:
		return sample_byte((enum sample)(i / 3000 % SAMPLE_MIXED), i, state);
	}
}

static inline uint8_t *sample_new(enum sample kind, size_t len)
{
	uint64_t state = 0x9e3779b97f4a7c15;
	uint8_t *p = malloc(len ? len : 1);

	assert_non_null(p);
	for (size_t i = 0; i < len; i++)
		p[i] = sample_byte(kind, i, &state);
	return p;
}

/* Around every boundary of the formats. */
static const size_t sample_sizes[] = {
	0,    1,    2,	  3,	 4,	5,	7,	8,	9,	15,	16,
	17,   31,   32,	  63,	 64,	100,	255,	256,	257,	258,	259,
	300,  1000, 1023, 1024, 4095,	4096,	4097,	4500,	16383,	16384,	65535,
	65536, 65537, 65791, 65792, 131071, 131072, 131073, 300000, 2 << 20,
};

typedef int codec(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, size_t *used);

/* From the encoder to the decoder and back, with just as much room as it takes. */
static inline void round_trip(codec *encode, codec *decode, const uint8_t *in, size_t in_len)
{
	const size_t room = in_len + in_len / 256 + 64;
	uint8_t *packed = guarded_new(room), *back = guarded_new(in_len), *exact;
	size_t used = 0, taken = 0;

	assert_int_equal(encode(in, in_len, packed, room, &used), 0);
	guarded_check(packed, room);
	assert_true(used > 0 && used < room);
	exact = exact_copy(packed, used);
	assert_int_equal(decode(exact, used, back, in_len, &taken), 0);
	assert_int_equal(taken, used);
	assert_int_equal(memcmp(back, in, in_len), 0);
	guarded_free(packed, room);
	guarded_free(back, in_len);
	free(exact);
}

static inline void round_trip_samples(codec *encode, codec *decode)
{
	for (unsigned kind = 0; kind < SAMPLES; kind++) {
		for (unsigned i = 0; i < ARRAY_LEN(sample_sizes); i++) {
			uint8_t *in = sample_new(kind, sample_sizes[i]);

			round_trip(encode, decode, in, sample_sizes[i]);
			free(in);
		}
	}
}

/* Every shorter room is refused, and nothing is written behind it. */
static inline void refuses_less_room(codec *encode, const uint8_t *in, size_t in_len, int error)
{
	uint8_t *out = guarded_new(2 * in_len + 64);
	size_t used = 0, untouched = 77;

	assert_int_equal(encode(in, in_len, out, 2 * in_len + 64, &used), 0);
	guarded_free(out, 2 * in_len + 64);
	for (size_t room = 0; room <= used; room++) {
		out = guarded_new(room);
		assert_int_equal(encode(in, in_len, out, room, &untouched), error);
		assert_int_equal(untouched, 77);
		guarded_free(out, room);
	}
	out = guarded_new(used + 1);
	assert_int_equal(encode(in, in_len, out, used + 1, &untouched), 0);
	assert_int_equal(untouched, used);
	guarded_free(out, used + 1);
}

static inline int decode_once(codec *decode, const uint8_t *in, size_t in_len, size_t out_len)
{
	uint8_t *exact = exact_copy(in, in_len), *out = guarded_new(out_len);
	size_t used = 0;
	const int rc = decode(exact, in_len, out, out_len, &used);

	assert_true(rc == 0 || used == 0);
	guarded_free(out, out_len);
	free(exact);
	return rc;
}

/* A good stream is refused when it is cut anywhere, or asked for another length. */
static inline void refuses_cut_and_lengths(codec *decode, const uint8_t *in, size_t in_len,
					   size_t out_len, int error)
{
	assert_int_equal(decode_once(decode, in, in_len, out_len), 0);
	for (size_t cut = 0; cut < in_len; cut++)
		assert_int_equal(decode_once(decode, in, cut, out_len), error);
	for (size_t other = 0; other < out_len + 100; other++) {
		if (other != out_len)
			assert_int_equal(decode_once(decode, in, in_len, other), error);
	}
}

/* Whatever bit is wrong, no byte is written beside the output. */
static inline void survives_flips(codec *decode, const uint8_t *in, size_t in_len, size_t out_len)
{
	uint8_t *damaged = exact_copy(in, in_len);

	for (size_t bit = 0; bit < in_len * 8; bit++) {
		damaged[bit / 8] ^= (uint8_t)(1u << bit % 8);
		decode_once(decode, damaged, in_len, out_len);
		damaged[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(damaged);
}

/* The content of the streams that zlib and zstd made for these tests. */
#define VECTOR_BYTES 900

static inline uint8_t *vector_new(void)
{
	uint8_t *p = malloc(VECTOR_BYTES);

	assert_non_null(p);
	for (size_t i = 0; i < VECTOR_BYTES; i++)
		p[i] = (uint8_t)('a' + (i * i / 7 + i / 50) % 11);
	return p;
}

#endif
