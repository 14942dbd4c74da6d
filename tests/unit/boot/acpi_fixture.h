/* The ACPI tables as an OS sees them: found by searching, followed pointer by
 * pointer.  Offsets are from ACPI 6.4 chapter 5. */
#ifndef BANTAM_TESTS_ACPI_FIXTURE_H
#define BANTAM_TESTS_ACPI_FIXTURE_H

#include "unit/boot/table_fixture.h"

#define HEADER_BYTES 36u

static const struct platform_desc desc_one = { .cpu_count = 1, .ram_bytes = GIB(1) };
static const struct platform_desc desc_all = {
	.cpu_count = CPUS_MAX,
	.serial_present = { true, true, true, true },
	.debug_exit = true,
	.ram_bytes = GIB(64),
};

/* A guest with its tables found. */
struct acpi {
	struct guest g;
	const uint8_t *rsdp, *xsdt, *fadt, *madt, *mcfg, *facs, *dsdt;
};

/* The table at gpa, its length and checksum checked. */
static inline const uint8_t *table_at(const struct guest *g, uint64_t gpa, const char *signature)
{
	const uint8_t *t = g->low + gpa;

	assert_in_range(gpa, LAYOUT_ACPI, LAYOUT_SMBIOS - HEADER_BYTES);
	assert_memory_equal(t, signature, 4);
	assert_in_range(le32_load(t + 4), HEADER_BYTES, LAYOUT_SMBIOS - gpa);
	assert_int_equal(sum8(t, le32_load(t + 4)), 0);
	return t;
}

/* As ACPI 5.2.5.1 tells an OS to look: on 16 bytes in the BIOS area. */
static inline const uint8_t *search_rsdp(const struct guest *g)
{
	for (gpa_t at = 0xe0000; at < 0x100000; at += 16)
		if (memcmp(g->low + at, "RSD PTR ", 8) == 0 && sum8(g->low + at, 20) == 0)
			return g->low + at;
	return NULL;
}

/* The XSDT's entry with this signature, or NULL. */
static inline const uint8_t *find_table(const struct acpi *a, const char *signature)
{
	for (uint32_t at = HEADER_BYTES; at < le32_load(a->xsdt + 4); at += 8) {
		const uint64_t gpa = le64_load(a->xsdt + at);

		if (memcmp(a->g.low + gpa, signature, 4) == 0)
			return table_at(&a->g, gpa, signature);
	}
	return NULL;
}

static inline void acpi_init(struct acpi *a, const struct platform_desc *desc)
{
	gpa_t rsdp_gpa;

	*a = (struct acpi){ 0 };
	guest_init(&a->g);
	assert_int_equal(acpi_write(&a->g.mem, desc, &rsdp_gpa), 0);
	a->rsdp = search_rsdp(&a->g);
	assert_non_null(a->rsdp);
	assert_ptr_equal(a->rsdp, a->g.low + rsdp_gpa);
	a->xsdt = table_at(&a->g, le64_load(a->rsdp + 24), "XSDT");
	a->fadt = find_table(a, "FACP");
	a->madt = find_table(a, "APIC");
	a->mcfg = find_table(a, "MCFG");
	assert_non_null(a->fadt);
	assert_non_null(a->madt);
	assert_non_null(a->mcfg);
	a->facs = a->g.low + le32_load(a->fadt + 36);
	a->dsdt = table_at(&a->g, le64_load(a->fadt + 140), "DSDT");
}

static inline void acpi_destroy(struct acpi *a)
{
	guest_destroy(&a->g);
}

#endif
