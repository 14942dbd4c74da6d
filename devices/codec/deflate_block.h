/* codec/deflate_block.h: one block of deflate from its tokens, in whichever of the
 * three forms is the shortest. */
#ifndef BANTAM_CODEC_DEFLATE_BLOCK_H
#define BANTAM_CODEC_DEFLATE_BLOCK_H

#include "codec/bits.h"
#include "codec/deflate.h"

/* Empty the list. */
void deflate_tokens_reset(struct deflate_tokens *t);

/* Append a token; the list has room for it. */
void deflate_literal(struct deflate_tokens *t, uint8_t byte);
void deflate_match(struct deflate_tokens *t, uint32_t length, uint32_t distance);

/* Write the block that the tokens make, or in, of in_len bytes, stored: the same
 * bytes.  out says if it did not fit.  Afterwards the list is empty. */
void deflate_block(struct bits_out *out, struct deflate_tokens *t, bool last, const uint8_t *in,
		   size_t in_len);

#endif
