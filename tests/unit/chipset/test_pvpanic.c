#include "chipset/pvpanic.h"

#include "core/platform.h"
#include "fake/device_fixture.h"

static int setup(void **state)
{
	return fixture_make(state, &pvpanic_type, NULL);
}

static void it_says_that_it_takes_both_events(void **state)
{
	assert_int_equal(fake_in8(board_of(state), PORT_PVPANIC), 0x03);
}

static void bit_0_is_a_panic(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_PVPANIC, 0x01);
	assert_int_equal(fb->power_event, POWER_PANIC);
	assert_string_equal(fb->power_source, "pvpanic");
}

static void bit_1_is_a_crash_kernel(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_PVPANIC, 0x02);
	assert_int_equal(fb->power_count, 1);
	assert_int_equal(fb->power_event, POWER_CRASH_LOADED);
}

static void other_bits_mean_nothing(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_PVPANIC, 0xfc);
	assert_int_equal(fb->power_count, 0);
}

static void a_panic_goes_before_a_crash_kernel(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_PVPANIC, 0x03);
	assert_int_equal(fb->power_event, POWER_PANIC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_says_that_it_takes_both_events),
		TEST(bit_0_is_a_panic),
		TEST(bit_1_is_a_crash_kernel),
		TEST(other_bits_mean_nothing),
		TEST(a_panic_goes_before_a_crash_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
