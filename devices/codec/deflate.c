#include "codec/deflate.h"

#include <errno.h>
#include <string.h>

#include "codec/copy.h"
#include "codec/deflate_block.h"
#include "codec/deflate_format.h"

/* How hard to look, about what zlib does at its level 6. */
#define CHAIN_MAX  96 /* candidates to look at */
#define CHAIN_GOOD 24 /* likewise, once a match of GOOD is at hand */
#define GOOD	   8
#define LAZY_BELOW 16  /* a match this long is taken at once */
#define NICE	   128 /* one this long ends the search */

/* A match of 3 further back costs more than three literals do. */
#define NEAR 1024

#define IN_MAX ((size_t)1 << 30)

/* Hashing reads so many bytes. */
#define HASH_BYTES 4

/* The place in a stream that is being looked at. */
struct cursor {
	struct deflate *work;
	const uint8_t *in;
	const uint8_t *end;
	const uint8_t *at;
};

struct match {
	uint32_t length; /* 0: none */
	uint32_t distance;
};

static inline uint32_t position_of(const struct cursor *c, const uint8_t *p)
{
	return (uint32_t)(p - c->in) + DEFLATE_WINDOW + 1;
}

/* Of three bytes. */
static inline uint32_t hash_of(const uint8_t *p)
{
	return (le32_load(p) << 8) * 0x9e3779b1u >> (32 - DEFLATE_HASH_BITS);
}

static inline void insert(const struct cursor *c, const uint8_t *p)
{
	const uint32_t position = position_of(c, p);
	uint32_t *head;

	if (c->end - p < HASH_BYTES)
		return;
	head = &c->work->head[hash_of(p)];
	c->work->before[position % DEFLATE_WINDOW] = *head;
	*head = position;
}

/* The longest match at c->at that is longer than have; c->at itself is not yet
 * inserted.  Bounded by CHAIN_MAX. */
static struct match find(const struct cursor *c, uint32_t have)
{
	const uint32_t here = position_of(c, c->at);
	const size_t left = (size_t)(c->end - c->at);
	const uint8_t *stop = c->at + min_u64(left, DEFLATE_MATCH_MAX);
	uint32_t best = have < DEFLATE_MATCH_MIN - 1 ? DEFLATE_MATCH_MIN - 1 : have;
	struct match found = { 0, 0 };
	uint32_t candidate;

	if (left < HASH_BYTES || best >= left)
		return found;
	candidate = c->work->head[hash_of(c->at)];
	for (unsigned n = have >= GOOD ? CHAIN_GOOD : CHAIN_MAX; n > 0; n--) {
		const uint32_t distance = here - candidate;
		const uint8_t *p = c->at - distance;

		if (distance > DEFLATE_WINDOW)
			break;
		/* What would make it longer than the best, first. */
		if (p[best] == c->at[best] && le16_load(p) == le16_load(c->at)) {
			const uint32_t length = match_length(c->at, p, stop);

			if (length > best && (length > DEFLATE_MATCH_MIN || distance <= NEAR)) {
				found = (struct match){ length, distance };
				best = length;
				if (length >= NICE || c->at + length == stop)
					break;
			}
		}
		/* In the window no newer position has taken this place of the ring yet. */
		candidate = c->work->before[candidate % DEFLATE_WINDOW];
	}
	return found;
}

/* Tokens for the bytes from c->at on until the list is full or the input ends. */
static void parse(struct cursor *c, struct deflate_tokens *t)
{
	while (c->at < c->end && t->count + 1 < DEFLATE_BLOCK_TOKENS) {
		struct match m = find(c, 0);

		insert(c, c->at);
		if (m.length == 0) {
			deflate_literal(t, *c->at++);
			continue;
		}
		/* Is there a longer one a byte later?  Then this byte is a literal. */
		while (m.length < LAZY_BELOW && t->count + 1 < DEFLATE_BLOCK_TOKENS) {
			struct match later;

			c->at++;
			later = find(c, m.length);
			if (later.length == 0) {
				c->at--;
				break;
			}
			deflate_literal(t, c->at[-1]);
			insert(c, c->at);
			m = later;
		}
		deflate_match(t, m.length, m.distance);
		for (uint32_t i = 1; i < m.length; i++)
			insert(c, c->at + i);
		c->at += m.length;
	}
}

int deflate_raw(struct deflate *work, const uint8_t *in, size_t in_len, uint8_t *out,
		size_t out_len, size_t *out_used)
{
	struct cursor c = { work, in, in + in_len, in };
	struct bits_out bits;

	if (in_len > IN_MAX)
		return -EINVAL;
	if (out_len == 0)
		return -ENOSPC;
	bits_out_init(&bits, out, out_len - 1);
	memset(work->head, 0, sizeof(work->head));
	deflate_tokens_reset(&work->tokens);
	do {
		const uint8_t *begin = c.at;

		parse(&c, &work->tokens);
		deflate_block(&bits, &work->tokens, c.at == c.end, begin, (size_t)(c.at - begin));
	} while (c.at < c.end && !bits.full);
	bits_out_align(&bits);
	if (bits.full)
		return -ENOSPC;
	*out_used = (size_t)(bits.at - out);
	return 0;
}
