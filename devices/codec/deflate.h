/* codec/deflate.h: encoding raw deflate streams (RFC 1951) that a decoder with a
 * window of 4 KiB can read, as qcow2's compressed clusters have to be (zlib's
 * windowBits of -12).  The drawing is in deflate_format.h. */
#ifndef BANTAM_CODEC_DEFLATE_H
#define BANTAM_CODEC_DEFLATE_H

#include "base/types.h"

#define DEFLATE_WINDOW	     4096 /* no match reaches back further */
#define DEFLATE_HASH_BITS    13
#define DEFLATE_BLOCK_TOKENS 16384

/* A block's symbols before they are coded: a literal, or a match of length 3..258
 * and distance 1..DEFLATE_WINDOW as distance << 16 | length. */
struct deflate_tokens {
	unsigned count;
	uint32_t token[DEFLATE_BLOCK_TOKENS];
	uint32_t litlen_uses[286];
	uint32_t distance_uses[30];
};

/* Work memory, 114 KiB, of any content; one thread at a time.  Positions are those
 * in the input plus DEFLATE_WINDOW + 1, so that 0 is one out of reach. */
struct deflate {
	uint32_t head[1 << DEFLATE_HASH_BITS]; /* the last position with such a hash */
	uint32_t before[DEFLATE_WINDOW];       /* the one before that, by position modulo */
	struct deflate_tokens tokens;
};

/* Encode in as one stream.
 * in        in_len bytes, at most 1 GiB; none is fine
 * out       out_len bytes of room, not overlapping in; after an error their content
 *           is undefined
 * out_used  gets the bytes of the stream, less than out_len; untouched after an error
 * Takes some 10 KiB of stack and allocates nothing.
 * Returns 0; -ENOSPC if the stream would not be shorter than out_len, so that with
 * out_len = in_len success is a gain; -EINVAL if in_len is beyond 1 GiB. */
int deflate_raw(struct deflate *work, const uint8_t *in, size_t in_len, uint8_t *out,
		size_t out_len, size_t *out_used);

#endif
