/* boot/elf.h: ELF images: Linux's vmlinux, PVH kernels, and the body of most
 * multiboot kernels.  System V ABI, chapters 4 and 5 (ELF header, program
 * headers, notes). */
#ifndef BANTAM_BOOT_ELF_H
#define BANTAM_BOOT_ELF_H

#include "boot/loader.h"

/* What was loaded: checked numbers. */
struct elf_image {
	bool is_64;
	gpa_t entry;     /* physical */
	gpa_t start;     /* lowest byte of all segments */
	gpa_t end;       /* behind the highest, bss included */
	bool has_pvh;
	gpa_t pvh_entry; /* physical, 32-bit protected mode */
};

/* Whether the file begins with the ELF magic. */
bool elf_match(const uint8_t *head, uint32_t head_len);

/* Check the headers of an x86 executable and read its segments into RAM at their
 * physical addresses; find the PVH note.
 * 0; -ENOEXEC for another machine's or kind of file; -EINVAL for a broken one,
 * -ENOMEM or what read() says. */
int elf_load_image(const struct boot_job *job, struct elf_image *out, struct err *err);

/* Load an ELF kernel and its parameters: by PVH when it has that note, else as
 * Linux's vmlinux by the 64-bit entry.  Errors as elf_load_image(), -E2BIG. */
int elf_load(struct boot_job *job, struct err *err);

#endif
