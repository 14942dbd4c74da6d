#include "pci/hostbridge.h"

#include "core/platform.h"
#include "fake/device_fixture.h"

static int setup(void **state)
{
	return fixture_make(state, &hostbridge_type, NULL);
}

#define PORT_PCI_DATA (PORT_PCI_ADDRESS + 4)

static uint32_t config_read(struct fake_board *fb, uint32_t bdf, uint32_t reg)
{
	fake_out32(fb, PORT_PCI_ADDRESS, 0x80000000u | bdf << 8 | reg);
	return fake_in32(fb, PORT_PCI_DATA);
}

static void function_0_is_the_q35_mch(void **state)
{
	struct fake_board *fb = board_of(state);

	assert_int_equal(config_read(fb, 0, 0x00), 0x29c08086);
	assert_int_equal(config_read(fb, 0, 0x08), 0x06000002);
	assert_int_equal(config_read(fb, 0, 0x0c), 0x00000000);
	assert_int_equal(config_read(fb, 0, 0xfc), 0x00000000);
}

static void every_other_function_reads_all_ones(void **state)
{
	struct fake_board *fb = board_of(state);

	for (uint32_t bdf = 1; bdf < 0x10000; bdf++)
		assert_int_equal(config_read(fb, bdf, 0), 0xffffffff);
}

static void without_the_enable_bit_data_reads_all_ones(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out32(fb, PORT_PCI_ADDRESS, 0);
	assert_int_equal(fake_in32(fb, PORT_PCI_DATA), 0xffffffff);
}

static void data_is_read_in_bytes_and_words(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out32(fb, PORT_PCI_ADDRESS, 0x80000000);
	assert_int_equal(fake_in8(fb, PORT_PCI_DATA + 1), 0x80);
	assert_int_equal(fake_in16(fb, PORT_PCI_DATA + 2), 0x29c0);
	fake_out32(fb, PORT_PCI_DATA, 0);
	assert_int_equal(fake_in32(fb, PORT_PCI_DATA), 0x29c08086);
}

static void only_a_dword_sets_the_address(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out32(fb, PORT_PCI_ADDRESS, 0xffffffff);
	assert_int_equal(fake_in32(fb, PORT_PCI_ADDRESS), 0x80fffffc);
	fake_out8(fb, PORT_PCI_ADDRESS, 0);
	fake_out16(fb, PORT_PCI_ADDRESS, 0);
	fake_out16(fb, PORT_PCI_ADDRESS + 2, 0);
	assert_int_equal(fake_in32(fb, PORT_PCI_ADDRESS), 0x80fffffc);
	assert_int_equal(fb->power_count, 0);
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

static void reset_forgets_address_and_rst_cnt(void **state)
{
	struct fake_board *fb = board_of(state);

	fake_out32(fb, PORT_PCI_ADDRESS, 0x80000000);
	fake_out8(fb, PORT_RESET, 0x06);
	hostbridge_type.reset(device_of(state));
	assert_int_equal(fake_in32(fb, PORT_PCI_ADDRESS), 0);
	assert_int_equal(fake_in8(fb, PORT_RESET), 0);
	fake_out8(fb, PORT_RESET, 0x06);
	assert_int_equal(fb->power_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(function_0_is_the_q35_mch),
		TEST(every_other_function_reads_all_ones),
		TEST(without_the_enable_bit_data_reads_all_ones),
		TEST(data_is_read_in_bytes_and_words),
		TEST(only_a_dword_sets_the_address),
		TEST(rst_cpu_resets_when_it_goes_from_0_to_1),
		TEST(a_single_write_of_6_is_a_reset),
		TEST(rst_cnt_remembers_its_three_bits),
		TEST(reset_forgets_address_and_rst_cnt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
