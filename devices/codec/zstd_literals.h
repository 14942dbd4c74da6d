/* codec/zstd_literals.h: a block's literals (RFC 8878 §3.1.1.3.1, §4.2). */
#ifndef BANTAM_CODEC_ZSTD_LITERALS_H
#define BANTAM_CODEC_ZSTD_LITERALS_H

#include "codec/zstd_decode.h"

/* Literals of a block: in the decoder's memory, or in the input where they are raw. */
struct zstd_literals {
	const uint8_t *at;
	size_t len;
	const uint8_t *memory_end; /* so far may be read */
};

/* Read a section of literals from [in, in+in_len), hostile.
 * len_max  no more than so many literals, at most ZSTD_BLOCK_MAX
 * Returns the bytes that the section takes, or -EBADMSG. */
int zstd_literals_read(struct zstd_decoder *z, const uint8_t *in, size_t in_len, size_t len_max,
		       struct zstd_literals *out);

#endif
