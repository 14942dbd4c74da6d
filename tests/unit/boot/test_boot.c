#include "unit/boot/load_fixture.h"

#include <elf.h>

#include "boot/zeropage.h"

#define CODE_AT	   MIB(2)
#define CODE_BYTES 0x4000u

/* The smallest vmlinux: one segment at 2 MiB, its file offset behind 4 KiB. */
static void make_elf(struct fixture *f)
{
	uint8_t *h = f->image, *p = f->image + 64;

	memcpy(h, ELFMAG, SELFMAG);
	h[EI_CLASS] = ELFCLASS64;
	h[EI_DATA] = ELFDATA2LSB;
	le16_store(h + offsetof(Elf64_Ehdr, e_type), ET_EXEC);
	le16_store(h + offsetof(Elf64_Ehdr, e_machine), EM_X86_64);
	le64_store(h + offsetof(Elf64_Ehdr, e_entry), CODE_AT);
	le64_store(h + offsetof(Elf64_Ehdr, e_phoff), 64);
	le16_store(h + offsetof(Elf64_Ehdr, e_phentsize), 56);
	le16_store(h + offsetof(Elf64_Ehdr, e_phnum), 1);
	le32_store(p + offsetof(Elf64_Phdr, p_type), PT_LOAD);
	le64_store(p + offsetof(Elf64_Phdr, p_offset), 4096);
	le64_store(p + offsetof(Elf64_Phdr, p_vaddr), CODE_AT);
	le64_store(p + offsetof(Elf64_Phdr, p_paddr), CODE_AT);
	le64_store(p + offsetof(Elf64_Phdr, p_filesz), CODE_BYTES);
	le64_store(p + offsetof(Elf64_Phdr, p_memsz), CODE_BYTES);
	set_kernel_size(f, 4096 + CODE_BYTES);
}

static void make_bzimage(struct fixture *f)
{
	uint8_t *h = f->image;

	h[HDR_SETUP_SECTS] = 1;
	le32_store(h + HDR_SYSSIZE, CODE_BYTES / 16);
	le16_store(h + HDR_BOOT_FLAG, 0xaa55);
	memcpy(h + HDR_MAGIC, "HdrS", 4);
	le16_store(h + HDR_VERSION, 0x0206);
	h[HDR_LOADFLAGS] = 1;
	le32_store(h + HDR_CMDLINE_SIZE, 2047);
	set_kernel_size(f, 1024 + CODE_BYTES);
}

static void put_multiboot(struct fixture *f, uint32_t at)
{
	le32_store(f->image + at, 0x1badb002);
	le32_store(f->image + at + 4, 0);
	le32_store(f->image + at + 8, 0u - 0x1badb002u);
}

static void multiboot_goes_before_elf(void **state)
{
	struct fixture *f = *state;

	make_elf(f);
	put_multiboot(f, 0x800);
	assert_loaded(f);
	assert_string_equal(f->out.entry.protocol, "multiboot");
}

static void bzimage_goes_before_elf(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	memcpy(f->image, ELFMAG, SELFMAG);
	assert_loaded(f);
	assert_string_equal(f->out.entry.protocol, "bzImage, 32-bit entry");
}

static void bzimage_magic_needs_the_boot_flag(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	f->image[HDR_BOOT_FLAG] = 0;
	assert_refused(f, -ENOEXEC, "not a kernel");
}

static void anything_else_is_not_a_kernel(void **state)
{
	struct fixture *f = *state;

	memcpy(f->image, "#!/bin/sh\n", 10);
	set_kernel_size(f, 10);
	assert_refused(f, -ENOEXEC, "kernel: not a kernel: no bzImage, ELF or multiboot magic");
	set_kernel_size(f, 1);
	assert_refused(f, -ENOEXEC, "not a kernel");
}

static void empty_kernel_is_refused(void **state)
{
	struct fixture *f = *state;

	set_kernel_size(f, 0);
	assert_refused(f, -EINVAL, "kernel: is empty");
}

static void compressed_kernel_is_to_be_unpacked_first(void **state)
{
	static const struct {
		uint8_t magic[6];
		const char *text;
	} packed[] = {
		{ { 0x1f, 0x8b, 8 }, "kernel: is compressed with gzip: unpack it first" },
		{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, "is compressed with xz" },
		{ { 0x28, 0xb5, 0x2f, 0xfd }, "is compressed with zstd" },
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_LEN(packed); i++) {
		memcpy(f->image, packed[i].magic, sizeof(packed[i].magic));
		assert_refused(f, -ENOEXEC, packed[i].text);
	}
}

static void unreadable_kernel_is_reported(void **state)
{
	struct fixture *f = *state;

	make_elf(f);
	f->kernel_file.fail_at = 1;
	assert_refused(f, -EIO, "kernel: cannot read its first 8192 bytes: Input/output error");
}

static void regions_ascend_lie_in_ram_and_do_not_overlap(void **state)
{
	struct fixture *f = *state;
	const struct boot_region *r = f->out.regions;

	make_elf(f);
	add_initrd(f, "x", 1);
	assert_loaded(f);
	assert_int_equal(f->out.region_count, 9);
	for (unsigned i = 0; i < f->out.region_count; i++) {
		assert_true(r[i].len > 0);
		assert_true(r[i].gpa + r[i].len <= GUEST_BYTES);
		if (i > 0)
			assert_true(r[i - 1].gpa + r[i - 1].len <= r[i].gpa);
	}
	assert_int_equal(region(f, "GDT").gpa, LAYOUT_GDT);
	assert_int_equal(region(f, "page tables").gpa, LAYOUT_PAGE_TABLES);
	assert_int_equal(region(f, "command line").len, strlen("console=ttyS0") + 1);
}

static void firmware_tables_are_in_memory(void **state)
{
	struct fixture *f = *state;
	const uint8_t *page = f->ram + LAYOUT_BOOT_PARAMS;

	make_elf(f);
	assert_loaded(f);
	assert_memory_equal(f->ram + le64_load(page + ZP_ACPI_RSDP_ADDR), "RSD PTR ", 8);
	assert_non_null(memmem(f->ram + LAYOUT_SMBIOS, LAYOUT_SMBIOS_BYTES, "_SM3_", 5));
	assert_non_null(memmem(f->ram + LAYOUT_EBDA, LAYOUT_EBDA_BYTES, "_MP_", 4));
}

/* The PCI window above 4 GiB in the DSDT: a QWord memory descriptor (ACPI 6.4,
 * 6.4.3.5.1).  False if there is none. */
static bool high_pci_window(struct fixture *f, gpa_t *first, gpa_t *last)
{
	static const uint8_t head[] = { 0x8a, 0x2b, 0x00, 0x00, 0x0c, 0x01 };
	const uint8_t *at;

	make_elf(f);
	assert_loaded(f);
	at = memmem(f->ram + LAYOUT_ACPI, LAYOUT_ACPI_BYTES, head, sizeof(head));
	if (!at)
		return false;
	*first = le64_load(at + 14);
	*last = le64_load(at + 22);
	return true;
}

static void pci_has_what_lies_between_ram_and_the_end_of_addresses(void **state)
{
	struct fixture *f = *state;
	gpa_t first, last;

	f->req.phys_bits = 40;
	assert_true(high_pci_window(f, &first, &last));
	assert_int_equal(first, GIB(4));
	assert_int_equal(last, GIB(1024) - 1);
	f->req.phys_bits = 52; /* more than four levels of page tables map */
	assert_true(high_pci_window(f, &first, &last));
	assert_int_equal(last, (UINT64_C(1) << 48) - 1);
	/* RAM above 4 GiB pushes it up, to a whole GiB. */
	assert_int_equal(mem_add(&f->mem, GIB(4), MIB(512), f->ram), 0);
	assert_true(high_pci_window(f, &first, &last));
	assert_int_equal(first, GIB(5));
}

static void without_room_or_knowledge_there_is_no_pci_window_above_4_gib(void **state)
{
	static const unsigned bits[] = { 0, 31, 32 };
	struct fixture *f = *state;
	gpa_t first, last;

	for (unsigned i = 0; i < ARRAY_LEN(bits); i++) {
		f->req.phys_bits = bits[i];
		assert_false(high_pci_window(f, &first, &last));
	}
	f->req.phys_bits = 33;
	assert_true(high_pci_window(f, &first, &last));
	assert_int_equal(mem_add(&f->mem, GIB(4), GIB(4), f->ram), 0);
	assert_false(high_pci_window(f, &first, &last));
}

static void missing_command_line_is_an_empty_one(void **state)
{
	struct fixture *f = *state;

	make_elf(f);
	f->req.cmdline = NULL;
	assert_loaded(f);
	assert_int_equal(region(f, "command line").len, 1);
}

/* Place an initrd in a guest of low_bytes from 0 on and 1 GiB from 4 GiB on. */
static gpa_t initrd_place(struct fixture *f, uint64_t low_bytes)
{
	struct mem mem = { 0 };
	uint8_t *ram = mmap(NULL, GIB(5), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(ram != MAP_FAILED);
	assert_int_equal(mem_add(&mem, 0, low_bytes, ram), 0);
	assert_int_equal(mem_add(&mem, GIB(4), GIB(1), ram + GIB(4)), 0);
	make_bzimage(f);
	le32_store(f->image + HDR_INITRD_ADDR_MAX, UINT32_MAX);
	add_initrd(f, "x", 1);
	f->req.mem = &mem;
	assert_loaded(f);
	munmap(ram, GIB(5));
	return region(f, "initrd").gpa;
}

static void big_guest_keeps_its_initrd_below_3_gib(void **state)
{
	assert_int_equal(initrd_place(*state, GIB(3)), GIB(3) - 4096);
}

static void ram_under_the_pci_windows_is_not_used(void **state)
{
	assert_int_equal(initrd_place(*state, GIB(4)), GIB(3) - 4096);
}

static void ram_that_does_not_begin_at_0_is_refused(void **state)
{
	struct fixture *f = *state;
	struct mem mem = { 0 };

	assert_int_equal(mem_add(&mem, MIB(1), MIB(32), f->ram), 0);
	make_elf(f);
	f->req.mem = &mem;
	assert_true(load(f) < 0);
	assert_true(strncmp(f->err.text, "kernel: ", 8) == 0);
}

static void any_small_ram_is_refused_and_not_overrun(void **state)
{
	struct fixture *f = *state;

	make_elf(f);
	for (uint64_t bytes = 4096; bytes < CODE_AT + CODE_BYTES; bytes += 4096) {
		guest_ram(f, bytes);
		f->err.text[0] = '\0';
		assert_true(load(f) < 0);
		assert_true(strncmp(f->err.text, "kernel: ", 8) == 0);
	}
	guest_ram(f, CODE_AT + CODE_BYTES);
	assert_loaded(f);
}

static void error_text_is_optional(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(boot_load(&f->req, &f->out, NULL), -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOAD_TEST(multiboot_goes_before_elf),
		LOAD_TEST(bzimage_goes_before_elf),
		LOAD_TEST(bzimage_magic_needs_the_boot_flag),
		LOAD_TEST(anything_else_is_not_a_kernel),
		LOAD_TEST(empty_kernel_is_refused),
		LOAD_TEST(compressed_kernel_is_to_be_unpacked_first),
		LOAD_TEST(unreadable_kernel_is_reported),
		LOAD_TEST(regions_ascend_lie_in_ram_and_do_not_overlap),
		LOAD_TEST(firmware_tables_are_in_memory),
		LOAD_TEST(pci_has_what_lies_between_ram_and_the_end_of_addresses),
		LOAD_TEST(without_room_or_knowledge_there_is_no_pci_window_above_4_gib),
		LOAD_TEST(missing_command_line_is_an_empty_one),
		LOAD_TEST(big_guest_keeps_its_initrd_below_3_gib),
		LOAD_TEST(ram_under_the_pci_windows_is_not_used),
		LOAD_TEST(ram_that_does_not_begin_at_0_is_refused),
		LOAD_TEST(any_small_ram_is_refused_and_not_overrun),
		LOAD_TEST(error_text_is_optional),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
