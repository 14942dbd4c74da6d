#include "codec/zstd_sequences.h"

#include <errno.h>
#include <string.h>

#include "codec/bits.h"

/* All next states take so many bits at most (§3.1.1.3.2.1.1). */
#define STATE_BITS_MAX (9 + 8 + 9)

struct sequence {
	uint32_t literals;
	uint32_t match;
	uint32_t offset; /* 0: damaged */
};

/* §3.1.1.3.2.1: returns the bytes that the number takes, or -EBADMSG. */
static int count_read(const uint8_t *in, size_t in_len, unsigned *count)
{
	if (in_len == 0)
		return -EBADMSG;
	*count = in[0];
	if (in[0] < ZSTD_COUNT_TWO_BYTES)
		return 1;
	if (in[0] < ZSTD_COUNT_THREE_BYTES) {
		if (in_len < 2)
			return -EBADMSG;
		*count = (unsigned)(in[0] - ZSTD_COUNT_TWO_BYTES) << 8 | in[1];
		return 2;
	}
	if (in_len < 3)
		return -EBADMSG;
	*count = le16_load(in + 1) + ZSTD_COUNT_LONG;
	return 3;
}

/* §3.1.1.3.2.1.1: returns the bytes that the code takes, or -EBADMSG. */
static int table_read(struct zstd_decoder *z, enum zstd_code code, enum zstd_mode mode,
		      const uint8_t *in, size_t in_len)
{
	const struct zstd_code_info *info = &zstd_codes[code];
	struct fse_table *t = &z->tables[code];
	struct fse_counts counts;
	int used = 0;

	switch (mode) {
	case ZSTD_PREDEFINED:
		fse_table_build(t, &info->predefined, info->meaning);
		break;
	case ZSTD_SINGLE:
		if (in_len == 0 || in[0] >= info->symbols)
			return -EBADMSG;
		fse_table_single(t, info->meaning[in[0]]);
		used = 1;
		break;
	case ZSTD_FSE:
		used = fse_counts_read(&counts, in, in_len, info->symbols, info->log_max);
		if (used < 0)
			return used;
		fse_table_build(t, &counts, info->meaning);
		break;
	case ZSTD_REPEAT:
		if (!z->ready[code])
			return -EBADMSG; /* none to repeat */
		break;
	}
	z->ready[code] = true;
	return used;
}

/* §3.1.1.5: the offset that a value means. */
static inline uint32_t offset_of(uint32_t repeat[ZSTD_REPEATS], uint32_t value, bool no_literals)
{
	uint32_t which = ZSTD_REPEATS, offset = value - ZSTD_REPEATS;

	if (value <= ZSTD_REPEATS) {
		which = value - 1 + no_literals;
		offset = which < ZSTD_REPEATS ? repeat[which] : repeat[0] - 1;
	}
	zstd_repeat_use(repeat, which, offset);
	return offset;
}

/* The states of the three codes, and the bits that drive them. */
struct states {
	const struct fse_table *tables;
	struct bits_back bits;
	uint32_t at[ZSTD_CODES];
};

static inline void state_next(struct states *s, enum zstd_code code, const struct fse_state *from)
{
	s->at[code] = from->next + bits_back_take(&s->bits, from->next_bits);
}

/* §3.1.1.3.2.1.2: values first, then the next states, each in its own order.  After
 * the last sequence there are none; what is read in their place is zeros. */
static inline struct sequence sequence_take(struct states *s, uint32_t repeat[ZSTD_REPEATS],
					    bool last)
{
	const struct fse_state *lit = &s->tables[ZSTD_LITERALS].state[s->at[ZSTD_LITERALS]];
	const struct fse_state *off = &s->tables[ZSTD_OFFSET].state[s->at[ZSTD_OFFSET]];
	const struct fse_state *match = &s->tables[ZSTD_MATCH].state[s->at[ZSTD_MATCH]];
	struct sequence q;
	uint32_t value;

	/* 31 and 16 bits at most. */
	bits_back_refill(&s->bits);
	value = off->value + bits_back_take(&s->bits, off->extra_bits);
	q.match = match->value + bits_back_take(&s->bits, match->extra_bits);
	/* 16 more, and the states. */
	if (off->extra_bits + match->extra_bits + lit->extra_bits > BITS_HELD - STATE_BITS_MAX)
		bits_back_refill(&s->bits);
	q.literals = lit->value + bits_back_take(&s->bits, lit->extra_bits);
	q.offset = offset_of(repeat, value, q.literals == 0);
	if (!last) {
		state_next(s, ZSTD_LITERALS, lit);
		state_next(s, ZSTD_MATCH, match);
		state_next(s, ZSTD_OFFSET, off);
	}
	return q;
}

/* §3.1.1.4 */
static inline int sequence_execute(struct sequence q, struct zstd_literals *lit,
				   struct zstd_output *out)
{
	const size_t room = (size_t)(out->end - out->at);
	const size_t len = (size_t)q.literals + q.match;
	uint8_t *match;

	if (q.literals > lit->len || len > room || q.offset == 0 ||
	    q.offset > (size_t)(out->at - out->frame) + q.literals)
		return -EBADMSG;
	match = out->at + q.literals;
	if (len + COPY_SLACK <= room &&
	    (size_t)(lit->memory_end - lit->at) >= (size_t)q.literals + COPY_SLACK) {
		copy_run(out->at, lit->at, q.literals);
		copy_match(match, q.offset, q.match);
	} else {
		memcpy(out->at, lit->at, q.literals);
		copy_match_exact(match, q.offset, q.match);
	}
	lit->at += q.literals;
	lit->len -= q.literals;
	out->at += len;
	return 0;
}

/* The stream of count sequences. */
static int stream_read(struct zstd_decoder *z, const uint8_t *in, size_t in_len, unsigned count,
		       struct zstd_literals *lit, struct zstd_output *out)
{
	uint32_t repeat[ZSTD_REPEATS];
	struct states s = { .tables = z->tables };

	if (!bits_back_init(&s.bits, in, in_len))
		return -EBADMSG;
	for (unsigned c = 0; c < ZSTD_CODES; c++)
		s.at[c] = bits_back_take(&s.bits, z->tables[c].log);
	memcpy(repeat, z->repeat, sizeof(repeat));
	/* Each makes three bytes at least, so a count that lies ends with the room. */
	for (unsigned n = count; n > 0; n--) {
		if (sequence_execute(sequence_take(&s, repeat, n == 1), lit, out) < 0)
			return -EBADMSG;
	}
	memcpy(z->repeat, repeat, sizeof(repeat));
	return bits_back_left(&s.bits) == 0 ? 0 : -EBADMSG;
}

int zstd_sequences_read(struct zstd_decoder *z, const uint8_t *in, size_t in_len,
			struct zstd_literals lit, struct zstd_output *out)
{
	const uint8_t *const end = in + in_len;
	unsigned count = 0;
	uint8_t modes;
	int used = count_read(in, in_len, &count);

	if (used < 0)
		return used;
	in += used;
	if (count == 0) {
		if (in != end)
			return -EBADMSG;
	} else {
		if (in == end || (*in & ZSTD_MODES_RESERVED) != 0)
			return -EBADMSG;
		modes = *in++;
		for (unsigned c = 0; c < ZSTD_CODES; c++) {
			used = table_read(z, c, modes >> ZSTD_MODE_SHIFT(c) & 3, in,
					  (size_t)(end - in));
			if (used < 0)
				return used;
			in += used;
		}
		if (stream_read(z, in, (size_t)(end - in), count, &lit, out) < 0)
			return -EBADMSG;
	}
	/* What no sequence took comes last. */
	if (lit.len > (size_t)(out->end - out->at))
		return -EBADMSG;
	if (lit.len)
		memcpy(out->at, lit.at, lit.len);
	out->at += lit.len;
	return 0;
}
