/* codec/zstd_format.h: what both sides of zstd (RFC 8878) know.  Little-endian.
 *
 *   frame      magic:32, descriptor:8, [window:8], [dictionary:0..32], [size:0..64],
 *              blocks, [checksum:32]                                        §3.1.1
 *   skippable  0x184d2a5?:32, size:32, size bytes                           §3.1.2
 *   block      last:1 type:2 size:21                                        §3.1.1.2
 *              raw: size bytes; RLE: one byte, size times; compressed:
 *   literals   type:2 form:2 and one or two sizes; [Huffman code]; [sizes of the
 *              first three of four streams:16 each]; streams                §3.1.1.3.1
 *   sequences  how many:8..24; modes:8; up to three FSE codes; one stream   §3.1.1.3.2
 *
 * A sequence is so many literals, then a match of such a length at such an offset. */
#ifndef BANTAM_CODEC_ZSTD_FORMAT_H
#define BANTAM_CODEC_ZSTD_FORMAT_H

#include "codec/fse.h"

#define ZSTD_MAGIC	    0xfd2fb528u
#define ZSTD_SKIPPABLE	    0x184d2a50u /* and 15 more */
#define ZSTD_SKIPPABLE_MASK 0xfffffff0u

/* §3.1.1.1.1: the frame header's descriptor. */
#define ZSTD_SIZE_SHIFT	     6
#define ZSTD_SINGLE_SEGMENT  0x20
#define ZSTD_RESERVED	     0x08
#define ZSTD_CHECKSUM	     0x04
#define ZSTD_DICTIONARY_MASK 0x03

/* §3.1.1.2: block header. */
#define ZSTD_BLOCK_HEADER_BYTES 3
#define ZSTD_BLOCK_MAX		(128 * 1024)
enum zstd_block_type { ZSTD_RAW, ZSTD_RLE, ZSTD_COMPRESSED };

/* §3.1.1.3.1.1 */
enum zstd_literals_type { ZSTD_LIT_RAW, ZSTD_LIT_RLE, ZSTD_LIT_HUFFMAN, ZSTD_LIT_TREELESS };

/* §4.2.1: Huffman codes of literals. */
#define ZSTD_HUFFMAN_BITS    11
#define ZSTD_HUFFMAN_DIRECT  127 /* header byte of 4-bit weights: this plus their number */
#define ZSTD_WEIGHTS_MAX     255 /* of 256 symbols, the last being implied */
#define ZSTD_WEIGHT_SYMBOLS  (ZSTD_HUFFMAN_BITS + 1)
#define ZSTD_WEIGHT_LOG	     6

/* §3.1.1.3.2.1: the number of sequences in one, two or three bytes. */
#define ZSTD_COUNT_TWO_BYTES   128
#define ZSTD_COUNT_THREE_BYTES 255
#define ZSTD_COUNT_LONG	       0x7f00

/* The three codes of a sequence, in the order of the header and of the first states. */
enum zstd_code { ZSTD_LITERALS, ZSTD_OFFSET, ZSTD_MATCH, ZSTD_CODES };

/* §3.1.1.3.2.1.1: where a code comes from, two bits each from the top of a byte. */
enum zstd_mode { ZSTD_PREDEFINED, ZSTD_SINGLE, ZSTD_FSE, ZSTD_REPEAT };
#define ZSTD_MODE_SHIFT(code) (6 - 2 * (code))
#define ZSTD_MODES_RESERVED   0x03

struct zstd_code_info {
	unsigned symbols;
	unsigned log_max;
	struct fse_counts predefined;	    /* §3.1.1.3.2.2 */
	const struct fse_meaning *meaning;  /* §3.1.1.3.2.1.1; a row a symbol */
};

extern const struct zstd_code_info zstd_codes[ZSTD_CODES];

#define ZSTD_MATCH_MIN 3

/* §3.1.1.5: offset values up to this name an offset used before; greater ones are
 * this much more than the offset.  Without literals the latest offset would only
 * prolong the match before, so the names shift: values 1 and 2 are those numbered 1
 * and 2 below, 3 is the latest less one. */
#define ZSTD_REPEATS 3u

/* The first repeat offsets of a frame. */
#define ZSTD_REPEATS_FIRST { 1, 4, 8 }

/* An offset was used: which one of the repeat offsets it was, the latest being 0, or
 * ZSTD_REPEATS if it was none of them.  It becomes the latest. */
static inline void zstd_repeat_use(uint32_t repeat[ZSTD_REPEATS], unsigned which, uint32_t offset)
{
	if (which == 0)
		return;
	if (which > 1)
		repeat[2] = repeat[1];
	repeat[1] = repeat[0];
	repeat[0] = offset;
}

#endif
