#include "unit/boot/load_fixture.h"

#include <elf.h>

#define HEADER_AT   0x100u /* in the file */
#define CODE_AT	    UINT32_C(0x400000)
#define CODE_OFFSET 0x200u
#define CODE_BYTES  0x1000u
#define INFO	    LAYOUT_BOOT_PARAMS

static void put_header(struct fixture *f, uint32_t at, uint32_t flags)
{
	le32_store(f->image + at, 0x1badb002);
	le32_store(f->image + at + 4, flags);
	le32_store(f->image + at + 8, 0u - 0x1badb002u - flags);
}

static void put_addresses(struct fixture *f, uint32_t header, uint32_t load, uint32_t load_end,
			  uint32_t bss_end, uint32_t entry)
{
	uint8_t *h = f->image + HEADER_AT;

	put_header(f, HEADER_AT, 0x10003);
	le32_store(h + 12, header);
	le32_store(h + 16, load);
	le32_store(h + 20, load_end);
	le32_store(h + 24, bss_end);
	le32_store(h + 28, entry);
}

/* A raw image whose code lies behind the header, with 64 KiB of bss. */
static void make_raw(struct fixture *f)
{
	for (uint32_t i = 0; i < CODE_BYTES; i++)
		f->image[CODE_OFFSET + i] = (uint8_t)(i * 3 + (i >> 8));
	/* loaded from the header on: 0x100 bytes of header, then the code */
	put_addresses(f, CODE_AT, CODE_AT, CODE_AT + 0x100 + CODE_BYTES, CODE_AT + 0x20000,
		      CODE_AT + 0x100);
	set_kernel_size(f, CODE_OFFSET + CODE_BYTES);
}

/* A 32-bit ELF file with a multiboot header, as of kvm-unit-tests. */
static void make_elf(struct fixture *f)
{
	uint8_t *h = f->image, *p = f->image + 52;

	memcpy(h, ELFMAG, SELFMAG);
	h[EI_CLASS] = ELFCLASS32;
	h[EI_DATA] = ELFDATA2LSB;
	le16_store(h + offsetof(Elf32_Ehdr, e_type), ET_EXEC);
	le16_store(h + offsetof(Elf32_Ehdr, e_machine), EM_386);
	le32_store(h + offsetof(Elf32_Ehdr, e_entry), CODE_AT + 0x20);
	le32_store(h + offsetof(Elf32_Ehdr, e_phoff), 52);
	le16_store(h + offsetof(Elf32_Ehdr, e_phentsize), 32);
	le16_store(h + offsetof(Elf32_Ehdr, e_phnum), 1);
	le32_store(p + offsetof(Elf32_Phdr, p_type), PT_LOAD);
	le32_store(p + offsetof(Elf32_Phdr, p_offset), CODE_OFFSET);
	le32_store(p + offsetof(Elf32_Phdr, p_vaddr), CODE_AT);
	le32_store(p + offsetof(Elf32_Phdr, p_paddr), CODE_AT);
	le32_store(p + offsetof(Elf32_Phdr, p_filesz), CODE_BYTES);
	le32_store(p + offsetof(Elf32_Phdr, p_memsz), 2 * CODE_BYTES);
	memset(h + CODE_OFFSET, 0x5a, CODE_BYTES);
	put_header(f, HEADER_AT, 0);
	set_kernel_size(f, CODE_OFFSET + CODE_BYTES);
}

static void raw_image_goes_where_its_header_says(void **state)
{
	struct fixture *f = *state;

	make_raw(f);
	assert_loaded(f);
	assert_string_equal(f->out.entry.protocol, "multiboot");
	assert_int_equal(f->out.entry.mode, BOOT_PROT32);
	assert_int_equal(f->out.entry.rip, CODE_AT + 0x100);
	assert_int_equal(f->out.entry.rax, 0x2badb002);
	assert_int_equal(f->out.entry.rbx, INFO);
	assert_memory_equal(f->ram + CODE_AT + 0x100, f->image + CODE_OFFSET, CODE_BYTES);
	assert_int_equal(region(f, "kernel").len, 0x20000);
}

static void raw_image_without_load_end_is_loaded_to_the_file_end(void **state)
{
	struct fixture *f = *state;

	make_raw(f);
	put_addresses(f, CODE_AT, CODE_AT, 0, 0, CODE_AT);
	assert_loaded(f);
	assert_int_equal(region(f, "kernel").len, 0x100 + CODE_BYTES);
	assert_memory_equal(f->ram + CODE_AT + 0x100, f->image + CODE_OFFSET, CODE_BYTES);
}

static void elf_image_is_loaded_by_its_program_headers(void **state)
{
	struct fixture *f = *state;

	make_elf(f);
	assert_loaded(f);
	assert_int_equal(f->out.entry.rip, CODE_AT + 0x20);
	assert_int_equal(f->out.entry.rax, 0x2badb002);
	assert_memory_equal(f->ram + CODE_AT, f->image + CODE_OFFSET, CODE_BYTES);
	assert_int_equal(region(f, "kernel").len, 2 * CODE_BYTES);
}

static void command_line_begins_with_a_name(void **state)
{
	struct fixture *f = *state;

	make_elf(f);
	assert_loaded(f);
	assert_true(le32_load(f->ram + INFO) & 0x4);
	assert_string_equal((const char *)f->ram + le32_load(f->ram + INFO + 16),
			    "kernel console=ttyS0");
}

static void information_tells_the_memory(void **state)
{
	struct fixture *f = *state;
	const uint8_t *info = f->ram + INFO, *entry;
	struct e820_map map;

	make_elf(f);
	assert_loaded(f);
	assert_true((le32_load(info) & 0x41) == 0x41);
	assert_int_equal(le32_load(info + 4), 639);
	assert_int_equal(le32_load(info + 8), 63 * 1024);
	e820_build(&f->mem, &map);
	assert_int_equal(le32_load(info + 44), map.count * 24);
	entry = f->ram + le32_load(info + 48);
	for (unsigned i = 0; i < map.count; i++) {
		assert_int_equal(le32_load(entry), 20);
		assert_int_equal(le64_load(entry + 4), map.entries[i].gpa);
		assert_int_equal(le64_load(entry + 12), map.entries[i].len);
		assert_int_equal(le32_load(entry + 20), map.entries[i].type);
		entry += 4 + le32_load(entry);
	}
}

static void each_initrd_is_a_module_on_a_page(void **state)
{
	struct fixture *f = *state;
	const uint8_t *info = f->ram + INFO, *module;

	make_elf(f);
	add_initrd(f, "FIRST=1", 7);
	add_initrd(f, "SECOND=2", 8);
	assert_loaded(f);
	assert_true(le32_load(info) & 0x8);
	assert_int_equal(le32_load(info + 20), 2);
	module = f->ram + le32_load(info + 24);
	assert_int_equal(le32_load(module), GUEST_BYTES - 8192);
	assert_int_equal(le32_load(module + 4), GUEST_BYTES - 8192 + 7);
	assert_memory_equal(f->ram + le32_load(module), "FIRST=1", 7);
	assert_string_equal((const char *)f->ram + le32_load(module + 8), "");
	assert_int_equal(le32_load(module + 16), GUEST_BYTES - 4096);
	assert_int_equal(le32_load(module + 20), GUEST_BYTES - 4096 + 8);
	assert_memory_equal(f->ram + le32_load(module + 16), "SECOND=2", 8);
}

static void all_modules_and_the_memory_map_have_their_own_place(void **state)
{
	struct fixture *f = *state;
	const uint8_t *info = f->ram + INFO;

	make_elf(f);
	for (unsigned i = 0; i < BOOT_INITRDS_MAX; i++)
		add_initrd(f, "x", 1);
	assert_loaded(f);
	assert_int_equal(le32_load(info + 20), BOOT_INITRDS_MAX);
	assert_true(le32_load(info + 24) + 16 * BOOT_INITRDS_MAX <= le32_load(info + 48));
	assert_true(le32_load(info + 48) + le32_load(info + 44) <= LAYOUT_PAGE_TABLES);
	assert_int_equal(le32_load(f->ram + le32_load(info + 48)), 20);
	assert_string_equal((const char *)f->ram + le32_load(info + 64), "Bantam");
}

static void header_that_ends_at_8192_is_found_and_one_behind_is_not(void **state)
{
	struct fixture *f = *state;

	make_elf(f);
	memset(f->image + HEADER_AT, 0, 12);
	set_kernel_size(f, KIB(16));
	put_header(f, 8192 - 12, 0);
	assert_loaded(f);
	memset(f->image + 8192 - 12, 0, 12);
	put_header(f, 8192 - 8, 0);
	assert_refused(f, -ENOEXEC, "without a PVH note or multiboot header");
}

static void header_with_wrong_checksum_or_place_is_none(void **state)
{
	struct fixture *f = *state;

	make_elf(f);
	f->image[HEADER_AT + 8]++;
	assert_refused(f, -ENOEXEC, "without a PVH note or multiboot header");
	memset(f->image + HEADER_AT, 0, 12);
	put_header(f, HEADER_AT + 2, 0);
	assert_refused(f, -ENOEXEC, "without a PVH note or multiboot header");
}

static void unknown_demand_is_refused_and_a_video_wish_is_not(void **state)
{
	struct fixture *f = *state;

	make_elf(f);
	put_header(f, HEADER_AT, 0x8);
	assert_refused(f, -EINVAL, "demands features 0x8");
	put_header(f, HEADER_AT, 0x00020007);
	assert_loaded(f);
}

static void header_without_addresses_needs_an_elf_file(void **state)
{
	struct fixture *f = *state;

	make_raw(f);
	put_header(f, HEADER_AT, 3);
	assert_refused(f, -EINVAL,
		       "a multiboot header without addresses in a file that is not ELF");
}

static void addresses_cut_by_the_file_end_are_refused(void **state)
{
	struct fixture *f = *state;

	make_raw(f);
	set_kernel_size(f, HEADER_AT + 31);
	assert_refused(f, -EINVAL, "truncated: the multiboot header needs 32 bytes at 256");
}

static void load_address_must_fit_the_headers_place(void **state)
{
	struct fixture *f = *state;

	make_raw(f);
	put_addresses(f, CODE_AT - 1, CODE_AT, 0, 0, CODE_AT);
	assert_refused(f, -EINVAL, "broken: multiboot load_addr 0x400000 does not fit");
	put_addresses(f, CODE_AT + HEADER_AT + 1, CODE_AT, 0, 0, CODE_AT);
	assert_refused(f, -EINVAL, "broken: multiboot load_addr 0x400000 does not fit");
	put_addresses(f, CODE_AT + HEADER_AT, CODE_AT, 0, 0, CODE_AT);
	assert_loaded(f);
}

static void addresses_out_of_order_are_refused(void **state)
{
	struct fixture *f = *state;

	make_raw(f);
	put_addresses(f, CODE_AT, CODE_AT, CODE_AT - 1, 0, CODE_AT);
	assert_refused(f, -EINVAL, "out of order");
	put_addresses(f, CODE_AT, CODE_AT, CODE_AT + 16, CODE_AT + 15, CODE_AT);
	assert_refused(f, -EINVAL, "out of order");
	put_addresses(f, CODE_AT, CODE_AT, CODE_AT + 16, CODE_AT + 32, CODE_AT + 32);
	assert_refused(f, -EINVAL, "out of order");
	put_addresses(f, CODE_AT, CODE_AT, CODE_AT + 16, CODE_AT + 32, CODE_AT - 1);
	assert_refused(f, -EINVAL, "out of order");
}

static void raw_image_cut_by_the_file_end_is_refused(void **state)
{
	struct fixture *f = *state;

	make_raw(f);
	set_kernel_size(f, CODE_OFFSET + CODE_BYTES - 1);
	assert_refused(f, -EINVAL, "truncated: the header promises 4608 bytes, the file has 4607");
}

static void raw_image_outside_ram_is_refused(void **state)
{
	struct fixture *f = *state;

	make_raw(f);
	put_addresses(f, CODE_AT, CODE_AT, 0, (uint32_t)MIB(64) + 1, CODE_AT);
	assert_refused(f, -ENOMEM, "give at least -m 66M");
	put_addresses(f, 0x8000, 0x8000, 0, 0, 0x8000);
	assert_refused(f, -EINVAL, "wants to be loaded at 0x8000");
	put_addresses(f, 0xfffffff0, 0xfffffff0, 0, 0, 0xfffffff0);
	assert_refused(f, -ENOMEM, "goes no higher than 3 GiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOAD_TEST(raw_image_goes_where_its_header_says),
		LOAD_TEST(raw_image_without_load_end_is_loaded_to_the_file_end),
		LOAD_TEST(elf_image_is_loaded_by_its_program_headers),
		LOAD_TEST(command_line_begins_with_a_name),
		LOAD_TEST(information_tells_the_memory),
		LOAD_TEST(each_initrd_is_a_module_on_a_page),
		LOAD_TEST(all_modules_and_the_memory_map_have_their_own_place),
		LOAD_TEST(header_that_ends_at_8192_is_found_and_one_behind_is_not),
		LOAD_TEST(header_with_wrong_checksum_or_place_is_none),
		LOAD_TEST(unknown_demand_is_refused_and_a_video_wish_is_not),
		LOAD_TEST(header_without_addresses_needs_an_elf_file),
		LOAD_TEST(addresses_cut_by_the_file_end_are_refused),
		LOAD_TEST(load_address_must_fit_the_headers_place),
		LOAD_TEST(addresses_out_of_order_are_refused),
		LOAD_TEST(raw_image_cut_by_the_file_end_is_refused),
		LOAD_TEST(raw_image_outside_ram_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
