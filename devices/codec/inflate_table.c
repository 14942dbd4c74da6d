#include "codec/inflate_table.h"

#include <errno.h>
#include <string.h>

#include "codec/deflate_format.h"

static const struct {
	unsigned root_bits;
	unsigned entries;
} shapes[] = {
	[INFLATE_PRECODE] = { DEFLATE_PRECODE_BITS, PRECODE_ENTRIES },
	[INFLATE_LITLEN] = { LITLEN_ROOT_BITS, LITLEN_ENTRIES },
	[INFLATE_DISTANCE] = { DISTANCE_ROOT_BITS, DISTANCE_ENTRIES },
};

#define BAD_ENTRY (ENTRY_BAD | 1)

/* §3.2.5: lengths 3..10 have no extra bits, then four lengths in a row have one,
 * four have two, ...; 285 stands for 258 alone. */
static uint32_t length_entry(unsigned symbol)
{
	const unsigned n = symbol - DEFLATE_LENGTH;
	const unsigned extra = n < 8 ? 0 : n / 4 - 1;
	const unsigned base = n < 8 ? n + 3 : ((4 + n % 4) << extra) + 3;

	if (n == 28)
		return DEFLATE_MATCH_MAX << 16;
	return n > 28 ? ENTRY_BAD : base << 16 | extra;
}

/* §3.2.5: the same in pairs. */
static uint32_t distance_entry(unsigned symbol)
{
	const unsigned extra = symbol < 4 ? 0 : symbol / 2 - 1;
	const unsigned base = symbol < 4 ? symbol + 1 : ((2 + symbol % 2) << extra) + 1;

	return symbol >= DEFLATE_DISTANCES ? ENTRY_BAD : base << 16 | extra;
}

/* The entry of a symbol, total being that of its extra bits. */
static uint32_t symbol_entry(enum inflate_kind kind, unsigned symbol)
{
	if (kind == INFLATE_PRECODE)
		return symbol << 16;
	if (kind == INFLATE_DISTANCE)
		return distance_entry(symbol);
	if (symbol < DEFLATE_END)
		return ENTRY_LITERAL | symbol << 16;
	return symbol == DEFLATE_END ? ENTRY_END : length_entry(symbol);
}

/* Codes are read from the lowest bit of a byte, so their first bit is the lowest of
 * the index: the code after `code` is counted up from the other end. */
static unsigned next_code(unsigned code, unsigned length)
{
	unsigned bit = 1u << (length - 1);

	while (code & bit) {
		code ^= bit;
		bit >>= 1;
	}
	return code | bit;
}

/* A table while it is built. */
struct builder {
	uint32_t *table;
	enum inflate_kind kind;
	unsigned root_bits;
	unsigned longest; /* code; 0 if there is none */
	unsigned per_length[DEFLATE_CODE_BITS + 1];
	uint16_t sorted[DEFLATE_FIXED_LITLENS]; /* symbols in the order of their codes */
	const uint16_t *next;			/* the next of them */
	unsigned code;				/* its code */
};

/* Count and sort the codes (§3.2.2).  Returns 0, or -EBADMSG if that is no code. */
static int sort_symbols(struct builder *b, const uint8_t *lengths, unsigned count)
{
	unsigned next[DEFLATE_CODE_BITS + 2] = { 0 };
	int room = 1;

	for (unsigned s = 0; s < count; s++)
		b->per_length[lengths[s]]++;
	b->per_length[0] = 0;
	for (unsigned len = 1; len <= DEFLATE_CODE_BITS; len++) {
		room = room * 2 - (int)b->per_length[len];
		if (room < 0)
			return -EBADMSG; /* more codes than there is room for */
		if (b->per_length[len])
			b->longest = len;
		next[len + 1] = next[len] + b->per_length[len];
	}
	/* As zlib has it: room may be left beside a single bit, or a code be missing
	 * that nothing uses. */
	if (room > 0 && (b->longest > 1 || b->kind == INFLATE_PRECODE))
		return -EBADMSG;
	if (b->longest == 0 && b->kind == INFLATE_LITLEN)
		return -EBADMSG;
	for (unsigned s = 0; s < count; s++) {
		if (lengths[s])
			b->sorted[next[lengths[s]]++] = (uint16_t)s;
	}
	return 0;
}

/* Codes that the root's index covers.  With each bit the table doubles. */
static void fill_root(struct builder *b)
{
	b->table[0] = b->table[1] = BAD_ENTRY;
	for (unsigned len = 1; len <= b->root_bits; len++) {
		for (unsigned n = b->per_length[len]; n > 0; n--) {
			b->table[b->code] = symbol_entry(b->kind, *b->next++) + (len << 8 | len);
			b->code = next_code(b->code, len);
		}
		if (len < b->root_bits)
			memcpy(b->table + (1u << len), b->table, sizeof(*b->table) << len);
	}
}

/* Bits of the second table's index whose first code has this length, and of whose
 * length `codes` are left: as many as it takes until codes fill the table. */
static unsigned second_bits(const struct builder *b, unsigned length, unsigned codes)
{
	unsigned bits = length - b->root_bits;

	while (bits + b->root_bits < b->longest && codes < 1u << bits) {
		bits++;
		codes = codes * 2 + b->per_length[bits + b->root_bits];
	}
	return bits;
}

/* Longer codes; those that agree in the root's bits come in a row. */
static int fill_seconds(struct builder *b)
{
	const unsigned root_size = 1u << b->root_bits;
	unsigned used = root_size, bits = 0, root = root_size;
	uint32_t *second = NULL;

	for (unsigned len = b->root_bits + 1; len <= b->longest; len++) {
		const unsigned own = len - b->root_bits;

		for (unsigned n = b->per_length[len]; n > 0; n--) {
			const uint32_t entry = symbol_entry(b->kind, *b->next++) + (own << 8 | own);

			if (b->code % root_size != root) {
				root = b->code % root_size;
				bits = second_bits(b, len, n);
				if (used + (1u << bits) > shapes[b->kind].entries)
					return -EBADMSG;
				second = b->table + used;
				b->table[root] = ENTRY_SUB | used << 16 | b->root_bits << 8 | bits;
				used += 1u << bits;
			}
			for (unsigned i = b->code >> b->root_bits; i < 1u << bits; i += 1u << own)
				second[i] = entry;
			b->code = next_code(b->code, len);
		}
	}
	return 0;
}

int inflate_table_build(uint32_t *table, enum inflate_kind kind, const uint8_t *lengths,
			unsigned count)
{
	struct builder b = { .table = table, .kind = kind, .root_bits = shapes[kind].root_bits };

	if (sort_symbols(&b, lengths, count) < 0)
		return -EBADMSG;
	b.next = b.sorted;
	fill_root(&b);
	return fill_seconds(&b);
}
