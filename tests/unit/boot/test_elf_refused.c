#include "unit/boot/elf_fixture.h"

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
		LOAD_TEST(pvh_entry_outside_the_kernel_is_refused),
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
		LOAD_TEST(failing_read_of_a_segment_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
