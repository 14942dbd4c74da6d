/* The MP table as an OS sees it.  Offsets are from the MP specification 1.4. */
#include <errno.h>

#include "boot/mptable.h"
#include "unit/boot/table_fixture.h"

#define HEADER_BYTES	44u
#define ENTRIES_MAX	128u
#define BASE_MEMORY_KIB 639u

struct mp {
	struct guest g;
	const uint8_t *pointer, *config;
	unsigned count;
	const uint8_t *entry[ENTRIES_MAX];
};

/* As Linux looks with no EBDA pointer in the BIOS data area: the first KiB, the last
 * KiB of base memory, the BIOS area. */
static const uint8_t *search_pointer(const struct guest *g)
{
	static const gpa_t areas[][2] = {
		{ 0, KIB(1) },
		{ KIB(BASE_MEMORY_KIB), KIB(BASE_MEMORY_KIB + 1) },
		{ 0xf0000, 0x100000 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(areas); i++)
		for (gpa_t at = areas[i][0]; at < areas[i][1]; at += 16)
			if (memcmp(g->low + at, "_MP_", 4) == 0 && sum8(g->low + at, 16) == 0)
				return g->low + at;
	return NULL;
}

static void mp_init(struct mp *m, unsigned cpu_count)
{
	const struct platform_desc desc = { .cpu_count = cpu_count, .ram_bytes = GIB(1) };
	const uint8_t *at, *end;

	*m = (struct mp){ 0 };
	guest_init(&m->g);
	assert_int_equal(mptable_write(&m->g.mem, &desc), 0);
	m->pointer = search_pointer(&m->g);
	assert_non_null(m->pointer);
	assert_in_range(le32_load(m->pointer + 4), 0, LOW_BYTES - HEADER_BYTES);
	m->config = m->g.low + le32_load(m->pointer + 4);
	end = m->config + le16_load(m->config + 4);
	assert_memory_equal(m->config, "PCMP", 4);
	assert_int_equal(sum8(m->config, le16_load(m->config + 4)), 0);
	for (at = m->config + HEADER_BYTES; at < end; at += at[0] == 0 ? 20 : 8) {
		assert_true(m->count < ENTRIES_MAX);
		m->entry[m->count++] = at;
	}
	assert_ptr_equal(at, end);
}

static void mp_destroy(struct mp *m)
{
	guest_destroy(&m->g);
}

/* The n-th entry of a type, or NULL. */
static const uint8_t *entry(const struct mp *m, uint8_t type, unsigned n)
{
	for (unsigned i = 0; i < m->count; i++)
		if (m->entry[i][0] == type && n-- == 0)
			return m->entry[i];
	return NULL;
}

static void pointer_is_in_the_ebda(void **state)
{
	struct mp m;

	(void)state;
	mp_init(&m, 1);
	assert_ptr_equal(m.pointer, m.g.low + LAYOUT_EBDA);
	assert_int_equal(m.pointer[8], 1);  /* 16 bytes long */
	assert_int_equal(m.pointer[9], 4);  /* 1.4 */
	assert_int_equal(m.pointer[11], 0); /* a table, not a default configuration */
	assert_int_equal(m.pointer[12], 0); /* no IMCR */
	mp_destroy(&m);
}

static void header_counts_its_entries(void **state)
{
	struct mp m;

	(void)state;
	mp_init(&m, 3);
	assert_int_equal(m.config[6], 4);
	assert_memory_equal(m.config + 8, "BANTAM  PC          ", 20);
	assert_int_equal(le16_load(m.config + 34), m.count);
	assert_int_equal(le32_load(m.config + 36), LAPIC_BASE);
	assert_int_equal(le32_load(m.config + 28), 0); /* no OEM table */
	assert_int_equal(le16_load(m.config + 40), 0); /* no extended table */
	mp_destroy(&m);
}

static void entries_are_in_ascending_order_of_type(void **state)
{
	struct mp m;

	(void)state;
	mp_init(&m, 2);
	for (unsigned i = 1; i < m.count; i++)
		assert_true(m.entry[i][0] >= m.entry[i - 1][0]);
	assert_true(m.entry[m.count - 1][0] <= 4);
	mp_destroy(&m);
}

static void check_cpus(unsigned cpu_count)
{
	struct mp m;

	mp_init(&m, cpu_count);
	for (unsigned i = 0; i < cpu_count; i++) {
		const uint8_t *cpu = entry(&m, 0, i);

		assert_non_null(cpu);
		assert_int_equal(cpu[1], i);
		assert_int_equal(cpu[2], 0x14);
		assert_int_equal(cpu[3], i == 0 ? 3 : 1); /* enabled, and one boots */
	}
	assert_null(entry(&m, 0, cpu_count));
	mp_destroy(&m);
}

static void every_cpu_is_listed_and_the_first_boots(void **state)
{
	(void)state;
	check_cpus(1);
	check_cpus(CPUS_MAX);
}

static void ioapic_has_an_id_of_its_own(void **state)
{
	struct mp m;
	const uint8_t *ioapic;

	(void)state;
	mp_init(&m, CPUS_MAX);
	ioapic = entry(&m, 2, 0);
	assert_non_null(ioapic);
	assert_null(entry(&m, 2, 1));
	assert_int_equal(ioapic[1], CPUS_MAX);
	assert_int_equal(ioapic[3], 1);
	assert_int_equal(le32_load(ioapic + 4), IOAPIC_BASE);
	mp_destroy(&m);
}

static void isa_lines_go_to_the_pins_of_their_number(void **state)
{
	struct mp m;
	unsigned irqs = 0, pins = 0;
	const uint8_t *line;

	(void)state;
	mp_init(&m, 4);
	assert_memory_equal(entry(&m, 1, 1), "\x01\x01ISA   ", 8);
	for (unsigned n = 0; (line = entry(&m, 3, n)) != NULL; n++) {
		const unsigned irq = line[5], pin = line[7];

		assert_int_equal(line[1], 0); /* vectored by the IOAPIC */
		if (line[4] != 1) /* the ISA bus */
			continue;
		assert_int_equal(line[6], entry(&m, 2, 0)[1]);
		assert_int_equal(pin, irq);
		assert_int_equal(le16_load(line + 2), irq == 9 ? 0xd : 0);
		assert_false(irqs & 1u << irq || pins & 1u << pin);
		irqs |= 1u << irq;
		pins |= 1u << pin;
	}
	assert_int_equal(irqs, 0xfffb); /* all but the cascade */
	mp_destroy(&m);
}

/* Linux, IO_APIC_get_PCI_irq_vector(): the bus's id is its number, the line device
 * << 2 | pin. */
static void inta_of_every_pci_device_goes_to_its_pin(void **state)
{
	struct mp m;
	uint32_t devices = 0;
	const uint8_t *line;

	(void)state;
	mp_init(&m, CPUS_MAX);
	assert_memory_equal(entry(&m, 1, 0), "\x01\x00PCI   ", 8);
	assert_null(entry(&m, 1, 2));
	for (unsigned n = 0; (line = entry(&m, 3, n)) != NULL; n++) {
		const unsigned device = line[5] >> 2;

		if (line[4] != 0)
			continue;
		assert_int_equal(line[1], 0);
		assert_int_equal(le16_load(line + 2), 0); /* as PCI: level, active low */
		assert_int_equal(line[5] & 3, 0);	  /* INTA */
		assert_int_equal(line[6], entry(&m, 2, 0)[1]);
		assert_int_equal(line[7], 16 + device % 8);
		assert_false(devices >> device & 1);
		devices |= UINT32_C(1) << device;
	}
	assert_int_equal(devices, 0xfffffffe); /* all but the host bridge */
	mp_destroy(&m);
}

static void extint_is_lint0_of_the_boot_cpu_and_nmi_lint1_of_all(void **state)
{
	struct mp m;

	(void)state;
	mp_init(&m, 2);
	assert_memory_equal(entry(&m, 4, 0), "\x04\x03\x00\x00\x01\x00\x00\x00", 8);
	assert_memory_equal(entry(&m, 4, 1), "\x04\x01\x00\x00\x01\x00\xff\x01", 8);
	assert_null(entry(&m, 4, 2));
	mp_destroy(&m);
}

static void nothing_outside_its_two_places_is_written(void **state)
{
	struct mp m;

	(void)state;
	mp_init(&m, CPUS_MAX);
	assert_true(untouched(&m.g, 0, LAYOUT_EBDA));
	assert_true(untouched(&m.g, LAYOUT_EBDA + 16, LAYOUT_MPTABLE));
	assert_true(untouched(&m.g, LAYOUT_MPTABLE + le16_load(m.config + 4), LOW_BYTES));
	mp_destroy(&m);
}

static void too_small_a_buffer_is_told_and_never_written_past(void **state)
{
	uint8_t area[LAYOUT_MPTABLE_BYTES];
	struct emit e;
	size_t full;

	(void)state;
	emit_init(&e, area, sizeof area);
	assert_int_equal(mp_config_build(&e, CPUS_MAX), 0);
	full = e.len;
	for (size_t capacity = 0; capacity < full; capacity++) {
		uint8_t *exact = malloc(capacity + 1);

		assert_non_null(exact);
		exact[capacity] = CANARY;
		emit_init(&e, exact, capacity);
		assert_int_equal(mp_config_build(&e, CPUS_MAX), -ENOSPC);
		assert_int_equal(exact[capacity], CANARY);
		free(exact);
	}
	emit_init(&e, area, MP_POINTER_BYTES - 1);
	assert_int_equal(mp_pointer_build(&e, LAYOUT_MPTABLE), -ENOSPC);
}

static void missing_ram_is_a_fault(void **state)
{
	const struct platform_desc desc = { .cpu_count = 1, .ram_bytes = GIB(1) };
	struct mem none = { 0 };

	(void)state;
	assert_int_equal(mptable_write(&none, &desc), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pointer_is_in_the_ebda),
		cmocka_unit_test(header_counts_its_entries),
		cmocka_unit_test(entries_are_in_ascending_order_of_type),
		cmocka_unit_test(every_cpu_is_listed_and_the_first_boots),
		cmocka_unit_test(ioapic_has_an_id_of_its_own),
		cmocka_unit_test(isa_lines_go_to_the_pins_of_their_number),
		cmocka_unit_test(inta_of_every_pci_device_goes_to_its_pin),
		cmocka_unit_test(extint_is_lint0_of_the_boot_cpu_and_nmi_lint1_of_all),
		cmocka_unit_test(nothing_outside_its_two_places_is_written),
		cmocka_unit_test(too_small_a_buffer_is_told_and_never_written_past),
		cmocka_unit_test(missing_ram_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
