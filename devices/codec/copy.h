/* codec/copy.h: the two inner loops of every Lempel-Ziv codec: repeat what came
 * before, and see how long two places agree. */
#ifndef BANTAM_CODEC_COPY_H
#define BANTAM_CODEC_COPY_H

#include <string.h>

#include "base/bytes.h"

/* copy_match() and copy_run() may scribble on so many bytes behind what they copy. */
#define COPY_SLACK 32

/* Copy len bytes, 16 at a time. */
static inline void copy_run(uint8_t *out, const uint8_t *from, size_t len)
{
	const uint8_t *end = out + len;

	do {
		memcpy(out, from, 16);
		out += 16;
		from += 16;
	} while (out < end);
}

/* Repeat at out the bytes that came distance before it, len of them; what is
 * nearer than len repeats itself.  distance >= 1. */
static inline void copy_match(uint8_t *out, size_t distance, size_t len)
{
	/* The first multiple of a distance that eight bytes do not overlap. */
	static const uint8_t period[8] = { 0, 8, 8, 9, 8, 10, 12, 14 };
	const uint8_t *end = out + len;

	if (distance < 8) {
		for (unsigned i = 0; i < 8; i++)
			out[i] = *(out + i - distance);
		distance = period[distance];
		out += 8;
	}
	if (distance < 16) {
		memcpy(out, out - distance, 8);
		memcpy(out + 8, out + 8 - distance, 8);
		distance *= 2;
		out += 16;
	}
	if (out < end)
		copy_run(out, out - distance, (size_t)(end - out));
}

/* The same without a byte too many, for the end of the output. */
static inline void copy_match_exact(uint8_t *out, size_t distance, size_t len)
{
	size_t i = 0;

	if (len > COPY_SLACK) {
		i = len - COPY_SLACK;
		copy_match(out, distance, i);
	}
	for (; i < len; i++)
		out[i] = *(out + i - distance);
}

/* How many bytes from a on equal those from b on; a stays before end, and b < a. */
static inline uint32_t match_length(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
	const uint8_t *const begin = a;

	for (; end - a >= 8; a += 8, b += 8) {
		const uint64_t differ = le64_load(a) ^ le64_load(b);

		if (differ)
			return (uint32_t)(a - begin) + (uint32_t)__builtin_ctzll(differ) / 8;
	}
	while (a < end && *a == *b)
		a++, b++;
	return (uint32_t)(a - begin);
}

#endif
