/* codec/xxh64.h: the 64-bit hash XXH64, whose low half is zstd's checksum. */
#ifndef BANTAM_CODEC_XXH64_H
#define BANTAM_CODEC_XXH64_H

#include "base/types.h"

/* The hash of len bytes, with seed 0 (RFC 8878 §3.1.1). */
uint64_t xxh64(const uint8_t *in, size_t len);

#endif
