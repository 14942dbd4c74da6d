#include "chipset/post.h"

#include "core/platform.h"
#include "fake/device_fixture.h"

static int setup(void **state)
{
	return fixture_make(state, &post_type, NULL);
}

static void port_80_remembers_the_last_byte(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_POST, 0x12);
	fake_out8(fb, PORT_POST, 0x34);
	assert_int_equal(fake_in8(fb, PORT_POST), 0x34);
	post_type.reset(device_of(state));
	assert_int_equal(fake_in8(fb, PORT_POST), 0);
}

static void the_delay_port_takes_bytes_and_leaves_the_code(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out8(fb, PORT_POST, 0x12);
	fake_out8(fb, 0xed, 0x99);
	assert_int_equal(fake_in8(fb, PORT_POST), 0x12);
	assert_int_equal(fake_in8(fb, 0xed), 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(port_80_remembers_the_last_byte),
		TEST(the_delay_port_takes_bytes_and_leaves_the_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
