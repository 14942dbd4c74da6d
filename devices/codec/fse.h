/* codec/fse.h: finite state entropy, zstd's arithmetic coder (RFC 8878 §4.1).
 *
 * A code is a list of counts that add up to 2^log: how many of that many states
 * belong to each symbol.  A count of -1 is a single state from which all bits of the
 * next are read.  Counts are written lowest bit first, each in as few bits as what is
 * left to give out needs (§4.1.1):
 *
 *   log - 5:4   count + 1   count + 1   ...   after a 0: how many more zeros, 2 bits
 *                                             each, 3 meaning that more follow
 *
 * Symbols are spread over the states by a fixed step; decoding a symbol means to look
 * at the state, and to read the bits that it asks for to find the next. */
#ifndef BANTAM_CODEC_FSE_H
#define BANTAM_CODEC_FSE_H

#include "base/types.h"

#define FSE_LOG_MIN	5
#define FSE_LOG_MAX	9
#define FSE_STATES_MAX	(1 << FSE_LOG_MAX)
#define FSE_SYMBOLS_MAX 53

struct fse_counts {
	unsigned log;	  /* FSE_LOG_MIN..FSE_LOG_MAX */
	unsigned symbols; /* counts in the list */
	int16_t count[FSE_SYMBOLS_MAX];
};

/* What a symbol stands for: value plus so many bits read behind it. */
struct fse_meaning {
	uint32_t value;
	uint8_t extra_bits;
};

/* A state of the decoder. */
struct fse_state {
	uint32_t value;	    /* what it means, as above */
	uint16_t next;	    /* the next state, plus the bits that are read */
	uint8_t next_bits;
	uint8_t extra_bits;
};

struct fse_table {
	unsigned log; /* of the number of states; 0 for a single one */
	struct fse_state state[FSE_STATES_MAX];
};

/* Read a list of counts, hostile, of at most symbols_max symbols (at most
 * FSE_SYMBOLS_MAX) and a log of at most log_max.
 * Returns the bytes that it took, or -EBADMSG. */
int fse_counts_read(struct fse_counts *c, const uint8_t *in, size_t in_len, unsigned symbols_max,
		    unsigned log_max);

/* The symbol of each of the 2^log states. */
void fse_spread(const struct fse_counts *c, uint8_t symbol_of[FSE_STATES_MAX]);

/* The decoder's table; meaning has a row for each symbol, or is NULL where symbols
 * stand for themselves. */
void fse_table_build(struct fse_table *t, const struct fse_counts *c,
		     const struct fse_meaning *meaning);

/* The table of one symbol that comes again and again without a bit. */
void fse_table_single(struct fse_table *t, struct fse_meaning meaning);

#endif
