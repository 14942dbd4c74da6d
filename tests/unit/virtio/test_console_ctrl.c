#include "virtio/console_ctrl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void a_message_is_id_event_and_value_in_little_endian(void **state)
{
	static const uint8_t want[] = { 0x04, 0x03, 0x02, 0x01, 6, 0, 1, 0 };
	uint8_t bytes[CONSOLE_MESSAGE_MAX];

	(void)state;
	assert_int_equal(console_ctrl_encode(bytes, 0x01020304, CONSOLE_PORT_OPEN, 1), 8);
	assert_memory_equal(bytes, want, 8);
}

static void any_header_decodes_to_what_it_says(void **state)
{
	static const uint8_t bytes[] = { 0xff, 0xfe, 0xfd, 0xfc, 0x34, 0x12, 0x78, 0x56 };
	const struct console_ctrl ctrl = console_ctrl_decode(bytes);

	(void)state;
	assert_int_equal(ctrl.id, 0xfcfdfeff);
	assert_int_equal(ctrl.event, 0x1234);
	assert_int_equal(ctrl.value, 0x5678);
}

static void a_resize_gives_columns_and_then_rows(void **state)
{
	static const uint8_t want[] = { 2, 0, 0, 0, 5, 0, 0, 0, 132, 0, 0x2b, 0x01 };
	uint8_t bytes[CONSOLE_MESSAGE_MAX];

	(void)state;
	assert_int_equal(console_ctrl_encode_resize(bytes, 2, 132, 299), 12);
	assert_memory_equal(bytes, want, 12);
}

static void a_name_follows_its_header_without_a_nul(void **state)
{
	uint8_t bytes[CONSOLE_MESSAGE_MAX + 1];

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(console_ctrl_encode_name(bytes, 3, "agent.0"), 15);
	assert_memory_equal(bytes, "\x03\0\0\0\x07\0\x01\0agent.0\xee", 16);
}

static void names_that_would_harm_a_guest_are_refused(void **state)
{
	static const char *const good[] = { "a", "org.qemu.guest_agent.0", "..." };
	static const char *const bad[] = { "", ".", "..", "a/b", "a b", "a\n", "\x7f", "\xc3\xa4" };
	char longest[CONSOLE_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(console_name_ok(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(console_name_ok(bad[i]));
	memset(longest, 'x', sizeof(longest));
	longest[CONSOLE_NAME_MAX + 1] = '\0';
	assert_false(console_name_ok(longest));
	longest[CONSOLE_NAME_MAX] = '\0';
	assert_true(console_name_ok(longest));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_id_event_and_value_in_little_endian),
		cmocka_unit_test(any_header_decodes_to_what_it_says),
		cmocka_unit_test(a_resize_gives_columns_and_then_rows),
		cmocka_unit_test(a_name_follows_its_header_without_a_nul),
		cmocka_unit_test(names_that_would_harm_a_guest_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
