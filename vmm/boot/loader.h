/* boot/loader.h: what boot.c hands to each kernel format, and what they share.
 *
 * A format's loader gets a job with the file's first bytes already read, checks
 * them, reads the kernel straight into guest RAM, places the initrds, writes its
 * parameters and fills job->out. */
#ifndef BANTAM_BOOT_LOADER_H
#define BANTAM_BOOT_LOADER_H

#include "boot/boot.h"
#include "boot/e820.h"

/* Multiboot 0.6.96, §3.1: the header lies within the first 8192 bytes. */
#define LOADER_HEAD_BYTES 8192u

struct boot_job {
	const struct boot_request *req;
	struct boot_result *out;
	gpa_t low_top;       /* end of the RAM that begins at 0, 3 GiB at most */
	gpa_t rsdp;          /* ACPI root pointer */
	struct e820_map map; /* RAM as the guest is told */
	uint32_t head_len;   /* bytes in head: fewer than its size in a short file */
	uint8_t head[LOADER_HEAD_BYTES]; /* hostile */
};

/* Add a line to the memory map of --dry-run, in order of address; nothing when
 * len is 0.
 * what  a string constant */
void loader_region(struct boot_result *out, gpa_t gpa, uint64_t len, const char *what);

/* Check that [start, end) is RAM between the first MiB and low_top.
 * 0; -EINVAL if it reaches into the first MiB; -ENOMEM, with err naming the
 * memory that would do. */
int loader_room(const struct boot_job *job, gpa_t start, gpa_t end, struct err *err);

/* Read len bytes at offset of the kernel file into guest RAM at gpa, both hostile.
 * 0; -EINVAL if the file is too short; -ENOMEM if it is not in RAM; what read() says. */
int loader_read(const struct boot_job *job, uint64_t offset, gpa_t gpa, uint64_t len,
		struct err *err);

/* Write prefix + the command line + NUL at LAYOUT_CMDLINE.
 * max  bytes without the NUL that the kernel takes; the layout caps it too
 * 0, or -E2BIG. */
int loader_cmdline(const struct boot_job *job, const char *prefix, uint64_t max, struct err *err);

#endif
