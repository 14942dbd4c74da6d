/* codec/zstd_sequences.h: a block's sequences (RFC 8878 §3.1.1.3.2, §3.1.1.4,
 * §3.1.1.5). */
#ifndef BANTAM_CODEC_ZSTD_SEQUENCES_H
#define BANTAM_CODEC_ZSTD_SEQUENCES_H

#include "codec/zstd_decode.h"
#include "codec/zstd_literals.h"

/* Where a block goes. */
struct zstd_output {
	uint8_t *frame; /* matches reach back to here */
	uint8_t *at;
	uint8_t *end;	/* as far as the block may write */
};

/* Read the section [in, in+in_len), hostile, all of it, and make the block's content
 * from it and the literals; out->at moves on.
 * Returns 0 or -EBADMSG. */
int zstd_sequences_read(struct zstd_decoder *z, const uint8_t *in, size_t in_len,
			struct zstd_literals lit, struct zstd_output *out);

#endif
