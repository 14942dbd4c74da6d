#include "fsread/fat.h"

#include <string.h>

#include "base/bytes.h"

#define PIECE_UNITS  13u
#define PIECE_LAST   0x40u
#define PIECES_MAX   (FAT_LONG_UNITS / PIECE_UNITS)
#define NAME_UNITS   255u
#define LOWER_BASE   0x08u /* Windows NT: a short name in lower case */
#define LOWER_SUFFIX 0x10u
#define CASE_AT	     12u

/* Code page 437 from 0x80 on. */
/* clang-format off */
static const uint16_t cp437[128] = {
	0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7,
	0x00ea, 0x00eb, 0x00e8, 0x00ef, 0x00ee, 0x00ec, 0x00c4, 0x00c5,
	0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9,
	0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192,
	0x00e1, 0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba,
	0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
	0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556,
	0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510,
	0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f,
	0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567,
	0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b,
	0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
	0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4,
	0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6, 0x03b5, 0x2229,
	0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248,
	0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};
/* clang-format on */

/* 6.2 of the specification: the sum binds a long name to the short one below it. */
static uint8_t short_sum(const uint8_t raw[FAT_DIRENT_BYTES])
{
	uint8_t sum = 0;

	for (unsigned i = 0; i < 11; i++)
		sum = (uint8_t)((sum << 7 | sum >> 1) + raw[i]);
	return sum;
}

void fat_long_piece(struct fat_long *l, const uint8_t raw[FAT_DIRENT_BYTES])
{
	static const uint8_t places[PIECE_UNITS] = {
		1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30
	};
	const unsigned number = raw[0] & 0x1f;

	if (raw[0] & PIECE_LAST) {
		memset(l, 0, sizeof(*l));
		if (number == 0 || number > PIECES_MAX)
			return;
		l->count = l->missing = number;
		l->sum = raw[13];
	}
	if (l->missing == 0 || number != l->missing || raw[13] != l->sum) {
		l->count = l->missing = 0;
		return;
	}
	l->missing--;
	for (unsigned i = 0; i < PIECE_UNITS; i++)
		l->units[PIECE_UNITS * l->missing + i] = le16_load(raw + places[i]);
}

size_t fat_long_text(const struct fat_long *l, const uint8_t raw[FAT_DIRENT_BYTES],
		     char to[FS_NAME_BYTES])
{
	if (l->count == 0 || l->missing > 0 || l->sum != short_sum(raw))
		return 0;
	return utf16_text(to, l->units, min_u64(PIECE_UNITS * l->count, NAME_UNITS));
}

static size_t put(char *to, uint8_t byte, bool lower)
{
	if (lower && byte >= 'A' && byte <= 'Z')
		byte = (uint8_t)(byte + ('a' - 'A'));
	return utf8_put(to, byte < 0x80 ? byte : cp437[byte - 0x80]);
}

/* count bytes without the blanks behind them. */
static size_t put_padded(char *to, const uint8_t *raw, unsigned count, bool lower)
{
	size_t len = 0;

	while (count > 0 && raw[count - 1] == ' ')
		count--;
	for (unsigned i = 0; i < count; i++)
		len += put(to + len, raw[i], lower);
	return len;
}

size_t fat_short_text(const uint8_t raw[FAT_DIRENT_BYTES], char to[FS_ALIAS_BYTES])
{
	uint8_t name[11];
	size_t len, suffix;

	memcpy(name, raw, sizeof(name));
	if (name[0] == 0x05) /* stands for the byte that says "deleted" */
		name[0] = 0xe5;
	len = put_padded(to, name, 8, raw[CASE_AT] & LOWER_BASE);
	suffix = put_padded(to + len + 1, name + 8, 3, raw[CASE_AT] & LOWER_SUFFIX);
	if (suffix > 0) {
		to[len] = '.';
		len += 1 + suffix;
	}
	to[len] = '\0';
	return len;
}

void fat_label_text(const uint8_t raw[11], char to[FAT_LABEL_BYTES])
{
	to[put_padded(to, raw, 11, false)] = '\0';
}
