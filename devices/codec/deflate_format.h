/* codec/deflate_format.h: what both sides of deflate (RFC 1951) know.
 *
 *   stream   block block ... block, bits lowest first, until one has BFINAL
 *   block    BFINAL:1 BTYPE:2
 *            BTYPE 0   0s to the next byte, LEN:16 ~LEN:16, LEN bytes         §3.2.4
 *            BTYPE 1   symbols in the fixed codes                             §3.2.6
 *            BTYPE 2   HLIT:5 HDIST:5 HCLEN:4, lengths of the code of lengths
 *                      in the order below, lengths of the two codes in that
 *                      code, symbols in the two codes                         §3.2.7
 *   symbols  0..255 a byte, 256 the end of the block, 257..285 a length and its
 *            extra bits, then a symbol of the distance code and its extra bits */
#ifndef BANTAM_CODEC_DEFLATE_FORMAT_H
#define BANTAM_CODEC_DEFLATE_FORMAT_H

#include "base/types.h"

enum deflate_block { DEFLATE_STORED, DEFLATE_FIXED, DEFLATE_DYNAMIC };

#define DEFLATE_END	   256 /* the symbol that ends a block */
#define DEFLATE_LENGTH	   257 /* the first symbol that is a length */
#define DEFLATE_LITLENS	   286 /* symbols of literals and lengths; the fixed code has two more */
#define DEFLATE_DISTANCES  30  /* likewise */
#define DEFLATE_FIXED_LITLENS 288
#define DEFLATE_FIXED_DISTANCES 32
#define DEFLATE_PRECODES   19 /* symbols of the code of code lengths */
#define DEFLATE_CODE_BITS  15
#define DEFLATE_PRECODE_BITS 7

#define DEFLATE_MATCH_MIN  3
#define DEFLATE_MATCH_MAX  258
#define DEFLATE_STORED_MAX 65535

/* In the code of code lengths: 0..15 a length, and three ways to repeat. */
enum {
	PRECODE_AGAIN = 16,	  /* the last length 3..6 times, 2 bits */
	PRECODE_ZEROS = 17,	  /* 0 3..10 times, 3 bits */
	PRECODE_MANY_ZEROS = 18,  /* 0 11..138 times, 7 bits */
};

static const uint8_t deflate_precode_order[DEFLATE_PRECODES] = {
	16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15
};

/* §3.2.6: length of a literal or length in the fixed code; distances all have 5. */
static inline uint8_t deflate_fixed_length(unsigned symbol)
{
	return symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
}

#define DEFLATE_FIXED_DISTANCE_BITS 5

#endif
