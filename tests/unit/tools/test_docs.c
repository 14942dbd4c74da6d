/* The manual and the completions know every flag, and no other.  Run in the
 * source tree's top folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "tools/cmdline.h"
#include "tools/doctor.h"
#include "tools/run_options.h"

static const struct option_table *const tables[] = { &run_option_table, &doctor_option_table };

/* The whole file; one at a time. */
static const char *read_whole(const char *path)
{
	static char text[65536];
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		fail_msg("%s: not there; run this test in the top folder", path);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* Whether word stands in text, and no longer word with it. */
static bool mentions(const char *text, const char *word)
{
	const size_t len = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p += len) {
		if ((p == text || !is_word_char(p[-1])) && !is_word_char(p[len]))
			return true;
	}
	return false;
}

static bool is_known(const char *name)
{
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		if (option_find(tables[t], name))
			return true;
	}
	return strcmp(name, "version") == 0; /* bantam --version */
}

/* Each word behind prefix in text is an option. */
static void assert_no_others(const char *path, const char *prefix)
{
	const char *text = read_whole(path);

	for (const char *p = text; (p = strstr(p, prefix));) {
		char name[OPTION_NAME_BYTES];
		size_t len = 0;

		p += strlen(prefix);
		while (is_word_char(p[len]) && len < sizeof(name) - 1)
			len++;
		snprintf(name, sizeof(name), "%.*s", (int)len, p);
		if (len > 0 && strcmp(name, "name") != 0 && !is_known(name))
			fail_msg("%s: '%s' is no flag", path, name);
	}
}

static void assert_all_mentioned(const char *path, const char *format)
{
	const char *text = read_whole(path);

	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			char word[64];

			snprintf(word, sizeof(word), format, tables[t]->rows[i].name);
			if (!mentions(text, word))
				fail_msg("%s: '%s' is missing", path, word);
		}
	}
}

static void the_manual_explains_every_flag(void **state)
{
	const char *text = read_whole("tools/bantam.1");

	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct option_row *row = &tables[t]->rows[i];
			char item[64];

			if (row->letter)
				snprintf(item, sizeof(item), "\n.It Fl %c , Fl -%s", row->letter,
					 row->name);
			else
				snprintf(item, sizeof(item), "\n.It Fl -%s", row->name);
			if (!strstr(text, item))
				fail_msg("tools/bantam.1: '%s' is missing", item + 1);
		}
	}
}

static void the_manual_names_no_other_flag(void **state)
{
	(void)state;
	assert_no_others("tools/bantam.1", "Fl -");
	assert_no_others("tools/bantam.1", " --");
}

static void the_manual_quotes_the_built_in_command_line(void **state)
{
	(void)state;
	assert_non_null(strstr(read_whole("tools/bantam.1"), cmdline_default));
}

static void the_completions_offer_every_flag_and_no_other(void **state)
{
	static const char *const files[] = { "tools/completion.bash", "tools/completion.zsh" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		assert_all_mentioned(files[i], "--%s");
		assert_no_others(files[i], " --");
		assert_no_others(files[i], "'--");
	}
}

static void every_row_of_the_tables_is_fit_for_the_help(void **state)
{
	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		assert_non_null(tables[t]->rows[0].group);
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct option_row *row = &tables[t]->rows[i];

			assert_true(strlen(row->name) < OPTION_NAME_BYTES);
			assert_true(row->help[0] != '\0');
			assert_non_null(row->set);
			/* Names and letters are unique. */
			assert_ptr_equal(option_find(tables[t], row->name), row);
			for (size_t j = 0; row->letter && j < i; j++)
				assert_int_not_equal(tables[t]->rows[j].letter, row->letter);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manual_explains_every_flag),
		cmocka_unit_test(the_manual_names_no_other_flag),
		cmocka_unit_test(the_manual_quotes_the_built_in_command_line),
		cmocka_unit_test(the_completions_offer_every_flag_and_no_other),
		cmocka_unit_test(every_row_of_the_tables_is_fit_for_the_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
