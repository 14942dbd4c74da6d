/* codec/huffman.h: the lengths of a Huffman code that no code may exceed; which bits
 * they become is each format's own affair. */
#ifndef BANTAM_CODEC_HUFFMAN_H
#define BANTAM_CODEC_HUFFMAN_H

#include "base/types.h"

#define HUFFMAN_SYMBOLS_MAX 288
#define HUFFMAN_USES_MAX    (1u << 23)

/* Choose code lengths for count symbols, at most HUFFMAN_SYMBOLS_MAX, by how often
 * each is used (below HUFFMAN_USES_MAX, in all below 2^32).
 * bits_max  the longest length allowed; 2^bits_max >= count
 * lengths   gets count of them: 0 for a symbol that is not used, and for a single
 *           one 1; from two on the code is complete (its lengths fill the tree)
 * Returns the longest length chosen, 0 if no symbol is used. */
unsigned huffman_lengths(const uint32_t *uses, unsigned count, unsigned bits_max,
			 uint8_t *lengths);

#endif
