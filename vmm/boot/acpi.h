/* boot/acpi.h: the ACPI tables as one block of bytes; boot/tables.h has
 * acpi_write(), which puts the block into guest memory.
 *
 *   RSDP -> XSDT -> FADT -> FACS
 *                        -> DSDT
 *                -> MADT
 *                -> MCFG */
#ifndef BANTAM_BOOT_ACPI_H
#define BANTAM_BOOT_ACPI_H

#include "boot/emit.h"
#include "boot/tables.h"

/* Build all tables at the start of e, the RSDP at offset 0.
 * gpa   where e's first byte will be in guest memory, on 64 bytes, below 4 GiB
 * desc  cpu_count 1..CPUS_MAX
 * Returns 0, or -ENOSPC with the buffer's contents of no use. */
int acpi_build(struct emit *e, gpa_t gpa, const struct platform_desc *desc);

#endif
