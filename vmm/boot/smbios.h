/* boot/smbios.h: the SMBIOS tables (DMTF DSP0134 3.0) as one block of bytes;
 * boot/tables.h has smbios_write(), which puts the block into guest memory. */
#ifndef BANTAM_BOOT_SMBIOS_H
#define BANTAM_BOOT_SMBIOS_H

#include "boot/emit.h"
#include "boot/tables.h"

/* Offsets of the two entry points, on 16 bytes as a searching OS wants, and of the
 * structures that both point to. */
#define SMBIOS_ENTRY3_OFFSET  0x00u
#define SMBIOS_ENTRY21_OFFSET 0x20u
#define SMBIOS_TABLE_OFFSET   0x40u

/* Build both entry points and the structures at the start of e.
 * gpa   where e's first byte will be in guest memory, on 16 bytes, below 4 GiB
 * desc  cpu_count 1..CPUS_MAX; ram_bytes up to 2^51 (31 bits of MiB)
 * Returns 0, or -ENOSPC with the buffer's contents of no use. */
int smbios_build(struct emit *e, gpa_t gpa, const struct platform_desc *desc);

#endif
