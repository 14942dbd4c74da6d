/* codec/zstd_parse.h: finding what repeats, the first half of encoding zstd. */
#ifndef BANTAM_CODEC_ZSTD_PARSE_H
#define BANTAM_CODEC_ZSTD_PARSE_H

#include "codec/zstd_encode.h"

/* Forget all positions, for an input of in_len bytes. */
void zstd_parse_reset(struct zstd_encoder *z, size_t in_len);

/* Parse the block that begins at `at`, into z->parsed: as much of [at, end) as a
 * block may hold.  Matches reach back to in; z->repeat moves on. */
void zstd_parse_block(struct zstd_encoder *z, const uint8_t *in, const uint8_t *at,
		      const uint8_t *end);

#endif
