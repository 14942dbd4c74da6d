#include "fsread_fixture.h"

#include "fsread/fat.h"

/* The sum of "NAME    TXT". */
static uint8_t sum_of(const uint8_t *raw)
{
	uint8_t sum = 0;

	for (unsigned i = 0; i < 11; i++)
		sum = (uint8_t)(((sum & 1) << 7) + (sum >> 1) + raw[i]);
	return sum;
}

static void put_piece(uint8_t raw[FAT_DIRENT_BYTES], unsigned number, char letter, uint8_t sum)
{
	static const uint8_t places[] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };

	memset(raw, 0, FAT_DIRENT_BYTES);
	raw[0] = (uint8_t)number;
	raw[11] = 0x0f;
	raw[13] = sum;
	for (size_t i = 0; i < sizeof(places); i++)
		raw[places[i]] = (uint8_t)letter;
}

static const uint8_t entry[FAT_DIRENT_BYTES] = "NAME    TXT";

static size_t name_of(const unsigned *numbers, size_t count, uint8_t sum, char *text)
{
	struct fat_long l = { .count = 0 };
	uint8_t raw[FAT_DIRENT_BYTES];

	for (size_t i = 0; i < count; i++) {
		put_piece(raw, numbers[i], (char)('a' + (numbers[i] & 0x1f)), sum);
		fat_long_piece(&l, raw);
	}
	return fat_long_text(&l, entry, text);
}

#define NAME_OF(sum, text, ...)                    \
	name_of((const unsigned[]){ __VA_ARGS__ }, \
		sizeof((const unsigned[]){ __VA_ARGS__ }) / sizeof(unsigned), sum, text)

static void pieces_make_a_name(void **state)
{
	char text[FS_NAME_BYTES];

	(void)state;
	assert_int_equal(NAME_OF(sum_of(entry), text, 0x42, 1), 26);
	assert_string_equal(text, "bbbbbbbbbbbbbccccccccccccc");
}

static void pieces_out_of_order_make_none(void **state)
{
	const uint8_t sum = sum_of(entry);
	char text[FS_NAME_BYTES];

	(void)state;
	assert_int_equal(NAME_OF(sum, text, 0x43, 1), 0);
	assert_int_equal(NAME_OF(sum, text, 0x42), 0);
	assert_int_equal(NAME_OF(sum, text, 2, 1), 0);
	assert_int_equal(NAME_OF(sum, text, 0x42, 1, 1), 0);
	assert_int_equal(NAME_OF(sum, text, 0x40), 0);
	assert_int_equal(NAME_OF(sum, text, 0x55), 0);	      /* 21 pieces */
	assert_int_equal(NAME_OF(sum, text, 0x45, 0x41), 13); /* begun anew */
}

static void a_name_of_another_entry_is_none(void **state)
{
	char text[FS_NAME_BYTES];

	(void)state;
	assert_int_equal(NAME_OF((uint8_t)(sum_of(entry) + 1), text, 0x41), 0);
}

static void pieces_of_two_names_make_none(void **state)
{
	struct fat_long l = { .count = 0 };
	uint8_t raw[FAT_DIRENT_BYTES];
	char text[FS_NAME_BYTES];

	(void)state;
	put_piece(raw, 0x42, 'b', sum_of(entry));
	fat_long_piece(&l, raw);
	put_piece(raw, 1, 'a', (uint8_t)(sum_of(entry) + 1));
	fat_long_piece(&l, raw);
	assert_int_equal(fat_long_text(&l, entry, text), 0);
}

static void the_longest_name_fits(void **state)
{
	char text[FS_NAME_BYTES];
	struct fat_long l = { .count = 20, .sum = sum_of(entry) };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(l.units); i++)
		l.units[i] = 0x20ac;
	assert_int_equal(fat_long_text(&l, entry, text), 255 * 3);
}

static void short_names_lose_their_blanks(void **state)
{
	static const struct {
		const char *raw;
		uint8_t lower;
		const char *text;
	} names[] = {
		{ "NAME    TXT", 0, "NAME.TXT" },
		{ "NAME    TXT", 0x08, "name.TXT" },
		{ "NAME    TXT", 0x10, "NAME.txt" },
		{ "NAME    TXT", 0x18, "name.txt" },
		{ "NAME       ", 0, "NAME" },
		{ "A B     C D", 0, "A B.C D" },
		{ "\x05"
		  "1      ",
		  0, "\u03c31" },
		{ "\x8e"
		  "X      \x80  ",
		  0, "\u00c4X.\u00c7" },
		{ "\xb0\xb0\xb0\xb0\xb0\xb0\xb0\xb0\xb0\xb0\xb0", 0,
		  "\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591.\u2591\u2591\u2591" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		uint8_t raw[FAT_DIRENT_BYTES] = "           ";
		char text[FS_ALIAS_BYTES];

		memcpy(raw, names[i].raw, strlen(names[i].raw));
		raw[12] = names[i].lower;
		assert_int_equal(fat_short_text(raw, text), strlen(names[i].text));
		assert_string_equal(text, names[i].text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_make_a_name),
		cmocka_unit_test(pieces_out_of_order_make_none),
		cmocka_unit_test(a_name_of_another_entry_is_none),
		cmocka_unit_test(pieces_of_two_names_make_none),
		cmocka_unit_test(the_longest_name_fits),
		cmocka_unit_test(short_names_lose_their_blanks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
