/* boot/bzimage.h: Linux/x86 bzImage (Documentation/arch/x86/boot.rst). */
#ifndef BANTAM_BOOT_BZIMAGE_H
#define BANTAM_BOOT_BZIMAGE_H

#include "boot/loader.h"

/* Whether the file's first bytes are a Linux kernel with a setup header. */
bool bzimage_match(const uint8_t *head, uint32_t head_len);

/* Load a bzImage of protocol 2.06 or later: 64-bit entry where it has one
 * (2.12, XLF_KERNEL_64), 32-bit entry otherwise.
 * 0; -EINVAL for a broken file, -ENOEXEC for one too old, -ENOMEM, -E2BIG or what
 * read() says. */
int bzimage_load(struct boot_job *job, struct err *err);

#endif
