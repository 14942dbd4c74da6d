#include "fsread_fixture.h"

#include "fsread/utf16.h"

static void characters_of_each_length_become_utf8(void **state)
{
	static const uint16_t units[] = { 'a', 0xe4, 0x20ac, 0xd83d, 0xde00 };
	char text[UTF8_BYTES(ARRAY_LEN(units))];

	(void)state;
	assert_int_equal(utf16_text(text, units, ARRAY_LEN(units)), 10);
	assert_string_equal(text, "a\u00e4\u20ac\U0001f600");
}

static void a_lone_surrogate_is_replaced(void **state)
{
	static const uint16_t units[] = { 0xd83d, 'x', 0xde00, 0xd83d };
	static const uint16_t low[] = { 0xdd00, 0xde00 };
	char text[UTF8_BYTES(ARRAY_LEN(units))];

	(void)state;
	assert_int_equal(utf16_text(text, units, ARRAY_LEN(units)), 10);
	assert_string_equal(text, "\ufffdx\ufffd\ufffd");
	assert_int_equal(utf16_text(text, low, ARRAY_LEN(low)), 6);
}

static void text_ends_at_a_zero(void **state)
{
	static const uint16_t units[] = { 'a', 0, 'b' };
	char text[UTF8_BYTES(ARRAY_LEN(units))];

	(void)state;
	assert_int_equal(utf16_text(text, units, ARRAY_LEN(units)), 1);
	assert_string_equal(text, "a");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_of_each_length_become_utf8),
		cmocka_unit_test(a_lone_surrogate_is_replaced),
		cmocka_unit_test(text_ends_at_a_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
