#include "unit/boot/load_fixture.h"

#include "boot/zeropage.h"

#define SETUP_BYTES (3 * 512u) /* boot sector and two setup sectors */
#define CODE_BYTES  0x8000u
#define CODE_AT	    UINT64_C(0x1000000)

/* A relocatable 64-bit kernel of protocol 2.15 that wants to run at 16 MiB and
 * 1 MiB of memory. */
static void make_bzimage(struct fixture *f)
{
	uint8_t *h = f->image;

	h[HDR_SETUP_SECTS] = 2;
	le32_store(h + HDR_SYSSIZE, CODE_BYTES / 16);
	le16_store(h + HDR_BOOT_FLAG, 0xaa55);
	h[HDR_JUMP_OFFSET] = 0x6a;
	memcpy(h + HDR_MAGIC, "HdrS", 4);
	le16_store(h + HDR_VERSION, 0x020f);
	h[HDR_LOADFLAGS] = 1;
	le32_store(h + HDR_CODE32_START, 0x100000);
	le32_store(h + HDR_INITRD_ADDR_MAX, 0x7fffffff);
	le32_store(h + HDR_KERNEL_ALIGNMENT, 0x200000);
	h[HDR_RELOCATABLE_KERNEL] = 1;
	le16_store(h + HDR_XLOADFLAGS, 1);
	le32_store(h + HDR_CMDLINE_SIZE, 2047);
	le32_store(h + HDR_PAYLOAD_OFFSET, 0x400);
	le32_store(h + HDR_PAYLOAD_LENGTH, 0x1000);
	le64_store(h + HDR_PREF_ADDRESS, CODE_AT);
	le32_store(h + HDR_INIT_SIZE, (uint32_t)MIB(1));
	for (uint32_t i = 0; i < CODE_BYTES; i++)
		h[SETUP_BYTES + i] = (uint8_t)(i * 7 + (i >> 8));
	set_kernel_size(f, SETUP_BYTES + CODE_BYTES);
}

static const uint8_t *page(const struct fixture *f)
{
	return f->ram + LAYOUT_BOOT_PARAMS;
}

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

static void zimage_is_too_old(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	f->image[HDR_LOADFLAGS] = 0;
	assert_refused(f, -ENOEXEC, "too old: zImage");
}

static void protocol_2_05_is_too_old(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	le16_store(f->image + HDR_VERSION, 0x0205);
	assert_refused(f, -ENOEXEC, "too old: bzImage of boot protocol 2.05");
}

static void cut_file_is_refused_with_both_sizes(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	set_kernel_size(f, SETUP_BYTES + CODE_BYTES - 1);
	assert_refused(f, -EINVAL,
		       "truncated: the header promises 34304 bytes, the file has 34303");
}

static void file_cut_within_the_header_is_refused(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	set_kernel_size(f, HDR_END - 1);
	assert_refused(f, -EINVAL, "truncated: the setup header needs 656 bytes");
}

static void largest_syssize_is_refused_without_wrapping(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	le32_store(f->image + HDR_SYSSIZE, UINT32_MAX);
	assert_refused(f, -EINVAL, "truncated: the header promises 68719478256 bytes");
}

static void kernel_without_code_is_refused(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	le32_store(f->image + HDR_SYSSIZE, 0x200 / 16); /* the entry would be its end */
	assert_refused(f, -EINVAL, "broken: the header promises only 512 bytes of code");
}

static void payload_that_leaves_the_code_is_refused(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	le32_store(f->image + HDR_PAYLOAD_OFFSET, UINT32_MAX);
	assert_refused(f, -EINVAL, "broken: the payload");
	le32_store(f->image + HDR_PAYLOAD_OFFSET, 1);
	le32_store(f->image + HDR_PAYLOAD_LENGTH, CODE_BYTES);
	assert_refused(f, -EINVAL, "broken: the payload");
}

static void alignment_that_is_no_power_of_two_is_refused(void **state)
{
	static const uint32_t bad[] = { 0, 3, 0x200001, UINT32_C(1) << 31 };
	struct fixture *f = *state;

	make_bzimage(f);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		le32_store(f->image + HDR_KERNEL_ALIGNMENT, bad[i]);
		assert_refused(f, -EINVAL, "broken: kernel_alignment");
	}
}

static void kernel_that_needs_more_memory_is_told_how_much_would_do(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	le32_store(f->image + HDR_INIT_SIZE, (uint32_t)MIB(30));
	add_initrd(f, NULL, 1);
	add_initrd(f, NULL, MIB(2));
	guest_ram(f, MIB(32));
	assert_refused(f, -ENOMEM,
		       "needs 30 MiB of memory from 16 MiB on, the guest has 32 MiB: give at "
		       "least -m 50M");
	guest_ram(f, MIB(50));
	assert_loaded(f);
}

static void kernel_that_wants_to_run_outside_ram_is_refused(void **state)
{
	static const uint64_t bad[] = { GIB(3), GIB(5), UINT64_MAX, UINT64_MAX - 0x1fffff };
	struct fixture *f = *state;

	make_bzimage(f);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		le64_store(f->image + HDR_PREF_ADDRESS, bad[i]);
		f->image[HDR_RELOCATABLE_KERNEL] = i & 1;
		assert_refused(f, -ENOMEM, "goes no higher than 3 GiB");
	}
}

static void largest_command_line_is_taken_and_one_byte_more_refused(void **state)
{
	struct fixture *f = *state;
	char line[22] = "twenty-one bytes here";

	make_bzimage(f);
	f->req.cmdline = line;
	le32_store(f->image + HDR_CMDLINE_SIZE, 21);
	assert_loaded(f);
	le32_store(f->image + HDR_CMDLINE_SIZE, 20);
	assert_refused(f, -E2BIG, "the command line is 21 bytes long, this kernel takes 20");
}

static void command_line_never_outgrows_its_place(void **state)
{
	struct fixture *f = *state;
	char *line = malloc(LAYOUT_CMDLINE_BYTES + 1);

	make_bzimage(f);
	memset(line, 'x', LAYOUT_CMDLINE_BYTES);
	line[LAYOUT_CMDLINE_BYTES] = '\0';
	f->req.cmdline = line;
	le32_store(f->image + HDR_CMDLINE_SIZE, UINT32_MAX);
	assert_refused(f, -E2BIG, "65536 bytes long, this kernel takes 65535");
	line[LAYOUT_CMDLINE_BYTES - 1] = '\0';
	assert_loaded(f);
	assert_int_equal(f->ram[LAYOUT_CMDLINE + LAYOUT_CMDLINE_BYTES], 0);
	free(line);
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

static void initrd_that_the_kernel_cannot_reach_is_refused(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	le32_store(f->image + HDR_INITRD_ADDR_MAX, (uint32_t)MIB(16));
	add_initrd(f, "x", 1);
	assert_refused(f, -ENOMEM, "initrd 1: too big");
}

static void failing_read_says_which_bytes(void **state)
{
	struct fixture *f = *state;

	make_bzimage(f);
	f->kernel_file.fail_at = 2;
	assert_refused(f, -EIO, "cannot read 32768 bytes at 1536: Input/output error");
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
		LOAD_TEST(zimage_is_too_old),
		LOAD_TEST(protocol_2_05_is_too_old),
		LOAD_TEST(cut_file_is_refused_with_both_sizes),
		LOAD_TEST(file_cut_within_the_header_is_refused),
		LOAD_TEST(largest_syssize_is_refused_without_wrapping),
		LOAD_TEST(kernel_without_code_is_refused),
		LOAD_TEST(payload_that_leaves_the_code_is_refused),
		LOAD_TEST(alignment_that_is_no_power_of_two_is_refused),
		LOAD_TEST(kernel_that_needs_more_memory_is_told_how_much_would_do),
		LOAD_TEST(kernel_that_wants_to_run_outside_ram_is_refused),
		LOAD_TEST(largest_command_line_is_taken_and_one_byte_more_refused),
		LOAD_TEST(command_line_never_outgrows_its_place),
		LOAD_TEST(initrd_lies_on_a_page_at_the_top_of_ram),
		LOAD_TEST(initrd_stays_below_what_the_kernel_can_reach),
		LOAD_TEST(initrd_that_the_kernel_cannot_reach_is_refused),
		LOAD_TEST(failing_read_says_which_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
