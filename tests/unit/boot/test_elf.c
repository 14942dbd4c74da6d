#include "unit/boot/elf_fixture.h"

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

static void segments_are_read_once_straight_into_ram(void **state)
{
	struct fixture *f = *state;

	make_vmlinux(f);
	assert_loaded(f);
	assert_int_equal(f->kernel_file.reads, 2); /* the head, the segment */
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
		LOAD_TEST(broken_notes_only_cost_the_pvh_entry),
		LOAD_TEST(endless_notes_end_the_search),
		LOAD_TEST(elf32_with_pvh_note_is_taken),
		LOAD_TEST(segments_are_read_once_straight_into_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
