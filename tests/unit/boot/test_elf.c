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

static uint8_t *phdr(struct fixture *f, unsigned i)
{
	return f->image + 64 + i * 56;
}

static void make_phdr64(struct fixture *f, unsigned i, uint32_t type, uint64_t offset,
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
static void make_vmlinux(struct fixture *f)
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
static void put_note(struct fixture *f, uint32_t *at, const char *name, uint32_t type,
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
static void make_pvh(struct fixture *f, uint64_t entry, uint32_t desc_bytes)
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
static void make_elf32(struct fixture *f)
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

static void vmlinux_starts_in_64_bit_mode_at_its_physical_entry(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	assert_loaded(f);
	assert_string_equal(f->out.entry.protocol, "vmlinux, 64-bit entry");
	assert_int_equal(f->out.entry.mode, BOOT_LONG64);
	assert_int_equal(f->out.entry.rip, CODE_AT + 0x10);
	assert_int_equal(f->out.entry.rsi, LAYOUT_BOOT_PARAMS);
	assert_memory_equal(f->ram + CODE_AT, f->image + CODE_OFFSET, CODE_BYTES);
	assert_int_equal(region(f, "kernel").gpa, CODE_AT);
	assert_int_equal(region(f, "kernel").len, CODE_BYTES + BSS_BYTES);
}

static void virtual_entry_is_turned_physical(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	le64_store(f->image + offsetof(Elf64_Ehdr, e_entry), VIRTUAL + CODE_AT + 0x20);
	assert_loaded(f);
	assert_int_equal(f->out.entry.rip, CODE_AT + 0x20);
}

static void vmlinux_gets_boot_params_with_initrd_and_command_line(void **state)
{
	struct fixture *f = *state;
	const uint8_t *page = f->ram + LAYOUT_BOOT_PARAMS;

	make_vmlinux(f);
	add_initrd(f, "archive", 7);
	assert_loaded(f);
	assert_memory_equal(page + HDR_MAGIC, "HdrS", 4);
	assert_int_equal(le16_load(page + HDR_BOOT_FLAG), 0xaa55);
	assert_int_equal(page[HDR_TYPE_OF_LOADER], 0xff);
	assert_int_equal(le32_load(page + HDR_RAMDISK_IMAGE), GUEST_BYTES - 4096);
	assert_int_equal(le32_load(page + HDR_RAMDISK_SIZE), 7);
	assert_string_equal((const char *)f->ram + le32_load(page + HDR_CMD_LINE_PTR),
			    "console=ttyS0");
	assert_true(page[ZP_E820_ENTRIES] > 3);
}

static void pvh_note_gives_a_32_bit_entry_with_start_info(void **state)
{
	struct fixture *f = *state;
	const uint8_t *info = f->ram + START_INFO;
	const uint8_t *module, *memmap;
	struct e820_map map;

	make_pvh(f, CODE_AT + 0x40, 8);
	add_initrd(f, "archive", 7);
	assert_loaded(f);
	assert_string_equal(f->out.entry.protocol, "ELF64, PVH entry");
	assert_int_equal(f->out.entry.mode, BOOT_PROT32);
	assert_int_equal(f->out.entry.rip, CODE_AT + 0x40);
	assert_int_equal(f->out.entry.rbx, START_INFO);
	assert_int_equal(le32_load(info), 0x336ec578);
	assert_int_equal(le32_load(info + 4), 1);
	assert_int_equal(le32_load(info + 12), 1);
	module = f->ram + le64_load(info + 16);
	assert_int_equal(le64_load(module), GUEST_BYTES - 4096);
	assert_int_equal(le64_load(module + 8), 7);
	assert_string_equal((const char *)f->ram + le64_load(info + 24), "console=ttyS0");
	assert_true(le64_load(info + 32) >= LAYOUT_ACPI);
	memmap = f->ram + le64_load(info + 40);
	e820_build(&f->mem, &map);
	assert_int_equal(le32_load(info + 48), map.count);
	for (unsigned i = 0; i < map.count; i++) {
		assert_int_equal(le64_load(memmap + 24 * i), map.entries[i].gpa);
		assert_int_equal(le64_load(memmap + 24 * i + 8), map.entries[i].len);
		assert_int_equal(le32_load(memmap + 24 * i + 16), map.entries[i].type);
	}
}

static void pvh_without_initrd_has_no_module(void **state)
{
	struct fixture *f = *state;

	make_pvh(f, CODE_AT, 4);
	assert_loaded(f);
	assert_int_equal(f->out.entry.rip, CODE_AT);
	assert_int_equal(le32_load(f->ram + START_INFO + 12), 0);
	assert_int_equal(le64_load(f->ram + START_INFO + 16), 0);
}

static void pvh_note_far_from_the_file_head_is_found(void **state)
{
	struct fixture *f = *state;
	uint32_t at = LOADER_HEAD_BYTES + 4;

	make_pvh(f, CODE_AT, 4);
	put_note(f, &at, "Xen", 18, CODE_AT + 8, 4);
	make_phdr64(f, 1, PT_NOTE, LOADER_HEAD_BYTES + 4, 0, at - LOADER_HEAD_BYTES - 4, 0);
	assert_loaded(f);
	assert_int_equal(f->out.entry.rip, CODE_AT + 8);
}

static void pvh_entry_outside_the_kernel_is_refused(void **state)
{
	static const uint64_t bad[] = { 0, CODE_AT - 1, CODE_AT + CODE_BYTES + BSS_BYTES,
					UINT64_MAX };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		make_pvh(f, bad[i], 8);
		assert_refused(f, -EINVAL, "broken: the PVH entry");
	}
}

static void broken_notes_only_cost_the_pvh_entry(void **state)
{
	struct fixture *f = *state;

	make_pvh(f, CODE_AT, 4);
	le32_store(f->image + NOTES, UINT32_MAX); /* name size */
	assert_loaded(f);
	assert_int_equal(f->out.entry.mode, BOOT_LONG64);
	make_pvh(f, CODE_AT, 4);
	le32_store(f->image + NOTES + 4, UINT32_MAX); /* description size */
	assert_loaded(f);
	assert_int_equal(f->out.entry.mode, BOOT_LONG64);
	make_pvh(f, CODE_AT, 4);
	make_phdr64(f, 1, PT_NOTE, UINT64_MAX, 0, UINT64_MAX, 0);
	assert_loaded(f);
	assert_int_equal(f->out.entry.mode, BOOT_LONG64);
	make_pvh(f, CODE_AT, 12); /* neither 4 nor 8 */
	assert_loaded(f);
	assert_int_equal(f->out.entry.mode, BOOT_LONG64);
}

static void endless_notes_end_the_search(void **state)
{
	struct fixture *f = *state;
	uint32_t at = NOTES + 12 * 1000;

	make_vmlinux(f);
	put_note(f, &at, "Xen", 18, CODE_AT, 4);
	memset(f->image + NOTES, 0, 12 * 1000); /* a thousand empty notes before it */
	le16_store(f->image + offsetof(Elf64_Ehdr, e_phnum), 2);
	make_phdr64(f, 1, PT_NOTE, NOTES, 0, at - NOTES, 0);
	set_kernel_size(f, at);
	assert_loaded(f);
	assert_int_equal(f->out.entry.mode, BOOT_LONG64);
	assert_true(f->kernel_file.reads < 300);
}

static void elf32_with_pvh_note_is_taken(void **state)
{
	struct fixture *f = *state;
	uint8_t *p = f->image + 52 + 32;
	uint32_t at = NOTES;

	make_elf32(f);
	put_note(f, &at, "Xen", 18, CODE_AT + 4, 4);
	le16_store(f->image + offsetof(Elf32_Ehdr, e_phnum), 2);
	le32_store(p + offsetof(Elf32_Phdr, p_type), PT_NOTE);
	le32_store(p + offsetof(Elf32_Phdr, p_offset), NOTES);
	le32_store(p + offsetof(Elf32_Phdr, p_filesz), at - NOTES);
	assert_loaded(f);
	assert_string_equal(f->out.entry.protocol, "ELF32, PVH entry");
	assert_int_equal(f->out.entry.rip, CODE_AT + 4);
	assert_memory_equal(f->ram + CODE_AT, f->image + CODE_OFFSET, CODE_BYTES);
}

static void elf32_without_pvh_note_is_refused(void **state)
{
	struct fixture *f = *state;

	make_elf32(f);
	assert_refused(f, -ENOEXEC, "a 32-bit ELF file without a PVH note or multiboot header");
}

static void cut_header_is_refused(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	set_kernel_size(f, 63);
	assert_refused(f, -EINVAL, "truncated: the ELF header needs 64 bytes, the file has 63");
	set_kernel_size(f, 4);
	assert_refused(f, -EINVAL, "truncated: the ELF header needs");
}

static void elf_file_of_another_machine_is_refused(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	le16_store(f->image + offsetof(Elf64_Ehdr, e_machine), EM_AARCH64);
	assert_refused(f, -ENOEXEC, "for machine 183, not for x86");
	f->image[EI_DATA] = ELFDATA2MSB;
	assert_refused(f, -ENOEXEC, "a big-endian ELF file");
}

static void elf_class_must_be_known(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	f->image[EI_CLASS] = 3;
	assert_refused(f, -EINVAL, "broken: ELF class 3");
}

static void object_file_or_program_is_not_a_kernel(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	le16_store(f->image + offsetof(Elf64_Ehdr, e_type), ET_DYN);
	assert_refused(f, -ENOEXEC, "of type 3, not a kernel");
}

static void odd_program_headers_are_refused(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	le16_store(f->image + offsetof(Elf64_Ehdr, e_phnum), 0);
	assert_refused(f, -EINVAL, "broken: 0 program headers");
	le16_store(f->image + offsetof(Elf64_Ehdr, e_phnum), 65);
	assert_refused(f, -EINVAL, "broken: 65 program headers of 56 bytes, 1 to 64 of 56");
	le16_store(f->image + offsetof(Elf64_Ehdr, e_phnum), 1);
	le16_store(f->image + offsetof(Elf64_Ehdr, e_phentsize), 32);
	assert_refused(f, -EINVAL, "broken: 1 program headers of 32 bytes");
}

static void program_headers_outside_the_file_are_refused(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	le64_store(f->image + offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 8);
	assert_refused(f, -EINVAL, "truncated: 56 bytes of ELF headers");
}

static void segment_cut_by_the_file_end_is_refused(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	set_kernel_size(f, CODE_OFFSET + CODE_BYTES - 1);
	assert_refused(f, -EINVAL,
		       "truncated: segment 0 has 8192 bytes at 4096, the file has 12287");
	make_phdr64(f, 0, PT_LOAD, UINT64_MAX, CODE_AT, 2, 2);
	assert_refused(f, -EINVAL, "truncated: segment 0");
}

static void segment_larger_in_the_file_than_in_memory_is_refused(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	make_phdr64(f, 0, PT_LOAD, CODE_OFFSET, CODE_AT, CODE_BYTES, CODE_BYTES - 1);
	assert_refused(f, -EINVAL, "broken: segment 0 has 8192 bytes in the file");
}

static void segment_outside_ram_is_refused(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	make_phdr64(f, 0, PT_LOAD, CODE_OFFSET, UINT64_MAX - 8, 1, 4096);
	assert_refused(f, -EINVAL, "wraps round the end of memory");
	make_phdr64(f, 0, PT_LOAD, CODE_OFFSET, MIB(60), 1, MIB(6));
	le64_store(f->image + offsetof(Elf64_Ehdr, e_entry), MIB(60));
	assert_refused(f, -ENOMEM,
		       "needs 6 MiB of memory from 60 MiB on, the guest has 64 MiB: "
		       "give at least -m 66M");
	make_phdr64(f, 0, PT_LOAD, CODE_OFFSET, 0x9000, 0x1000, 0x1000);
	le64_store(f->image + offsetof(Elf64_Ehdr, e_entry), 0x9000);
	assert_refused(f, -EINVAL, "wants to be loaded at 0x9000");
}

static void entry_in_no_segment_is_refused(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	le64_store(f->image + offsetof(Elf64_Ehdr, e_entry), CODE_AT - 1);
	assert_refused(f, -EINVAL, "broken: the entry 0x1fffff is in no segment");
}

static void elf_file_with_nothing_to_load_is_refused(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	make_phdr64(f, 0, PT_LOAD, CODE_OFFSET, CODE_AT, 0, 0);
	assert_refused(f, -EINVAL, "broken: an ELF file with nothing to load");
}

static void segments_are_read_once_straight_into_ram(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	assert_loaded(f);
	assert_int_equal(f->kernel_file.reads, 2); /* the head, the segment */
}

static void failing_read_of_a_segment_is_reported(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	f->kernel_file.fail_at = 2;
	assert_refused(f, -EIO, "cannot read 8192 bytes at 4096");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOAD_TEST(vmlinux_starts_in_64_bit_mode_at_its_physical_entry),
		LOAD_TEST(virtual_entry_is_turned_physical),
		LOAD_TEST(vmlinux_gets_boot_params_with_initrd_and_command_line),
		LOAD_TEST(pvh_note_gives_a_32_bit_entry_with_start_info),
		LOAD_TEST(pvh_without_initrd_has_no_module),
		LOAD_TEST(pvh_note_far_from_the_file_head_is_found),
		LOAD_TEST(pvh_entry_outside_the_kernel_is_refused),
		LOAD_TEST(broken_notes_only_cost_the_pvh_entry),
		LOAD_TEST(endless_notes_end_the_search),
		LOAD_TEST(elf32_with_pvh_note_is_taken),
		LOAD_TEST(elf32_without_pvh_note_is_refused),
		LOAD_TEST(cut_header_is_refused),
		LOAD_TEST(elf_file_of_another_machine_is_refused),
		LOAD_TEST(elf_class_must_be_known),
		LOAD_TEST(object_file_or_program_is_not_a_kernel),
		LOAD_TEST(odd_program_headers_are_refused),
		LOAD_TEST(program_headers_outside_the_file_are_refused),
		LOAD_TEST(segment_cut_by_the_file_end_is_refused),
		LOAD_TEST(segment_larger_in_the_file_than_in_memory_is_refused),
		LOAD_TEST(segment_outside_ram_is_refused),
		LOAD_TEST(entry_in_no_segment_is_refused),
		LOAD_TEST(elf_file_with_nothing_to_load_is_refused),
		LOAD_TEST(segments_are_read_once_straight_into_ram),
		LOAD_TEST(failing_read_of_a_segment_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
