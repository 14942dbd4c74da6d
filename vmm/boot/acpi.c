#include "boot/acpi.h"

#include <assert.h>

#include "boot/dsdt.h"
#include "boot/fadt.h"
#include "boot/layout.h"
#include "boot/madt.h"
#include "boot/mcfg.h"
#include "boot/sdt.h"

/* RSDP, ACPI 6.4 section 5.2.5.3. */
enum rsdp_field {
	RSDP_CHECKSUM = 8, /* of the first 20 bytes, all that ACPI 1.0 knew */
	RSDP_V1_BYTES = 20,
	RSDP_EXT_CHECKSUM = 32,
	RSDP_BYTES = 36,
};

#define RSDP_REVISION 2u
#define XSDT_REVISION 1u

/* FACS, ACPI 6.4 section 5.2.10. */
enum facs_field {
	FACS_ALIGN = 64,
	FACS_REST = 32, /* what follows the version: zero */
	FACS_BYTES = 64,
};

#define FACS_VERSION 2u

static void put_rsdp(struct emit *e, gpa_t xsdt_gpa)
{
	emit_text(e, "RSD PTR ", 8);
	emit_u8(e, 0); /* checksum */
	emit_text(e, ACPI_OEM_ID, 6);
	emit_u8(e, RSDP_REVISION);
	emit_u32(e, 0); /* no RSDT */
	emit_u32(e, RSDP_BYTES);
	emit_u64(e, xsdt_gpa);
	emit_u8(e, 0); /* extended checksum */
	emit_zeros(e, 3);
	emit_patch_checksum(e, RSDP_CHECKSUM, 0, RSDP_V1_BYTES);
	emit_patch_checksum(e, RSDP_EXT_CHECKSUM, 0, RSDP_BYTES);
}

/* No global lock user, no wake-up vector, and no checksum: the OS writes here. */
static size_t facs_emit(struct emit *e)
{
	size_t start;

	emit_align(e, FACS_ALIGN);
	start = e->len;
	emit_text(e, "FACS", 4);
	emit_u32(e, FACS_BYTES);
	emit_zeros(e, FACS_REST - 8);
	emit_u8(e, FACS_VERSION);
	emit_zeros(e, FACS_BYTES - FACS_REST - 1);
	return start;
}

static size_t xsdt_emit(struct emit *e, const gpa_t *tables, unsigned count)
{
	const size_t start = sdt_begin(e, "XSDT", XSDT_REVISION);

	for (unsigned i = 0; i < count; i++)
		emit_u64(e, tables[i]);
	sdt_end(e, start);
	return start;
}

int acpi_build(struct emit *e, gpa_t gpa, const struct platform_desc *desc)
{
	size_t facs, dsdt, xsdt;
	gpa_t tables[3];
	struct emit head;

	assert(desc->cpu_count >= 1 && desc->cpu_count <= CPUS_MAX);
	assert(gpa % FACS_ALIGN == 0 && gpa + e->capacity <= GIB(4) && e->len == 0);
	emit_zeros(e, RSDP_BYTES);
	facs = facs_emit(e);
	dsdt = dsdt_emit(e, desc);
	tables[0] = gpa + fadt_emit(e, gpa + facs, gpa + dsdt);
	tables[1] = gpa + madt_emit(e, desc->cpu_count);
	tables[2] = gpa + mcfg_emit(e);
	xsdt = xsdt_emit(e, tables, ARRAY_LEN(tables));
	if (emit_status(e) < 0)
		return emit_status(e);
	/* The first pointer last: an OS that finds it finds everything. */
	emit_init(&head, e->bytes, RSDP_BYTES);
	put_rsdp(&head, gpa + xsdt);
	return emit_status(&head);
}

int acpi_write(const struct mem *mem, const struct platform_desc *desc, gpa_t *rsdp_gpa)
{
	struct emit e;
	uint8_t *area;
	int rc;

	rc = mem_span(mem, LAYOUT_ACPI, LAYOUT_ACPI_BYTES, &area);
	if (rc < 0)
		return rc;
	emit_init(&e, area, LAYOUT_ACPI_BYTES);
	rc = acpi_build(&e, LAYOUT_ACPI, desc);
	if (rc < 0)
		return rc;
	*rsdp_gpa = LAYOUT_ACPI;
	return 0;
}
