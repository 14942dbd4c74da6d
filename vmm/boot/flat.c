#include "boot/flat.h"

#include <errno.h>
#include <inttypes.h>

#include "boot/layout.h"

#define FLAT_BYTES_MAX (LAYOUT_EBDA - LAYOUT_FLAT)

int flat_load(struct boot_job *job, struct err *err)
{
	const uint64_t size = job->req->kernel->size_bytes;
	int rc;

	if (size == 0)
		return err_set(err, -EINVAL, "kernel: is empty");
	if (size > FLAT_BYTES_MAX)
		return err_set(err, -E2BIG,
			       "kernel: too big for a flat image: %" PRIu64
			       " bytes, at most %" PRIu64 " fit between 0x7c00 and 0x9fc00",
			       size, FLAT_BYTES_MAX);
	if (job->req->initrd_count > 0)
		return err_set(err, -EINVAL, "initrd 1: a flat image takes none");
	rc = loader_read(job, 0, LAYOUT_FLAT, size, err);
	if (rc < 0)
		return rc;
	loader_region(job->out, LAYOUT_FLAT, size, "flat image");
	job->out->entry = (struct boot_entry){
		.protocol = "flat 16-bit image",
		.mode = BOOT_REAL16,
		.rip = LAYOUT_FLAT,
		.rsp = LAYOUT_FLAT, /* grows down, away from the image */
	};
	return 0;
}
