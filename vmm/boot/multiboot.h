/* boot/multiboot.h: Multiboot Specification 0.6.96 ("multiboot 1"). */
#ifndef BANTAM_BOOT_MULTIBOOT_H
#define BANTAM_BOOT_MULTIBOOT_H

#include "boot/loader.h"

/* Whether the head holds a multiboot header with a right checksum, on 4 bytes. */
bool multiboot_match(const uint8_t *head, uint32_t head_len);

/* Load by the header's addresses (flag 16) or as ELF; each initrd is a module.
 * The command line begins with the word "kernel", because multiboot kernels take
 * the first word for their own name.
 * 0; -EINVAL for a broken header, or the errors of boot/elf.h. */
int multiboot_load(struct boot_job *job, struct err *err);

#endif
