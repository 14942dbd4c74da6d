#include "codec/zstd_encode_sequences.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "codec/bits.h"

/* A list of counts: 53 of up to ten bits, and its log. */
#define COUNTS_BYTES_MAX 72

/* Values beyond the tables' rows go by their logarithm. */
#define LITERALS_ROWS 64
#define MATCH_ROWS    128

/* Which code a value has: by row for small ones. */
struct rows {
	uint8_t literals[LITERALS_ROWS];
	uint8_t match[MATCH_ROWS]; /* of the length less ZSTD_MATCH_MIN */
};

/* §3.1.1.3.2.1.1, turned around. */
static void rows_fill(uint8_t *rows, unsigned count, const struct fse_meaning *meaning,
		      unsigned lowest)
{
	unsigned code = 0;

	for (unsigned v = 0; v < count; v++) {
		if (v + lowest >= meaning[code + 1].value)
			code++;
		rows[v] = (uint8_t)code;
	}
}

static inline unsigned literals_code(const struct rows *r, uint32_t literals)
{
	return literals < LITERALS_ROWS ? r->literals[literals] : bits_log2(literals) + 19;
}

static inline unsigned match_code(const struct rows *r, uint32_t match)
{
	const uint32_t v = match - ZSTD_MATCH_MIN;

	return v < MATCH_ROWS ? r->match[v] : bits_log2(v) + 36;
}

/* The codes of all sequences, and how often each is used. */
static void codes_find(struct zstd_encoder *z, uint32_t uses[ZSTD_CODES][FSE_SYMBOLS_MAX])
{
	const struct zstd_parsed *p = &z->parsed;
	struct rows r;

	rows_fill(r.literals, LITERALS_ROWS, zstd_codes[ZSTD_LITERALS].meaning, 0);
	rows_fill(r.match, MATCH_ROWS, zstd_codes[ZSTD_MATCH].meaning, ZSTD_MATCH_MIN);
	for (unsigned i = 0; i < p->count; i++) {
		const struct zstd_sequence *q = &p->sequence[i];
		const unsigned literals = literals_code(&r, q->literals);
		const unsigned offset = bits_log2(q->offset_value);
		const unsigned match = match_code(&r, q->match);

		uses[ZSTD_LITERALS][z->codes[ZSTD_LITERALS][i] = (uint8_t)literals]++;
		uses[ZSTD_OFFSET][z->codes[ZSTD_OFFSET][i] = (uint8_t)offset]++;
		uses[ZSTD_MATCH][z->codes[ZSTD_MATCH][i] = (uint8_t)match]++;
	}
}

/* States for so many sequences: enough for their statistics, few enough to describe. */
static unsigned log_for(unsigned count, const struct zstd_code_info *info)
{
	const unsigned least = bits_log2(info->symbols) + 1;
	const unsigned log = bits_log2(count);

	return log < least + 1 ? least : log - 1 > info->log_max ? info->log_max : log - 1;
}

/* §3.1.1.3.2.1: choose a code's form, write it, and make the encoder for it. */
static int code_write(struct zstd_encoder *z, enum zstd_code code, const uint32_t *uses,
		      struct bits_out *out, enum zstd_mode *mode)
{
	const struct zstd_code_info *info = &zstd_codes[code];
	const unsigned count = z->parsed.count;
	const unsigned first = z->codes[code][0];
	uint8_t list[COUNTS_BYTES_MAX];
	struct fse_counts own;
	struct bits_out bits;
	size_t list_bytes;

	if (uses[first] == count) {
		*mode = ZSTD_SINGLE;
		fse_encoder_single(&z->encoders[code], first);
		bits_out_put(out, first, 8);
		bits_out_flush(out);
		return 0;
	}
	fse_counts_make(&own, uses, info->symbols, log_for(count, info));
	bits_out_init(&bits, list, sizeof(list));
	fse_counts_write(&bits, &own);
	list_bytes = (size_t)(bits.at - list);
	if (fse_cost(&info->predefined, uses, info->symbols) <=
	    fse_cost(&own, uses, info->symbols) + list_bytes * 8 * 256) {
		*mode = ZSTD_PREDEFINED;
		fse_encoder_build(&z->encoders[code], &info->predefined);
		return 0;
	}
	*mode = ZSTD_FSE;
	fse_encoder_build(&z->encoders[code], &own);
	if ((size_t)(out->end - out->at) < list_bytes)
		return -ENOSPC;
	memcpy(out->at, list, list_bytes);
	out->at += list_bytes;
	return 0;
}

/* The bits of a value that its code leaves open. */
static inline void extra_put(const struct zstd_encoder *z, enum zstd_code code, unsigned i,
			     uint32_t value, struct bits_out *out)
{
	const struct fse_meaning *m = &zstd_codes[code].meaning[z->codes[code][i]];

	bits_out_put(out, value - m->value, m->extra_bits);
}

/* §3.1.1.3.2.1.2: the decoder reads this from the end, so the last sequence comes
 * first, and everything about it in reverse. */
static void stream_write(const struct zstd_encoder *z, struct bits_out *out)
{
	const struct fse_encoder *e = z->encoders;
	unsigned i = z->parsed.count - 1;
	uint32_t state[ZSTD_CODES];

	for (unsigned c = 0; c < ZSTD_CODES; c++)
		state[c] = fse_first(&e[c], z->codes[c][i]);
	for (;; i--) {
		const struct zstd_sequence *q = &z->parsed.sequence[i];

		/* 26 bits of states and 16 before a flush; then 16 and 27. */
		extra_put(z, ZSTD_LITERALS, i, q->literals, out);
		bits_out_flush(out);
		extra_put(z, ZSTD_MATCH, i, q->match, out);
		extra_put(z, ZSTD_OFFSET, i, q->offset_value, out);
		bits_out_flush(out);
		if (i == 0)
			break;
		state[ZSTD_OFFSET] = fse_put(&e[ZSTD_OFFSET], out, state[ZSTD_OFFSET],
					     z->codes[ZSTD_OFFSET][i - 1]);
		state[ZSTD_MATCH] = fse_put(&e[ZSTD_MATCH], out, state[ZSTD_MATCH],
					    z->codes[ZSTD_MATCH][i - 1]);
		state[ZSTD_LITERALS] = fse_put(&e[ZSTD_LITERALS], out, state[ZSTD_LITERALS],
					       z->codes[ZSTD_LITERALS][i - 1]);
	}
	fse_finish(&e[ZSTD_MATCH], out, state[ZSTD_MATCH]);
	fse_finish(&e[ZSTD_OFFSET], out, state[ZSTD_OFFSET]);
	fse_finish(&e[ZSTD_LITERALS], out, state[ZSTD_LITERALS]);
	bits_out_mark(out);
}

/* §3.1.1.3.2.1 */
static void count_put(struct bits_out *out, unsigned count)
{
	static_assert(ZSTD_BLOCK_SEQUENCES < ZSTD_COUNT_LONG, "two bytes are enough");
	if (count < ZSTD_COUNT_TWO_BYTES) {
		bits_out_put(out, count, 8);
	} else {
		bits_out_put(out, (count >> 8) + ZSTD_COUNT_TWO_BYTES, 8);
		bits_out_put(out, count & 0xff, 8);
	}
	bits_out_flush(out);
}

int zstd_sequences_write(struct zstd_encoder *z, uint8_t *out, size_t out_len)
{
	uint32_t uses[ZSTD_CODES][FSE_SYMBOLS_MAX] = { { 0 } };
	struct bits_out bits;
	uint8_t *modes;
	unsigned chosen = 0;

	bits_out_init(&bits, out, out_len);
	count_put(&bits, z->parsed.count);
	if (z->parsed.count == 0)
		return bits.full ? -ENOSPC : (int)(bits.at - out);
	modes = bits.at;
	bits_out_put(&bits, 0, 8);
	bits_out_flush(&bits);
	codes_find(z, uses);
	for (unsigned c = 0; c < ZSTD_CODES; c++) {
		enum zstd_mode mode = ZSTD_PREDEFINED;

		if (code_write(z, c, uses[c], &bits, &mode) < 0 || bits.full)
			return -ENOSPC;
		chosen |= mode << ZSTD_MODE_SHIFT(c);
	}
	stream_write(z, &bits);
	if (bits.full)
		return -ENOSPC;
	*modes = (uint8_t)chosen;
	return (int)(bits.at - out);
}
