#include "codec/fse.h"

#include <errno.h>

#include "codec/bits.h"

/* One count + 1 out of 0..left + 1.  The lowest values, as many as are to spare, do
 * with a bit less. */
static uint32_t read_value(struct bits_in *in, uint32_t left)
{
	const unsigned bits = bits_log2(left + 1) + 1;
	const uint32_t spare = (1u << bits) - (left + 2);
	uint32_t v = bits_in_peek(in, bits - 1);

	if (v < spare) {
		bits_in_drop(in, bits - 1);
		return v;
	}
	v = bits_in_take(in, bits);
	return v >= 1u << (bits - 1) ? v - spare : v;
}

/* §4.1.1 */
int fse_counts_read(struct fse_counts *c, const uint8_t *in, size_t in_len, unsigned symbols_max,
		    unsigned log_max)
{
	struct bits_in bits;
	uint32_t left;

	bits_in_init(&bits, in, in_len);
	bits_in_refill(&bits);
	c->log = FSE_LOG_MIN + bits_in_take(&bits, 4);
	c->symbols = 0;
	if (c->log > log_max)
		return -EBADMSG;
	left = 1u << c->log;
	while (left > 0) {
		int count;

		if (c->symbols == symbols_max)
			return -EBADMSG;
		bits_in_refill(&bits);
		count = (int)read_value(&bits, left) - 1;
		c->count[c->symbols++] = (int16_t)count;
		left -= count < 0 ? 1 : (uint32_t)count;
		if (count != 0)
			continue;
		for (uint32_t more = 3; more == 3;) {
			bits_in_refill(&bits);
			more = bits_in_take(&bits, 2);
			if (more > symbols_max - c->symbols)
				return -EBADMSG;
			for (uint32_t i = 0; i < more; i++)
				c->count[c->symbols++] = 0;
		}
	}
	if (bits_in_overrun(&bits))
		return -EBADMSG;
	return (int)(bits_in_byte(&bits) - in);
}

void fse_spread(const struct fse_counts *c, uint8_t symbol_of[FSE_STATES_MAX])
{
	const unsigned states = 1u << c->log;
	const unsigned step = states / 2 + states / 8 + 3;
	unsigned end = states, at = 0;

	/* The rare ones from the end down. */
	for (unsigned s = 0; s < c->symbols; s++) {
		if (c->count[s] < 0)
			symbol_of[--end] = (uint8_t)s;
	}
	/* The step is odd: it visits each place once and is back at 0 in the end. */
	for (unsigned s = 0; s < c->symbols; s++) {
		for (int n = 0; n < c->count[s]; n++) {
			symbol_of[at] = (uint8_t)s;
			do
				at = (at + step) % states;
			while (at >= end);
		}
	}
}

void fse_table_build(struct fse_table *t, const struct fse_counts *c,
		     const struct fse_meaning *meaning)
{
	const unsigned states = 1u << c->log;
	uint8_t symbol_of[FSE_STATES_MAX] = { 0 };
	uint16_t next[FSE_SYMBOLS_MAX] = { 0 };

	fse_spread(c, symbol_of);
	for (unsigned s = 0; s < c->symbols; s++)
		next[s] = (uint16_t)(c->count[s] < 0 ? 1 : c->count[s]);
	t->log = c->log;
	/* The n states of a symbol are numbered n..2n-1; the bits that are read make
	 * that a number in states..2*states-1, which is the next state. */
	for (unsigned i = 0; i < states; i++) {
		const unsigned s = symbol_of[i];
		const unsigned x = next[s]++;
		const unsigned bits = c->log - bits_log2(x);

		t->state[i] = (struct fse_state){
			.value = meaning ? meaning[s].value : s,
			.extra_bits = meaning ? meaning[s].extra_bits : 0,
			.next = (uint16_t)((x << bits) - states),
			.next_bits = (uint8_t)bits,
		};
	}
}

void fse_table_single(struct fse_table *t, struct fse_meaning meaning)
{
	t->log = 0;
	t->state[0] = (struct fse_state){
		.value = meaning.value,
		.extra_bits = meaning.extra_bits,
	};
}
