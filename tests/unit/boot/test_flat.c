#include "unit/boot/load_fixture.h"

#define FLAT_MAX (0x9fc00 - 0x7c00)

static void make_flat(struct fixture *f, uint64_t bytes)
{
	f->req.flat = true;
	set_kernel_size(f, bytes);
	f->kernel_file.bytes = NULL;
	if (bytes <= IMAGE_BYTES) {
		memset(f->image, 0xf4, bytes);
		f->kernel_file.bytes = f->image;
	}
}

static void flat_image_starts_in_real_mode_at_0x7c00(void **state)
{
	struct fixture *f = *state;

	make_flat(f, 513);
	assert_loaded(f);
	assert_string_equal(f->out.entry.protocol, "flat 16-bit image");
	assert_int_equal(f->out.entry.mode, BOOT_REAL16);
	assert_int_equal(f->out.entry.rip, 0x7c00);
	assert_int_equal(f->out.entry.rsp, 0x7c00);
	assert_int_equal(f->out.entry.gdt_limit, 0);
	assert_memory_equal(f->ram + 0x7c00, f->image, 513);
	assert_int_equal(f->ram[0x7c00 + 513], 0);
	assert_int_equal(region(f, "flat image").len, 513);
	assert_int_equal(f->kernel_file.reads, 1);
}

static void nothing_but_the_image_is_written_below_the_ebda(void **state)
{
	struct fixture *f = *state;

	make_flat(f, 1);
	assert_loaded(f);
	f->ram[0x7c00] = 0;
	for (uint32_t i = 0; i < LAYOUT_EBDA; i++)
		assert_int_equal(f->ram[i], 0);
}

static void kernel_magic_does_not_matter_to_a_flat_image(void **state)
{
	struct fixture *f = *state;

	make_flat(f, 1024);
	memcpy(f->image, "\177ELF", 4);
	assert_loaded(f);
	assert_int_equal(f->out.entry.mode, BOOT_REAL16);
}

static void flat_image_may_fill_all_up_to_the_ebda_and_no_more(void **state)
{
	struct fixture *f = *state;

	make_flat(f, FLAT_MAX);
	assert_loaded(f);
	make_flat(f, FLAT_MAX + 1);
	assert_refused(f, -E2BIG, "too big for a flat image: 622593 bytes, at most 622592 fit");
	make_flat(f, UINT64_MAX);
	assert_refused(f, -E2BIG, "too big for a flat image");
}

static void empty_flat_image_is_refused(void **state)
{
	struct fixture *f = *state;

	make_flat(f, 0);
	assert_refused(f, -EINVAL, "kernel: is empty");
}

static void flat_image_takes_no_initrd(void **state)
{
	struct fixture *f = *state;

	make_flat(f, 512);
	add_initrd(f, "x", 1);
	assert_refused(f, -EINVAL, "initrd 1: a flat image takes none");
}

static void failing_read_of_a_flat_image_is_reported(void **state)
{
	struct fixture *f = *state;

	make_flat(f, 512);
	f->kernel_file.fail_at = 1;
	assert_refused(f, -EIO, "cannot read 512 bytes at 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOAD_TEST(flat_image_starts_in_real_mode_at_0x7c00),
		LOAD_TEST(nothing_but_the_image_is_written_below_the_ebda),
		LOAD_TEST(kernel_magic_does_not_matter_to_a_flat_image),
		LOAD_TEST(flat_image_may_fill_all_up_to_the_ebda_and_no_more),
		LOAD_TEST(empty_flat_image_is_refused),
		LOAD_TEST(flat_image_takes_no_initrd),
		LOAD_TEST(failing_read_of_a_flat_image_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
