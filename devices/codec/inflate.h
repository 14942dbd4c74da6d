/* codec/inflate.h: decoding raw deflate streams (RFC 1951), as qcow2's compressed
 * clusters hold them.  The drawing is in deflate_format.h. */
#ifndef BANTAM_CODEC_INFLATE_H
#define BANTAM_CODEC_INFLATE_H

#include "base/types.h"

/* Decode one raw deflate stream of exactly out_len bytes.
 * in       hostile: any bytes.  What follows the stream's last block is ignored.
 * out      out_len bytes, not overlapping in.  After an error their content is
 *          undefined; nothing behind them is ever written.
 * in_used  NULL, or gets the bytes of in that the stream took, the last perhaps
 *          in part; untouched after an error
 * A match may reach back 32 KiB, or less far as the output has begun.  Takes some
 * 13 KiB of stack, allocates nothing, and time in proportion to in_len + out_len.
 * Returns 0; -EBADMSG if the stream is damaged or cut, or is longer or shorter than
 * out_len. */
int inflate_raw(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, size_t *in_used);

#endif
