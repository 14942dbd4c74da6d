#include "unit/boot/bzimage_fixture.h"

static void kernel_with_64_bit_entry_starts_0x200_behind_its_load_address(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	assert_loaded(f);
	assert_int_equal(f->out.entry.mode, BOOT_LONG64);
	assert_int_equal(f->out.entry.rip, CODE_AT + 0x200);
	assert_int_equal(f->out.entry.rsi, LAYOUT_BOOT_PARAMS);
	assert_int_equal(f->out.entry.rbx, 0);
	assert_int_equal(f->out.entry.cr3, LAYOUT_PAGE_TABLES);
	assert_string_equal(f->out.entry.protocol, "bzImage, 64-bit entry");
	assert_memory_equal(f->ram + CODE_AT, f->image + SETUP_BYTES, CODE_BYTES);
	assert_int_equal(f->ram[CODE_AT + CODE_BYTES], 0);
}

static void kernel_without_64_bit_flag_starts_at_its_load_address_in_32_bit_mode(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	le16_store(f->image + HDR_XLOADFLAGS, 0xfffe);
	assert_loaded(f);
	assert_int_equal(f->out.entry.mode, BOOT_PROT32);
	assert_int_equal(f->out.entry.rip, CODE_AT);
	assert_int_equal(f->out.entry.rsi, LAYOUT_BOOT_PARAMS);
	assert_int_equal(f->out.entry.rbx, 0);
	assert_int_equal(f->out.entry.cr3, 0);
}

static void protocol_2_11_has_no_64_bit_entry_whatever_its_bytes_say(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	le16_store(f->image + HDR_VERSION, 0x020b);
	assert_loaded(f);
	assert_int_equal(f->out.entry.mode, BOOT_PROT32);
}

static void protocol_2_06_is_loaded_at_1_mib_without_later_fields(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	le16_store(f->image + HDR_VERSION, 0x0206);
	memset(f->image + (HDR_CMDLINE_SIZE + 4), 0xff, HDR_END - (HDR_CMDLINE_SIZE + 4));
	f->image[HDR_RELOCATABLE_KERNEL] = 0;
	assert_loaded(f);
	assert_int_equal(f->out.entry.rip, LAYOUT_KERNEL);
	assert_int_equal(region(f, "kernel").len, CODE_BYTES);
}

static void boot_params_hold_the_header_and_what_the_loader_owes(void **state)
{
	struct fixture *f = *state;
	gpa_t rsdp;

	make_bzimage(f);
	le64_store(f->image + HDR_SETUP_DATA, 0x1234);
	assert_loaded(f);
	assert_memory_equal(page(f) + HDR_MAGIC, "HdrS", 4);
	assert_int_equal(page(f)[HDR_SETUP_SECTS], 2);
	assert_int_equal(le32_load(page(f) + HDR_INIT_SIZE), MIB(1));
	assert_int_equal(page(f)[HDR_TYPE_OF_LOADER], 0xff);
	assert_int_equal(le32_load(page(f) + HDR_CODE32_START), CODE_AT);
	assert_int_equal(le32_load(page(f) + HDR_CMD_LINE_PTR), LAYOUT_CMDLINE);
	assert_int_equal(le32_load(page(f) + HDR_RAMDISK_SIZE), 0);
	assert_int_equal(le64_load(page(f) + HDR_SETUP_DATA), 0);
	assert_string_equal((const char *)f->ram + LAYOUT_CMDLINE, "console=ttyS0");
	rsdp = le64_load(page(f) + ZP_ACPI_RSDP_ADDR);
	assert_true(rsdp >= LAYOUT_ACPI && rsdp < LAYOUT_ACPI + LAYOUT_ACPI_BYTES);
}

static void boot_params_hold_the_memory_map(void **state)
{
	struct fixture *f = *state;
	const uint8_t *table;
	struct e820_map map;

	make_bzimage(f);
	assert_loaded(f);
	e820_build(&f->mem, &map);
	assert_int_equal(page(f)[ZP_E820_ENTRIES], map.count);
	table = page(f) + ZP_E820_TABLE;
	for (unsigned i = 0; i < map.count; i++) {
		assert_int_equal(le64_load(table + 20 * i), map.entries[i].gpa);
		assert_int_equal(le64_load(table + 20 * i + 8), map.entries[i].len);
		assert_int_equal(le32_load(table + 20 * i + 16), map.entries[i].type);
	}
}

static void header_is_copied_no_further_than_its_jump_says(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	memset(f->image + 0x26c, 0xee, 0x100);
	assert_loaded(f);
	assert_int_equal(page(f)[0x26b], f->image[0x26b]);
	assert_int_equal(page(f)[0x26c], 0);
}

static void header_that_jumps_far_does_not_reach_the_next_field(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	memset(f->image + 0x26c, 0xee, 0x100);
	f->image[HDR_JUMP_OFFSET] = 0xff;
	assert_loaded(f);
	assert_int_equal(page(f)[HDR_END - 1], 0xee);
	assert_int_equal(page(f)[HDR_END], 0);
}

static void zero_setup_sects_means_four(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	f->image[HDR_SETUP_SECTS] = 0;
	memset(f->image + 5 * 512, 0x5a, CODE_BYTES);
	set_kernel_size(f, 5 * 512 + CODE_BYTES);
	assert_loaded(f);
	assert_memory_equal(f->ram + CODE_AT, f->image + 5 * 512, CODE_BYTES);
}

static void preferred_address_is_rounded_up_to_the_alignment(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	le64_store(f->image + HDR_PREF_ADDRESS, CODE_AT + 1);
	assert_loaded(f);
	assert_int_equal(f->out.entry.rip, CODE_AT + 0x200000 + 0x200);
}

static void fixed_kernel_is_loaded_at_1_mib_and_gets_room_where_it_runs(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	f->image[HDR_RELOCATABLE_KERNEL] = 0;
	assert_loaded(f);
	assert_int_equal(f->out.entry.rip, LAYOUT_KERNEL + 0x200);
	assert_memory_equal(f->ram + LAYOUT_KERNEL, f->image + SETUP_BYTES, CODE_BYTES);
	assert_int_equal(region(f, "kernel").gpa, CODE_AT);
	assert_int_equal(region(f, "kernel").len, MIB(1));
}

static void kernel_larger_than_its_init_size_gets_room_for_its_code(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	le32_store(f->image + HDR_INIT_SIZE, CODE_BYTES - 1);
	assert_loaded(f);
	assert_int_equal(region(f, "kernel").len, CODE_BYTES);
}

static void preferred_address_in_the_first_mib_becomes_1_mib(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	le64_store(f->image + HDR_PREF_ADDRESS, 0x7000);
	le32_store(f->image + HDR_KERNEL_ALIGNMENT, 0x1000);
	assert_loaded(f);
	assert_int_equal(f->out.entry.rip, LAYOUT_KERNEL + 0x200);
}

static void code_is_read_once_straight_into_ram(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	assert_loaded(f);
	assert_int_equal(f->kernel_file.reads, 2); /* the head, the code */
	assert_int_equal(f->kernel_file.bytes_read, LOADER_HEAD_BYTES + CODE_BYTES);
}

static void initrd_lies_on_a_page_at_the_top_of_ram(void **state)
{
	struct fixture *f = *state;
	const gpa_t want = GUEST_BYTES - 4096;

	make_bzimage(f);
	add_initrd(f, "070701 an archive", 17);
	assert_loaded(f);
	assert_int_equal(le32_load(page(f) + HDR_RAMDISK_IMAGE), want);
	assert_int_equal(le32_load(page(f) + HDR_RAMDISK_SIZE), 17);
	assert_memory_equal(f->ram + want, "070701 an archive", 17);
	assert_int_equal(region(f, "initrd").gpa, want);
}

static void initrd_stays_below_what_the_kernel_can_reach(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	le32_store(f->image + HDR_INITRD_ADDR_MAX, (uint32_t)MIB(32) - 1);
	add_initrd(f, NULL, 4096);
	assert_loaded(f);
	assert_int_equal(le32_load(page(f) + HDR_RAMDISK_IMAGE), MIB(32) - 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOAD_TEST(kernel_with_64_bit_entry_starts_0x200_behind_its_load_address),
		LOAD_TEST(kernel_without_64_bit_flag_starts_at_its_load_address_in_32_bit_mode),
		LOAD_TEST(protocol_2_11_has_no_64_bit_entry_whatever_its_bytes_say),
		LOAD_TEST(protocol_2_06_is_loaded_at_1_mib_without_later_fields),
		LOAD_TEST(boot_params_hold_the_header_and_what_the_loader_owes),
		LOAD_TEST(boot_params_hold_the_memory_map),
		LOAD_TEST(header_is_copied_no_further_than_its_jump_says),
		LOAD_TEST(header_that_jumps_far_does_not_reach_the_next_field),
		LOAD_TEST(zero_setup_sects_means_four),
		LOAD_TEST(preferred_address_is_rounded_up_to_the_alignment),
		LOAD_TEST(fixed_kernel_is_loaded_at_1_mib_and_gets_room_where_it_runs),
		LOAD_TEST(kernel_larger_than_its_init_size_gets_room_for_its_code),
		LOAD_TEST(preferred_address_in_the_first_mib_becomes_1_mib),
		LOAD_TEST(code_is_read_once_straight_into_ram),
		LOAD_TEST(initrd_lies_on_a_page_at_the_top_of_ram),
		LOAD_TEST(initrd_stays_below_what_the_kernel_can_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
