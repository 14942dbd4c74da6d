#include "codec/deflate_block.h"

#include <string.h>

#include "codec/deflate_format.h"
#include "codec/huffman.h"

/* A code: its bits, first bit lowest, and their number, of each symbol. */
struct code {
	uint16_t bits[DEFLATE_FIXED_LITLENS];
	uint8_t length[DEFLATE_FIXED_LITLENS];
};

/* The lengths of both codes as the code of code lengths says them. */
struct length_list {
	unsigned count;
	uint8_t symbol[DEFLATE_LITLENS + DEFLATE_DISTANCES];
	uint8_t extra[DEFLATE_LITLENS + DEFLATE_DISTANCES];
	unsigned litlens, distances, precodes; /* lengths that are said */
	struct code precode;
};

static const uint8_t precode_extra_bits[DEFLATE_PRECODES] = {
	[PRECODE_AGAIN] = 2, [PRECODE_ZEROS] = 3, [PRECODE_MANY_ZEROS] = 7
};

/* A symbol of a length or distance and how many extra bits follow; these are the low
 * bits of the length - 3 or of the distance - 1. */
struct symbol {
	unsigned symbol;
	unsigned extra_bits;
};

/* §3.2.5: four symbols share each number of extra bits. */
static inline struct symbol length_symbol(uint32_t length)
{
	const uint32_t v = length - DEFLATE_MATCH_MIN;
	unsigned extra;

	if (v < 8)
		return (struct symbol){ DEFLATE_LENGTH + v, 0 };
	if (length == DEFLATE_MATCH_MAX)
		return (struct symbol){ DEFLATE_LENGTH + 28, 0 };
	extra = bits_log2(v) - 2;
	return (struct symbol){ DEFLATE_LENGTH + 4 * extra + (v >> extra), extra };
}

/* §3.2.5: two symbols share each. */
static inline struct symbol distance_symbol(uint32_t distance)
{
	const uint32_t v = distance - 1;
	unsigned extra;

	if (v < 4)
		return (struct symbol){ v, 0 };
	extra = bits_log2(v) - 1;
	return (struct symbol){ 2 * extra + (v >> extra), extra };
}

void deflate_tokens_reset(struct deflate_tokens *t)
{
	t->count = 0;
	memset(t->litlen_uses, 0, sizeof(t->litlen_uses));
	memset(t->distance_uses, 0, sizeof(t->distance_uses));
	t->litlen_uses[DEFLATE_END] = 1;
}

void deflate_literal(struct deflate_tokens *t, uint8_t byte)
{
	t->litlen_uses[byte]++;
	t->token[t->count++] = byte;
}

void deflate_match(struct deflate_tokens *t, uint32_t length, uint32_t distance)
{
	t->litlen_uses[length_symbol(length).symbol]++;
	t->distance_uses[distance_symbol(distance).symbol]++;
	t->token[t->count++] = distance << 16 | length;
}

static uint16_t reversed(unsigned code, unsigned length)
{
	unsigned r = 0;

	for (; length > 0; length--, code >>= 1)
		r = r << 1 | (code & 1);
	return (uint16_t)r;
}

/* §3.2.2: the bits that follow from the lengths. */
static void code_assign(struct code *c, unsigned count)
{
	unsigned per_length[DEFLATE_CODE_BITS + 1] = { 0 }, next[DEFLATE_CODE_BITS + 1] = { 0 };

	for (unsigned s = 0; s < count; s++)
		per_length[c->length[s]]++;
	per_length[0] = 0;
	for (unsigned len = 1; len <= DEFLATE_CODE_BITS; len++)
		next[len] = (next[len - 1] + per_length[len - 1]) << 1;
	for (unsigned s = 0; s < count; s++) {
		if (c->length[s])
			c->bits[s] = reversed(next[c->length[s]]++, c->length[s]);
	}
}

/* The best code for such uses.  A code of one symbol is allowed in one place only,
 * and not every decoder takes it there: two symbols at least. */
static void code_make(struct code *c, uint32_t *uses, unsigned count, unsigned bits_max)
{
	unsigned used = 0;

	for (unsigned s = 0; s < count && used < 2; s++)
		used += uses[s] > 0;
	for (unsigned s = 0; s < 2 && used < 2; s++) {
		if (!uses[s]) {
			uses[s] = 1;
			used++;
		}
	}
	huffman_lengths(uses, count, bits_max, c->length);
	code_assign(c, count);
}

static void code_fixed(struct code *litlen, struct code *distance)
{
	for (unsigned s = 0; s < DEFLATE_FIXED_LITLENS; s++)
		litlen->length[s] = deflate_fixed_length(s);
	code_assign(litlen, DEFLATE_FIXED_LITLENS);
	memset(distance->length, DEFLATE_FIXED_DISTANCE_BITS, DEFLATE_FIXED_DISTANCES);
	code_assign(distance, DEFLATE_FIXED_DISTANCES);
}

static void list_add(struct length_list *l, unsigned symbol, unsigned extra, uint32_t *uses)
{
	l->symbol[l->count] = (uint8_t)symbol;
	l->extra[l->count++] = (uint8_t)extra;
	uses[symbol]++;
}

/* One length, run times. */
static void list_add_run(struct length_list *l, unsigned length, unsigned run, uint32_t *uses)
{
	if (length == 0) {
		for (; run >= 11; run -= run < 138 ? run : 138)
			list_add(l, PRECODE_MANY_ZEROS, (run < 138 ? run : 138) - 11, uses);
		if (run >= 3) {
			list_add(l, PRECODE_ZEROS, run - 3, uses);
			run = 0;
		}
	} else {
		list_add(l, length, 0, uses);
		for (run--; run >= 3; run -= run < 6 ? run : 6)
			list_add(l, PRECODE_AGAIN, (run < 6 ? run : 6) - 3, uses);
	}
	for (; run > 0; run--)
		list_add(l, length, 0, uses);
}

/* §3.2.7: both lists of lengths, one behind the other, and the code for them. */
static void list_make(struct length_list *l, const struct code *litlen,
		      const struct code *distance)
{
	uint8_t all[DEFLATE_LITLENS + DEFLATE_DISTANCES];
	uint32_t uses[DEFLATE_PRECODES] = { 0 };
	unsigned count, run;

	l->count = 0;
	for (l->litlens = DEFLATE_LITLENS; litlen->length[l->litlens - 1] == 0; l->litlens--)
		; /* stops at 257: the end of the block has a code */
	for (l->distances = DEFLATE_DISTANCES; distance->length[l->distances - 1] == 0;)
		l->distances--;
	count = l->litlens + l->distances;
	memcpy(all, litlen->length, l->litlens);
	memcpy(all + l->litlens, distance->length, l->distances);
	for (unsigned i = 0; i < count; i += run) {
		for (run = 1; i + run < count && all[i + run] == all[i]; run++)
			;
		list_add_run(l, all[i], run, uses);
	}
	code_make(&l->precode, uses, DEFLATE_PRECODES, DEFLATE_PRECODE_BITS);
	l->precodes = DEFLATE_PRECODES;
	while (l->precodes > 4 && l->precode.length[deflate_precode_order[l->precodes - 1]] == 0)
		l->precodes--;
}

static size_t list_bits(const struct length_list *l)
{
	size_t bits = 5 + 5 + 4 + 3 * l->precodes;

	for (unsigned i = 0; i < l->count; i++)
		bits += l->precode.length[l->symbol[i]] + precode_extra_bits[l->symbol[i]];
	return bits;
}

static void list_write(struct bits_out *out, const struct length_list *l)
{
	bits_out_put(out, l->litlens - 257, 5);
	bits_out_put(out, l->distances - 1, 5);
	bits_out_put(out, l->precodes - 4, 4);
	bits_out_flush(out);
	for (unsigned i = 0; i < l->precodes; i++) {
		bits_out_put(out, l->precode.length[deflate_precode_order[i]], 3);
		bits_out_flush(out);
	}
	for (unsigned i = 0; i < l->count; i++) {
		const unsigned s = l->symbol[i];

		bits_out_put(out, l->precode.bits[s], l->precode.length[s]);
		bits_out_put(out, l->extra[i], precode_extra_bits[s]);
		bits_out_flush(out);
	}
}

/* Bits of all tokens and the end of the block, without the extra bits: those are the
 * same in every code. */
static size_t tokens_bits(const struct deflate_tokens *t, const struct code *litlen,
			  const struct code *distance)
{
	size_t bits = 0;

	for (unsigned s = 0; s < DEFLATE_LITLENS; s++)
		bits += (size_t)t->litlen_uses[s] * litlen->length[s];
	for (unsigned s = 0; s < DEFLATE_DISTANCES; s++)
		bits += (size_t)t->distance_uses[s] * distance->length[s];
	return bits;
}

static size_t extra_bits(const struct deflate_tokens *t)
{
	size_t bits = 0;

	for (unsigned s = DEFLATE_LENGTH + 8; s < DEFLATE_LENGTH + 28; s++)
		bits += (size_t)t->litlen_uses[s] * ((s - DEFLATE_LENGTH) / 4 - 1);
	for (unsigned s = 4; s < DEFLATE_DISTANCES; s++)
		bits += (size_t)t->distance_uses[s] * (s / 2 - 1);
	return bits;
}

static void tokens_write(struct bits_out *out, const struct deflate_tokens *t,
			 const struct code *litlen, const struct code *distance)
{
	for (unsigned i = 0; i < t->count; i++) {
		const uint32_t length = t->token[i] & 0xffff, back = t->token[i] >> 16;

		if (back == 0) {
			bits_out_put(out, litlen->bits[length], litlen->length[length]);
		} else {
			struct symbol s = length_symbol(length);

			bits_out_put(out, litlen->bits[s.symbol], litlen->length[s.symbol]);
			bits_out_put(out, (length - DEFLATE_MATCH_MIN) & bits_mask(s.extra_bits),
				     s.extra_bits);
			s = distance_symbol(back);
			bits_out_put(out, distance->bits[s.symbol], distance->length[s.symbol]);
			bits_out_put(out, (back - 1) & bits_mask(s.extra_bits), s.extra_bits);
		}
		bits_out_flush(out);
	}
	bits_out_put(out, litlen->bits[DEFLATE_END], litlen->length[DEFLATE_END]);
	bits_out_flush(out);
}

/* §3.2.4, in as many blocks as it takes. */
static void stored_write(struct bits_out *out, bool last, const uint8_t *in, size_t in_len)
{
	do {
		const size_t n = min_u64(in_len, DEFLATE_STORED_MAX);

		bits_out_put(out, last && n == in_len, 1);
		bits_out_put(out, DEFLATE_STORED, 2);
		bits_out_align(out);
		bits_out_put(out, n | (n ^ 0xffff) << 16, 32);
		bits_out_flush(out);
		if ((size_t)(out->end - out->at) < n) {
			out->full = true;
			return;
		}
		memcpy(out->at, in, n);
		out->at += n;
		in += n;
		in_len -= n;
	} while (in_len > 0);
}

void deflate_block(struct bits_out *out, struct deflate_tokens *t, bool last, const uint8_t *in,
		   size_t in_len)
{
	struct code litlen, distance, fixed_litlen, fixed_distance;
	struct length_list list;
	const size_t extra = extra_bits(t);
	size_t dynamic, fixed, stored;

	code_fixed(&fixed_litlen, &fixed_distance);
	fixed = tokens_bits(t, &fixed_litlen, &fixed_distance) + extra;
	code_make(&litlen, t->litlen_uses, DEFLATE_LITLENS, DEFLATE_CODE_BITS);
	code_make(&distance, t->distance_uses, DEFLATE_DISTANCES, DEFLATE_CODE_BITS);
	list_make(&list, &litlen, &distance);
	dynamic = tokens_bits(t, &litlen, &distance) + extra + list_bits(&list);
	stored = 8 * (in_len + 5 * (in_len / DEFLATE_STORED_MAX + 1));

	if (stored <= dynamic && stored <= fixed) {
		stored_write(out, last, in, in_len);
	} else if (dynamic < fixed) {
		bits_out_put(out, last | DEFLATE_DYNAMIC << 1, 3);
		list_write(out, &list);
		tokens_write(out, t, &litlen, &distance);
	} else {
		bits_out_put(out, last | DEFLATE_FIXED << 1, 3);
		tokens_write(out, t, &fixed_litlen, &fixed_distance);
	}
	deflate_tokens_reset(t);
}
