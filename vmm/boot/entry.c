#include "boot/entry.h"

#include <errno.h>

#include "base/bytes.h"
#include "boot/layout.h"

/* Intel SDM vol. 3, §3.4.5 and §7.2.2: accessed and present already, so that
 * loading a selector writes nothing. */
#define GDT_CODE64 UINT64_C(0x00af9b000000ffff)
#define GDT_CODE32 UINT64_C(0x00cf9b000000ffff)
#define GDT_DATA   UINT64_C(0x00cf93000000ffff)
#define GDT_TSS	   UINT64_C(0x00008b0000000067) /* busy, base 0: VMX wants a TR */
#define GDT_BYTES  0x30u			/* the TSS descriptor takes 16 bytes in long mode */

_Static_assert(LAYOUT_GDT + GDT_BYTES <= LAYOUT_BOOT_PARAMS, "GDT ends below boot_params");

/* Intel SDM vol. 3, §4.5. */
#define TABLE_BYTES   4096u
#define TABLE_ENTRIES 512u
#define PAGE_2M	      MIB(2)
#define PTE_TABLE     UINT64_C(0x003) /* present, writable */
#define PTE_LARGE     UINT64_C(0x083) /* present, writable, page size */
#define MAPPED_GIB    4u
#define PDPT	      (LAYOUT_PAGE_TABLES + TABLE_BYTES)
#define FIRST_PD      (PDPT + TABLE_BYTES)

_Static_assert((2 + MAPPED_GIB) * TABLE_BYTES == LAYOUT_PAGE_TABLES_BYTES,
	       "PML4, PDPT and a PD for each GiB");

static int write_gdt(const struct mem *mem, struct boot_entry *entry)
{
	uint8_t *gdt;
	const int rc = mem_span(mem, LAYOUT_GDT, GDT_BYTES, &gdt);

	if (rc < 0)
		return rc;
	le64_store(gdt + ENTRY_CS_SELECTOR, entry->mode == BOOT_LONG64 ? GDT_CODE64 : GDT_CODE32);
	le64_store(gdt + ENTRY_DS_SELECTOR, GDT_DATA);
	le64_store(gdt + ENTRY_TSS_SELECTOR, GDT_TSS);
	entry->gdt_gpa = LAYOUT_GDT;
	entry->gdt_limit = GDT_BYTES - 1;
	return 0;
}

static int write_page_tables(const struct mem *mem, struct boot_entry *entry)
{
	uint8_t *pml4, *pdpt, *pd;
	const int rc = mem_span(mem, LAYOUT_PAGE_TABLES, LAYOUT_PAGE_TABLES_BYTES, &pml4);

	if (rc < 0)
		return rc;
	pdpt = pml4 + TABLE_BYTES;
	pd = pdpt + TABLE_BYTES; /* four side by side */
	le64_store(pml4, PDPT | PTE_TABLE);
	for (unsigned i = 0; i < MAPPED_GIB; i++)
		le64_store(pdpt + 8 * i, (FIRST_PD + i * TABLE_BYTES) | PTE_TABLE);
	for (unsigned i = 0; i < MAPPED_GIB * TABLE_ENTRIES; i++)
		le64_store(pd + 8 * i, i * PAGE_2M | PTE_LARGE);
	entry->cr3 = LAYOUT_PAGE_TABLES;
	return 0;
}

int entry_prepare(const struct mem *mem, struct boot_entry *entry)
{
	int rc;

	if (entry->mode == BOOT_REAL16)
		return 0; /* segments are 16 times the selector: no GDT */
	rc = write_gdt(mem, entry);
	if (rc == 0 && entry->mode == BOOT_LONG64)
		rc = write_page_tables(mem, entry);
	return rc < 0 ? -EFAULT : 0;
}
