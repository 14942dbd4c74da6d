#include "boot/pvh.h"

#include <errno.h>

#include "base/bytes.h"
#include "boot/initrd.h"
#include "boot/layout.h"

/* start_info.h, struct hvm_start_info */
#define START_MAGIC	     0u	 /* 4 bytes */
#define START_VERSION	     4u	 /* 4 bytes */
#define START_NR_MODULES     12u /* 4 bytes */
#define START_MODLIST_PADDR  16u /* 8 bytes each from here */
#define START_CMDLINE_PADDR  24u
#define START_RSDP_PADDR     32u
#define START_MEMMAP_PADDR   40u
#define START_MEMMAP_ENTRIES 48u /* 4 bytes */
#define START_MAGIC_VALUE    0x336ec578u
#define START_VERSION_VALUE  1u /* with a memory map */

/* struct hvm_modlist_entry */
#define MODULE_PADDR 0u
#define MODULE_SIZE  8u

/* struct hvm_memmap_table_entry; the types are E820's */
#define MEMMAP_ADDR	   0u
#define MEMMAP_SIZE	   8u
#define MEMMAP_TYPE	   16u
#define MEMMAP_ENTRY_BYTES 24u

/* Our places within the page. */
#define PAGE_MODULES 0x080u
#define PAGE_MEMMAP  0x100u
#define PAGE_BYTES   (PAGE_MEMMAP + E820_MAX * MEMMAP_ENTRY_BYTES)

/* A 32-bit Linux reaches its initrd only in low memory: boot.rst's default for
 * initrd_addr_max is 0x37ffffff. */
#define INITRD_CEILING_32 UINT64_C(0x38000000)

_Static_assert(LAYOUT_BOOT_PARAMS + PAGE_BYTES <= LAYOUT_PAGE_TABLES, "start_info has its place");

static int write_start_info(const struct boot_job *job, const struct initrd *initrd,
			    struct err *err)
{
	const struct e820_map *map = &job->map;
	uint8_t *page, *entry;

	if (mem_span(job->req->mem, LAYOUT_BOOT_PARAMS, PAGE_BYTES, &page) < 0)
		return err_set(err, -ENOMEM, "kernel: no RAM in the first MiB for start_info");
	loader_region(job->out, LAYOUT_BOOT_PARAMS, PAGE_BYTES, "PVH start_info");
	le32_store(page + START_MAGIC, START_MAGIC_VALUE);
	le32_store(page + START_VERSION, START_VERSION_VALUE);
	le64_store(page + START_CMDLINE_PADDR, LAYOUT_CMDLINE);
	le64_store(page + START_RSDP_PADDR, job->rsdp);
	le64_store(page + START_MEMMAP_PADDR, LAYOUT_BOOT_PARAMS + PAGE_MEMMAP);
	le32_store(page + START_MEMMAP_ENTRIES, map->count);
	if (initrd->len > 0) {
		le32_store(page + START_NR_MODULES, 1);
		le64_store(page + START_MODLIST_PADDR, LAYOUT_BOOT_PARAMS + PAGE_MODULES);
		le64_store(page + PAGE_MODULES + MODULE_PADDR, initrd->gpa);
		le64_store(page + PAGE_MODULES + MODULE_SIZE, initrd->len);
	}
	entry = page + PAGE_MEMMAP;
	for (unsigned i = 0; i < map->count; i++, entry += MEMMAP_ENTRY_BYTES) {
		le64_store(entry + MEMMAP_ADDR, map->entries[i].gpa);
		le64_store(entry + MEMMAP_SIZE, map->entries[i].len);
		le32_store(entry + MEMMAP_TYPE, map->entries[i].type);
	}
	return 0;
}

int pvh_start(struct boot_job *job, const struct elf_image *image, struct err *err)
{
	const gpa_t ceiling = image->is_64 ? RAM_LOW_MAX : INITRD_CEILING_32;
	struct initrd initrd;
	int rc = loader_cmdline(job, "", LAYOUT_CMDLINE_BYTES - 1, err);

	if (rc == 0)
		rc = initrd_load(job, image->end, ceiling, INITRD_ALIGN_LINUX, &initrd, err);
	if (rc == 0)
		rc = write_start_info(job, &initrd, err);
	if (rc < 0)
		return rc;
	job->out->entry = (struct boot_entry){
		.protocol = image->is_64 ? "ELF64, PVH entry" : "ELF32, PVH entry",
		.mode = BOOT_PROT32,
		.rip = image->pvh_entry,
		.rbx = LAYOUT_BOOT_PARAMS,
		.rsp = LAYOUT_STACK_TOP,
	};
	return 0;
}
