/* boot/flat.h: a raw 16-bit image, loaded and entered as a BIOS does with a boot
 * sector, but of any size up to the EBDA. */
#ifndef BANTAM_BOOT_FLAT_H
#define BANTAM_BOOT_FLAT_H

#include "boot/loader.h"

/* Read the whole file to LAYOUT_FLAT, entry 0:0x7c00.  A command line has no
 * place there and is ignored.
 * 0; -EINVAL if the file is empty or initrds were given; -E2BIG, -ENOMEM, or what
 * read() says. */
int flat_load(struct boot_job *job, struct err *err);

#endif
