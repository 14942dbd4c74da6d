/* boot/tables.h: what firmware would leave in memory for the guest: ACPI,
 * SMBIOS and the MP table. */
#ifndef BANTAM_BOOT_TABLES_H
#define BANTAM_BOOT_TABLES_H

#include "base/err.h"
#include "core/mem.h"

struct platform_desc {
	unsigned cpu_count;     /* APIC ids 0..cpu_count-1 */
	bool serial_present[4]; /* COM1..COM4 */
	bool debug_exit;        /* isa-debug-exit at 0xf4 */
	uint64_t ram_bytes;     /* SMBIOS */
	/* The PCI window above 4 GiB, whole GiB; the same twice: there is none. */
	gpa_t pci64_base, pci64_end;
};

/* Write RSDP, XSDT, FADT, FACS, DSDT, MADT, MCFG at LAYOUT_ACPI.
 * rsdp_gpa  out: for boot_params and PVH.  0, or -ENOSPC, -EFAULT. */
int acpi_write(const struct mem *mem, const struct platform_desc *desc, gpa_t *rsdp_gpa);

/* Write the SMBIOS entry point (3.0 and 2.1) and structures at LAYOUT_SMBIOS. */
int smbios_write(const struct mem *mem, const struct platform_desc *desc);

/* Write the MP floating pointer and configuration table (Intel MP 1.4): the
 * pointer in the EBDA. */
int mptable_write(const struct mem *mem, const struct platform_desc *desc);

#endif
