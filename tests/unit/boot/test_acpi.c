#include <errno.h>

#include "boot/acpi.h"
#include "unit/boot/acpi_fixture.h"

static void rsdp_is_at_the_start_and_sums_to_zero_both_ways(void **state)
{
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_one);
	assert_ptr_equal(a.rsdp, a.g.low + LAYOUT_ACPI);
	assert_int_equal(a.rsdp[15], 2);
	assert_int_equal(le32_load(a.rsdp + 20), 36);
	assert_int_equal(sum8(a.rsdp, 20), 0);
	assert_int_equal(sum8(a.rsdp, 36), 0);
	assert_memory_equal(a.rsdp + 9, "BANTAM", 6);
	acpi_destroy(&a);
}

static void every_table_has_the_oem_ids(void **state)
{
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_one);
	const uint8_t *tables[] = { a.xsdt, a.fadt, a.madt, a.mcfg, a.dsdt };

	for (unsigned i = 0; i < ARRAY_LEN(tables); i++) {
		assert_memory_equal(tables[i] + 10, "BANTAM", 6);
		assert_memory_equal(tables[i] + 16, "BANTAMPC", 8);
	}
	acpi_destroy(&a);
}

static void tables_do_not_overlap(void **state)
{
	struct acpi a;
	uint8_t *used = calloc(1, LAYOUT_ACPI_BYTES);

	(void)state;
	assert_non_null(used);
	acpi_init(&a, &desc_all);
	const struct {
		const uint8_t *at;
		uint32_t len;
	} parts[] = {
		{ a.rsdp, 36 },
		{ a.facs, 64 },
		{ a.xsdt, le32_load(a.xsdt + 4) },
		{ a.fadt, le32_load(a.fadt + 4) },
		{ a.madt, le32_load(a.madt + 4) },
		{ a.mcfg, le32_load(a.mcfg + 4) },
		{ a.dsdt, le32_load(a.dsdt + 4) },
	};

	for (unsigned i = 0; i < ARRAY_LEN(parts); i++)
		for (uint32_t b = 0; b < parts[i].len; b++)
			assert_int_equal(used[parts[i].at + b - (a.g.low + LAYOUT_ACPI)]++, 0);
	acpi_destroy(&a);
	free(used);
}

static void facs_is_aligned_and_empty(void **state)
{
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_one);
	assert_int_equal(le32_load(a.fadt + 36) % 64, 0);
	assert_memory_equal(a.facs, "FACS", 4);
	assert_int_equal(le32_load(a.facs + 4), 64);
	assert_int_equal(a.facs[32], 2);
	for (unsigned i = 8; i < 64; i++)
		if (i != 32)
			assert_int_equal(a.facs[i], 0);
	assert_int_equal(le64_load(a.fadt + 132), 0); /* not told twice */
	acpi_destroy(&a);
}

static void nothing_outside_the_acpi_area_is_written(void **state)
{
	struct acpi a;

	(void)state;
	acpi_init(&a, &desc_all);
	assert_true(untouched(&a.g, 0, LAYOUT_ACPI));
	assert_true(untouched(&a.g, LAYOUT_SMBIOS, LOW_BYTES));
	acpi_destroy(&a);
}

static void too_small_a_buffer_is_told_and_never_written_past(void **state)
{
	uint8_t *area = aligned_alloc(64, LAYOUT_ACPI_BYTES);
	struct emit e;
	size_t full;

	(void)state;
	assert_non_null(area);
	emit_init(&e, area, LAYOUT_ACPI_BYTES);
	assert_int_equal(acpi_build(&e, LAYOUT_ACPI, &desc_all), 0);
	full = e.len;
	for (size_t capacity = 0; capacity < full; capacity++) {
		uint8_t *exact = malloc(capacity + 1);

		assert_non_null(exact);
		exact[capacity] = CANARY;
		emit_init(&e, exact, capacity);
		assert_int_equal(acpi_build(&e, LAYOUT_ACPI, &desc_all), -ENOSPC);
		assert_int_equal(exact[capacity], CANARY);
		free(exact);
	}
	emit_init(&e, area, full);
	assert_int_equal(acpi_build(&e, LAYOUT_ACPI, &desc_all), 0);
	free(area);
}

static void missing_ram_is_a_fault(void **state)
{
	struct mem none = { 0 };
	gpa_t rsdp = 42;

	(void)state;
	assert_int_equal(acpi_write(&none, &desc_one, &rsdp), -EFAULT);
	assert_int_equal(rsdp, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rsdp_is_at_the_start_and_sums_to_zero_both_ways),
		cmocka_unit_test(every_table_has_the_oem_ids),
		cmocka_unit_test(tables_do_not_overlap),
		cmocka_unit_test(facs_is_aligned_and_empty),
		cmocka_unit_test(nothing_outside_the_acpi_area_is_written),
		cmocka_unit_test(too_small_a_buffer_is_told_and_never_written_past),
		cmocka_unit_test(missing_ram_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
