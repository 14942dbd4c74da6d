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

/* How many codes have each length, and the symbols in the order of their codes
 * (§3.2.2).  Returns the longest length, 0 if there is no code, or -EBADMSG. */
static int sort_symbols(const uint8_t *lengths, unsigned count, unsigned per_length[],
			uint16_t sorted[])
{
	unsigned next[DEFLATE_CODE_BITS + 2] = { 0 };
	unsigned longest = 0;
	int room = 1;

	memset(per_length, 0, (DEFLATE_CODE_BITS + 1) * sizeof(*per_length));
	for (unsigned s = 0; s < count; s++)
		per_length[lengths[s]]++;
	per_length[0] = 0;
	for (unsigned len = 1; len <= DEFLATE_CODE_BITS; len++) {
		room = room * 2 - (int)per_length[len];
		if (room < 0)
			return -EBADMSG; /* more codes than there is room for */
		if (per_length[len])
			longest = len;
		next[len + 1] = next[len] + per_length[len];
	}
	/* As zlib has it: room may be left over only beside one single bit. */
	if (room > 0 && longest > 1)
		return -EBADMSG;
	for (unsigned s = 0; s < count; s++) {
		if (lengths[s])
			sorted[next[lengths[s]]++] = (uint16_t)s;
	}
	return (int)longest;
}

/* Bits that the second table needs whose first code has length bits. */
static unsigned second_bits(const unsigned per_length[], unsigned length, unsigned root_bits,
			    unsigned longest, unsigned left_of_length)
{
	unsigned bits = length - root_bits;
	unsigned codes = left_of_length;

	while (bits + root_bits < longest && codes < 1u << bits) {
		bits++;
		codes = codes * 2 + per_length[bits + root_bits];
	}
	return bits;
}

int inflate_table_build(uint32_t *table, enum inflate_kind kind, const uint8_t *lengths,
			unsigned count)
{
	const unsigned root_bits = shapes[kind].root_bits;
	unsigned per_length[DEFLATE_CODE_BITS + 1];
	uint16_t sorted[DEFLATE_FIXED_LITLENS];
	const uint16_t *next = sorted;
	const int longest = sort_symbols(lengths, count, per_length, sorted);
	unsigned code = 0, used = 1u << root_bits;

	if (longest < 0 || (longest == 0 && kind != INFLATE_DISTANCE))
		return -EBADMSG;
	if (longest == 1 && per_length[1] == 1 && kind == INFLATE_PRECODE)
		return -EBADMSG;
	/* Codes of one length after the other: with each bit the table doubles. */
	table[0] = table[1] = BAD_ENTRY;
	for (unsigned len = 1; len <= root_bits; len++) {
		for (unsigned n = per_length[len]; n > 0; n--) {
			table[code] = symbol_entry(kind, *next++) + (len << 8 | len);
			code = next_code(code, len);
		}
		if (len < root_bits)
			memcpy(table + (1u << len), table, sizeof(*table) << len);
	}

	uint32_t *second = NULL;
	unsigned bits = 0, root = 0;

	for (unsigned len = root_bits + 1; len <= (unsigned)longest; len++) {
		for (unsigned n = per_length[len]; n > 0; n--) {
			if (!second || (code & ((1u << root_bits) - 1)) != root) {
				root = code & ((1u << root_bits) - 1);
				bits = second_bits(per_length, len, root_bits, (unsigned)longest, n);
				if (used + (1u << bits) > shapes[kind].entries)
					return -EBADMSG;
				second = table + used;
				table[root] = ENTRY_SUB | used << 16 | root_bits << 8 | bits;
				used += 1u << bits;
			}
			const unsigned own = len - root_bits;
			const uint32_t entry = symbol_entry(kind, *next++) + (own << 8 | own);

			for (unsigned i = code >> root_bits; i < 1u << bits; i += 1u << own)
				second[i] = entry;
			code = next_code(code, len);
		}
	}
	return 0;
}
