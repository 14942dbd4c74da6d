#include "chipset/debugexit.h"

#include "core/platform.h"
#include "fake/device_fixture.h"

static int setup(void **state)
{
	return fixture_make(state, &debugexit_type, NULL);
}

static void a_byte_a_word_or_a_dword_is_the_exit_value(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_DEBUG_EXIT, 0x21);
	assert_int_equal(fb->power_event, POWER_DEBUG_EXIT);
	assert_int_equal(fb->power_value, 0x21);
	assert_int_equal(fb->power_count, 1);
	fb->power_count = 0;
	fake_out16(fb, PORT_DEBUG_EXIT, 0x1234);
	assert_int_equal(fb->power_value, 0x1234);
	assert_int_equal(fb->power_count, 1);
	fb->power_count = 0;
	fake_out32(fb, PORT_DEBUG_EXIT, 0xdeadbeef);
	assert_int_equal(fb->power_value, 0xdeadbeef);
	assert_int_equal(fb->power_count, 1);
}

static void it_reads_0(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(fake_in8(fb, PORT_DEBUG_EXIT), 0);
	assert_int_equal(fake_in32(fb, PORT_DEBUG_EXIT), 0);
	assert_int_equal(fb->power_count, 0);
}

static void the_ports_behind_it_end_nothing(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_DEBUG_EXIT + 1, 1);
	fake_out16(fb, PORT_DEBUG_EXIT + 2, 1);
	assert_int_equal(fb->power_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_byte_a_word_or_a_dword_is_the_exit_value),
		TEST(it_reads_0),
		TEST(the_ports_behind_it_end_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
