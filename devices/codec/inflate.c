#include "codec/inflate.h"

#include <errno.h>
#include <string.h>

#include "codec/bits.h"
#include "codec/copy.h"
#include "codec/deflate_format.h"
#include "codec/inflate_table.h"

/* The most that one turn of the fast loop may write: two literals and a match. */
#define TURN_OUT_MAX (2 + DEFLATE_MATCH_MAX + COPY_SLACK)

struct inflate {
	struct bits_in in;
	uint8_t *out; /* where the next byte goes */
	uint8_t *out_begin;
	uint8_t *out_end;
	bool fixed; /* the tables are those of the fixed codes */
	uint32_t litlen[LITLEN_ENTRIES];
	uint32_t distance[DISTANCE_ENTRIES];
};

/* The entry of the next code; the bits of the root index are gone if it was in a
 * second table. */
static inline uint32_t lookup(const uint32_t *table, unsigned root_bits, struct bits_in *in)
{
	const uint32_t e = table[bits_in_peek(in, root_bits)];

	if (!(e & ENTRY_SUB))
		return e;
	bits_in_drop(in, root_bits);
	return table[ENTRY_VALUE(e) + bits_in_peek(in, ENTRY_TOTAL(e))];
}

static inline uint8_t take_literal(uint32_t e, struct bits_in *in)
{
	bits_in_drop(in, ENTRY_CODE(e));
	return (uint8_t)ENTRY_VALUE(e);
}

/* The value of an entry with its extra bits, all of which are dropped. */
static inline uint32_t value_of(uint32_t e, struct bits_in *in)
{
	const uint32_t v = bits_in_peek(in, ENTRY_TOTAL(e)) >> ENTRY_CODE(e);

	bits_in_drop(in, ENTRY_TOTAL(e));
	return ENTRY_VALUE(e) + v;
}

/* Symbols while there is plenty of input and of room, checked once a turn.
 * Returns 1 at the end of the block, 0 where plenty ends, or -EBADMSG. */
static int symbols_fast(struct inflate *z)
{
	struct bits_in in = z->in;
	uint8_t *out = z->out;
	int rc = 0;

	while (in.end - in.at >= 16 && z->out_end - out >= TURN_OUT_MAX) {
		uint32_t e;

		/* 56 bits: two literals of up to 15, and one more or a length of up to 20. */
		bits_in_refill(&in);
		e = lookup(z->litlen, LITLEN_ROOT_BITS, &in);
		for (unsigned n = 0; n < 2 && (e & ENTRY_LITERAL); n++) {
			*out++ = take_literal(e, &in);
			e = lookup(z->litlen, LITLEN_ROOT_BITS, &in);
		}
		if (e & ENTRY_LITERAL) {
			*out++ = take_literal(e, &in);
			continue;
		}
		if (e & (ENTRY_END | ENTRY_BAD)) {
			bits_in_drop(&in, ENTRY_TOTAL(e));
			rc = e & ENTRY_END ? 1 : -EBADMSG;
			break;
		}
		const uint32_t len = value_of(e, &in);

		bits_in_refill(&in);
		e = lookup(z->distance, DISTANCE_ROOT_BITS, &in);
		const uint32_t distance = value_of(e, &in);

		if ((e & ENTRY_BAD) || distance > (size_t)(out - z->out_begin)) {
			rc = -EBADMSG;
			break;
		}
		copy_match(out, distance, len);
		out += len;
	}
	z->in = in;
	z->out = out;
	return rc;
}

/* One symbol with every check.  Returns as symbols_fast(). */
static int symbol_careful(struct inflate *z)
{
	uint32_t e, len, distance;

	bits_in_refill(&z->in);
	e = lookup(z->litlen, LITLEN_ROOT_BITS, &z->in);
	len = value_of(e, &z->in);
	if ((e & ENTRY_BAD) || bits_in_overrun(&z->in))
		return -EBADMSG;
	if (e & ENTRY_END)
		return 1;
	if (e & ENTRY_LITERAL) {
		if (z->out == z->out_end)
			return -EBADMSG;
		*z->out++ = (uint8_t)len;
		return 0;
	}
	bits_in_refill(&z->in);
	e = lookup(z->distance, DISTANCE_ROOT_BITS, &z->in);
	distance = value_of(e, &z->in);
	if ((e & ENTRY_BAD) || bits_in_overrun(&z->in) ||
	    distance > (size_t)(z->out - z->out_begin) || len > (size_t)(z->out_end - z->out))
		return -EBADMSG;
	copy_match_exact(z->out, distance, len);
	z->out += len;
	return 0;
}

/* Bounded: a turn takes a bit of input at least, or ends. */
static int inflate_symbols(struct inflate *z)
{
	int rc;

	do {
		rc = symbols_fast(z);
		if (rc == 0)
			rc = symbol_careful(z);
	} while (rc == 0);
	return rc < 0 ? rc : 0;
}

/* §3.2.4 */
static int inflate_stored(struct inflate *z)
{
	const uint8_t *at;
	uint16_t len;

	if (bits_in_overrun(&z->in))
		return -EBADMSG;
	at = bits_in_byte(&z->in);
	if (z->in.end - at < 4)
		return -EBADMSG;
	len = le16_load(at);
	if ((len ^ le16_load(at + 2)) != 0xffff)
		return -EBADMSG;
	at += 4;
	if (z->in.end - at < len || z->out_end - z->out < len)
		return -EBADMSG;
	if (len)
		memcpy(z->out, at, len);
	z->out += len;
	bits_in_init(&z->in, at + len, (size_t)(z->in.end - at) - len);
	return 0;
}

/* §3.2.6 */
static int fixed_tables(struct inflate *z)
{
	uint8_t lengths[DEFLATE_FIXED_LITLENS];
	int rc;

	if (z->fixed)
		return 0;
	z->fixed = true;
	for (unsigned i = 0; i < DEFLATE_FIXED_LITLENS; i++)
		lengths[i] = deflate_fixed_length(i);
	rc = inflate_table_build(z->litlen, INFLATE_LITLEN, lengths, DEFLATE_FIXED_LITLENS);
	memset(lengths, DEFLATE_FIXED_DISTANCE_BITS, DEFLATE_FIXED_DISTANCES);
	return rc < 0 ? rc : inflate_table_build(z->distance, INFLATE_DISTANCE, lengths,
						 DEFLATE_FIXED_DISTANCES);
}

/* §3.2.7: the lengths of both codes, one list in the code of code lengths. */
static int read_lengths(struct bits_in *in, const uint32_t *precode, uint8_t *lengths,
			unsigned count)
{
	unsigned i = 0;

	while (i < count) {
		unsigned repeat, symbol;
		uint8_t length = 0;

		bits_in_refill(in);
		symbol = value_of(precode[bits_in_peek(in, DEFLATE_PRECODE_BITS)], in);
		if (symbol < PRECODE_AGAIN) {
			lengths[i++] = (uint8_t)symbol;
			continue;
		}
		if (symbol == PRECODE_AGAIN) {
			if (i == 0)
				return -EBADMSG; /* nothing to repeat */
			length = lengths[i - 1];
			repeat = 3 + bits_in_take(in, 2);
		} else if (symbol == PRECODE_ZEROS) {
			repeat = 3 + bits_in_take(in, 3);
		} else {
			repeat = 11 + bits_in_take(in, 7);
		}
		if (repeat > count - i)
			return -EBADMSG;
		memset(lengths + i, length, repeat);
		i += repeat;
	}
	return bits_in_overrun(in) ? -EBADMSG : 0;
}

/* §3.2.7 */
static int dynamic_tables(struct inflate *z)
{
	uint8_t lengths[DEFLATE_LITLENS + DEFLATE_DISTANCES];
	uint8_t precode_lengths[DEFLATE_PRECODES] = { 0 };
	uint32_t precode[PRECODE_ENTRIES];
	unsigned litlens, distances, precodes;
	int rc;

	bits_in_refill(&z->in);
	litlens = 257 + bits_in_take(&z->in, 5);
	distances = 1 + bits_in_take(&z->in, 5);
	precodes = 4 + bits_in_take(&z->in, 4);
	if (litlens > DEFLATE_LITLENS || distances > DEFLATE_DISTANCES)
		return -EBADMSG;
	for (unsigned i = 0; i < precodes; i++) {
		bits_in_refill(&z->in);
		precode_lengths[deflate_precode_order[i]] = (uint8_t)bits_in_take(&z->in, 3);
	}
	rc = inflate_table_build(precode, INFLATE_PRECODE, precode_lengths, DEFLATE_PRECODES);
	if (rc == 0)
		rc = read_lengths(&z->in, precode, lengths, litlens + distances);
	if (rc < 0)
		return rc;
	z->fixed = false;
	rc = inflate_table_build(z->litlen, INFLATE_LITLEN, lengths, litlens);
	return rc < 0 ? rc : inflate_table_build(z->distance, INFLATE_DISTANCE, lengths + litlens,
						 distances);
}

static int inflate_block(struct inflate *z, unsigned type)
{
	int rc;

	switch (type) {
	case DEFLATE_STORED:
		return inflate_stored(z);
	case DEFLATE_FIXED:
		rc = fixed_tables(z);
		break;
	case DEFLATE_DYNAMIC:
		rc = dynamic_tables(z);
		break;
	default:
		return -EBADMSG;
	}
	return rc < 0 ? rc : inflate_symbols(z);
}

int inflate_raw(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, size_t *in_used)
{
	struct inflate z;
	bool last;

	bits_in_init(&z.in, in, in_len);
	z.out = z.out_begin = out;
	z.out_end = out + out_len;
	z.fixed = false;
	/* Bounded: each block takes three bits of the input at least. */
	do {
		int rc;

		bits_in_refill(&z.in);
		last = bits_in_take(&z.in, 1);
		rc = inflate_block(&z, bits_in_take(&z.in, 2));
		if (rc < 0 || bits_in_overrun(&z.in))
			return -EBADMSG;
	} while (!last);
	if (z.out != z.out_end)
		return -EBADMSG;
	if (in_used)
		*in_used = (size_t)(bits_in_byte(&z.in) - in);
	return 0;
}
