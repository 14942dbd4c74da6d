#include "chipset/port92.h"

#include "core/platform.h"
#include "fake/device_fixture.h"

static int setup(void **state)
{
	return fixture_make(state, &port92_type, NULL);
}

static void port_92_resets_when_bit_0_goes_from_0_to_1(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_SYSTEM_A, 0x02);
	assert_int_equal(fb->power_count, 0);
	fake_out8(fb, PORT_SYSTEM_A, 0x03);
	assert_int_equal(fb->power_count, 1);
	assert_int_equal(fb->power_event, POWER_RESET);
	assert_string_equal(fb->power_source, "port 0x92");
	fake_out8(fb, PORT_SYSTEM_A, 0x03);
	assert_int_equal(fb->power_count, 1);
}

static void port_92_remembers_a20_which_is_open_at_first(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(fake_in8(fb, PORT_SYSTEM_A), 0x02);
	fake_out8(fb, PORT_SYSTEM_A, 0x00);
	assert_int_equal(fake_in8(fb, PORT_SYSTEM_A), 0x00);
	fake_out8(fb, PORT_SYSTEM_A, 0xfe);
	assert_int_equal(fake_in8(fb, PORT_SYSTEM_A), 0x02);
}

static void after_a_reset_the_same_write_resets_again(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_SYSTEM_A, 0x01);
	port92_type.reset(device_of(state));
	assert_int_equal(fake_in8(fb, PORT_SYSTEM_A), 0x02);
	fake_out8(fb, PORT_SYSTEM_A, 0x01);
	assert_int_equal(fb->power_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(port_92_resets_when_bit_0_goes_from_0_to_1),
		TEST(port_92_remembers_a20_which_is_open_at_first),
		TEST(after_a_reset_the_same_write_resets_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
