/* codec/zstd_encode_literals.h: writing a block's literals (RFC 8878 §3.1.1.3.1). */
#ifndef BANTAM_CODEC_ZSTD_ENCODE_LITERALS_H
#define BANTAM_CODEC_ZSTD_ENCODE_LITERALS_H

#include "base/types.h"

/* Write a section of len literals, at most ZSTD_BLOCK_MAX, in the shortest form.
 * Returns its bytes, or -ENOSPC if out_len are too few. */
int zstd_literals_write(const uint8_t *lit, size_t len, uint8_t *out, size_t out_len);

#endif
