#include "boot/zeropage.h"

#include <errno.h>

#include "base/bytes.h"
#include "boot/layout.h"

_Static_assert(E820_MAX <= ZP_E820_MAX, "the map fits into the page");
_Static_assert(LAYOUT_CMDLINE + LAYOUT_CMDLINE_BYTES <= UINT32_MAX, "no ext_cmd_line_ptr needed");
_Static_assert(RAM_LOW_MAX <= UINT32_MAX, "no ext_ramdisk_image needed");

int zeropage_span(const struct boot_job *job, uint8_t **page, struct err *err)
{
	if (mem_span(job->req->mem, LAYOUT_BOOT_PARAMS, ZP_BYTES, page) < 0)
		return err_set(err, -ENOMEM, "kernel: no RAM in the first MiB for boot_params");
	loader_region(job->out, LAYOUT_BOOT_PARAMS, ZP_BYTES, "boot_params");
	return 0;
}

void zeropage_fill(const struct boot_job *job, uint8_t *page, const struct initrd *initrd)
{
	uint8_t *entry = page + ZP_E820_TABLE;

	page[HDR_TYPE_OF_LOADER] = HDR_LOADER_UNDEFINED;
	le32_store(page + HDR_CMD_LINE_PTR, (uint32_t)LAYOUT_CMDLINE);
	le32_store(page + HDR_RAMDISK_IMAGE, (uint32_t)initrd->gpa);
	le32_store(page + HDR_RAMDISK_SIZE, (uint32_t)initrd->len);
	le64_store(page + HDR_SETUP_DATA, 0); /* a list that only the loader may begin */
	le64_store(page + ZP_ACPI_RSDP_ADDR, job->rsdp);
	page[ZP_E820_ENTRIES] = (uint8_t)job->map.count;
	for (unsigned i = 0; i < job->map.count; i++, entry += ZP_E820_ENTRY_BYTES) {
		le64_store(entry, job->map.entries[i].gpa);
		le64_store(entry + 8, job->map.entries[i].len);
		le32_store(entry + 16, job->map.entries[i].type);
	}
}
