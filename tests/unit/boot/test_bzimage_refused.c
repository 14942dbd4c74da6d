#include "unit/boot/bzimage_fixture.h"

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
		LOAD_TEST(initrd_that_the_kernel_cannot_reach_is_refused),
		LOAD_TEST(failing_read_says_which_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
