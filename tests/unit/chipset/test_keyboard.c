#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "chipset/keyboard.h"

/* Send one byte; the answer must be exactly these bytes. */
static void assert_answer(struct keyboard *k, uint8_t byte, const uint8_t *answer, unsigned n)
{
	keyboard_put(k, byte);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(keyboard_get(k), answer[i]);
	assert_int_equal(keyboard_get(k), -1);
}

#define ASSERT_ANSWER(k, byte, ...)                              \
	assert_answer(k, byte, (const uint8_t[]){ __VA_ARGS__ }, \
		      (unsigned)sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void each_command_gets_its_answer(void **state)
{
	struct keyboard k;

	(void)state;
	keyboard_init(&k);
	ASSERT_ANSWER(&k, 0xff, 0xfa, 0xaa);
	ASSERT_ANSWER(&k, 0xf2, 0xfa, 0xab, 0x83);
	ASSERT_ANSWER(&k, 0xee, 0xee);
	for (unsigned c = 0xf4; c <= 0xfa; c++)
		ASSERT_ANSWER(&k, (uint8_t)c, 0xfa);
}

static void a_command_with_an_argument_acknowledges_both(void **state)
{
	struct keyboard k;

	(void)state;
	keyboard_init(&k);
	ASSERT_ANSWER(&k, 0xed, 0xfa);
	ASSERT_ANSWER(&k, 0x07, 0xfa);
	ASSERT_ANSWER(&k, 0xf3, 0xfa);
	ASSERT_ANSWER(&k, 0x00, 0xfa);
	/* No argument any more: not a command either. */
	ASSERT_ANSWER(&k, 0x00, 0xfe);
}

static void a_command_in_place_of_an_argument_is_a_command(void **state)
{
	struct keyboard k;

	(void)state;
	keyboard_init(&k);
	ASSERT_ANSWER(&k, 0xed, 0xfa);
	ASSERT_ANSWER(&k, 0xf2, 0xfa, 0xab, 0x83);
	ASSERT_ANSWER(&k, 0x07, 0xfe);
}

static void the_scan_code_set_is_told_and_kept_until_defaults(void **state)
{
	struct keyboard k;

	(void)state;
	keyboard_init(&k);
	ASSERT_ANSWER(&k, 0xf0, 0xfa);
	ASSERT_ANSWER(&k, 0x00, 0xfa, 2);
	ASSERT_ANSWER(&k, 0xf0, 0xfa);
	ASSERT_ANSWER(&k, 0x03, 0xfa);
	ASSERT_ANSWER(&k, 0xf0, 0xfa);
	ASSERT_ANSWER(&k, 0x00, 0xfa, 3);
	ASSERT_ANSWER(&k, 0xf6, 0xfa);
	ASSERT_ANSWER(&k, 0xf0, 0xfa);
	ASSERT_ANSWER(&k, 0x00, 0xfa, 2);
}

static void an_unknown_command_is_answered_with_resend(void **state)
{
	struct keyboard k;

	(void)state;
	keyboard_init(&k);
	ASSERT_ANSWER(&k, 0xef, 0xfe);
	ASSERT_ANSWER(&k, 0x00, 0xfe);
}

static void resend_repeats_the_last_byte(void **state)
{
	struct keyboard k;

	(void)state;
	keyboard_init(&k);
	ASSERT_ANSWER(&k, 0xf2, 0xfa, 0xab, 0x83);
	ASSERT_ANSWER(&k, 0xfe, 0x83);
}

static void a_new_command_drops_what_was_not_fetched(void **state)
{
	struct keyboard k;

	(void)state;
	keyboard_init(&k);
	keyboard_put(&k, 0xf2);
	assert_int_equal(keyboard_get(&k), 0xfa);
	ASSERT_ANSWER(&k, 0xee, 0xee);
}

static void no_bytes_overflow_the_queue(void **state)
{
	struct keyboard k;

	(void)state;
	keyboard_init(&k);
	srandom(5);
	for (unsigned i = 0; i < 100000; i++) {
		keyboard_put(&k, (uint8_t)random());
		assert_in_range(k.count, 1, KEYBOARD_QUEUE_BYTES);
		if (random() & 1)
			keyboard_get(&k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_command_gets_its_answer),
		cmocka_unit_test(a_command_with_an_argument_acknowledges_both),
		cmocka_unit_test(a_command_in_place_of_an_argument_is_a_command),
		cmocka_unit_test(the_scan_code_set_is_told_and_kept_until_defaults),
		cmocka_unit_test(an_unknown_command_is_answered_with_resend),
		cmocka_unit_test(resend_repeats_the_last_byte),
		cmocka_unit_test(a_new_command_drops_what_was_not_fetched),
		cmocka_unit_test(no_bytes_overflow_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
