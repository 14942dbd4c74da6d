/* Small ELF kernels made in memory. */
#ifndef BANTAM_TEST_ELF_FIXTURE_H
#define BANTAM_TEST_ELF_FIXTURE_H

#include "unit/boot/load_fixture.h"

#include <elf.h>

#include "boot/zeropage.h"

#define CODE_AT	    UINT64_C(0x200000)
#define CODE_OFFSET 0x1000u
#define CODE_BYTES  0x2000u
#define BSS_BYTES   0x3000u
#define VIRTUAL	    UINT64_C(0xffffffff80000000)
#define NOTES	    0x400u /* in the file */
#define START_INFO  LAYOUT_BOOT_PARAMS

static inline uint8_t *phdr(struct fixture *f, unsigned i)
{
	return f->image + 64 + i * 56;
}

static inline void make_phdr64(struct fixture *f, unsigned i, uint32_t type, uint64_t offset,
			       uint64_t paddr, uint64_t filesz, uint64_t memsz)
{
	uint8_t *p = phdr(f, i);

	le32_store(p + offsetof(Elf64_Phdr, p_type), type);
	le64_store(p + offsetof(Elf64_Phdr, p_offset), offset);
	le64_store(p + offsetof(Elf64_Phdr, p_vaddr), VIRTUAL + paddr);
	le64_store(p + offsetof(Elf64_Phdr, p_paddr), paddr);
	le64_store(p + offsetof(Elf64_Phdr, p_filesz), filesz);
	le64_store(p + offsetof(Elf64_Phdr, p_memsz), memsz);
	le64_store(p + offsetof(Elf64_Phdr, p_align), 4);
}

/* A vmlinux of one segment at 2 MiB with bss, entry 0x10 into it. */
static inline void make_vmlinux(struct fixture *f)
{
	uint8_t *h = f->image;

	memcpy(h, ELFMAG, SELFMAG);
	h[EI_CLASS] = ELFCLASS64;
	h[EI_DATA] = ELFDATA2LSB;
	le16_store(h + offsetof(Elf64_Ehdr, e_type), ET_EXEC);
	le16_store(h + offsetof(Elf64_Ehdr, e_machine), EM_X86_64);
	le64_store(h + offsetof(Elf64_Ehdr, e_entry), CODE_AT + 0x10);
	le64_store(h + offsetof(Elf64_Ehdr, e_phoff), 64);
	le16_store(h + offsetof(Elf64_Ehdr, e_phentsize), 56);
	le16_store(h + offsetof(Elf64_Ehdr, e_phnum), 1);
	make_phdr64(f, 0, PT_LOAD, CODE_OFFSET, CODE_AT, CODE_BYTES, CODE_BYTES + BSS_BYTES);
	for (uint32_t i = 0; i < CODE_BYTES; i++)
		h[CODE_OFFSET + i] = (uint8_t)(i * 5 + (i >> 8));
	set_kernel_size(f, CODE_OFFSET + CODE_BYTES);
}

/* Append a note at *at of the file. */
static inline void put_note(struct fixture *f, uint32_t *at, const char *name, uint32_t type,
			    uint64_t desc, uint32_t desc_bytes)
{
	uint8_t *n = f->image + *at;
	const uint32_t name_bytes = (uint32_t)strlen(name) + 1;
	const uint32_t desc_at = 12 + (name_bytes + 3) / 4 * 4;

	le32_store(n, name_bytes);
	le32_store(n + 4, desc_bytes);
	le32_store(n + 8, type);
	memcpy(n + 12, name, name_bytes);
	le64_store(n + desc_at, desc);
	*at += desc_at + (desc_bytes + 3) / 4 * 4;
}

/* A vmlinux whose notes say PVH entry `entry`, among other notes. */
static inline void make_pvh(struct fixture *f, uint64_t entry, uint32_t desc_bytes)
{
	uint32_t at = NOTES;

	make_vmlinux(f);
	put_note(f, &at, "Linux", 0x101, 0, 3);
	put_note(f, &at, "Xen", 6, 0x1122334455667788, 8);
	put_note(f, &at, "Xen", 18, entry, desc_bytes);
	put_note(f, &at, "GNU", 3, 0, 8);
	le16_store(f->image + offsetof(Elf64_Ehdr, e_phnum), 2);
	make_phdr64(f, 1, PT_NOTE, NOTES, 0, at - NOTES, at - NOTES);
}

/* A 32-bit kernel at CODE_AT, no notes. */
static inline void make_elf32(struct fixture *f)
{
	uint8_t *h = f->image, *p = f->image + 52;

	memcpy(h, ELFMAG, SELFMAG);
	h[EI_CLASS] = ELFCLASS32;
	h[EI_DATA] = ELFDATA2LSB;
	le16_store(h + offsetof(Elf32_Ehdr, e_type), ET_EXEC);
	le16_store(h + offsetof(Elf32_Ehdr, e_machine), EM_386);
	le32_store(h + offsetof(Elf32_Ehdr, e_entry), (uint32_t)CODE_AT);
	le32_store(h + offsetof(Elf32_Ehdr, e_phoff), 52);
	le16_store(h + offsetof(Elf32_Ehdr, e_phentsize), 32);
	le16_store(h + offsetof(Elf32_Ehdr, e_phnum), 1);
	le32_store(p + offsetof(Elf32_Phdr, p_type), PT_LOAD);
	le32_store(p + offsetof(Elf32_Phdr, p_offset), CODE_OFFSET);
	le32_store(p + offsetof(Elf32_Phdr, p_vaddr), (uint32_t)CODE_AT);
	le32_store(p + offsetof(Elf32_Phdr, p_paddr), (uint32_t)CODE_AT);
	le32_store(p + offsetof(Elf32_Phdr, p_filesz), CODE_BYTES);
	le32_store(p + offsetof(Elf32_Phdr, p_memsz), CODE_BYTES);
	set_kernel_size(f, CODE_OFFSET + CODE_BYTES);
}

#endif
