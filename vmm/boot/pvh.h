/* boot/pvh.h: Xen's PVH direct boot: the start_info page.
 * Xen's docs/misc/pvh.pandoc and xen/include/public/arch-x86/hvm/start_info.h. */
#ifndef BANTAM_BOOT_PVH_H
#define BANTAM_BOOT_PVH_H

#include "boot/elf.h"

/* Place initrds behind the loaded image, write command line and start_info, fill
 * the entry.  0, -E2BIG, -ENOMEM, or an initrd's error. */
int pvh_start(struct boot_job *job, const struct elf_image *image, struct err *err);

#endif
