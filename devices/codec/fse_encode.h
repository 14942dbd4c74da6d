/* codec/fse_encode.h: the writing side of fse.h.
 *
 * FSE codes the last symbol first: the encoder's state runs backwards through those
 * that the decoder visits, and puts out the bits that the decoder will read there.
 * Its states are numbered 2^log..2^(log+1)-1. */
#ifndef BANTAM_CODEC_FSE_ENCODE_H
#define BANTAM_CODEC_FSE_ENCODE_H

#include "codec/bits.h"
#include "codec/fse.h"

/* Where the states of a symbol are, n of them, and how a state gets there: by
 * shifting bits out until it is one of n..2n-1, the number of its place. */
struct fse_symbol {
	int16_t places; /* first place in the table, minus n */
	uint8_t bits_max;
	uint32_t fewer_below; /* a state below this puts out one bit less than bits_max */
};

struct fse_encoder {
	unsigned log;
	uint16_t state[FSE_STATES_MAX];
	struct fse_symbol symbol[FSE_SYMBOLS_MAX];
};

/* Counts for a code of so many symbols, of which uses[s] occur, two of them different
 * at least.  2^log is at least the number of symbols. */
void fse_counts_make(struct fse_counts *c, const uint32_t *uses, unsigned symbols, unsigned log);

/* Write the list of counts, up to the next byte. */
void fse_counts_write(struct bits_out *out, const struct fse_counts *c);

/* 1/256 bits that so many uses of each symbol cost in such a code, about; UINT64_MAX
 * if it lacks a symbol that is used. */
uint64_t fse_cost(const struct fse_counts *c, const uint32_t *uses, unsigned symbols);

void fse_encoder_build(struct fse_encoder *e, const struct fse_counts *c);

/* The code of a single symbol, which takes no bits. */
void fse_encoder_single(struct fse_encoder *e, unsigned symbol);

/* The state that begins with the last symbol. */
static inline uint32_t fse_first(const struct fse_encoder *e, unsigned symbol)
{
	const struct fse_symbol *s = &e->symbol[symbol];
	/* The symbol's first place: from there the decoder reads bits in any case. */
	const uint32_t n = s->fewer_below >> s->bits_max;

	return e->state[s->places + (int)n];
}

/* The state before that, with this symbol in front; up to FSE_LOG_MAX bits. */
static inline uint32_t fse_put(const struct fse_encoder *e, struct bits_out *out, uint32_t state,
			       unsigned symbol)
{
	const struct fse_symbol *s = &e->symbol[symbol];
	const unsigned bits = s->bits_max - (unsigned)(state < s->fewer_below);

	bits_out_put(out, state & bits_mask(bits), bits);
	return e->state[s->places + (int)(state >> bits)];
}

/* The state from which the decoder begins. */
static inline void fse_finish(const struct fse_encoder *e, struct bits_out *out, uint32_t state)
{
	bits_out_put(out, state & bits_mask(e->log), e->log);
}

/* The marker behind the last bit, from which a backward reader begins. */
static inline void bits_out_mark(struct bits_out *out)
{
	bits_out_put(out, 1, 1);
	bits_out_align(out);
}

#endif
