#include "chipset/debugcon.h"

#include "char/chardev.h"
#include "core/platform.h"
#include "fake/device_fixture.h"

static struct chardev *open_memory(void)
{
	const struct chardev_config config = { .kind = CHARDEV_MEM };
	struct chardev *c;

	assert_int_equal(chardev_open(NULL, &config, &c, NULL), 0);
	return c;
}

static void both_ports_read_e9(void **state)
{
	const struct debugcon_config config = { .chardev = NULL };

	fixture_make(state, &debugcon_type, &config);
	assert_int_equal(fake_in8(board_of(state), PORT_DEBUGCON), 0xe9);
	assert_int_equal(fake_in8(board_of(state), PORT_BOCHS_DEBUG), 0xe9);
	fixture_free(state);
}

static void bytes_to_nobody_vanish(void **state)
{
	const struct debugcon_config config = { .chardev = NULL };

	fixture_make(state, &debugcon_type, &config);
	fake_out8(board_of(state), PORT_DEBUGCON, 'x');
	fixture_free(state);
}

static void bytes_of_both_ports_arrive_in_order(void **state)
{
	const struct debugcon_config config = { .chardev = open_memory() };
	uint8_t out[8] = { 0 };

	fixture_make(state, &debugcon_type, &config);
	fake_out8(board_of(state), PORT_DEBUGCON, 'a');
	fake_out8(board_of(state), PORT_BOCHS_DEBUG, 'b');
	fake_out8(board_of(state), PORT_DEBUGCON, 0xff);
	assert_int_equal(chardev_drain(config.chardev, out, sizeof(out)), 3);
	assert_memory_equal(out, "ab\xff", 3);
	fixture_free(state);
	chardev_close(config.chardev);
}

static void a_full_character_device_drops_the_byte(void **state)
{
	const struct debugcon_config config = { .chardev = open_memory() };
	uint64_t kept = 0;
	uint8_t byte;

	fixture_make(state, &debugcon_type, &config);
	while (chardev_can_put(config.chardev) && kept < MIB(16)) {
		fake_out8(board_of(state), PORT_DEBUGCON, 'k');
		kept++;
	}
	assert_false(chardev_can_put(config.chardev));
	fake_out8(board_of(state), PORT_DEBUGCON, 'd');
	while (chardev_drain(config.chardev, &byte, 1) == 1) {
		assert_int_equal(byte, 'k');
		kept--;
	}
	assert_int_equal(kept, 0);
	fixture_free(state);
	chardev_close(config.chardev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ports_read_e9),
		cmocka_unit_test(bytes_to_nobody_vanish),
		cmocka_unit_test(bytes_of_both_ports_arrive_in_order),
		cmocka_unit_test(a_full_character_device_drops_the_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
