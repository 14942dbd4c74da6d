/* boot/initrd.h: several initrd files in one run of guest RAM. */
#ifndef BANTAM_BOOT_INITRD_H
#define BANTAM_BOOT_INITRD_H

#include "boot/loader.h"

/* Linux (Documentation/driver-api/early-userspace/buffer-format.rst) takes cpio
 * archives one behind the other, each on 4 bytes with zeros between. */
#define INITRD_ALIGN_LINUX  4u
#define INITRD_ALIGN_MODULE 4096u /* multiboot modules */

struct initrd {
	gpa_t gpa;                          /* 0 when there are none */
	uint64_t len;                       /* bytes from the first one's start to the last one's end */
	uint64_t offsets[BOOT_INITRDS_MAX]; /* where each begins, from gpa */
};

/* Read the request's initrds into RAM in order, as high as they fit.
 * floor    first byte that may be used: the kernel's end
 * ceiling  end of what the kernel takes; low_top caps it
 * align    of each file within the run, a power of two up to a page; the run
 *          itself begins on a page
 * 0; -EINVAL, -E2BIG, -ENOMEM or what read() says, the text "initrd N: ...",
 * N from 1. */
int initrd_load(const struct boot_job *job, gpa_t floor, gpa_t ceiling, uint32_t align,
		struct initrd *out, struct err *err);

#endif
