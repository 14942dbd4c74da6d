/* Offsets are from ACPI 6.4 section 5.2.12. */
#include "unit/boot/acpi_fixture.h"

/* The MADT's n-th structure of a type, or NULL; the walk must end at the end. */
static const uint8_t *madt_entry(const struct acpi *a, uint8_t type, unsigned n)
{
	const uint8_t *const end = a->madt + le32_load(a->madt + 4);
	const uint8_t *found = NULL;
	const uint8_t *at = a->madt + 44;

	while (at < end) {
		assert_true(at[1] >= 2 && at[1] <= end - at);
		if (at[0] == type && n-- == 0)
			found = at;
		at += at[1];
	}
	assert_ptr_equal(at, end);
	return found;
}

static void check_cpus(const struct platform_desc *desc)
{
	struct acpi a;

	acpi_init(&a, desc);
	for (unsigned i = 0; i < desc->cpu_count; i++) {
		const uint8_t *lapic = madt_entry(&a, 0, i);

		assert_non_null(lapic);
		assert_int_equal(lapic[1], 8);
		assert_int_equal(lapic[2], i);
		assert_int_equal(lapic[3], i);
		assert_int_equal(le32_load(lapic + 4), 1);
	}
	assert_null(madt_entry(&a, 0, desc->cpu_count));
	acpi_destroy(&a);
}

static void madt_lists_every_cpu_once(void **state)
{
	(void)state;
	check_cpus(&desc_one);
	check_cpus(&desc_all);
}

static void madt_has_pics_and_one_ioapic_with_its_own_id(void **state)
{
	struct acpi a;
	const uint8_t *ioapic;

	(void)state;
	acpi_init(&a, &desc_all);
	assert_int_equal(a.madt[8], 5);
	ioapic = madt_entry(&a, 1, 0);
	assert_non_null(ioapic);
	assert_null(madt_entry(&a, 1, 1));
	assert_int_equal(ioapic[1], 12);
	assert_int_equal(ioapic[2], CPUS_MAX); /* no CPU has it */
	assert_int_equal(le32_load(ioapic + 4), IOAPIC_BASE);
	assert_int_equal(le32_load(ioapic + 8), 0);
	assert_int_equal(le32_load(a.madt + 36), LAPIC_BASE);
	assert_int_equal(le32_load(a.madt + 40), 1); /* PCAT_COMPAT */
	acpi_destroy(&a);
}

static void only_the_sci_is_overridden_to_level_high(void **state)
{
	struct acpi a;
	const uint8_t *sci;

	(void)state;
	acpi_init(&a, &desc_one);
	sci = madt_entry(&a, 2, 0);
	assert_non_null(sci);
	assert_null(madt_entry(&a, 2, 1));
	assert_memory_equal(sci, "\x02\x0a\x00\x09\x09\x00\x00\x00\x0d\x00", 10);
	acpi_destroy(&a);
}

static void nmi_is_lint1_of_every_cpu(void **state)
{
	struct acpi a;
	const uint8_t *nmi;

	(void)state;
	acpi_init(&a, &desc_one);
	nmi = madt_entry(&a, 4, 0);
	assert_non_null(nmi);
	assert_memory_equal(nmi, "\x04\x06\xff\x00\x00\x01", 6);
	acpi_destroy(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(madt_lists_every_cpu_once),
		cmocka_unit_test(madt_has_pics_and_one_ioapic_with_its_own_id),
		cmocka_unit_test(only_the_sci_is_overridden_to_level_high),
		cmocka_unit_test(nmi_is_lint1_of_every_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
