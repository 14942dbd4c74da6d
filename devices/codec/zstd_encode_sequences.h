/* codec/zstd_encode_sequences.h: writing a block's sequences (RFC 8878
 * §3.1.1.3.2). */
#ifndef BANTAM_CODEC_ZSTD_ENCODE_SEQUENCES_H
#define BANTAM_CODEC_ZSTD_ENCODE_SEQUENCES_H

#include "codec/zstd_encode.h"

/* Write the section of z->parsed, each of the three codes in its shortest form.
 * Returns its bytes, or -ENOSPC if out_len are too few. */
int zstd_sequences_write(struct zstd_encoder *z, uint8_t *out, size_t out_len);

#endif
