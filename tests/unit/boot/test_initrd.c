#include "unit/boot/load_fixture.h"

#include "boot/initrd.h"

#define FLOOR MIB(8)

static struct boot_job job_of(struct fixture *f)
{
	return (struct boot_job){ .req = &f->req, .out = &f->out, .low_top = f->mem.blocks[0].len };
}

static int place(struct fixture *f, gpa_t floor, gpa_t ceiling, uint32_t align, struct initrd *out)
{
	struct boot_job job = job_of(f);

	f->err.text[0] = '\0';
	return initrd_load(&job, floor, ceiling, align, out, &f->err);
}

static void no_initrd_takes_no_place(void **state)
{
	struct fixture *f = *state;
	struct initrd got;

	assert_int_equal(place(f, FLOOR, GIB(2), 4, &got), 0);
	assert_int_equal(got.gpa, 0);
	assert_int_equal(got.len, 0);
	assert_int_equal(f->out.region_count, 0);
}

static void initrds_are_joined_on_4_bytes_with_zeros_between(void **state)
{
	struct fixture *f = *state;
	struct initrd got;

	add_initrd(f, "first", 5);
	add_initrd(f, "next", 4);
	add_initrd(f, "x", 1);
	assert_int_equal(place(f, FLOOR, GIB(2), 4, &got), 0);
	assert_int_equal(got.gpa, GUEST_BYTES - 4096);
	assert_int_equal(got.len, 13);
	assert_memory_equal(f->ram + got.gpa, "first\0\0\0nextx\0", 14);
}

static void run_that_fills_the_room_exactly_is_taken_and_one_byte_more_is_not(void **state)
{
	struct fixture *f = *state;
	struct initrd got;

	add_initrd(f, NULL, MIB(56) - 4096);
	add_initrd(f, NULL, 4096);
	assert_int_equal(place(f, FLOOR, GIB(2), 4, &got), 0);
	assert_int_equal(got.gpa, FLOOR);
	add_initrd(f, NULL, 1);
	assert_int_equal(place(f, FLOOR, GIB(2), 4, &got), -ENOMEM);
	assert_string_equal(f->err.text,
			    "initrd 3: too big: 58720257 bytes end here, 64 MiB of RAM leave "
			    "58720256 behind the kernel: give more with -m");
}

static void floor_in_the_middle_of_a_page_keeps_that_page(void **state)
{
	struct fixture *f = *state;
	struct initrd got;

	add_initrd(f, NULL, 4096);
	assert_int_equal(place(f, GUEST_BYTES - 4096, GIB(2), 4, &got), 0);
	assert_int_equal(place(f, GUEST_BYTES - 4095, GIB(2), 4, &got), -ENOMEM);
	assert_int_equal(place(f, GUEST_BYTES - 8191, GIB(2), 4, &got), 0);
	assert_int_equal(got.gpa, GUEST_BYTES - 4096);
}

static void ceiling_in_the_middle_of_a_page_is_kept(void **state)
{
	struct fixture *f = *state;
	struct initrd got;

	add_initrd(f, NULL, 4096);
	assert_int_equal(place(f, FLOOR, MIB(32) - 1, 4, &got), 0);
	assert_int_equal(got.gpa, MIB(32) - 8192);
}

static void ceiling_of_the_kernel_is_named_when_it_is_what_lacks(void **state)
{
	struct fixture *f = *state;
	struct initrd got;

	add_initrd(f, NULL, MIB(2));
	assert_int_equal(place(f, FLOOR, MIB(9), 4, &got), -ENOMEM);
	assert_string_equal(f->err.text,
			    "initrd 1: too big: 2097152 bytes end here, the kernel leaves 1048576 "
			    "between 0x800000 and 0x900000");
	assert_int_equal(place(f, FLOOR, MIB(4), 4, &got), -ENOMEM);
	assert_int_equal(place(f, UINT64_MAX, MIB(4), 4, &got), -ENOMEM);
}

static void modules_begin_on_pages(void **state)
{
	struct fixture *f = *state;
	struct initrd got;

	add_initrd(f, "first", 5);
	add_initrd(f, "next", 4);
	assert_int_equal(place(f, FLOOR, GIB(2), INITRD_ALIGN_MODULE, &got), 0);
	assert_int_equal(got.offsets[0], 0);
	assert_int_equal(got.offsets[1], 4096);
	assert_int_equal(got.gpa, GUEST_BYTES - 8192);
	assert_memory_equal(f->ram + got.gpa + 4096, "next", 4);
}

static void empty_initrd_is_refused_by_its_number(void **state)
{
	struct fixture *f = *state;
	struct initrd got;

	add_initrd(f, "x", 1);
	add_initrd(f, NULL, 0);
	assert_int_equal(place(f, FLOOR, GIB(2), 4, &got), -EINVAL);
	assert_string_equal(f->err.text, "initrd 2: is empty");
}

static void sizes_whose_sum_wraps_are_refused(void **state)
{
	struct fixture *f = *state;
	struct initrd got;

	add_initrd(f, "x", 1);
	add_initrd(f, NULL, UINT64_MAX - 2);
	assert_int_equal(place(f, FLOOR, GIB(2), 4, &got), -ENOMEM);
	assert_non_null(strstr(f->err.text, "initrd 2: too big"));
}

static void unreadable_initrd_is_named_by_its_number(void **state)
{
	struct fixture *f = *state;
	struct initrd got;

	add_initrd(f, "x", 1);
	add_initrd(f, "y", 1);
	f->initrd_files[1].fail_at = 1;
	assert_int_equal(place(f, FLOOR, GIB(2), 4, &got), -EIO);
	assert_string_equal(f->err.text, "initrd 2: cannot read its 1 bytes: Input/output error");
}

static void one_initrd_too_many_is_refused(void **state)
{
	struct fixture *f = *state;
	struct initrd got;

	for (unsigned i = 0; i < BOOT_INITRDS_MAX; i++)
		add_initrd(f, "x", 1);
	assert_int_equal(place(f, FLOOR, GIB(2), 4, &got), 0);
	f->req.initrd_count++;
	assert_int_equal(place(f, FLOOR, GIB(2), 4, &got), -E2BIG);
	assert_string_equal(f->err.text, "initrd 33: too many: 32 at most");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOAD_TEST(no_initrd_takes_no_place),
		LOAD_TEST(initrds_are_joined_on_4_bytes_with_zeros_between),
		LOAD_TEST(run_that_fills_the_room_exactly_is_taken_and_one_byte_more_is_not),
		LOAD_TEST(floor_in_the_middle_of_a_page_keeps_that_page),
		LOAD_TEST(ceiling_in_the_middle_of_a_page_is_kept),
		LOAD_TEST(ceiling_of_the_kernel_is_named_when_it_is_what_lacks),
		LOAD_TEST(modules_begin_on_pages),
		LOAD_TEST(empty_initrd_is_refused_by_its_number),
		LOAD_TEST(sizes_whose_sum_wraps_are_refused),
		LOAD_TEST(unreadable_initrd_is_named_by_its_number),
		LOAD_TEST(one_initrd_too_many_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
