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
#include "tools/img.h"
#include "tools/net.h"
#include "tools/run.h"

#define COMMANDS_MAX 64

static const struct command *const roots[] = { &run_command, &doctor_command, &img_command,
					    &net_command };

/* All commands with flags, and those within others. */
static const struct command *commands[COMMANDS_MAX];
static size_t command_count;

static void gather(const struct command *c)
{
	if (c->options) {
		assert_true(command_count < COMMANDS_MAX);
		commands[command_count++] = c;
	}
	for (size_t i = 0; c->table && i < c->table->count; i++) {
		assert_string_equal(c->table->rows[i]->within, c->name);
		gather(c->table->rows[i]);
	}
}

static int gather_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(roots); i++)
		gather(roots[i]);
	return 0;
}

/* The whole file; one at a time. */
static const char *read_whole(const char *path)
{
	static char text[131072];
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
	for (size_t c = 0; c < command_count; c++) {
		if (option_find(commands[c]->options, name))
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

	for (size_t c = 0; c < command_count; c++) {
		const struct option_table *table = commands[c]->options;

		if (!mentions(text, commands[c]->name))
			fail_msg("%s: '%s' is missing", path, commands[c]->name);
		for (size_t i = 0; i < table->count; i++) {
			char word[64];

			snprintf(word, sizeof(word), format, table->rows[i].name);
			if (!mentions(text, word))
				fail_msg("%s: '%s' is missing", path, word);
		}
	}
}

/* The part of the manual that tells of a command. */
static const char *section_of(const struct command *c)
{
	static char section[131072];
	const char *text = read_whole("tools/bantam.1"), *begin, *end;
	char heading[64];

	snprintf(heading, sizeof(heading), "\n.Ss bantam %s%s%s\n", c->within ? c->within : "",
		 c->within ? " " : "", c->name);
	begin = strstr(text, heading);
	if (!begin)
		fail_msg("tools/bantam.1: '%s' is missing", heading + 1);
	end = strstr(begin + 1, "\n.S");
	snprintf(section, sizeof(section), "%.*s", end ? (int)(end - begin) : 131071, begin);
	/* run's flags are told in several sections of its own. */
	return strcmp(c->name, "run") == 0 ? text : section;
}

static void the_manual_explains_every_flag(void **state)
{
	(void)state;
	for (size_t c = 0; c < command_count; c++) {
		const struct option_table *table = commands[c]->options;
		const char *text = section_of(commands[c]);

		for (size_t i = 0; i < table->count; i++) {
			const struct option_row *row = &table->rows[i];
			char item[64];

			if (row->letter)
				snprintf(item, sizeof(item), ".It Fl %c , Fl -%s", row->letter,
					 row->name);
			else
				snprintf(item, sizeof(item), ".It Fl -%s", row->name);
			if (!mentions(text, item))
				fail_msg("tools/bantam.1, %s: '%s' is missing", commands[c]->name,
					 item);
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
	for (size_t c = 0; c < command_count; c++) {
		const struct option_table *table = commands[c]->options;

		assert_non_null(table->rows[0].group);
		for (size_t i = 0; i < table->count; i++) {
			const struct option_row *row = &table->rows[i];

			assert_true(strlen(row->name) < OPTION_NAME_BYTES);
			assert_true(row->help[0] != '\0');
			assert_non_null(row->set);
			/* Names and letters are unique. */
			assert_ptr_equal(option_find(table, row->name), row);
			for (size_t j = 0; row->letter && j < i; j++)
				assert_int_not_equal(table->rows[j].letter, row->letter);
		}
	}
}

static void every_command_says_where_its_flags_are_listed(void **state)
{
	(void)state;
	for (size_t c = 0; c < command_count; c++) {
		const struct command *cmd = commands[c];
		char help[64];

		snprintf(help, sizeof(help), "bantam help %s%s%s", cmd->within ? cmd->within : "",
			 cmd->within ? " " : "", cmd->name);
		assert_string_equal(cmd->options->help_command, help);
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
		cmocka_unit_test(every_command_says_where_its_flags_are_listed),
	};

	return cmocka_run_group_tests(tests, gather_all, NULL);
}
