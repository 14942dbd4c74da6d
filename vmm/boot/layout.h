/* boot/layout.h: where the loader puts things in the guest's first MiB.
 *
 *  0x00000  real-mode IVT and BIOS data area
 *  0x06000  GDT
 *  0x07000  boot_params ("zero page") or PVH start_info and its tables
 *  0x07c00  a flat 16-bit image begins here (it then owns all up to 0x9fc00)
 *  0x09000  page tables: PML4, PDPT, 4 PDs (4 GiB by 2 MiB pages)
 *  0x20000  kernel command line, up to 64 KiB
 *  0x9fc00  EBDA, 1 KiB: MP floating pointer (acpi=off)
 *  0xa0000  hole (no VGA)
 *  0xe0000  ACPI tables, RSDP first
 *  0xf0000  SMBIOS
 *  0xff800  MP configuration table: 64 CPUs do not fit into the EBDA
 *  0x100000 kernel
 */
#ifndef BANTAM_BOOT_LAYOUT_H
#define BANTAM_BOOT_LAYOUT_H

#include "core/platform.h"

#define LAYOUT_GDT          UINT64_C(0x06000)
#define LAYOUT_BOOT_PARAMS  UINT64_C(0x07000)
#define LAYOUT_FLAT         UINT64_C(0x07c00)
#define LAYOUT_PAGE_TABLES  UINT64_C(0x09000)
#define LAYOUT_PAGE_TABLES_BYTES UINT64_C(0x06000)
#define LAYOUT_STACK_TOP    UINT64_C(0x1f000)
#define LAYOUT_CMDLINE      UINT64_C(0x20000)
#define LAYOUT_CMDLINE_BYTES UINT64_C(0x10000)
#define LAYOUT_EBDA         UINT64_C(0x9fc00)
#define LAYOUT_EBDA_BYTES   UINT64_C(0x00400)
#define LAYOUT_ACPI         UINT64_C(0xe0000)
#define LAYOUT_ACPI_BYTES   UINT64_C(0x10000)
#define LAYOUT_SMBIOS       UINT64_C(0xf0000)
#define LAYOUT_SMBIOS_BYTES UINT64_C(0x10000)
#define LAYOUT_MPTABLE      UINT64_C(0xff800) /* the tail of the SMBIOS area */
#define LAYOUT_MPTABLE_BYTES UINT64_C(0x00800)
#define LAYOUT_KERNEL       UINT64_C(0x100000)

_Static_assert(LAYOUT_PAGE_TABLES + LAYOUT_PAGE_TABLES_BYTES <= LAYOUT_STACK_TOP,
	       "page tables end below the boot stack");
_Static_assert(LAYOUT_STACK_TOP <= LAYOUT_CMDLINE, "the stack ends below the command line");
_Static_assert(LAYOUT_CMDLINE + LAYOUT_CMDLINE_BYTES <= LAYOUT_EBDA,
	       "the command line ends below the EBDA");
_Static_assert(LAYOUT_ACPI + LAYOUT_ACPI_BYTES <= LAYOUT_SMBIOS, "ACPI ends below SMBIOS");
_Static_assert(LAYOUT_SMBIOS + LAYOUT_SMBIOS_BYTES <= LAYOUT_KERNEL, "SMBIOS ends below 1 MiB");
_Static_assert(LAYOUT_MPTABLE + LAYOUT_MPTABLE_BYTES == LAYOUT_SMBIOS + LAYOUT_SMBIOS_BYTES,
	       "the MP table ends with the SMBIOS area");

#endif
