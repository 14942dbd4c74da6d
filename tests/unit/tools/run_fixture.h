/* run_fixture.h: parse `bantam run`'s words in a folder of one's own. */
#ifndef TESTS_RUN_FIXTURE_H
#define TESTS_RUN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/run_options.h"

/* Each test runs in an empty folder of its own with these files. */
static char fixture_folder[32];

static inline void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static inline int enter_folder(void **state)
{
	(void)state;
	strcpy(fixture_folder, "/tmp/bantam-test-XXXXXX");
	if (!mkdtemp(fixture_folder) || chdir(fixture_folder) < 0)
		return -1;
	write_file("kernel", "k");
	write_file("initrd", "i");
	return 0;
}

static inline int leave_folder(void **state)
{
	char command[64];

	(void)state;
	if (chdir("/") < 0)
		return -1;
	snprintf(command, sizeof(command), "rm -rf %s", fixture_folder);
	return system(command);
}

#define WORDS_MAX 80

/* Parse "run" and the words up to NULL into o. */
static inline int parse_words(struct run_options *o, struct err *err, ...)
{
	char *argv[WORDS_MAX + 1] = { "run" };
	int argc = 1;
	va_list ap;

	memset(err, 0, sizeof(*err));
	va_start(ap, err);
	for (char *word; (word = va_arg(ap, char *));)
		argv[argc++] = word;
	va_end(ap);
	assert_in_range(argc, 1, WORDS_MAX);
	return run_options_parse(o, argc, argv, err);
}

#define parse(o, ...)                                             \
	do {                                                      \
		struct err err_;                                  \
		if (parse_words(o, &err_, __VA_ARGS__, NULL) < 0) \
			fail_msg("refused: %s", err_.text);       \
	} while (0)

#define assert_refused(expected, ...)                                        \
	do {                                                                 \
		struct run_options o_;                                       \
		struct err err_;                                             \
		assert_true(parse_words(&o_, &err_, __VA_ARGS__, NULL) < 0); \
		assert_string_equal(err_.text, expected);                    \
		run_options_release(&o_);                                    \
	} while (0)

/* As assert_refused(), for a flag's value: -EINVAL, beside a good kernel. */
#define assert_wrong(expected, ...)                                                          \
	do {                                                                                 \
		struct run_options o_;                                                       \
		struct err err_;                                                             \
		assert_int_equal(parse_words(&o_, &err_, "-k", "kernel", __VA_ARGS__, NULL), \
				 -EINVAL);                                                   \
		assert_string_equal(err_.text, expected);                                    \
		run_options_release(&o_);                                                    \
	} while (0)

/* The command line is the built-in one with tail behind it. */
static inline void assert_default_and(const char *cmdline, const char *tail)
{
	const size_t len = strlen(cmdline_default);

	assert_memory_equal(cmdline, cmdline_default, len);
	assert_string_equal(cmdline + len, tail);
}

#define TEST_IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

#endif
