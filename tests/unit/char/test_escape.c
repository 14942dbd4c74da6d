/* Ctrl-A and the key behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "char/escape.h"

/* Feed keys; collect what the guest gets and which commands come. */
static void feed(struct escape *e, const char *keys, char *guest, char *commands)
{
	for (; *keys; keys++) {
		uint8_t out = 0xee;

		switch (escape_feed(e, (uint8_t)*keys, &out)) {
		case ESCAPE_NOTHING:
			assert_int_equal(out, 0xee);
			break;
		case ESCAPE_BYTE:
			*guest++ = (char)out;
			break;
		case ESCAPE_COMMAND:
			*commands++ = (char)out;
			break;
		}
	}
	*guest = '\0';
	*commands = '\0';
}

static void check(const char *keys, const char *want_guest, const char *want_commands)
{
	struct escape e = { 0 };
	char guest[32], commands[32];

	feed(&e, keys, guest, commands);
	assert_string_equal(guest, want_guest);
	assert_string_equal(commands, want_commands);
}

static void plain_keys_go_to_the_guest(void **state)
{
	(void)state;
	check("ls -l\r", "ls -l\r", "");
}

static void ctrl_a_x_is_a_command_and_leaves_no_trace(void **state)
{
	(void)state;
	check("ab\001xcd", "abcd", "x");
}

static void ctrl_a_a_sends_one_ctrl_a(void **state)
{
	(void)state;
	check("\001ab", "\001b", "");
}

static void ctrl_a_twice_sends_one_ctrl_a(void **state)
{
	(void)state;
	check("\001\001b", "\001b", "");
}

static void a_command_does_not_disturb_the_keys_around_it(void **state)
{
	(void)state;
	check("1\001b2\001?3\001a4", "123\0014", "b?");
}

static void ctrl_a_is_remembered_from_one_read_to_the_next(void **state)
{
	struct escape e = { 0 };
	char guest[8], commands[8];

	(void)state;
	feed(&e, "q\001", guest, commands);
	assert_string_equal(guest, "q");
	feed(&e, "xr", guest, commands);
	assert_string_equal(guest, "r");
	assert_string_equal(commands, "x");
}

static void all_other_bytes_pass_unchanged(void **state)
{
	struct escape e = { 0 };

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t out = 0;

		if (i == ESCAPE_KEY)
			continue;
		assert_int_equal(escape_feed(&e, (uint8_t)i, &out), ESCAPE_BYTE);
		assert_int_equal(out, i);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_keys_go_to_the_guest),
		cmocka_unit_test(ctrl_a_x_is_a_command_and_leaves_no_trace),
		cmocka_unit_test(ctrl_a_a_sends_one_ctrl_a),
		cmocka_unit_test(ctrl_a_twice_sends_one_ctrl_a),
		cmocka_unit_test(a_command_does_not_disturb_the_keys_around_it),
		cmocka_unit_test(ctrl_a_is_remembered_from_one_read_to_the_next),
		cmocka_unit_test(all_other_bytes_pass_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
