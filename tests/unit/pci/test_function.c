#include "pci/function.h"

#include "pci_fixture.h"

static void the_header_says_what_the_function_is(void **state)
{
	struct pci_function *fn = make_function(*state, 0, 1);

	plug(*state, fn, PCI_DEVFN(1u, 0u));
	assert_int_equal(config32(fn, PCI_VENDOR_ID), 0x56781234);
	assert_int_equal(config32(fn, PCI_CLASS_REVISION), 0x01800023);
	assert_int_equal(config32(fn, PCI_SUBSYSTEM_VENDOR_ID), 0xef01abcd);
	assert_int_equal(pci_function_read(fn, PCI_INTERRUPT_PIN, 1), 1);
	assert_int_equal(pci_function_read(fn, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(config16(fn, PCI_STATUS), 0);
	assert_int_equal(pci_function_read(fn, PCI_CAPABILITY_LIST, 1), 0);
}

static void bits_that_are_read_only_ignore_writes(void **state)
{
	struct pci_function *fn = make_function(*state, 0, 1);
	uint32_t before[PCI_CONFIG_BYTES / 4];

	plug(*state, fn, PCI_DEVFN(1u, 0u));
	for (unsigned at = 0; at < PCI_CONFIG_BYTES; at += 4)
		before[at / 4] = config32(fn, at);
	for (unsigned at = 0; at < PCI_CONFIG_BYTES; at += 4)
		pci_function_write(fn, at, 4, UINT32_MAX);
	before[PCI_COMMAND / 4] |= 0x0546; /* memory, master, parity, SERR, INTx off */
	before[PCI_CACHE_LINE_SIZE / 4] |= 0xffff;
	before[PCI_INTERRUPT_LINE / 4] |= 0xff;
	for (unsigned at = 0; at < PCI_CONFIG_BYTES; at += 4)
		assert_int_equal(config32(fn, at), before[at / 4]);
}

static void bytes_and_words_are_parts_of_a_dword(void **state)
{
	struct pci_function *fn = make_function(*state, 0, 1);

	plug(*state, fn, PCI_DEVFN(1u, 0u));
	assert_int_equal(pci_function_read(fn, 1, 1), 0x12);
	assert_int_equal(pci_function_read(fn, 2, 2), 0x5678);
	pci_function_write(fn, PCI_COMMAND + 1, 1, 0x05);
	assert_int_equal(config16(fn, PCI_COMMAND), 0x0500);
	pci_function_write(fn, PCI_COMMAND, 1, 0x04);
	assert_int_equal(config16(fn, PCI_COMMAND), 0x0504);
	assert_true(pci_bus_master(fn));
}

static void extended_configuration_space_reads_0(void **state)
{
	struct pci_function *fn = make_function(*state, 0, 1);

	plug(*state, fn, PCI_DEVFN(1u, 0u));
	for (unsigned at = PCI_CONFIG_BYTES; at < PCI_ECAM_BYTES; at += 4) {
		pci_function_write(fn, at, 4, UINT32_MAX);
		assert_int_equal(config32(fn, at), 0);
	}
}

static void a_bar_that_gets_all_ones_tells_its_size(void **state)
{
	struct pci_function *fn = make_function(*state, 0, 1);

	add_bar(fn, 0, 0x8000, false);
	add_bar(fn, 2, 0x100000, true);
	add_bar(fn, 4, GIB(8), true);
	plug(*state, make_function(*state, 1, 2), PCI_DEVFN(2u, 0u));
	/* 8 GiB do not fit the 32-bit window; only its size is looked at here. */
	assert_int_equal(pci_bus_add(&((struct pci_fixture *)*state)->bus, fn,
				     PCI_DEVFN(1u, 0u), NULL), -ENOSPC);

	fn = make_function(*state, 0, 1);
	add_bar(fn, 0, 0x8000, false);
	add_bar(fn, 2, 0x100000, true);
	plug(*state, fn, PCI_DEVFN(1u, 0u));
	for (unsigned bar = 0; bar < PCI_BARS; bar++)
		pci_function_write(fn, BAR(bar), 4, UINT32_MAX);
	assert_int_equal(config32(fn, BAR(0)), 0xffff8000);
	assert_int_equal(config32(fn, BAR(1)), 0);
	assert_int_equal(config32(fn, BAR(2)), 0xfff00004);
	assert_int_equal(config32(fn, BAR(3)), 0xffffffff);
	assert_int_equal(config32(fn, BAR(4)), 0);
	assert_int_equal(config32(fn, BAR(5)), 0);
}

static void a_bar_of_8_gib_tells_its_size_in_the_upper_half(void **state)
{
	struct pci_function *fn = make_function(*state, 0, 1);

	add_bar(fn, 0, GIB(8), true);
	fn->bus = &((struct pci_fixture *)*state)->bus; /* it fits no window of ours */
	set_command(fn, 0);
	pci_function_write(fn, BAR(0), 4, UINT32_MAX);
	pci_function_write(fn, BAR(1), 4, UINT32_MAX);
	assert_int_equal(config32(fn, BAR(0)), 0x00000004);
	assert_int_equal(config32(fn, BAR(1)), 0xfffffffe);
	fn->bus = NULL;
}

static void capabilities_are_a_list(void **state)
{
	static const uint8_t body[] = { 1, 2, 3, 4, 5 }, writable[] = { 0, 0xff, 0, 0x0f, 0 };
	struct pci_function *fn = make_function(*state, 0, 1);
	const unsigned first = pci_add_cap(fn, PCI_CAP_ID_VNDR, body, 5, NULL);
	const unsigned second = pci_add_cap(fn, PCI_CAP_ID_VNDR, body, 5, writable);

	plug(*state, fn, PCI_DEVFN(1u, 0u));
	assert_int_equal(config16(fn, PCI_STATUS), PCI_STATUS_CAP_LIST);
	assert_int_equal(pci_function_read(fn, PCI_CAPABILITY_LIST, 1), first);
	assert_int_equal(config32(fn, first), 0x02010009 | second << 8);
	assert_int_equal(second % 4, 0);
	assert_int_equal(config32(fn, second), 0x02010009);
	pci_function_write(fn, second, 4, 0xaaaaaaaa);
	pci_function_write(fn, second + 4, 4, 0xbbbbbbbb);
	assert_int_equal(config32(fn, second), 0xaa010009);
	assert_int_equal(config32(fn, second + 4), 0x00050b03);
	pci_function_reset(fn);
	assert_int_equal(config32(fn, second), 0x02010009);
}

static void a_functions_own_registers_have_their_power_on_value_and_mask(void **state)
{
	static const struct pci_register registers[] = {
		{ 0x40, 4, 0x12345678, 0x0000ff00 }, { 0x46, 2, 0xabcd, 0 }, { 0x49, 1, 0x5a, 0xff },
	};
	struct pci_function *fn = make_function(*state, 0, 1);

	pci_add_registers(fn, registers, ARRAY_LEN(registers));
	plug(*state, fn, PCI_DEVFN(1u, 0u));
	for (unsigned at = 0x40; at < 0x50; at += 4)
		pci_function_write(fn, at, 4, 0);
	assert_int_equal(config32(fn, 0x40), 0x12340078);
	assert_int_equal(config32(fn, 0x44), 0xabcd0000);
	assert_int_equal(config32(fn, 0x48), 0);
	pci_function_reset(fn);
	assert_int_equal(config32(fn, 0x48), 0x5a00);
}

static void a_window_is_answered_by_the_function(void **state)
{
	static const uint8_t body[14];
	struct pci_fixture *f = *state;
	struct pci_function *fn = make_function(f, 0, 1);
	const unsigned at = pci_add_cap(fn, PCI_CAP_ID_VNDR, body, sizeof(body), NULL);

	pci_set_window(fn, at + 8, 8);
	plug(f, fn, PCI_DEVFN(1u, 0u));
	f->functions[0].window_value = 0x11223344;
	assert_int_equal(config32(fn, at + 4), 0);
	assert_int_equal(config32(fn, at + 8), 0x11223344);
	assert_int_equal(f->functions[0].window_offset, 0);
	assert_int_equal(f->functions[0].window_size, 4);
	pci_function_write(fn, at + 14, 2, 0xbeef);
	assert_int_equal(f->functions[0].window_value, 0xbeef);
	assert_int_equal(f->functions[0].window_offset, 6);
	assert_int_equal(f->functions[0].window_size, 2);
	pci_function_write(fn, at + 16, 2, 0xdead);
	assert_int_equal(f->functions[0].window_value, 0xbeef);
}

/* ---- MSI-X's capability ---- */

static struct pci_function *make_msix_function(struct pci_fixture *f, unsigned vectors)
{
	struct pci_function *fn = make_function(f, 0, 1);

	add_bar(fn, 0, 0x4000, true);
	msix_init(&f->functions[0].msix, f->fb.board.msi, vectors);
	pci_add_msix(fn, &f->functions[0].msix, 0, 0x2000, 0x3000);
	plug(f, fn, PCI_DEVFN(1u, 0u));
	return fn;
}

static void msix_says_where_its_table_is(void **state)
{
	struct pci_function *fn = make_msix_function(*state, 5);
	const unsigned cap = fn->msix_cap;

	assert_int_equal(pci_function_read(fn, cap, 1), PCI_CAP_ID_MSIX);
	assert_int_equal(config16(fn, cap + PCI_MSIX_FLAGS), 4); /* 5 vectors */
	assert_int_equal(config32(fn, cap + PCI_MSIX_TABLE), 0x2000);
	assert_int_equal(config32(fn, cap + PCI_MSIX_PBA), 0x3000);
	pci_function_write(fn, cap + PCI_MSIX_FLAGS, 2, 0xffff);
	assert_int_equal(config16(fn, cap + PCI_MSIX_FLAGS), 0xc004);
	pci_function_write(fn, cap + PCI_MSIX_TABLE, 4, UINT32_MAX);
	assert_int_equal(config32(fn, cap + PCI_MSIX_TABLE), 0x2000);
}

static void message_control_turns_msix_on_and_masks_it(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *fn = make_msix_function(f, 1);
	struct msix *m = &f->functions[0].msix;
	const unsigned control = fn->msix_cap + PCI_MSIX_FLAGS;

	assert_false(msix_raise(m, 0));
	/* The high byte alone, and as the upper half of the first dword. */
	pci_function_write(fn, control + 1, 1, PCI_MSIX_FLAGS_ENABLE >> 8);
	assert_true(msix_raise(m, MSIX_NO_VECTOR));
	assert_false(m->function_masked);
	pci_function_write(fn, fn->msix_cap, 4,
			   (uint32_t)(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) << 16);
	assert_true(m->function_masked);
	pci_function_write(fn, control, 2, 0);
	assert_false(msix_raise(m, 0));
	pci_function_write(fn, control, 2, PCI_MSIX_FLAGS_ENABLE);
	pci_function_reset(fn);
	assert_false(msix_raise(m, 0));
	assert_int_equal(config16(fn, control), 0);
}

static void taken_off_the_bus_a_function_closes_its_message_lines(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *fn = make_msix_function(f, 1);
	struct msix *m = &f->functions[0].msix;

	pci_function_write(fn, fn->msix_cap + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	msix_table_write(m, 12, 4, 0);
	assert_int_equal(f->fb.msi_open_count, 1);
	pci_bus_remove(&f->bus, fn);
	assert_int_equal(f->fb.msi_open_count, 0);
}

/* ---- INTx ---- */

#define LINE_OF_DEVICE_1 (GSI_PCI_INTX + 1)

static void intx_drives_the_line_and_shows_in_status(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *fn = make_function(f, 0, 1);

	plug(f, fn, PCI_DEVFN(1u, 0u));
	pci_set_intx(fn, true);
	assert_int_equal(f->fb.irq_level[LINE_OF_DEVICE_1], 1);
	assert_int_equal(config16(fn, PCI_STATUS), PCI_STATUS_INTERRUPT);
	assert_int_equal(config32(fn, PCI_COMMAND), (uint32_t)PCI_STATUS_INTERRUPT << 16);
	assert_int_equal(pci_function_read(fn, PCI_STATUS, 1), PCI_STATUS_INTERRUPT);
	assert_int_equal(pci_function_read(fn, PCI_STATUS + 1, 1), 0);
	pci_set_intx(fn, true);
	assert_int_equal(f->fb.irq_calls[LINE_OF_DEVICE_1], 1);
	pci_set_intx(fn, false);
	assert_int_equal(f->fb.irq_level[LINE_OF_DEVICE_1], 0);
	assert_int_equal(config16(fn, PCI_STATUS), 0);
}

static void interrupt_disable_holds_the_line_low_but_not_the_status(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *fn = make_function(f, 0, 1);

	plug(f, fn, PCI_DEVFN(1u, 0u));
	pci_set_intx(fn, true);
	set_command(fn, PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(f->fb.irq_level[LINE_OF_DEVICE_1], 0);
	assert_int_equal(config16(fn, PCI_STATUS), PCI_STATUS_INTERRUPT);
	set_command(fn, 0);
	assert_int_equal(f->fb.irq_level[LINE_OF_DEVICE_1], 1);
	pci_set_intx(fn, false);
	set_command(fn, PCI_COMMAND_INTX_DISABLE);
	pci_set_intx(fn, true);
	assert_int_equal(f->fb.irq_level[LINE_OF_DEVICE_1], 0);
}

static void msix_holds_the_line_low(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *fn = make_msix_function(f, 1);

	pci_set_intx(fn, true);
	pci_function_write(fn, fn->msix_cap + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(f->fb.irq_level[LINE_OF_DEVICE_1], 0);
	pci_function_write(fn, fn->msix_cap + PCI_MSIX_FLAGS, 2, 0);
	assert_int_equal(f->fb.irq_level[LINE_OF_DEVICE_1], 1);
}

static void reset_lowers_the_line(void **state)
{
	struct pci_fixture *f = *state;
	struct pci_function *fn = make_function(f, 0, 1);

	plug(f, fn, PCI_DEVFN(1u, 0u));
	pci_set_intx(fn, true);
	pci_function_reset(fn);
	assert_int_equal(f->fb.irq_level[LINE_OF_DEVICE_1], 0);
	assert_int_equal(config16(fn, PCI_STATUS), 0);
	/* ... and a blocked one is free again. */
	set_command(fn, PCI_COMMAND_INTX_DISABLE);
	pci_function_reset(fn);
	pci_set_intx(fn, true);
	assert_int_equal(f->fb.irq_level[LINE_OF_DEVICE_1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_header_says_what_the_function_is),
		TEST(bits_that_are_read_only_ignore_writes),
		TEST(bytes_and_words_are_parts_of_a_dword),
		TEST(extended_configuration_space_reads_0),
		TEST(a_bar_that_gets_all_ones_tells_its_size),
		TEST(a_bar_of_8_gib_tells_its_size_in_the_upper_half),
		TEST(capabilities_are_a_list),
		TEST(a_functions_own_registers_have_their_power_on_value_and_mask),
		TEST(a_window_is_answered_by_the_function),
		TEST(msix_says_where_its_table_is),
		TEST(message_control_turns_msix_on_and_masks_it),
		TEST(taken_off_the_bus_a_function_closes_its_message_lines),
		TEST(intx_drives_the_line_and_shows_in_status),
		TEST(interrupt_disable_holds_the_line_low_but_not_the_status),
		TEST(msix_holds_the_line_low),
		TEST(reset_lowers_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
