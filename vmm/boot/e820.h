/* boot/e820.h: the memory map that the guest is told, in the words of the BIOS
 * call int 15h, ax=E820h (ACPI 6.5 §15.3).  Linux, PVH and multiboot all take
 * these numbers. */
#ifndef BANTAM_BOOT_E820_H
#define BANTAM_BOOT_E820_H

#include "core/mem.h"

#define E820_MAX      32u
#define E820_RAM      1u
#define E820_RESERVED 2u

struct e820_entry {
	gpa_t gpa;
	uint64_t len; /* bytes, not 0 */
	uint32_t type;
};

struct e820_map {
	unsigned count;
	struct e820_entry entries[E820_MAX]; /* ascending, disjoint */
};

/* Build the map: RAM blocks without the EBDA, the hole and the tables of the
 * first MiB; those, ECAM (Linux wants it reserved before it believes MCFG), and
 * KVM's pages and firmware below 4 GiB as reserved. */
void e820_build(const struct mem *mem, struct e820_map *map);

#endif
