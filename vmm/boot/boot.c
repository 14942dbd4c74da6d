#include "boot/boot.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "boot/bzimage.h"
#include "boot/elf.h"
#include "boot/entry.h"
#include "boot/flat.h"
#include "boot/layout.h"
#include "boot/loader.h"
#include "boot/multiboot.h"
#include "boot/tables.h"

static int read_head(struct boot_job *job, struct err *err)
{
	const struct boot_file *file = job->req->kernel;
	int rc;

	if (file->size_bytes == 0)
		return err_set(err, -EINVAL, "kernel: is empty");
	job->head_len = (uint32_t)min_u64(file->size_bytes, sizeof(job->head));
	rc = file->read(file->ctx, 0, job->head, job->head_len);
	if (rc < 0)
		return err_errno(err, rc, "kernel: cannot read its first %" PRIu32 " bytes",
				 job->head_len);
	return 0;
}

static int not_a_kernel(const struct boot_job *job, struct err *err)
{
	static const struct {
		uint8_t bytes[4];
		uint8_t len;
		const char *name;
	} packers[] = {
		{ { 0x1f, 0x8b }, 2, "gzip" },
		{ { 0xfd, '7', 'z', 'X' }, 4, "xz" },
		{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, "zstd" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(packers); i++) {
		if (job->head_len >= packers[i].len &&
		    memcmp(job->head, packers[i].bytes, packers[i].len) == 0)
			return err_set(err, -ENOEXEC,
				       "kernel: is compressed with %s: unpack it first",
				       packers[i].name);
	}
	return err_set(err, -ENOEXEC, "kernel: not a kernel: no bzImage, ELF or multiboot magic");
}

/* Multiboot first: such a kernel is an ELF file too. */
static int load_kernel(struct boot_job *job, struct err *err)
{
	int rc;

	if (job->req->flat)
		return flat_load(job, err);
	rc = read_head(job, err);
	if (rc < 0)
		return rc;
	if (multiboot_match(job->head, job->head_len))
		return multiboot_load(job, err);
	if (bzimage_match(job->head, job->head_len))
		return bzimage_load(job, err);
	if (elf_match(job->head, job->head_len))
		return elf_load(job, err);
	return not_a_kernel(job, err);
}

/* All between RAM and the end of what the guest can address, but no more than 48
 * bits: where the host's page tables have four levels, more cannot be mapped. */
static void place_pci64(const struct boot_request *req, struct platform_desc *desc)
{
	const gpa_t end = UINT64_C(1) << min_u64(req->phys_bits, 48);
	gpa_t base = RAM_HIGH_BASE;

	for (unsigned i = 0; i < req->mem->block_count; i++)
		base = max_u64(base, req->mem->blocks[i].gpa + req->mem->blocks[i].len);
	if (!align_up_u64(base, GIB(1), &base) || base >= end)
		return;
	desc->pci64_base = base;
	desc->pci64_end = end;
}

/* The tables of boot/tables.h; what they cannot say in words is ours to say. */
static int write_tables(struct boot_job *job, struct err *err)
{
	const struct boot_request *req = job->req;
	struct platform_desc desc = {
		.cpu_count = req->cpu_count,
		.debug_exit = req->debug_exit,
		.ram_bytes = mem_total(req->mem),
	};
	int rc;

	place_pci64(req, &desc);
	memcpy(desc.serial_present, req->serial_present, sizeof(desc.serial_present));
	rc = acpi_write(req->mem, &desc, &job->rsdp);
	if (rc == 0)
		rc = smbios_write(req->mem, &desc);
	if (rc == 0)
		rc = mptable_write(req->mem, &desc);
	if (rc < 0)
		return err_errno(err, rc, "kernel: cannot write the firmware tables");
	loader_region(job->out, LAYOUT_ACPI, LAYOUT_ACPI_BYTES, "ACPI tables");
	loader_region(job->out, LAYOUT_SMBIOS, LAYOUT_SMBIOS_BYTES, "SMBIOS");
	loader_region(job->out, LAYOUT_EBDA, LAYOUT_EBDA_BYTES, "EBDA, MP table");
	return 0;
}

static int prepare_entry(struct boot_job *job, struct err *err)
{
	struct boot_entry *entry = &job->out->entry;

	if (entry_prepare(job->req->mem, entry) < 0)
		return err_set(err, -ENOMEM, "kernel: no RAM in the first MiB for page tables");
	if (entry->mode != BOOT_REAL16)
		loader_region(job->out, entry->gdt_gpa, entry->gdt_limit + UINT64_C(1), "GDT");
	if (entry->mode == BOOT_LONG64)
		loader_region(job->out, entry->cr3, LAYOUT_PAGE_TABLES_BYTES, "page tables");
	return 0;
}

int boot_load(const struct boot_request *req, struct boot_result *out, struct err *err)
{
	struct boot_job job = { .req = req, .out = out };
	int rc;

	*out = (struct boot_result){ 0 };
	if (req->mem->block_count > 0 && req->mem->blocks[0].gpa == 0)
		job.low_top = min_u64(req->mem->blocks[0].len, RAM_LOW_MAX);
	e820_build(req->mem, &job.map);

	rc = write_tables(&job, err);
	if (rc == 0)
		rc = load_kernel(&job, err);
	if (rc == 0)
		rc = prepare_entry(&job, err);
	return rc;
}
