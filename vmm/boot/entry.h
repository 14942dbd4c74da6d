/* boot/entry.h: the GDT and page tables of the first instruction.
 * Linux boot protocol (Documentation/x86/boot.rst, "64-bit BOOT PROTOCOL"):
 * __BOOT_CS is 0x10, __BOOT_DS 0x18; PVH and multiboot use flat 32-bit segments
 * and do not care for the numbers. */
#ifndef BANTAM_BOOT_ENTRY_H
#define BANTAM_BOOT_ENTRY_H

#include "boot/boot.h"

#define ENTRY_CS_SELECTOR 0x10u
#define ENTRY_DS_SELECTOR 0x18u
#define ENTRY_TSS_SELECTOR 0x20u

/* Write the GDT (for the entry's mode) and, for BOOT_LONG64, page tables that
 * map the first 4 GiB onto themselves by 2 MiB pages, at their places of
 * boot/layout.h; fill gdt_gpa, gdt_limit and cr3.  0 or -EFAULT (RAM too small). */
int entry_prepare(const struct mem *mem, struct boot_entry *entry);

#endif
