#include "pci/hostbridge.h"

#include "core/platform.h"
#include "fake/device_fixture.h"
#include "pci/bus.h"

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

static void the_mch_says_where_ecam_is_and_does_not_move_it(void **state)
{
	struct fake_board *fb = board_of(state);

	config_read(fb, 0, 0x60);
	fake_out32(fb, PORT_PCI_DATA, 0xb0000001);
	assert_int_equal(config_read(fb, 0, 0x60), ECAM_BASE | 1);
	assert_int_equal(config_read(fb, 0, 0x64), 0);
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

/* A function with two scratch registers of 4 bytes. */
static const struct pci_identity identity = { .vendor = 0x1234, .device = 0x5678 };
static const struct pci_register scratch[] = {
	{ 0x40, 4, 0x44332211, UINT32_MAX }, { 0xfc, 4, 0x88776655, UINT32_MAX },
};

static void plug(void **state, struct pci_function *fn, unsigned devfn)
{
	pci_function_init(fn, &identity, NULL);
	pci_add_registers(fn, scratch, ARRAY_LEN(scratch));
	assert_int_equal(pci_bus_add(hostbridge_bus(device_of(state)), fn, devfn, NULL), 0);
}

static void the_ports_reach_every_function(void **state)
{
	struct fake_board *fb = board_of(state);
	struct pci_function fn;

	plug(state, &fn, PCI_DEVFN(31u, 7u));
	assert_int_equal(config_read(fb, PCI_DEVFN(31u, 7u), 0), 0x56781234);
	assert_int_equal(config_read(fb, PCI_DEVFN(31u, 7u), 0x40), 0x44332211);
	assert_int_equal(config_read(fb, PCI_DEVFN(31u, 7u), 0xfc), 0x88776655);
	assert_int_equal(config_read(fb, PCI_DEVFN(31u, 6u), 0), 0xffffffff);
	assert_int_equal(config_read(fb, 0x100 | PCI_DEVFN(31u, 7u), 0), 0xffffffff);
	pci_bus_remove(fn.bus, &fn);
}

static void data_is_written_in_bytes_and_words(void **state)
{
	struct fake_board *fb = board_of(state);
	struct pci_function fn;

	plug(state, &fn, PCI_DEVFN(5u, 0u));
	config_read(fb, PCI_DEVFN(5u, 0u), 0x40);
	fake_out8(fb, PORT_PCI_DATA + 3, 0xaa);
	fake_out16(fb, PORT_PCI_DATA, 0xbbcc);
	assert_int_equal(fake_in32(fb, PORT_PCI_DATA), 0xaa33bbcc);
	fake_out16(fb, PORT_PCI_DATA + 1, 0xddee); /* across the middle */
	assert_int_equal(fake_in32(fb, PORT_PCI_DATA), 0xaaddeecc);
	assert_int_equal(fake_in16(fb, PORT_PCI_DATA + 1), 0xddee);
	fake_out32(fb, PORT_PCI_ADDRESS, 0x00002840); /* no longer enabled */
	fake_out32(fb, PORT_PCI_DATA, 0);
	assert_int_equal(config_read(fb, PCI_DEVFN(5u, 0u), 0x40), 0xaaddeecc);
	pci_bus_remove(fn.bus, &fn);
}

#define ECAM(bus, devfn, offset) (ECAM_BASE | (bus) << 20 | (devfn) << 12 | (offset))

static void ecam_reaches_every_function(void **state)
{
	struct fake_board *fb = board_of(state);
	struct pci_function fn;

	plug(state, &fn, PCI_DEVFN(31u, 7u));
	assert_int_equal(fake_mmio_read(fb, ECAM(0, 0, 0), 4), 0x29c08086);
	assert_int_equal(fake_mmio_read(fb, ECAM(0, PCI_DEVFN(31u, 7u), 0), 4), 0x56781234);
	assert_int_equal(fake_mmio_read(fb, ECAM(0, PCI_DEVFN(31u, 7u), 2), 2), 0x5678);
	assert_int_equal(fake_mmio_read(fb, ECAM(0, PCI_DEVFN(31u, 7u), 0x100), 4), 0);
	assert_int_equal(fake_mmio_read(fb, ECAM(0, PCI_DEVFN(31u, 6u), 0), 4), 0xffffffff);
	assert_int_equal(fake_mmio_read(fb, ECAM(1, PCI_DEVFN(31u, 7u), 0), 4), 0xffffffff);
	assert_int_equal(fake_mmio_read(fb, ECAM(255, PCI_DEVFN(31u, 7u), 0xffc), 4), 0xffffffff);
	fake_mmio_write(fb, ECAM(0, PCI_DEVFN(31u, 7u), 0x41), 1, 0x99);
	assert_int_equal(fake_mmio_read(fb, ECAM(0, PCI_DEVFN(31u, 7u), 0x40), 4), 0x44339911);
	pci_bus_remove(fn.bus, &fn);
}

static void unaligned_and_wide_ecam_accesses_are_taken_apart(void **state)
{
	struct fake_board *fb = board_of(state);
	struct pci_function fn;

	plug(state, &fn, PCI_DEVFN(0u, 1u)); /* behind the MCH */
	assert_int_equal(fake_mmio_read(fb, ECAM(0, 1, 0x3e), 8) >> 16 & UINT32_MAX, 0x44332211);
	fake_mmio_write(fb, ECAM(0, 1, 0x3e), 4, 0xbbaaffff);
	assert_int_equal(fake_mmio_read(fb, ECAM(0, 1, 0x40), 4), 0x4433bbaa);
	fake_mmio_write(fb, ECAM(0, 1, 0x40), 8, 0x8877665544332211);
	assert_int_equal(fake_mmio_read(fb, ECAM(0, 1, 0x40), 8), 0x44332211);
	/* From one function's last byte into the next one's vendor id. */
	assert_int_equal(fake_mmio_read(fb, ECAM(0, 0, 0xfff), 4), 0x78123400);
	pci_bus_remove(fn.bus, &fn);
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
		TEST(the_mch_says_where_ecam_is_and_does_not_move_it),
		TEST(every_other_function_reads_all_ones),
		TEST(without_the_enable_bit_data_reads_all_ones),
		TEST(data_is_read_in_bytes_and_words),
		TEST(only_a_dword_sets_the_address),
		TEST(the_ports_reach_every_function),
		TEST(data_is_written_in_bytes_and_words),
		TEST(ecam_reaches_every_function),
		TEST(unaligned_and_wide_ecam_accesses_are_taken_apart),
		TEST(rst_cpu_resets_when_it_goes_from_0_to_1),
		TEST(a_single_write_of_6_is_a_reset),
		TEST(rst_cnt_remembers_its_three_bits),
		TEST(reset_forgets_address_and_rst_cnt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
