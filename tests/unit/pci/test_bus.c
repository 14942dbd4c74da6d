#include "pci/bus.h"

#include "pci_fixture.h"

#define PAGE 4096u

static uint8_t tag_at(struct pci_fixture *f, gpa_t gpa)
{
	return (uint8_t)fake_mmio_read(&f->fb, gpa, 1);
}

static void set_bar64(struct pci_function *fn, unsigned bar, gpa_t gpa)
{
	pci_function_write(fn, BAR(bar), 4, (uint32_t)gpa);
	pci_function_write(fn, BAR(bar + 1), 4, (uint32_t)(gpa >> 32));
}

/* ---- who is where ---- */

static void where_no_function_is_all_reads_ones(void **state)
{
	struct pci_fixture *f = *state;

	plug(f, make_function(f, 0, 1), PCI_DEVFN(1u, 0u));
	assert_int_equal(pci_bus_read(&f->bus, 0, PCI_DEVFN(2u, 0u), 0, 4), 0xffffffff);
	assert_int_equal(pci_bus_read(&f->bus, 0, PCI_DEVFN(1u, 1u), 0, 2), 0xffff);
	assert_int_equal(pci_bus_read(&f->bus, 0, PCI_DEVFN(1u, 1u), 0, 1), 0xff);
	assert_int_equal(pci_bus_read(&f->bus, 1, PCI_DEVFN(1u, 0u), 0, 4), 0xffffffff);
	assert_int_equal(pci_bus_read(&f->bus, 0, PCI_DEVFN(2u, 0u), 0xffc, 4), 0xffffffff);
	pci_bus_write(&f->bus, 1, PCI_DEVFN(1u, 0u), PCI_COMMAND, 2, UINT16_MAX);
	assert_int_equal(pci_bus_read(&f->bus, 0, PCI_DEVFN(1u, 0u), PCI_COMMAND, 2), 0);
	assert_int_equal(pci_bus_read(&f->bus, 0, PCI_DEVFN(1u, 0u), 0, 4), 0x56781234);
}

static void a_place_holds_one_function(void **state)
{
	struct pci_fixture *f = *state;
	struct err err;

	plug(f, make_function(f, 0, 1), PCI_DEVFN(3u, 0u));
	assert_int_equal(pci_bus_add(&f->bus, make_function(f, 1, 2), PCI_DEVFN(3u, 0u), &err),
			 -EEXIST);
	assert_string_equal(err.text, "PCI device 03.0 is taken");
	pci_bus_remove(&f->bus, &f->functions[0].fn);
	plug(f, &f->functions[1].fn, PCI_DEVFN(3u, 0u));
}

static void the_lowest_free_device_is_found(void **state)
{
	struct pci_fixture *f = *state;

	assert_int_equal(pci_bus_free_devfn(&f->bus), PCI_DEVFN(1u, 0u));
	plug(f, make_function(f, 0, 1), PCI_DEVFN(1u, 0u));
	plug(f, make_function(f, 1, 2), PCI_DEVFN(3u, 0u));
	assert_int_equal(pci_bus_free_devfn(&f->bus), PCI_DEVFN(2u, 0u));
	/* The LPC bridge's place is kept even while it is not there. */
	for (unsigned device = 1; device < 31; device++)
		f->bus.functions[PCI_DEVFN(device, 0u)] = &f->functions[0].fn;
	assert_int_equal(pci_bus_free_devfn(&f->bus), -ENOSPC);
	for (unsigned device = 1; device < 31; device++)
		f->bus.functions[PCI_DEVFN(device, 0u)] = NULL;
	f->bus.functions[PCI_DEVFN(1u, 0u)] = &f->functions[0].fn;
	f->bus.functions[PCI_DEVFN(3u, 0u)] = &f->functions[1].fn;
}

static void function_0_tells_that_there_are_more(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *first = make_function(f, 0, 1);

	plug(f, first, PCI_DEVFN(4u, 0u));
	plug(f, make_function(f, 1, 2), PCI_DEVFN(5u, 0u));
	assert_int_equal(pci_function_read(first, PCI_HEADER_TYPE, 1), 0x00);
	plug(f, make_function(f, 2, 3), PCI_DEVFN(4u, 2u));
	assert_int_equal(pci_function_read(first, PCI_HEADER_TYPE, 1), 0x80);
	pci_function_reset(first);
	assert_int_equal(pci_function_read(first, PCI_HEADER_TYPE, 1), 0x80);
	assert_int_equal(pci_function_read(&f->functions[1].fn, PCI_HEADER_TYPE, 1), 0x00);
}

/* ---- BARs ---- */

static void bars_get_addresses_in_the_window_on_multiples_of_their_size(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *small = make_function(f, 0, 1), *large = make_function(f, 1, 2);

	add_bar(small, 0, PAGE, false);
	add_bar(large, 0, MIB(1), true);
	add_bar(large, 2, PAGE, false);
	plug(f, small, PCI_DEVFN(1u, 0u));
	plug(f, large, PCI_DEVFN(2u, 0u));
	assert_int_equal(config32(small, BAR(0)), PCI32_BASE);
	assert_int_equal(config32(large, BAR(0)), (PCI32_BASE + MIB(1)) | 4);
	assert_int_equal(config32(large, BAR(1)), 0);
	assert_int_equal(config32(large, BAR(2)), PCI32_BASE + MIB(2));
	assert_int_equal(config16(small, PCI_COMMAND), PCI_COMMAND_MEMORY);
	assert_int_equal(f->functions[1].gpas[0], PCI32_BASE + MIB(1));
	assert_int_equal(f->functions[1].gpas[2], PCI32_BASE + MIB(2));
	assert_int_equal(tag_at(f, PCI32_BASE + PAGE - 1), 1);
	assert_int_equal(tag_at(f, PCI32_BASE + PAGE), 0xff);
	assert_int_equal(tag_at(f, PCI32_BASE + MIB(1)), 2);
}

static void a_full_window_is_an_error_that_leaves_nothing(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *large = make_function(f, 0, 1), *next = make_function(f, 1, 2);
	struct err err;

	add_bar(large, 0, MIB(256), false);
	plug(f, large, PCI_DEVFN(1u, 0u));
	add_bar(next, 0, PAGE, false);
	add_bar(next, 1, MIB(256), false);
	assert_int_equal(pci_bus_add(&f->bus, next, PCI_DEVFN(2u, 0u), &err), -ENOSPC);
	assert_string_equal(err.text, "the 32-bit PCI window has no room for its registers");
	assert_int_equal(f->fb.mmio.region_count, 1);
	assert_int_equal(pci_bus_read(&f->bus, 0, PCI_DEVFN(2u, 0u), 0, 4), 0xffffffff);
}

static void a_bar_moves_at_any_time(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *fn = make_function(f, 0, 7);

	add_bar(fn, 0, 0x4000, true);
	plug(f, fn, PCI_DEVFN(1u, 0u));
	f->functions[0].moves = 0;
	set_bar64(fn, 0, PCI32_BASE + MIB(16));
	assert_int_equal(f->functions[0].moves, 2); /* went, appeared */
	assert_int_equal(f->functions[0].gpas[0], PCI32_BASE + MIB(16));
	assert_int_equal(tag_at(f, PCI32_BASE), 0xff);
	assert_int_equal(tag_at(f, PCI32_BASE + MIB(16) + 0x3fff), 7);
	/* The same again is no move. */
	set_bar64(fn, 0, PCI32_BASE + MIB(16));
	assert_int_equal(f->functions[0].moves, 2);
	/* Above 4 GiB the two halves come one by one. */
	set_bar64(fn, 0, GIB(64));
	assert_int_equal(f->functions[0].gpas[0], GIB(64));
	assert_int_equal(tag_at(f, GIB(64)), 7);
	assert_int_equal(tag_at(f, PCI32_BASE + MIB(16)), 0xff);
	fake_mmio_write(&f->fb, GIB(64), 1, 9);
	assert_int_equal(tag_at(f, GIB(64)), 9);
}

static void memory_decode_turns_bars_off_and_on(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *fn = make_function(f, 0, 7);

	add_bar(fn, 0, PAGE, false);
	plug(f, fn, PCI_DEVFN(1u, 0u));
	set_command(fn, 0);
	assert_int_equal(tag_at(f, PCI32_BASE), 0xff);
	assert_int_equal(f->functions[0].gpas[0], UINT64_MAX);
	/* Moved while off. */
	pci_function_write(fn, BAR(0), 4, UINT32_MAX);
	pci_function_write(fn, BAR(0), 4, (uint32_t)PCI32_BASE + PAGE);
	set_command(fn, PCI_COMMAND_MEMORY);
	assert_int_equal(tag_at(f, PCI32_BASE), 0xff);
	assert_int_equal(tag_at(f, PCI32_BASE + PAGE), 7);
	assert_int_equal(f->functions[0].gpas[0], PCI32_BASE + PAGE);
}

static void a_bar_is_off_wherever_it_must_not_be(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *fn = make_function(f, 0, 7);
	static const gpa_t elsewhere[] = {
		0,
		0xa0000,
		0xffc000,
		ECAM_BASE,
		ECAM_BASE + ECAM_BYTES - 0x4000,
		PCI32_END,
		IOAPIC_BASE,
		LAPIC_BASE,
		FIRMWARE_BASE,
		0xffffc000,
		GIB(4),		    /* RAM */
		GIB(5) - 0x4000,	    /* its last bytes */
		UINT64_C(1) << 52,  /* beyond what the machine has */
		UINT64_MAX - 0x3fff,
	};

	assert_int_equal(mem_add(&f->fb.mem, 0, GIB(3), NULL), 0); /* never touched */
	assert_int_equal(mem_add(&f->fb.mem, GIB(4), GIB(1), NULL), 0);
	add_bar(fn, 0, 0x4000, true);
	plug(f, fn, PCI_DEVFN(1u, 0u));
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
		set_bar64(fn, 0, elsewhere[i]);
		assert_int_equal(f->functions[0].gpas[0], UINT64_MAX);
		assert_int_equal(f->fb.mmio.region_count, 0);
		assert_int_equal(config32(fn, BAR(0)), (uint32_t)elsewhere[i] | 4);
	}
	set_bar64(fn, 0, GIB(5));
	assert_int_equal(tag_at(f, GIB(5)), 7);
	set_bar64(fn, 0, (UINT64_C(1) << 52) - 0x4000);
	assert_int_equal(tag_at(f, (UINT64_C(1) << 52) - 1), 7);
	set_bar64(fn, 0, PCI32_END - 0x4000);
	assert_int_equal(tag_at(f, PCI32_END - 1), 7);
}

static void a_bar_in_anothers_place_waits_until_that_goes(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *first = make_function(f, 0, 1), *second = make_function(f, 1, 2);

	add_bar(first, 0, 0x4000, false);
	add_bar(second, 0, PAGE, false);
	plug(f, first, PCI_DEVFN(1u, 0u));
	plug(f, second, PCI_DEVFN(2u, 0u));
	pci_function_write(second, BAR(0), 4, (uint32_t)PCI32_BASE + PAGE);
	assert_int_equal(f->functions[1].gpas[0], UINT64_MAX);
	assert_int_equal(tag_at(f, PCI32_BASE + PAGE), 1);
	pci_function_write(first, BAR(0), 4, (uint32_t)PCI32_BASE + 0x100000);
	assert_int_equal(f->functions[1].gpas[0], PCI32_BASE + PAGE);
	assert_int_equal(tag_at(f, PCI32_BASE + PAGE), 2);
	assert_int_equal(tag_at(f, PCI32_BASE + 0x100000), 1);
	/* Back: now the first is the one that waits, till the other is taken off. */
	pci_function_write(first, BAR(0), 4, (uint32_t)PCI32_BASE);
	assert_int_equal(f->functions[0].gpas[0], UINT64_MAX);
	pci_bus_remove(&f->bus, second);
	assert_int_equal(tag_at(f, PCI32_BASE + PAGE), 1);
}

static void two_bars_of_a_function_change_places(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *fn = make_function(f, 0, 1);

	add_bar(fn, 0, PAGE, false);
	add_bar(fn, 1, PAGE, false);
	plug(f, fn, PCI_DEVFN(1u, 0u));
	pci_function_write(fn, BAR(0), 4, (uint32_t)PCI32_BASE + PAGE);
	assert_int_equal(f->functions[0].gpas[0], UINT64_MAX);
	pci_function_write(fn, BAR(1), 4, (uint32_t)PCI32_BASE);
	assert_int_equal(f->functions[0].gpas[0], PCI32_BASE + PAGE);
	assert_int_equal(f->functions[0].gpas[1], PCI32_BASE);
}

static void reset_brings_all_bars_back_in_any_order(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *first = make_function(f, 0, 1), *second = make_function(f, 1, 2);

	add_bar(first, 0, PAGE, false);
	add_bar(second, 0, PAGE, false);
	plug(f, first, PCI_DEVFN(1u, 0u));
	plug(f, second, PCI_DEVFN(2u, 0u));
	/* The guest exchanges them ... */
	set_command(first, 0);
	set_command(second, 0);
	pci_function_write(first, BAR(0), 4, (uint32_t)PCI32_BASE + PAGE);
	pci_function_write(second, BAR(0), 4, (uint32_t)PCI32_BASE);
	set_command(first, PCI_COMMAND_MEMORY);
	set_command(second, PCI_COMMAND_MEMORY);
	assert_int_equal(tag_at(f, PCI32_BASE), 2);
	/* ... and the first one's reset finds the second in its place. */
	pci_function_reset(first);
	pci_function_reset(second);
	assert_int_equal(tag_at(f, PCI32_BASE), 1);
	assert_int_equal(tag_at(f, PCI32_BASE + PAGE), 2);
}

static void a_full_bus_leaves_a_bar_off_until_there_is_room(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *fn = make_function(f, 0, 1), *other = make_function(f, 1, 2);

	add_bar(fn, 0, PAGE, false);
	add_bar(other, 0, PAGE, false);
	plug(f, other, PCI_DEVFN(2u, 0u));
	for (unsigned i = 1; i < BUS_REGIONS_MAX; i++)
		assert_int_equal(bus_add(&f->fb.mmio, &(struct bus_region){
				.name = "full", .base = i, .len = 1, .max_access = 1,
				.ops = &tag_ops, .ctx = &f->functions[3] }), 0);
	plug(f, fn, PCI_DEVFN(1u, 0u));
	assert_int_equal(f->functions[0].gpas[0], UINT64_MAX);
	set_command(other, 0);
	assert_int_equal(f->functions[0].gpas[0], PCI32_BASE + PAGE);
	for (unsigned i = 1; i < BUS_REGIONS_MAX; i++)
		bus_remove(&f->fb.mmio, i);
}

/* ---- interrupt pins ---- */

static void devices_have_eight_lines_in_turn(void **state)
{
	struct pci_fixture *f = *state;

	for (unsigned device = 0; device < PCI_DEVICES; device++) {
		const unsigned gsi = GSI_PCI_INTX + device % 8;
		struct pci_function *fn = make_function(f, 0, 1);

		plug(f, fn, PCI_DEVFN(device, 0u));
		pci_set_intx(fn, true);
		assert_int_equal(f->fb.irq_level[gsi], 1);
		pci_bus_remove(&f->bus, fn);
		assert_int_equal(f->fb.irq_level[gsi], 0);
	}
}

static void a_shared_line_is_high_while_anyone_drives_it(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *first = make_function(f, 0, 1), *second = make_function(f, 1, 2);

	plug(f, first, PCI_DEVFN(1u, 0u));
	plug(f, second, PCI_DEVFN(9u, 0u));
	pci_set_intx(first, true);
	pci_set_intx(second, true);
	pci_set_intx(second, true);
	pci_set_intx(first, false);
	assert_int_equal(f->fb.irq_level[GSI_PCI_INTX + 1], 1);
	assert_int_equal(f->fb.irq_edges[GSI_PCI_INTX + 1], 1);
	set_command(second, PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(f->fb.irq_level[GSI_PCI_INTX + 1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(where_no_function_is_all_reads_ones),
		TEST(a_place_holds_one_function),
		TEST(the_lowest_free_device_is_found),
		TEST(function_0_tells_that_there_are_more),
		TEST(bars_get_addresses_in_the_window_on_multiples_of_their_size),
		TEST(a_full_window_is_an_error_that_leaves_nothing),
		TEST(a_bar_moves_at_any_time),
		TEST(memory_decode_turns_bars_off_and_on),
		TEST(a_bar_is_off_wherever_it_must_not_be),
		TEST(a_bar_in_anothers_place_waits_until_that_goes),
		TEST(two_bars_of_a_function_change_places),
		TEST(reset_brings_all_bars_back_in_any_order),
		TEST(a_full_bus_leaves_a_bar_off_until_there_is_room),
		TEST(devices_have_eight_lines_in_turn),
		TEST(a_shared_line_is_high_while_anyone_drives_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
