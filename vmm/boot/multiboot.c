#include "boot/multiboot.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "boot/elf.h"
#include "boot/initrd.h"
#include "boot/layout.h"

/* §3.1, the header; every field has 4 bytes */
#define HEADER_MAGIC	       0u
#define HEADER_FLAGS	       4u
#define HEADER_CHECKSUM	       8u
#define HEADER_ADDR	       12u /* from here only with FLAG_ADDRESSES */
#define HEADER_LOAD_ADDR       16u
#define HEADER_LOAD_END_ADDR   20u
#define HEADER_BSS_END_ADDR    24u
#define HEADER_ENTRY_ADDR      28u
#define HEADER_BYTES	       12u
#define HEADER_BYTES_ADDRESSES 32u
#define HEADER_MAGIC_VALUE     0x1badb002u
#define FLAG_ADDRESSES	       0x00010000u
/* §3.1.2: page-aligned modules and memory information we always give; a video
 * mode is a wish.  Any other of the low 16 bits is a demand we do not know. */
#define FLAGS_KNOWN   0x0007u
#define FLAGS_DEMANDS 0xffffu

/* §3.2 */
#define BOOT_MAGIC 0x2badb002u

/* §3.3, the information; 4 bytes each */
#define INFO_FLAGS	     0u
#define INFO_MEM_LOWER	     4u /* KiB from 0 */
#define INFO_MEM_UPPER	     8u /* KiB from 1 MiB */
#define INFO_CMDLINE	     16u
#define INFO_MODS_COUNT	     20u
#define INFO_MODS_ADDR	     24u
#define INFO_MMAP_LENGTH     44u
#define INFO_MMAP_ADDR	     48u
#define INFO_LOADER_NAME     64u
#define INFO_BYTES	     116u
#define INFO_HAS_MEM	     0x001u
#define INFO_HAS_CMDLINE     0x004u
#define INFO_HAS_MODS	     0x008u
#define INFO_HAS_MMAP	     0x040u
#define INFO_HAS_LOADER_NAME 0x200u

#define MODULE_START  0u
#define MODULE_END    4u
#define MODULE_STRING 8u
#define MODULE_BYTES  16u

#define MMAP_SIZE  0u /* of what follows this field */
#define MMAP_ADDR  4u
#define MMAP_LEN   12u
#define MMAP_TYPE  20u
#define MMAP_BYTES 24u

/* Our places within the page. */
#define PAGE_LOADER_NAME  0x080u
#define PAGE_EMPTY_STRING 0x0a0u /* fresh RAM: a NUL */
#define PAGE_MODULES	  0x100u
#define PAGE_MMAP	  0x300u
#define PAGE_BYTES	  (PAGE_MMAP + E820_MAX * MMAP_BYTES)

_Static_assert(INFO_BYTES <= PAGE_LOADER_NAME, "the information ends below the name");
_Static_assert(PAGE_MODULES + BOOT_INITRDS_MAX * MODULE_BYTES <= PAGE_MMAP,
	       "the modules end below the memory map");
_Static_assert(LAYOUT_BOOT_PARAMS + PAGE_BYTES <= LAYOUT_PAGE_TABLES, "the page has its place");

static bool find_header(const uint8_t *head, uint32_t head_len, uint32_t *offset)
{
	for (uint32_t at = 0; range_inside(at, HEADER_BYTES, head_len); at += 4) {
		if (le32_load(head + at + HEADER_MAGIC) != HEADER_MAGIC_VALUE)
			continue;
		if (HEADER_MAGIC_VALUE + le32_load(head + at + HEADER_FLAGS) +
			    le32_load(head + at + HEADER_CHECKSUM) !=
		    0)
			continue;
		*offset = at;
		return true;
	}
	return false;
}

bool multiboot_match(const uint8_t *head, uint32_t head_len)
{
	uint32_t offset;

	return find_header(head, head_len, &offset);
}

/* The header's addresses, checked against each other and the file. */
struct addresses {
	uint64_t load, load_end, bss_end, entry;
	uint64_t offset; /* of load in the file */
};

/* §3.1.3: the file from the load address's place on goes to load_addr; the place
 * follows from where the header lies in the file and in memory.  An end of 0
 * means that of the file, or no bss. */
static int read_addresses(const struct boot_job *job, uint32_t header_offset, struct addresses *a,
			  struct err *err)
{
	const uint8_t *h = job->head + header_offset;
	uint64_t header_addr;

	if (!range_inside(header_offset, HEADER_BYTES_ADDRESSES, job->head_len))
		return err_set(err, -EINVAL,
			       "kernel: truncated: the multiboot header needs %u bytes at %" PRIu32
			       ", within the file's first 8192",
			       HEADER_BYTES_ADDRESSES, header_offset);
	header_addr = le32_load(h + HEADER_ADDR);
	a->load = le32_load(h + HEADER_LOAD_ADDR);
	a->load_end = le32_load(h + HEADER_LOAD_END_ADDR);
	a->bss_end = le32_load(h + HEADER_BSS_END_ADDR);
	a->entry = le32_load(h + HEADER_ENTRY_ADDR);
	if (header_addr < a->load || header_addr - a->load > header_offset)
		return err_set(err, -EINVAL,
			       "kernel: broken: multiboot load_addr 0x%" PRIx64
			       " does not fit header_addr 0x%" PRIx64
			       " and the header's place %" PRIu32 " in the file",
			       a->load, header_addr, header_offset);
	a->offset = header_offset - (header_addr - a->load);
	if (a->load_end == 0)
		a->load_end = a->load + (job->req->kernel->size_bytes - a->offset);
	if (a->bss_end == 0)
		a->bss_end = a->load_end;
	return 0;
}

static int load_by_addresses(const struct boot_job *job, uint32_t header_offset,
			     struct elf_image *out, struct err *err)
{
	const uint64_t file_bytes = job->req->kernel->size_bytes;
	struct addresses a = { 0 };
	int rc = read_addresses(job, header_offset, &a, err);

	if (rc < 0)
		return rc;
	if (a.load_end < a.load || a.bss_end < a.load_end || a.entry < a.load ||
	    a.entry >= a.bss_end)
		return err_set(err, -EINVAL,
			       "kernel: broken: multiboot addresses out of order: load 0x%" PRIx64
			       " to 0x%" PRIx64 ", bss to 0x%" PRIx64 ", entry 0x%" PRIx64,
			       a.load, a.load_end, a.bss_end, a.entry);
	if (!range_inside(a.offset, a.load_end - a.load, file_bytes))
		return err_set(err, -EINVAL,
			       "kernel: truncated: the header promises %" PRIu64
			       " bytes, the file has %" PRIu64,
			       a.offset + (a.load_end - a.load), file_bytes);
	*out = (struct elf_image){ .entry = a.entry, .start = a.load, .end = a.bss_end };
	rc = loader_room(job, a.load, a.bss_end, err);
	if (rc == 0)
		rc = loader_read(job, a.offset, a.load, a.load_end - a.load, err);
	if (rc == 0)
		loader_region(job->out, a.load, a.bss_end - a.load, "kernel");
	return rc;
}

static int load_image(const struct boot_job *job, struct elf_image *out, struct err *err)
{
	uint32_t offset, flags;

	if (!find_header(job->head, job->head_len, &offset))
		return err_set(err, -EINVAL, "kernel: no multiboot header");
	flags = le32_load(job->head + offset + HEADER_FLAGS);
	if (flags & FLAGS_DEMANDS & ~FLAGS_KNOWN)
		return err_set(err, -EINVAL,
			       "kernel: the multiboot header demands features 0x%" PRIx32
			       ", only 0x%x are known",
			       flags & FLAGS_DEMANDS, FLAGS_KNOWN);
	if (flags & FLAG_ADDRESSES)
		return load_by_addresses(job, offset, out, err);
	if (elf_match(job->head, job->head_len))
		return elf_load_image(job, out, err);
	return err_set(err, -EINVAL,
		       "kernel: broken: a multiboot header without addresses in a file that is "
		       "not ELF");
}

static void write_modules(const struct boot_job *job, uint8_t *page, const struct initrd *initrd)
{
	uint8_t *module = page + PAGE_MODULES;

	for (unsigned i = 0; i < job->req->initrd_count; i++, module += MODULE_BYTES) {
		const gpa_t start = initrd->gpa + initrd->offsets[i];

		le32_store(module + MODULE_START, (uint32_t)start);
		le32_store(module + MODULE_END,
			   (uint32_t)(start + job->req->initrds[i].size_bytes));
		le32_store(module + MODULE_STRING,
			   (uint32_t)(LAYOUT_BOOT_PARAMS + PAGE_EMPTY_STRING));
	}
	le32_store(page + INFO_MODS_COUNT, job->req->initrd_count);
	le32_store(page + INFO_MODS_ADDR, (uint32_t)(LAYOUT_BOOT_PARAMS + PAGE_MODULES));
}

static void write_mmap(const struct e820_map *map, uint8_t *page)
{
	uint8_t *entry = page + PAGE_MMAP;

	for (unsigned i = 0; i < map->count; i++, entry += MMAP_BYTES) {
		le32_store(entry + MMAP_SIZE, MMAP_BYTES - 4);
		le64_store(entry + MMAP_ADDR, map->entries[i].gpa);
		le64_store(entry + MMAP_LEN, map->entries[i].len);
		le32_store(entry + MMAP_TYPE, map->entries[i].type);
	}
	le32_store(page + INFO_MMAP_LENGTH, map->count * MMAP_BYTES);
	le32_store(page + INFO_MMAP_ADDR, (uint32_t)(LAYOUT_BOOT_PARAMS + PAGE_MMAP));
}

static int write_info(const struct boot_job *job, const struct initrd *initrd, struct err *err)
{
	static const char loader_name[] = "Bantam";
	uint8_t *page;

	if (mem_span(job->req->mem, LAYOUT_BOOT_PARAMS, PAGE_BYTES, &page) < 0)
		return err_set(err, -ENOMEM,
			       "kernel: no RAM in the first MiB for multiboot information");
	loader_region(job->out, LAYOUT_BOOT_PARAMS, PAGE_BYTES, "multiboot information");
	le32_store(page + INFO_FLAGS, INFO_HAS_MEM | INFO_HAS_CMDLINE | INFO_HAS_MODS |
					      INFO_HAS_MMAP | INFO_HAS_LOADER_NAME);
	le32_store(page + INFO_MEM_LOWER, (uint32_t)(LAYOUT_EBDA / KIB(1)));
	le32_store(page + INFO_MEM_UPPER, (uint32_t)((job->low_top - LAYOUT_KERNEL) / KIB(1)));
	le32_store(page + INFO_CMDLINE, (uint32_t)LAYOUT_CMDLINE);
	le32_store(page + INFO_LOADER_NAME, (uint32_t)(LAYOUT_BOOT_PARAMS + PAGE_LOADER_NAME));
	memcpy(page + PAGE_LOADER_NAME, loader_name, sizeof(loader_name));
	write_modules(job, page, initrd);
	write_mmap(&job->map, page);
	return 0;
}

int multiboot_load(struct boot_job *job, struct err *err)
{
	struct elf_image image = { 0 };
	struct initrd initrd;
	int rc = load_image(job, &image, err);

	if (rc == 0)
		rc = loader_cmdline(job, "kernel ", LAYOUT_CMDLINE_BYTES - 1, err);
	if (rc == 0)
		rc = initrd_load(job, image.end, RAM_LOW_MAX, INITRD_ALIGN_MODULE, &initrd, err);
	if (rc == 0)
		rc = write_info(job, &initrd, err);
	if (rc < 0)
		return rc;
	job->out->entry = (struct boot_entry){
		.protocol = "multiboot",
		.mode = BOOT_PROT32,
		.rip = image.entry,
		.rax = BOOT_MAGIC,
		.rbx = LAYOUT_BOOT_PARAMS,
		.rsp = LAYOUT_STACK_TOP,
	};
	return 0;
}
