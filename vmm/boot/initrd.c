#include "boot/initrd.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "base/checked.h"
#include "boot/layout.h"

#define PAGE_BYTES 4096u

static int no_room(const struct boot_job *job, unsigned number, uint64_t len, gpa_t floor,
		   gpa_t ceiling, struct err *err)
{
	if (ceiling < job->low_top || ceiling == RAM_LOW_MAX)
		return err_set(err, -ENOMEM,
			       "initrd %u: too big: %" PRIu64 " bytes end here, the kernel leaves "
			       "%" PRIu64 " between 0x%" PRIx64 " and 0x%" PRIx64,
			       number, len, ceiling > floor ? ceiling - floor : 0, floor, ceiling);
	return err_set(err, -ENOMEM,
		       "initrd %u: too big: %" PRIu64 " bytes end here, %" PRIu64
		       " MiB of RAM leave %" PRIu64 " behind the kernel: give more with -m",
		       number, len, job->low_top / MIB(1), ceiling > floor ? ceiling - floor : 0);
}

/* Lay the files side by side within [0, room). */
static int measure(const struct boot_job *job, gpa_t floor, gpa_t ceiling, uint32_t align,
		   struct initrd *out, struct err *err)
{
	const uint64_t room = ceiling > floor ? align_down_u64(ceiling - floor, PAGE_BYTES) : 0;

	for (unsigned i = 0; i < job->req->initrd_count; i++) {
		const uint64_t size = job->req->initrds[i].size_bytes;
		uint64_t at, end;

		if (size == 0)
			return err_set(err, -EINVAL, "initrd %u: is empty", i + 1);
		if (!align_up_u64(out->len, align, &at) || !add_u64(at, size, &end))
			end = UINT64_MAX;
		if (end > room)
			return no_room(job, i + 1, end, floor, ceiling, err);
		out->offsets[i] = at;
		out->len = end;
	}
	return 0;
}

static int read_one(const struct boot_job *job, unsigned i, gpa_t gpa, struct err *err)
{
	const struct boot_file *file = &job->req->initrds[i];
	uint8_t *dst;
	int rc = mem_span(job->req->mem, gpa, file->size_bytes, &dst);

	if (rc == 0)
		rc = file->read(file->ctx, 0, dst, file->size_bytes);
	if (rc < 0)
		return err_errno(err, rc, "initrd %u: cannot read its %" PRIu64 " bytes", i + 1,
				 file->size_bytes);
	return 0;
}

int initrd_load(const struct boot_job *job, gpa_t floor, gpa_t ceiling, uint32_t align,
		struct initrd *out, struct err *err)
{
	int rc;

	assert(align && (align & (align - 1)) == 0 && align <= PAGE_BYTES);
	out->gpa = out->len = 0;
	if (job->req->initrd_count == 0)
		return 0;
	if (job->req->initrd_count > BOOT_INITRDS_MAX)
		return err_set(err, -E2BIG, "initrd %u: too many: %u at most", BOOT_INITRDS_MAX + 1,
			       BOOT_INITRDS_MAX);
	/* Both ends on a page, so that rounding the start down stays above the floor. */
	if (!align_up_u64(floor, PAGE_BYTES, &floor))
		floor = UINT64_MAX;
	ceiling = align_down_u64(min_u64(ceiling, job->low_top), PAGE_BYTES);
	rc = measure(job, floor, ceiling, align, out, err);
	if (rc < 0)
		return rc;
	out->gpa = align_down_u64(ceiling - out->len, PAGE_BYTES);
	for (unsigned i = 0; i < job->req->initrd_count; i++) {
		rc = read_one(job, i, out->gpa + out->offsets[i], err);
		if (rc < 0)
			return rc;
	}
	loader_region(job->out, out->gpa, out->len, "initrd");
	return 0;
}
