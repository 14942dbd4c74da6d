#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/json.h"

/* The JSON text of one string value. */
static const char *escaped(const void *bytes, size_t len)
{
	static char text[512];
	struct json j;

	json_begin(&j, text, sizeof(text));
	json_string_len(&j, NULL, bytes, len);
	assert_true(json_end(&j) > 0);
	return text;
}

static const char *escaped_text(const char *text)
{
	return escaped(text, strlen(text));
}

static void an_object_gets_its_commas_by_itself(void **state)
{
	char text[256];
	struct json j;
	int len;

	(void)state;
	json_begin(&j, text, sizeof(text));
	json_object(&j, NULL);
	json_uint(&j, "t_ns", 12);
	json_string(&j, "event", "exit");
	json_int(&j, "low", INT64_MIN);
	json_uint(&j, "high", UINT64_MAX);
	json_bool(&j, "yes", true);
	json_bool(&j, "no", false);
	json_string(&j, "none", NULL);
	json_close_object(&j);
	len = json_end(&j);
	assert_string_equal(text, "{\"t_ns\":12,\"event\":\"exit\",\"low\":-9223372036854775808,"
				  "\"high\":18446744073709551615,\"yes\":true,\"no\":false,"
				  "\"none\":null}");
	assert_int_equal(len, strlen(text));
}

static void objects_and_arrays_nest(void **state)
{
	char text[256];
	struct json j;

	(void)state;
	json_begin(&j, text, sizeof(text));
	json_object(&j, NULL);
	json_array(&j, "a");
	json_close_array(&j);
	json_array(&j, "b");
	for (unsigned i = 0; i < 2; i++) {
		json_object(&j, NULL);
		json_uint(&j, "i", i);
		json_close_object(&j);
	}
	json_string(&j, NULL, "[");
	json_uint(&j, NULL, 7);
	json_close_array(&j);
	json_object(&j, "c");
	json_close_object(&j);
	json_close_object(&j);
	assert_true(json_end(&j) > 0);
	assert_string_equal(text, "{\"a\":[],\"b\":[{\"i\":0},{\"i\":1},\"[\",7],\"c\":{}}");
}

static void quotes_backslashes_and_control_characters_are_escaped(void **state)
{
	(void)state;
	assert_string_equal(escaped_text("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
	assert_string_equal(escaped_text("\n\r\t"), "\"\\n\\r\\t\"");
	assert_string_equal(escaped("\0\x1b\x7f", 3), "\"\\u0000\\u001b\\u007f\"");
	assert_string_equal(escaped_text(""), "\"\"");
}

static void well_formed_utf8_passes_unchanged(void **state)
{
	(void)state;
	assert_string_equal(escaped_text("grün €"), "\"grün €\"");
	assert_string_equal(escaped_text("\xf0\x9f\x90\x93"), "\"\xf0\x9f\x90\x93\"");
	assert_string_equal(escaped_text("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"),
			    "\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"");
}

static void each_byte_of_broken_utf8_becomes_a_replacement(void **state)
{
	static const struct {
		const char *bytes;
		unsigned replacements;
		const char *rest;
	} samples[] = {
		{ "\x80", 1, "" },	       /* a continuation alone */
		{ "\xc3", 1, "" },	       /* cut */
		{ "\xc3x", 1, "x" },	       /* cut, and the next one is not eaten */
		{ "\xe2\x82", 2, "" },	       /* cut after two of three */
		{ "\xc0\xaf", 2, "" },	       /* overlong slash */
		{ "\xe0\x80\xaf", 3, "" },     /* overlong slash */
		{ "\xf0\x80\x80\xaf", 4, "" }, /* overlong slash */
		{ "\xed\xa0\x80", 3, "" },     /* a surrogate */
		{ "\xf4\x90\x80\x80", 4, "" }, /* above U+10FFFF */
		{ "\xff\xfe", 2, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		char expected[64] = "\"";

		for (unsigned n = 0; n < samples[i].replacements; n++)
			strcat(expected, "\\ufffd");
		strcat(expected, samples[i].rest);
		strcat(expected, "\"");
		assert_string_equal(escaped_text(samples[i].bytes), expected);
	}
}

static void a_character_is_not_read_beyond_the_texts_end(void **state)
{
	(void)state;
	assert_string_equal(escaped("\xc3\xa9", 1), "\"\\ufffd\"");
	assert_string_equal(escaped("\xf0\x9f\x90\x93", 3), "\"\\ufffd\\ufffd\\ufffd\"");
}

/* Every buffer that is too short is reported, terminated and not overrun. */
static void a_buffer_of_any_size_is_never_overrun(void **state)
{
	static const char whole[] = "{\"key\":\"a\\u0001\\ufffdb\"}";
	char text[64];

	(void)state;
	for (size_t room = 0; room < sizeof(text); room++) {
		struct json j;
		int len;

		memset(text, '#', sizeof(text));
		json_begin(&j, text, room);
		json_object(&j, NULL);
		json_string(&j, "key",
			    "a\x01\xff"
			    "b");
		json_close_object(&j);
		len = json_end(&j);
		for (size_t i = room; i < sizeof(text); i++)
			assert_int_equal(text[i], '#');
		if (room < sizeof(whole)) {
			assert_int_equal(len, -ENOSPC);
			if (room > 0)
				assert_non_null(memchr(text, '\0', room));
		} else {
			assert_int_equal(len, sizeof(whole) - 1);
			assert_string_equal(text, whole);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_gets_its_commas_by_itself),
		cmocka_unit_test(objects_and_arrays_nest),
		cmocka_unit_test(quotes_backslashes_and_control_characters_are_escaped),
		cmocka_unit_test(well_formed_utf8_passes_unchanged),
		cmocka_unit_test(each_byte_of_broken_utf8_becomes_a_replacement),
		cmocka_unit_test(a_character_is_not_read_beyond_the_texts_end),
		cmocka_unit_test(a_buffer_of_any_size_is_never_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
