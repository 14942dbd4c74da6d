#include "boot/bzimage.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "boot/layout.h"
#include "boot/zeropage.h"

#define SECTOR_BYTES	     512u
#define SETUP_SECTS_DEFAULT  4u /* boot.rst, "setup_sects": 0 means 4 */
#define SYSSIZE_UNIT	     16u
#define VERSION_CMDLINE_SIZE 0x0206u /* also: relocatable_kernel (2.05) */
#define VERSION_PAYLOAD	     0x0208u
#define VERSION_INIT_SIZE    0x020au /* also: pref_address */
#define XLF_KERNEL_64	     0x0001u
#define ENTRY64_OFFSET	     0x200u    /* boot.rst, "64-bit BOOT PROTOCOL" */
#define ALIGNMENT_MAX	     MIB(1024) /* far above any kernel's (16 MiB at most) */

/* The checked header. */
struct plan {
	uint16_t version;
	uint64_t file_offset; /* of the protected-mode code */
	uint64_t len;	      /* its bytes */
	gpa_t load;	      /* where it goes */
	gpa_t run;	      /* where it unpacks itself */
	gpa_t end;	      /* of all that it uses before it knows the memory map */
	bool entry64;
};

bool bzimage_match(const uint8_t *head, uint32_t head_len)
{
	return head_len >= HDR_MAGIC + 4 &&
	       le16_load(head + HDR_BOOT_FLAG) == HDR_BOOT_FLAG_VALUE &&
	       le32_load(head + HDR_MAGIC) == HDR_MAGIC_VALUE;
}

static int check_version(const struct boot_job *job, struct plan *p, struct err *err)
{
	const uint8_t *h = job->head;

	if (job->head_len < HDR_END)
		return err_set(err, -EINVAL,
			       "kernel: truncated: the setup header needs %u bytes, the file has "
			       "%" PRIu64,
			       HDR_END, job->req->kernel->size_bytes);
	p->version = le16_load(h + HDR_VERSION);
	if (p->version < VERSION_CMDLINE_SIZE || !(h[HDR_LOADFLAGS] & HDR_LOADED_HIGH))
		return err_set(err, -ENOEXEC,
			       "kernel: too old: %s of boot protocol %u.%02u, a bzImage of 2.06 "
			       "(Linux 2.6.22) or later is needed",
			       h[HDR_LOADFLAGS] & HDR_LOADED_HIGH ? "bzImage" : "zImage",
			       p->version >> 8, p->version & 0xffu);
	return 0;
}

/* boot.rst, "setup_sects", "syssize", "payload_offset", "payload_length". */
static int check_sizes(const struct boot_job *job, struct plan *p, struct err *err)
{
	const uint8_t *h = job->head;
	const uint64_t file_bytes = job->req->kernel->size_bytes;
	const unsigned sects = h[HDR_SETUP_SECTS] ? h[HDR_SETUP_SECTS] : SETUP_SECTS_DEFAULT;

	p->file_offset = (uint64_t)(sects + 1) * SECTOR_BYTES;
	p->len = (uint64_t)le32_load(h + HDR_SYSSIZE) * SYSSIZE_UNIT;
	if (p->len <= ENTRY64_OFFSET)
		return err_set(err, -EINVAL,
			       "kernel: broken: the header promises only %" PRIu64 " bytes of code",
			       p->len);
	if (!range_inside(p->file_offset, p->len, file_bytes))
		return err_set(err, -EINVAL,
			       "kernel: truncated: the header promises %" PRIu64
			       " bytes, the file has %" PRIu64,
			       p->file_offset + p->len, file_bytes);
	if (p->version >= VERSION_PAYLOAD &&
	    !range_inside(le32_load(h + HDR_PAYLOAD_OFFSET), le32_load(h + HDR_PAYLOAD_LENGTH),
			  p->len))
		return err_set(err, -EINVAL,
			       "kernel: broken: the payload (%" PRIu32 " bytes at %" PRIu32
			       ") ends behind the code's %" PRIu64 " bytes",
			       le32_load(h + HDR_PAYLOAD_LENGTH), le32_load(h + HDR_PAYLOAD_OFFSET),
			       p->len);
	return 0;
}

/* boot.rst, "pref_address" and "init_size".  A relocatable kernel goes where it
 * wants to run, so that it need not move; one that is not relocatable goes to
 * 1 MiB and moves itself.  Either never runs below pref_address. */
static int choose_place(const struct boot_job *job, struct plan *p, struct err *err)
{
	const uint8_t *h = job->head;
	const bool relocatable = h[HDR_RELOCATABLE_KERNEL] != 0;
	const uint32_t align = le32_load(h + HDR_KERNEL_ALIGNMENT);
	uint64_t init_size = 0, run_end, load_end;

	p->load = p->run = LAYOUT_KERNEL;
	if (p->version >= VERSION_INIT_SIZE) {
		init_size = le32_load(h + HDR_INIT_SIZE);
		p->run = max_u64(le64_load(h + HDR_PREF_ADDRESS), LAYOUT_KERNEL);
	}
	if (relocatable) {
		if (align == 0 || (align & (align - 1)) != 0 || align > ALIGNMENT_MAX)
			return err_set(err, -EINVAL,
				       "kernel: broken: kernel_alignment 0x%" PRIx32
				       " is not a power of two up to 1 GiB",
				       align);
		if (!align_up_u64(p->run, align, &p->run))
			p->run = UINT64_MAX; /* refused by loader_room() */
		p->load = p->run;
	}
	if (!add_u64(p->run, max_u64(init_size, p->len), &run_end))
		run_end = UINT64_MAX;
	if (!add_u64(p->load, p->len, &load_end))
		load_end = UINT64_MAX;
	p->end = max_u64(run_end, load_end);
	return loader_room(job, p->run, p->end, err);
}

static int check_header(const struct boot_job *job, struct plan *p, struct err *err)
{
	int rc = check_version(job, p, err);

	if (rc == 0)
		rc = check_sizes(job, p, err);
	if (rc == 0)
		rc = choose_place(job, p, err);
	p->entry64 = rc == 0 && p->version >= HDR_VERSION_64BIT &&
		     (le16_load(job->head + HDR_XLOADFLAGS) & XLF_KERNEL_64);
	return rc;
}

/* boot.rst, "DETAILS OF HARDER FIELDS" and "64-bit BOOT PROTOCOL": the header is
 * copied from 0x1f1 to its end, the byte at 0x201 behind 0x202. */
static int write_params(const struct boot_job *job, const struct plan *p,
			const struct initrd *initrd, struct err *err)
{
	const uint32_t header_end = HDR_MAGIC + (uint32_t)job->head[HDR_JUMP_OFFSET];
	const size_t copy_end = header_end < HDR_END ? header_end : HDR_END;
	uint8_t *page;
	int rc = zeropage_span(job, &page, err);

	if (rc < 0)
		return rc;
	memcpy(page + HDR_START, job->head + HDR_START, copy_end - HDR_START);
	le32_store(page + HDR_CODE32_START, (uint32_t)p->load);
	zeropage_fill(job, page, initrd);
	return 0;
}

/* boot.rst, "32-bit BOOT PROTOCOL" and "64-bit BOOT PROTOCOL". */
static void set_entry(const struct plan *p, struct boot_entry *entry)
{
	entry->protocol = p->entry64 ? "bzImage, 64-bit entry" : "bzImage, 32-bit entry";
	entry->mode = p->entry64 ? BOOT_LONG64 : BOOT_PROT32;
	entry->rip = p->entry64 ? p->load + ENTRY64_OFFSET : p->load;
	entry->rsi = LAYOUT_BOOT_PARAMS;
	entry->rsp = LAYOUT_STACK_TOP;
}

int bzimage_load(struct boot_job *job, struct err *err)
{
	struct plan p = { 0 };
	struct initrd initrd;
	uint64_t initrd_end;
	int rc = check_header(job, &p, err);

	if (rc == 0)
		rc = loader_cmdline(job, "", le32_load(job->head + HDR_CMDLINE_SIZE), err);
	if (rc == 0)
		rc = loader_read(job, p.file_offset, p.load, p.len, err);
	if (rc < 0)
		return rc;
	loader_region(job->out, p.run, p.end - p.run, "kernel");
	initrd_end = (uint64_t)le32_load(job->head + HDR_INITRD_ADDR_MAX) + 1;
	rc = initrd_load(job, p.end, initrd_end, INITRD_ALIGN_LINUX, &initrd, err);
	if (rc == 0)
		rc = write_params(job, &p, &initrd, err);
	if (rc == 0)
		set_entry(&p, &job->out->entry);
	return rc;
}
