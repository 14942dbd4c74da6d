/* codec/zstd_decode.h: decoding zstd (RFC 8878), as qcow2's compressed clusters may
 * hold it.  The drawing is in zstd_format.h. */
#ifndef BANTAM_CODEC_ZSTD_DECODE_H
#define BANTAM_CODEC_ZSTD_DECODE_H

#include "codec/copy.h"
#include "codec/zstd_format.h"

/* Work memory, 144 KiB, of any content; one thread at a time. */
struct zstd_decoder {
	/* What blocks of a frame inherit from those before. */
	unsigned huffman_bits; /* 0: no code yet */
	uint16_t huffman[1 << ZSTD_HUFFMAN_BITS]; /* next bits: symbol, bits it takes << 8 */
	bool ready[ZSTD_CODES];
	struct fse_table tables[ZSTD_CODES];
	uint32_t repeat[ZSTD_REPEATS];

	uint8_t literals[ZSTD_BLOCK_MAX + COPY_SLACK]; /* of one block */
};

/* Decode frames until they have made exactly out_len bytes, at least one frame.
 * in       hostile: any bytes.  What follows the last frame is ignored; skippable
 *          frames before it are skipped.
 * out      out_len bytes, not overlapping in.  After an error their content is
 *          undefined; nothing behind them is ever written.
 * in_used  NULL, or gets the bytes of in that were taken; untouched after an error
 * The window is the output, so any window size is fine.  Checksums are verified where
 * a frame has one.  Takes some 7 KiB of stack, allocates nothing, and time in
 * proportion to in_len + out_len.
 * Returns 0; -EOPNOTSUPP if a frame wants a dictionary; -EBADMSG if the frames are
 * damaged or cut, or do not end after out_len bytes. */
int zstd_decode(struct zstd_decoder *work, const uint8_t *in, size_t in_len, uint8_t *out,
		size_t out_len, size_t *in_used);

#endif
