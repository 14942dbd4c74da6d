#include "codec/fse_encode.h"

/* Whether one state more does more good to a than to b: uses a state, compared
 * without a division. */
static bool needs_more(const struct fse_counts *c, const uint32_t *uses, unsigned a, unsigned b)
{
	return (int64_t)uses[a] * c->count[b] > (int64_t)uses[b] * c->count[a];
}

void fse_counts_make(struct fse_counts *c, const uint32_t *uses, unsigned symbols, unsigned log)
{
	const int states = 1 << log;
	uint64_t total = 0;
	int left = states;

	c->log = log;
	c->symbols = symbols;
	for (unsigned s = 0; s < symbols; s++)
		total += uses[s];
	for (unsigned s = 0; s < symbols; s++) {
		const uint64_t share = (uses[s] * (uint64_t)states + total / 2) / total;

		c->count[s] = (int16_t)(uses[s] ? max_u64(share, 1) : 0);
		left -= c->count[s];
	}
	/* Rounding gave out too many states, or too few: one a symbol at most. */
	while (left != 0) {
		unsigned best = symbols;

		for (unsigned s = 0; s < symbols; s++) {
			if (c->count[s] == 0 || (left < 0 && c->count[s] == 1))
				continue;
			if (best == symbols || (left > 0 ? needs_more(c, uses, s, best)
							 : needs_more(c, uses, best, s)))
				best = s;
		}
		c->count[best] = (int16_t)(c->count[best] + (left > 0 ? 1 : -1));
		left += left > 0 ? -1 : 1;
	}
}

/* RFC 8878 §4.1.1; see read_value() of fse.c. */
static void write_value(struct bits_out *out, uint32_t v, uint32_t left)
{
	const unsigned bits = bits_log2(left + 1) + 1;
	const uint32_t spare = (1u << bits) - (left + 2);

	if (v < spare)
		bits_out_put(out, v, bits - 1);
	else
		bits_out_put(out, v < 1u << (bits - 1) ? v : v + spare, bits);
	bits_out_flush(out);
}

void fse_counts_write(struct bits_out *out, const struct fse_counts *c)
{
	uint32_t left = 1u << c->log;
	unsigned s = 0, more;

	bits_out_put(out, c->log - FSE_LOG_MIN, 4);
	while (left > 0) {
		const int count = c->count[s++];

		write_value(out, (uint32_t)(count + 1), left);
		left -= count < 0 ? 1 : (uint32_t)count;
		if (count != 0)
			continue;
		do {
			for (more = 0; more < 3 && c->count[s] == 0; more++)
				s++;
			bits_out_put(out, more, 2);
			bits_out_flush(out);
		} while (more == 3);
	}
	bits_out_align(out);
}

uint64_t fse_cost(const struct fse_counts *c, const uint32_t *uses, unsigned symbols)
{
	uint64_t cost = 0;

	for (unsigned s = 0; s < symbols; s++) {
		const int count = s < c->symbols ? c->count[s] : 0;
		const uint32_t n = count < 0 ? 1 : (uint32_t)count;
		unsigned log;

		if (uses[s] == 0)
			continue;
		if (n == 0)
			return UINT64_MAX;
		/* log2(2^c->log / n), straight between powers of two, as the states are. */
		log = bits_log2(n);
		cost += (uint64_t)uses[s] * ((c->log - log + 1) * 256 - (n << 8 >> log));
	}
	return cost;
}

void fse_encoder_build(struct fse_encoder *e, const struct fse_counts *c)
{
	const unsigned states = 1u << c->log;
	uint8_t symbol_of[FSE_STATES_MAX] = { 0 };
	uint16_t next[FSE_SYMBOLS_MAX] = { 0 };
	unsigned first = 0;

	e->log = c->log;
	for (unsigned s = 0; s < c->symbols; s++) {
		const unsigned n = c->count[s] < 0 ? 1 : (unsigned)c->count[s];

		next[s] = (uint16_t)first;
		if (n > 0) {
			const unsigned bits_max = c->log - bits_log2(n);

			e->symbol[s] = (struct fse_symbol){
				.places = (int16_t)((int)first - (int)n),
				.bits_max = (uint8_t)bits_max,
				.fewer_below = n << bits_max,
			};
		}
		first += n;
	}
	fse_spread(c, symbol_of);
	for (unsigned i = 0; i < states; i++)
		e->state[next[symbol_of[i]]++] = (uint16_t)(states + i);
}

void fse_encoder_single(struct fse_encoder *e, unsigned symbol)
{
	e->log = 0;
	e->state[0] = 1;
	e->symbol[symbol] = (struct fse_symbol){ .places = -1, .bits_max = 0, .fewer_below = 1 };
}
