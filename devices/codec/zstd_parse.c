#include "codec/zstd_parse.h"

#include <string.h>

/* The search reads so many bytes from where it is. */
#define SEARCH_BYTES 9

/* The shortest match that is looked for. */
#define MATCH_MIN 4

/* Without a match for so many bytes, the search takes one more byte in each step. */
#define PATIENCE_LOG 8

#define HASH_PRIME UINT64_C(0x9fb21c651e98df25)

/* A block while it is parsed. */
struct place {
	struct zstd_encoder *z;
	const uint8_t *in;
	const uint8_t *anchor; /* first byte that no sequence covers yet */
	const uint8_t *end;
};

/* Bytes at `at` that are the same as at `from`; NULL if there are none. */
struct match {
	const uint8_t *at;
	const uint8_t *from;
};

void zstd_parse_reset(struct zstd_encoder *z, size_t in_len)
{
	unsigned log = 10;

	/* Small inputs have small tables: clearing them is part of the cost. */
	while (log < ZSTD_LONG_LOG && (size_t)1 << log < in_len)
		log++;
	z->long_log = log;
	z->short_log = log < ZSTD_SHORT_LOG ? log : ZSTD_SHORT_LOG;
	memset(z->longs, 0, sizeof(*z->longs) << z->long_log);
	memset(z->shorts, 0, sizeof(*z->shorts) << z->short_log);
}

/* The entry of the eight bytes at p. */
static inline uint32_t *long_entry(struct zstd_encoder *z, const uint8_t *p)
{
	return &z->longs[le64_load(p) * HASH_PRIME >> (64 - z->long_log)];
}

/* Of five bytes. */
static inline uint32_t *short_entry(struct zstd_encoder *z, const uint8_t *p)
{
	return &z->shorts[(le64_load(p) << 24) * HASH_PRIME >> (64 - z->short_log)];
}

static inline const uint8_t *entry_swap(const struct place *b, uint32_t *entry, const uint8_t *p)
{
	const uint32_t before = *entry;

	*entry = (uint32_t)(p - b->in) + 1;
	return before ? b->in + before - 1 : NULL;
}

/* Whether p repeats what came offset bytes before, for MATCH_MIN bytes. */
static inline bool repeats(const struct place *b, const uint8_t *p, uint32_t offset)
{
	return offset <= (size_t)(p - b->in) && le32_load(p) == le32_load(p - offset);
}

/* §3.1.1.5: the value that stands for an offset, which is used now. */
static uint32_t offset_value(uint32_t repeat[ZSTD_REPEATS], uint32_t offset, bool no_literals)
{
	for (unsigned which = no_literals; which < ZSTD_REPEATS + no_literals; which++) {
		const uint32_t known = which < ZSTD_REPEATS ? repeat[which] : repeat[0] - 1;

		if (offset == known) {
			zstd_repeat_use(repeat, which, offset);
			return which + 1 - no_literals;
		}
	}
	zstd_repeat_use(repeat, ZSTD_REPEATS, offset);
	return offset + ZSTD_REPEATS;
}

static void literals_add(struct zstd_parsed *p, const uint8_t *from, size_t len)
{
	memcpy(p->literals + p->literal_count, from, len);
	p->literal_count += len;
}

/* Literals from the anchor up to the match, and the match. */
static void sequence_add(struct place *b, struct match m, uint32_t length)
{
	struct zstd_parsed *p = &b->z->parsed;
	const uint32_t literals = (uint32_t)(m.at - b->anchor);
	const uint32_t offset = (uint32_t)(m.at - m.from);

	literals_add(p, b->anchor, literals);
	p->sequence[p->count++] = (struct zstd_sequence){
		.literals = literals,
		.match = length,
		.offset_value = offset_value(b->z->repeat, offset, literals == 0),
	};
	b->anchor = m.at + length;
}

/* A match at `at` or the byte behind: the latest offset once more, or where these
 * bytes were last seen, a long match before a short one. */
static inline struct match find(const struct place *b, const uint8_t *at)
{
	struct zstd_encoder *const z = b->z;
	const uint8_t *from_long = entry_swap(b, long_entry(z, at), at);
	const uint8_t *from_short = entry_swap(b, short_entry(z, at), at);

	if (repeats(b, at + 1, z->repeat[0]))
		return (struct match){ at + 1, at + 1 - z->repeat[0] };
	if (from_long && le64_load(at) == le64_load(from_long))
		return (struct match){ at, from_long };
	if (!from_short || le32_load(at) != le32_load(from_short))
		return (struct match){ NULL, NULL };
	from_long = entry_swap(b, long_entry(z, at + 1), at + 1);
	if (from_long && le64_load(at + 1) == le64_load(from_long))
		return (struct match){ at + 1, from_long };
	return (struct match){ at, from_short };
}

/* Take a match in its full length, backwards too. */
static void match_take(struct place *b, struct match m)
{
	uint32_t length = MATCH_MIN + match_length(m.at + MATCH_MIN, m.from + MATCH_MIN, b->end);

	while (m.at > b->anchor && m.from > b->in && m.at[-1] == m.from[-1])
		m.at--, m.from--, length++;
	sequence_add(b, m, length);
}

/* Remember a place or two inside of what a match covered. */
static void match_remember(struct place *b, const uint8_t *at)
{
	const uint8_t *const inside[] = { at + 2, b->anchor - 2 };

	for (unsigned i = 0; i < ARRAY_LEN(inside); i++) {
		entry_swap(b, long_entry(b->z, inside[i]), inside[i]);
		entry_swap(b, short_entry(b->z, inside[i]), inside[i]);
	}
}

static bool room_left(const struct place *b)
{
	return b->z->parsed.count < ZSTD_BLOCK_SEQUENCES;
}

void zstd_parse_block(struct zstd_encoder *z, const uint8_t *in, const uint8_t *at,
		      const uint8_t *end)
{
	const size_t len = min_u64((uint64_t)(end - at), ZSTD_BLOCK_MAX);
	struct place b = { z, in, at, at + len };
	const uint8_t *const begin = at;

	z->parsed.count = 0;
	z->parsed.literal_count = 0;
	while (b.end - at >= SEARCH_BYTES && room_left(&b)) {
		struct match m = find(&b, at);

		if (!m.at) {
			at += 1 + ((at - b.anchor) >> PATIENCE_LOG);
			continue;
		}
		match_take(&b, m);
		if (b.end - b.anchor >= SEARCH_BYTES)
			match_remember(&b, at);
		/* The offset before the latest often goes on right behind. */
		while (b.end - b.anchor >= SEARCH_BYTES && room_left(&b) &&
		       repeats(&b, b.anchor, z->repeat[1]))
			match_take(&b, (struct match){ b.anchor, b.anchor - z->repeat[1] });
		at = b.anchor;
	}
	/* The rest are literals, or the next block's if the list is full. */
	if (room_left(&b)) {
		literals_add(&z->parsed, b.anchor, (size_t)(b.end - b.anchor));
		b.anchor = b.end;
	}
	z->parsed.len = (size_t)(b.anchor - begin);
}
