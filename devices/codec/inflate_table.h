/* codec/inflate_table.h: a Huffman code of deflate as a table to look codes up in.
 *
 * The table is indexed by the next bits of the stream.  A code that is longer than
 * the root's index leads to a second table for the bits behind those.  An entry
 * says all at once:
 *
 *   31         16 15 14 13 12 11   8 7     0
 *   value        bad end sub lit code  total
 *
 *   code   bits of the code itself, in this table
 *   total  bits of the code and of the extra bits behind it
 *   value  a literal, or the base that the extra bits are added to; of a sub entry,
 *          where the second table begins, and total is the width of its index */
#ifndef BANTAM_CODEC_INFLATE_TABLE_H
#define BANTAM_CODEC_INFLATE_TABLE_H

#include "base/types.h"

#define ENTRY_LITERAL (1u << 12)
#define ENTRY_SUB     (1u << 13)
#define ENTRY_END     (1u << 14) /* the end of the block */
#define ENTRY_BAD     (1u << 15) /* a code or a symbol that means nothing */

#define ENTRY_TOTAL(e) ((e) & 0x3f)
#define ENTRY_CODE(e)  ((e) >> 8 & 0xf)
#define ENTRY_VALUE(e) ((e) >> 16)

#define LITLEN_ROOT_BITS   11
#define DISTANCE_ROOT_BITS 8

/* The most entries that any code of so many symbols, such a root and codes of at
 * most 15 bits can need (found by exhaustion; the builder checks it as well). */
#define LITLEN_ENTRIES	 2342
#define DISTANCE_ENTRIES 402
#define PRECODE_ENTRIES	 128

enum inflate_kind { INFLATE_PRECODE, INFLATE_LITLEN, INFLATE_DISTANCE };

/* Fill table (large enough for the kind, see above) from the lengths of count
 * codes, each 0..15; 0 is a symbol without a code.  Other than complete codes are
 * good only as §3.2.7 has them: one code of one bit, or for distances none.
 * Returns 0, or -EBADMSG for lengths that are no such code. */
int inflate_table_build(uint32_t *table, enum inflate_kind kind, const uint8_t *lengths,
			unsigned count);

#endif
