#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"

/* What the rows' handlers saw, as "name=value;". */
struct seen {
	char text[256];
};

static int see(struct seen *s, const char *name, const char *value)
{
	const size_t used = strlen(s->text);

	snprintf(s->text + used, sizeof(s->text) - used, "%s%s%s;", name, value ? "=" : "",
		 value ? value : "");
	return 0;
}

static int set_memory(void *target, const char *value, struct err *err)
{
	if (strcmp(value, "12Q") == 0)
		return err_set(err, -EINVAL, "'12Q' is not a size: use for example 512M or 2G");
	return see(target, "memory", value);
}

static int set_append(void *target, const char *value, struct err *err)
{
	(void)err;
	return see(target, "append", value);
}

static int set_verbose(void *target, const char *value, struct err *err)
{
	(void)err;
	return see(target, "verbose", value);
}

static int set_quiet(void *target, const char *value, struct err *err)
{
	(void)err;
	return see(target, "quiet", value);
}

static const struct option_row rows[] = {
	{ "memory", 'm', "SIZE", "Guest", "how much", set_memory },
	{ "append", 'a', "STR", NULL, "words", set_append },
	{ "verbose", 'v', NULL, NULL, "say more", set_verbose },
	{ "quiet", 0, NULL, NULL, "say less", set_quiet },
};

static const struct option_table table = { rows, ARRAY_LEN(rows), "bantam help run" };

#define WORDS_MAX 8

/* Parse "run" and the words up to NULL.  Returns what options_parse() did. */
static int parse(struct seen *seen, int *rest, struct err *err, ...)
{
	char *argv[WORDS_MAX + 1] = { "run" };
	int argc = 1;
	va_list ap;

	memset(seen, 0, sizeof(*seen));
	memset(err, 0, sizeof(*err));
	va_start(ap, err);
	for (char *word; (word = va_arg(ap, char *));)
		argv[argc++] = word;
	va_end(ap);
	assert_in_range(argc, 1, WORDS_MAX);
	return options_parse(&table, argc, argv, seen, rest, err);
}

#define assert_seen(expected, ...)                                                    \
	do {                                                                          \
		struct seen seen_;                                                    \
		struct err err_;                                                      \
		int rest_;                                                            \
		assert_int_equal(parse(&seen_, &rest_, &err_, __VA_ARGS__, NULL), 0); \
		assert_string_equal(seen_.text, expected);                            \
	} while (0)

#define assert_refused(expected, ...)                                                       \
	do {                                                                                \
		struct seen seen_;                                                          \
		struct err err_;                                                            \
		int rest_;                                                                  \
		assert_int_equal(parse(&seen_, &rest_, &err_, __VA_ARGS__, NULL), -EINVAL); \
		assert_string_equal(err_.text, expected);                                   \
	} while (0)

static void long_options_take_their_value_behind_equals_or_a_blank(void **state)
{
	(void)state;
	assert_seen("memory=2G;", "--memory=2G");
	assert_seen("memory=2G;", "--memory", "2G");
	assert_seen("append=a=b;", "--append=a=b");
	assert_seen("append=;", "--append=");
	assert_seen("append=--memory;", "--append", "--memory");
}

static void short_options_take_their_value_joined_or_behind_a_blank(void **state)
{
	(void)state;
	assert_seen("memory=2G;", "-m2G");
	assert_seen("memory=2G;", "-m", "2G");
	assert_seen("append=-x;", "-a", "-x");
}

static void switches_share_a_dash_and_may_repeat(void **state)
{
	(void)state;
	assert_seen("verbose;verbose;", "-vv");
	assert_seen("verbose;memory=2G;", "-vm2G");
	assert_seen("verbose;memory=2G;quiet;", "-vm", "2G", "--quiet");
	assert_seen("append=a;append=b;", "-a", "a", "--append=b");
}

static void options_end_at_two_dashes_or_at_the_first_other_word(void **state)
{
	struct seen seen;
	struct err err;
	int rest;

	(void)state;
	assert_int_equal(parse(&seen, &rest, &err, "-v", "--", "-v", NULL), 0);
	assert_string_equal(seen.text, "verbose;");
	assert_int_equal(rest, 3);
	assert_int_equal(parse(&seen, &rest, &err, "-v", "word", "-v", NULL), 0);
	assert_string_equal(seen.text, "verbose;");
	assert_int_equal(rest, 2);
	assert_int_equal(parse(&seen, &rest, &err, "-", NULL), 0);
	assert_int_equal(rest, 1);
	assert_int_equal(parse(&seen, &rest, &err, "-v", NULL), 0);
	assert_int_equal(rest, 2);
}

static void a_handlers_error_is_told_with_the_flags_long_name(void **state)
{
	(void)state;
	assert_refused("--memory: '12Q' is not a size: use for example 512M or 2G", "-m", "12Q");
	assert_refused("--memory: '12Q' is not a size: use for example 512M or 2G", "--memory=12Q",
		       "-v");
}

static void a_missing_or_needless_value_is_refused(void **state)
{
	(void)state;
	assert_refused("--memory: needs a value: --memory SIZE", "--memory");
	assert_refused("--memory: needs a value: --memory SIZE", "-vm");
	assert_refused("--quiet: takes no value: give it alone", "--quiet=1");
}

static void an_unknown_flag_is_answered_with_the_nearest_known_one(void **state)
{
	(void)state;
	assert_refused("--memroy: unknown flag: did you mean --memory?", "--memroy", "2G");
	assert_refused("--mem: unknown flag: did you mean --memory?", "--mem=2G");
	assert_refused("--qiet: unknown flag: did you mean --quiet?", "--qiet");
	assert_refused("--disk: unknown flag: 'bantam help run' lists them", "--disk");
	assert_refused("-x: unknown flag: 'bantam help run' lists them", "-x");
	assert_refused("-xyz: unknown flag: 'bantam help run' lists them", "-vxyz");
}

static void of_several_near_names_the_nearest_is_suggested(void **state)
{
	const struct option_row up[] = { { .name = "memory" }, { .name = "memoir" } };
	const struct option_row down[] = { { .name = "memoir" }, { .name = "memory" } };
	const struct option_table first = { up, 2, "" }, second = { down, 2, "" };

	(void)state;
	assert_ptr_equal(option_nearest(&first, "memort"), &up[0]);
	assert_ptr_equal(option_nearest(&second, "memort"), &down[1]);
	assert_null(option_nearest(&first, "cpus"));
}

static void an_error_stays_one_line_whatever_was_typed(void **state)
{
	char name[4096];
	struct seen seen;
	struct err err;
	int rest;

	(void)state;
	assert_refused("--a?b?: unknown flag: 'bantam help run' lists them", "--a\nb\x1b");
	memset(name, 'x', sizeof(name));
	memcpy(name, "--", 2);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(parse(&seen, &rest, &err, name, NULL), -EINVAL);
	assert_non_null(strstr(err.text, "...xxx"));
	assert_non_null(strstr(err.text, ": unknown flag: 'bantam help run' lists them"));
}

static void quoted_text_keeps_both_ends_within_its_room(void **state)
{
	char in[200], out[QUOTED_BYTES];

	(void)state;
	for (size_t len = 0; len < sizeof(in); len++) {
		memset(in, 'm', len);
		in[len] = '\0';
		if (len >= 2) {
			in[0] = '<';
			in[len - 1] = '>';
		}
		quoted(out, in);
		if (len < QUOTED_BYTES) {
			assert_string_equal(out, in);
			continue;
		}
		assert_int_equal(strlen(out), QUOTED_BYTES - 1);
		assert_int_equal(out[0], '<');
		assert_int_equal(out[QUOTED_BYTES - 2], '>');
	}
}

static void words_are_near_within_two_slips_but_short_ones_within_one(void **state)
{
	(void)state;
	assert_int_equal(word_distance("run", "run"), 0);
	assert_int_equal(word_distance("rum", "run"), 1);
	assert_int_equal(word_distance("rmu", "run"), -1);
	assert_int_equal(word_distance("x", "m"), -1);
	assert_int_equal(word_distance("memroy", "memory"), 2);
	assert_int_equal(word_distance("memmmry", "memory"), 2);
	assert_int_equal(word_distance("mmmmmy", "memory"), -1);
	assert_int_equal(word_distance("", "memory"), -1);
	assert_int_equal(word_distance("0123456789012345678901234567890123456789", "memory"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_options_take_their_value_behind_equals_or_a_blank),
		cmocka_unit_test(short_options_take_their_value_joined_or_behind_a_blank),
		cmocka_unit_test(switches_share_a_dash_and_may_repeat),
		cmocka_unit_test(options_end_at_two_dashes_or_at_the_first_other_word),
		cmocka_unit_test(a_handlers_error_is_told_with_the_flags_long_name),
		cmocka_unit_test(a_missing_or_needless_value_is_refused),
		cmocka_unit_test(an_unknown_flag_is_answered_with_the_nearest_known_one),
		cmocka_unit_test(of_several_near_names_the_nearest_is_suggested),
		cmocka_unit_test(an_error_stays_one_line_whatever_was_typed),
		cmocka_unit_test(quoted_text_keeps_both_ends_within_its_room),
		cmocka_unit_test(words_are_near_within_two_slips_but_short_ones_within_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
