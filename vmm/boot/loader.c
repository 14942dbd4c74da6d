#include "boot/loader.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "boot/layout.h"

#define PAGE_BYTES  4096u
#define MEMORY_STEP MIB(2) /* -m counts in these */

void loader_region(struct boot_result *out, gpa_t gpa, uint64_t len, const char *what)
{
	unsigned at = out->region_count;

	if (len == 0)
		return;
	assert(out->region_count < BOOT_REGIONS_MAX);
	for (; at > 0 && out->regions[at - 1].gpa > gpa; at--)
		out->regions[at] = out->regions[at - 1];
	out->regions[at] = (struct boot_region){ .gpa = gpa, .len = len, .what = what };
	out->region_count++;
}

/* What -m would have to be for a kernel that ends at end, initrds included. */
static uint64_t enough_mib(const struct boot_job *job, gpa_t end)
{
	uint64_t sum = end;

	for (unsigned i = 0; i < job->req->initrd_count && i < BOOT_INITRDS_MAX; i++) {
		/* each begins on a page at worst */
		if (!align_up_u64(sum, PAGE_BYTES, &sum) ||
		    !add_u64(sum, job->req->initrds[i].size_bytes, &sum))
			return UINT64_MAX;
	}
	if (!align_up_u64(sum, MEMORY_STEP, &sum))
		return UINT64_MAX;
	return sum / MIB(1);
}

int loader_room(const struct boot_job *job, gpa_t start, gpa_t end, struct err *err)
{
	assert(start <= end);
	if (start < LAYOUT_KERNEL)
		return err_set(err, -EINVAL,
			       "kernel: wants to be loaded at 0x%" PRIx64
			       ", only addresses from 0x%" PRIx64 " on are free",
			       start, LAYOUT_KERNEL);
	if (end <= job->low_top)
		return 0;
	if (enough_mib(job, end) > RAM_LOW_MAX / MIB(1))
		return err_set(err, -ENOMEM,
			       "kernel: wants memory from 0x%" PRIx64 " to 0x%" PRIx64
			       ", RAM ends at 0x%" PRIx64 " and goes no higher than 3 GiB",
			       start, end, job->low_top);
	return err_set(err, -ENOMEM,
		       "kernel: needs %" PRIu64 " MiB of memory from %" PRIu64
		       " MiB on, the guest has %" PRIu64 " MiB: give at least -m %" PRIu64 "M",
		       (end - start + MIB(1) - 1) / MIB(1), start / MIB(1), job->low_top / MIB(1),
		       enough_mib(job, end));
}

int loader_read(const struct boot_job *job, uint64_t offset, gpa_t gpa, uint64_t len,
		struct err *err)
{
	const struct boot_file *file = job->req->kernel;
	uint8_t *dst;
	int rc;

	if (len == 0)
		return 0;
	if (!range_inside(offset, len, file->size_bytes))
		return err_set(err, -EINVAL,
			       "kernel: truncated: %" PRIu64 " bytes at %" PRIu64
			       " are needed, the file has %" PRIu64,
			       len, offset, file->size_bytes);
	if (mem_span(job->req->mem, gpa, len, &dst) < 0)
		return err_set(err, -ENOMEM, "kernel: no RAM for %" PRIu64 " bytes at 0x%" PRIx64,
			       len, gpa);
	rc = file->read(file->ctx, offset, dst, len);
	if (rc < 0)
		return err_errno(err, rc, "kernel: cannot read %" PRIu64 " bytes at %" PRIu64, len,
				 offset);
	return 0;
}

int loader_cmdline(const struct boot_job *job, const char *prefix, uint64_t max, struct err *err)
{
	const char *cmdline = job->req->cmdline ? job->req->cmdline : "";
	const size_t prefix_len = strlen(prefix);
	const size_t len = prefix_len + strlen(cmdline);
	uint8_t *dst;

	max = min_u64(max, LAYOUT_CMDLINE_BYTES - 1);
	if (len > max)
		return err_set(err, -E2BIG,
			       "kernel: the command line is %zu bytes long, this kernel takes "
			       "%" PRIu64 " at most",
			       len, max);
	if (mem_span(job->req->mem, LAYOUT_CMDLINE, len + 1, &dst) < 0)
		return err_set(err, -ENOMEM, "kernel: no RAM in the first MiB for a command line");
	memcpy(dst, prefix, prefix_len);
	memcpy(dst + prefix_len, cmdline, len - prefix_len + 1);
	loader_region(job->out, LAYOUT_CMDLINE, len + 1, "command line");
	return 0;
}
