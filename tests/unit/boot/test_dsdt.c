/* The DSDT's devices, found by a reader of AML that shares nothing with the writer. */
#include <stdio.h>

#include "unit/boot/acpi_fixture.h"

/* PkgLength (20.2.4), read independently of the writer.  *length_bytes out. */
static uint32_t pkg_length(const uint8_t *at, unsigned *length_bytes)
{
	const unsigned extra = at[0] >> 6;
	uint32_t value = extra ? at[0] & 0x0f : at[0] & 0x3f;

	for (unsigned i = 0; i < extra; i++)
		value |= (uint32_t)at[1 + i] << (4 + 8 * i);
	*length_bytes = 1 + extra;
	return value;
}

/* Name (PICF, 0), Method (_PIC, 1) { Store (Arg0, PICF) } */
static const uint8_t pic_method[] = { 8, 'P', 'I', 'C', 'F', 0, 0x14, 0x0c, '_', 'P', 'I', 'C',
				      1, 0x70, 0x68, 'P', 'I', 'C', 'F' };

struct body {
	const uint8_t *at;
	size_t len;
};

/* What follows Name (_S5_, Package (4) {...}) is the one scope; _PIC comes last. */
static struct body system_bus(const struct acpi *a)
{
	const uint8_t *const table_end = a->dsdt + le32_load(a->dsdt + 4);
	const uint8_t *at = a->dsdt + HEADER_BYTES + 5, *end;
	unsigned n;

	assert_int_equal(at[0], 0x12);
	at += 1 + pkg_length(at + 1, &n);
	assert_int_equal(at[0], 0x10);
	end = at + 1 + pkg_length(at + 1, &n);
	assert_ptr_equal(end + sizeof(pic_method), table_end);
	assert_memory_equal(end, pic_method, sizeof(pic_method));
	assert_memory_equal(at + 1 + n, "_SB_", 4);
	at += 1 + n + 4;
	return (struct body){ at, (size_t)(end - at) };
}

/* The device of that name; every sibling must be a device that fits.  With name
 * NULL, only counts.  count may be NULL. */
static struct body find_device(const struct acpi *a, const char *name, unsigned *count)
{
	const struct body bus = system_bus(a);
	struct body found = { NULL, 0 };
	unsigned seen = 0;
	size_t at = 0;

	while (at < bus.len) {
		unsigned n;
		uint32_t len;

		assert_memory_equal(bus.at + at, "\x5b\x82", 2);
		len = pkg_length(bus.at + at + 2, &n);
		assert_true(len <= bus.len - at - 2);
		if (name && memcmp(bus.at + at + 2 + n, name, 4) == 0)
			found = (struct body){ bus.at + at + 2 + n + 4, len - n - 4 };
		at += 2 + len;
		seen++;
	}
	if (count)
		*count = seen;
	return found;
}

static bool holds(struct body b, const void *bytes, size_t len)
{
	return b.at && memmem(b.at, b.len, bytes, len);
}

/* An I/O descriptor of fixed ports. */
static bool holds_io(struct body b, uint16_t port, uint8_t len)
{
	uint8_t io[] = { 0x47, 1, 0, 0, 0, 0, 1, len };

	le16_store(io + 2, port);
	le16_store(io + 4, port);
	return holds(b, io, sizeof io);
}

static bool holds_irq(struct body b, unsigned irq)
{
	uint8_t descriptor[] = { 0x22, 0, 0 };

	le16_store(descriptor + 1, (uint16_t)(1u << irq));
	return holds(b, descriptor, sizeof descriptor);
}

static void s5_is_the_sleep_type_of_the_pm_block(void **state)
{
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_one);
	assert_int_equal(PM_S5_SLP_TYP, 0); /* Zero in the bytes below */
	assert_memory_equal(a.dsdt + HEADER_BYTES, "\x08_S5_\x12\x06\x04\x00\x00\x00\x00", 12);
	acpi_destroy(&a);
}

static void every_cpu_is_a_processor_device_with_its_madt_uid(void **state)
{
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_all);
	for (unsigned i = 0; i < CPUS_MAX; i++) {
		/* Zero and One are opcodes, the rest byte constants. */
		const uint8_t small[] = { 0x08, '_', 'U', 'I', 'D', (uint8_t)i };
		const uint8_t byte[] = { 0x08, '_', 'U', 'I', 'D', 0x0a, (uint8_t)i };
		struct body cpu;
		char name[8];

		snprintf(name, sizeof name, "C%03X", i);
		cpu = find_device(&a, name, NULL);
		assert_true(holds(cpu,
				  "\x0d"
				  "ACPI0007",
				  10));
		if (i < 2)
			assert_true(holds(cpu, small, sizeof small));
		else
			assert_true(holds(cpu, byte, sizeof byte));
	}
	assert_null(find_device(&a, "C040", NULL).at);
	acpi_destroy(&a);
}

static void only_present_serial_ports_are_described(void **state)
{
	static const uint16_t ports[] = SERIAL_PORT_BASES;
	static const unsigned irqs[] = SERIAL_PORT_GSIS;
	static const char *const uids[] = { "_UID\x01", "_UID\x0a\x02", "_UID\x0a\x03",
					    "_UID\x0a\x04" };

	(void)state;
	for (unsigned mask = 0; mask < 16; mask++) {
		struct platform_desc desc = desc_one;
		struct acpi a;

		for (unsigned i = 0; i < 4; i++)
			desc.serial_present[i] = mask & 1u << i;
		acpi_init(&a, &desc);
		for (unsigned i = 0; i < 4; i++) {
			const char name[] = { 'C', 'O', 'M', (char)('1' + i), 0 };
			const struct body com = find_device(&a, name, NULL);

			assert_int_equal(com.at != NULL, desc.serial_present[i]);
			if (!com.at)
				continue;
			assert_true(holds(com, "\x0c\x41\xd0\x05\x01", 5)); /* PNP0501 */
			assert_true(holds(com, uids[i], strlen(uids[i])));
			assert_true(holds_io(com, ports[i], 8));
			assert_true(holds_irq(com, irqs[i]));
		}
		acpi_destroy(&a);
	}
}

static void clock_timer_and_keyboard_have_their_ports_and_lines(void **state)
{
	struct acpi a;
	struct body rtc, pit, kbd;

	(void)state;
	acpi_init(&a, &desc_one);
	rtc = find_device(&a, "RTC_", NULL);
	assert_true(holds(rtc, "\x0c\x41\xd0\x0b\x00", 5));
	assert_true(holds_io(rtc, PORT_RTC, 2) && holds_irq(rtc, GSI_RTC));
	pit = find_device(&a, "TIMR", NULL);
	assert_true(holds(pit, "\x0c\x41\xd0\x01\x00", 5));
	assert_true(holds_io(pit, PORT_PIT, 4) && holds_irq(pit, GSI_PIT));
	kbd = find_device(&a, "KBD_", NULL);
	assert_true(holds(kbd, "\x0c\x41\xd0\x03\x03", 5));
	assert_true(holds_io(kbd, PORT_KBD_DATA, 1) && holds_io(kbd, PORT_KBD_STATUS, 1));
	assert_true(holds_irq(kbd, GSI_KBD));
	assert_true(holds_irq(find_device(&a, "MOU_", NULL), GSI_MOUSE));
	acpi_destroy(&a);
}

static void pvpanic_has_port_status_and_both_methods(void **state)
{
	struct acpi a;
	struct body dev;

	(void)state;
	acpi_init(&a, &desc_one);
	dev = find_device(&a, "PEVT", NULL);
	assert_true(holds(dev,
			  "\x0d"
			  "QEMU0001",
			  10));
	assert_true(holds(dev, "\x08_STA\x0a\x0b", 7)); /* present, working, not shown */
	assert_true(holds_io(dev, PORT_PVPANIC, 1));
	assert_true(holds(dev, "RDPT\x00\xa4PEPT", 10));
	assert_true(holds(dev, "WRPT\x01\x70\x68PEPT", 11));
	acpi_destroy(&a);
}

static void integers_have_64_bits(void **state)
{
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_one);
	assert_true(a.dsdt[8] >= 2); /* 5.2.11.1: a revision below makes them 32 */
	acpi_destroy(&a);
}

static void board_reserves_the_ports_that_no_other_device_has(void **state)
{
	static const struct {
		uint16_t port;
		uint8_t len;
	} want[] = { { 0x61, 1 }, { 0x80, 1 },	{ 0x92, 1 },
		     { 0xe9, 1 }, { 0x402, 1 }, { 0x600, 0x80 } };
	struct acpi a;
	struct body board;

	(void)state;
	acpi_init(&a, &desc_one);
	board = find_device(&a, "MBRD", NULL);
	assert_true(holds(board, "\x0c\x41\xd0\x0c\x02", 5));
	for (unsigned i = 0; i < ARRAY_LEN(want); i++)
		assert_true(holds_io(board, want[i].port, want[i].len));
	acpi_destroy(&a);
}

/* A fixed memory descriptor. */
static bool holds_memory(struct body b, uint32_t base, uint32_t len)
{
	uint8_t memory[12] = { 0x86, 9, 0, 1 };

	le32_store(memory + 4, base);
	le32_store(memory + 8, len);
	return holds(b, memory, sizeof memory);
}

static void board_reserves_ecam_and_the_chipsets_registers(void **state)
{
	struct acpi a;
	struct body board;

	(void)state;
	acpi_init(&a, &desc_one);
	board = find_device(&a, "MBRD", NULL);
	assert_true(holds_memory(board, 0xc0000000, 0x10000000));
	assert_true(holds_memory(board, 0xfed1c000, 0x4000));
	acpi_destroy(&a);
}

/* ---- the PCI root bridge ---- */

static void the_root_bridge_is_pci_express_and_bus_0(void **state)
{
	struct acpi a;
	struct body pci;

	(void)state;
	acpi_init(&a, &desc_one);
	pci = find_device(&a, "PCI0", NULL);
	assert_true(holds(pci, "\x08_HID\x0c\x41\xd0\x0a\x08", 10));
	assert_true(holds(pci, "\x08_CID\x0c\x41\xd0\x0a\x03", 10));
	assert_true(holds(pci, "\x08_UID\x00\x08_SEG\x00\x08_BBN\x00", 18));
	acpi_destroy(&a);
}

static void the_root_bridge_passes_on_all_but_its_own_ports(void **state)
{
	struct acpi a;
	struct body pci;

	(void)state;
	acpi_init(&a, &desc_one);
	pci = find_device(&a, "PCI0", NULL);
	assert_true(holds(pci, "\x88\x0d\x00\x02\x0c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00",
			  16));
	assert_true(holds_io(pci, 0xcf8, 8));
	assert_true(holds(pci, "\x01\x0c\x03\x00\x00\x00\x00\xf7\x0c\x00\x00\xf8\x0c", 13));
	assert_true(holds(pci, "\x01\x0c\x03\x00\x00\x00\x0d\xff\xff\x00\x00\x00\xf3", 13));
	assert_true(holds(pci, "\x87\x17\x00\x00\x0c\x01\x00\x00\x00\x00\x00\x00\x00\xd0"
			       "\xff\xff\xbf\xfe\x00\x00\x00\x00\x00\x00\xc0\x2e", 26));
	acpi_destroy(&a);
}

static void a_window_above_4_gib_is_there_if_there_is_room(void **state)
{
	struct platform_desc desc = desc_one;
	uint8_t window[46] = { 0x8a, 0x2b, 0x00, 0x00, 0x0c, 0x01 };
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc);
	assert_false(holds(find_device(&a, "PCI0", NULL), window, 6));
	acpi_destroy(&a);
	desc.pci64_base = GIB(9);
	desc.pci64_end = GIB(1024);
	le64_store(window + 14, GIB(9));
	le64_store(window + 22, GIB(1024) - 1);
	le64_store(window + 38, GIB(1015));
	acpi_init(&a, &desc);
	assert_true(holds(find_device(&a, "PCI0", NULL), window, sizeof window));
	acpi_destroy(&a);
}

/* The entries of a routing table, read one after the other. */
static void check_routes(const char *name, unsigned first, unsigned count)
{
	struct acpi a;
	struct body pci;
	const uint8_t *at;
	unsigned n;

	acpi_init(&a, &desc_one);
	pci = find_device(&a, "PCI0", NULL);
	at = memmem(pci.at, pci.len, name, 6);
	assert_non_null(at);
	pkg_length(at + 6, &n);
	at += 6 + n;
	assert_int_equal(*at++, 128);
	for (unsigned i = 0; i < 128; i++) {
		const unsigned device = i / 4, pin = i % 4;
		uint8_t want[16] = { 0x12 };
		size_t len = 3;

		want[2] = 4;
		want[len] = device ? 0x0c : 0x0b; /* a dword or a word constant */
		le32_store(want + len + 1, device << 16 | 0xffff);
		len += device ? 5 : 3;
		if (pin > 1)
			want[len++] = 0x0a; /* Zero and One are opcodes */
		want[len++] = (uint8_t)pin;
		want[len++] = 0; /* no link device */
		want[len++] = 0x0a;
		want[len++] = (uint8_t)(first + (device + pin) % count);
		want[1] = (uint8_t)(len - 1);
		assert_memory_equal(at, want, len);
		at += len;
	}
	acpi_destroy(&a);
}

static void every_pin_of_every_device_has_its_line(void **state)
{
	(void)state;
	check_routes("\x08PRTA\x12", 16, 8);
	check_routes("\x08PRTP\x12", 10, 2);
}

/* If (PICF) { Return (PRTA) } Return (PRTP) */
static void lines_are_the_ioapics_once_pic_was_told_so(void **state)
{
	static const uint8_t prt[] = { 0x14, 0x16, '_', 'P', 'R', 'T', 0, 0xa0, 0x0a, 'P', 'I', 'C',
				       'F', 0xa4, 'P', 'R', 'T', 'A', 0xa4, 'P', 'R', 'T', 'P' };
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_one);
	assert_true(holds(find_device(&a, "PCI0", NULL), prt, sizeof(prt)));
	acpi_destroy(&a);
}

static void debug_exit_port_is_reserved_only_if_it_is_there(void **state)
{
	struct platform_desc desc = desc_one;
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc);
	assert_false(holds_io(find_device(&a, "MBRD", NULL), PORT_DEBUG_EXIT, 4));
	acpi_destroy(&a);
	desc.debug_exit = true;
	acpi_init(&a, &desc);
	assert_true(holds_io(find_device(&a, "MBRD", NULL), PORT_DEBUG_EXIT, 4));
	acpi_destroy(&a);
}

static void system_bus_holds_nothing_else(void **state)
{
	struct acpi a;
	unsigned count;

	(void)state;
	acpi_init(&a, &desc_one);
	find_device(&a, NULL, &count);
	assert_int_equal(count, 1 + 7); /* CPU; PCI, board, timer, clock, keyboard, mouse, pvpanic */
	acpi_destroy(&a);
	acpi_init(&a, &desc_all);
	find_device(&a, NULL, &count);
	assert_int_equal(count, CPUS_MAX + 7 + 4);
	acpi_destroy(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s5_is_the_sleep_type_of_the_pm_block),
		cmocka_unit_test(every_cpu_is_a_processor_device_with_its_madt_uid),
		cmocka_unit_test(only_present_serial_ports_are_described),
		cmocka_unit_test(clock_timer_and_keyboard_have_their_ports_and_lines),
		cmocka_unit_test(pvpanic_has_port_status_and_both_methods),
		cmocka_unit_test(integers_have_64_bits),
		cmocka_unit_test(board_reserves_the_ports_that_no_other_device_has),
		cmocka_unit_test(board_reserves_ecam_and_the_chipsets_registers),
		cmocka_unit_test(the_root_bridge_is_pci_express_and_bus_0),
		cmocka_unit_test(the_root_bridge_passes_on_all_but_its_own_ports),
		cmocka_unit_test(a_window_above_4_gib_is_there_if_there_is_room),
		cmocka_unit_test(every_pin_of_every_device_has_its_line),
		cmocka_unit_test(lines_are_the_ioapics_once_pic_was_told_so),
		cmocka_unit_test(debug_exit_port_is_reserved_only_if_it_is_there),
		cmocka_unit_test(system_bus_holds_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
