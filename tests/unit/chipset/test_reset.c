#include "chipset/reset.h"

#include "core/platform.h"
#include "device_fixture.h"

static int setup(void **state)
{
	return fixture_make(state, &reset_type, NULL);
}

static void rst_cpu_resets_when_it_goes_from_0_to_1(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_RESET, 0x02); /* Linux writes SYS_RST alone first */
	assert_int_equal(fb->power_count, 0);
	fake_out8(fb, PORT_RESET, 0x06);
	assert_int_equal(fb->power_count, 1);
	assert_int_equal(fb->power_event, POWER_RESET);
	assert_string_equal(fb->power_source, "port 0xcf9");
	fake_out8(fb, PORT_RESET, 0x0e);
	assert_int_equal(fb->power_count, 1);
	fake_out8(fb, PORT_RESET, 0x00);
	fake_out8(fb, PORT_RESET, 0x04);
	assert_int_equal(fb->power_count, 2);
}

static void a_single_write_of_6_is_a_reset(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_RESET, 0x06);
	assert_int_equal(fb->power_event, POWER_RESET);
}

static void rst_cnt_remembers_its_three_bits(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(fake_in8(fb, PORT_RESET), 0x00);
	fake_out8(fb, PORT_RESET, 0xfb);
	assert_int_equal(fake_in8(fb, PORT_RESET), 0x0a);
	assert_int_equal(fb->power_count, 0);
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

	fake_out8(fb, PORT_RESET, 0x06);
	fake_out8(fb, PORT_SYSTEM_A, 0x01);
	reset_type.reset(device_of(state));
	assert_int_equal(fake_in8(fb, PORT_RESET), 0x00);
	assert_int_equal(fake_in8(fb, PORT_SYSTEM_A), 0x02);
	fake_out8(fb, PORT_RESET, 0x06);
	assert_int_equal(fb->power_count, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rst_cpu_resets_when_it_goes_from_0_to_1),
		TEST(a_single_write_of_6_is_a_reset),
		TEST(rst_cnt_remembers_its_three_bits),
		TEST(port_92_resets_when_bit_0_goes_from_0_to_1),
		TEST(port_92_remembers_a20_which_is_open_at_first),
		TEST(after_a_reset_the_same_write_resets_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
