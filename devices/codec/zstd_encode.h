/* codec/zstd_encode.h: encoding zstd (RFC 8878) that any decoder can read.  The
 * drawing is in zstd_format.h. */
#ifndef BANTAM_CODEC_ZSTD_ENCODE_H
#define BANTAM_CODEC_ZSTD_ENCODE_H

#include "codec/copy.h"
#include "codec/fse_encode.h"
#include "codec/zstd_format.h"

#define ZSTD_LONG_LOG	     16
#define ZSTD_SHORT_LOG	     15
#define ZSTD_BLOCK_SEQUENCES 16384

/* So many literals, then a match. */
struct zstd_sequence {
	uint32_t literals;
	uint32_t match;
	uint32_t offset_value; /* §3.1.1.5 */
};

/* A block before it is coded. */
struct zstd_parsed {
	size_t len; /* bytes of the input that it stands for */
	unsigned count;
	size_t literal_count;
	struct zstd_sequence sequence[ZSTD_BLOCK_SEQUENCES];
	uint8_t literals[ZSTD_BLOCK_MAX + COPY_SLACK]; /* of all sequences, and what follows */
};

/* Work memory, 760 KiB, of any content; one thread at a time. */
struct zstd_encoder {
	uint32_t repeat[ZSTD_REPEATS];
	/* The last position, plus 1, where eight or five bytes had such a hash. */
	unsigned long_log, short_log;
	uint32_t longs[1 << ZSTD_LONG_LOG];
	uint32_t shorts[1 << ZSTD_SHORT_LOG];
	struct zstd_parsed parsed;
	uint8_t codes[ZSTD_CODES][ZSTD_BLOCK_SEQUENCES];
	struct fse_encoder encoders[ZSTD_CODES];
};

/* Encode in as one frame, with the size of its content and without a checksum.
 * in        in_len bytes, at most 128 MiB; none is fine
 * out       out_len bytes of room, not overlapping in; after an error their content
 *           is undefined
 * out_used  gets the bytes of the frame, less than out_len; untouched after an error
 * Takes some 9 KiB of stack and allocates nothing.
 * Returns 0; -ENOSPC if the frame would not be shorter than out_len, so that with
 * out_len = in_len success is a gain; -EINVAL if in_len is beyond 128 MiB. */
int zstd_encode(struct zstd_encoder *work, const uint8_t *in, size_t in_len, uint8_t *out,
		size_t out_len, size_t *out_used);

#endif
