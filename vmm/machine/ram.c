#include "machine/ram.h"

#include <errno.h>

#include "core/platform.h"

int ram_create(struct ram *r, uint64_t size_bytes, struct err *err)
{
	const uint64_t low = min_u64(size_bytes, RAM_LOW_MAX);
	int rc;

	r->mem.block_count = 0;
	rc = pages_map(&r->pages, "bantam-ram", size_bytes);
	if (rc < 0)
		return err_errno(err, rc, "--memory: this host gives no %llu MiB",
				 (unsigned long long)(size_bytes >> 20));
	/* Below the kernel lie tables and the boot processor's first stack. */
	pages_keep_small(&r->pages, 0, HUGE_PAGE_BYTES);
	rc = mem_add_file(&r->mem, 0, low, r->pages.bytes, r->pages.fd, 0);
	if (rc == 0 && size_bytes > low)
		rc = mem_add_file(&r->mem, RAM_HIGH_BASE, size_bytes - low, r->pages.bytes + low,
				  r->pages.fd, low);
	if (rc < 0) {
		ram_destroy(r);
		return err_errno(err, rc, "--memory: %llu bytes cannot be laid out",
				 (unsigned long long)size_bytes);
	}
	return 0;
}

void ram_destroy(struct ram *r)
{
	pages_unmap(&r->pages);
	r->mem.block_count = 0;
}
