#include <errno.h>

#include "boot/emit.h"
#include "unit/boot/table_fixture.h"

static void values_are_little_endian(void **state)
{
	static const uint8_t want[] = { 0x11, 0x33, 0x22, 0x77, 0x66, 0x55, 0x44, 8,
					7,    6,    5,	  4,	3,    2,    1 };
	uint8_t buf[sizeof want];
	struct emit e;

	(void)state;
	emit_init(&e, buf, sizeof buf);
	emit_u8(&e, 0x11);
	emit_u16(&e, 0x2233);
	emit_u32(&e, 0x44556677);
	emit_u64(&e, 0x0102030405060708);
	assert_int_equal(emit_status(&e), 0);
	assert_int_equal(e.len, sizeof want);
	assert_memory_equal(buf, want, sizeof want);
}

static void text_is_padded_with_spaces(void **state)
{
	uint8_t buf[6];
	struct emit e;

	(void)state;
	emit_init(&e, buf, sizeof buf);
	emit_text(&e, "ISA", 6);
	assert_int_equal(emit_status(&e), 0);
	assert_memory_equal(buf, "ISA   ", 6);
}

static void align_adds_zeros_only_up_to_the_boundary(void **state)
{
	uint8_t buf[32];
	struct emit e;

	(void)state;
	memset(buf, CANARY, sizeof buf);
	emit_init(&e, buf, sizeof buf);
	emit_align(&e, 16);
	assert_int_equal(e.len, 0);
	emit_u8(&e, 1);
	emit_align(&e, 16);
	assert_int_equal(e.len, 16);
	emit_align(&e, 16);
	assert_int_equal(e.len, 16);
	for (unsigned i = 1; i < 16; i++)
		assert_int_equal(buf[i], 0);
	assert_int_equal(buf[16], CANARY);
}

static void insert_moves_what_follows_up(void **state)
{
	uint8_t buf[8];
	struct emit e;

	(void)state;
	emit_init(&e, buf, sizeof buf);
	emit_bytes(&e, "abef", 4);
	emit_insert(&e, 2, "cd", 2);
	emit_insert(&e, 6, "gh", 2);
	assert_int_equal(emit_status(&e), 0);
	assert_memory_equal(buf, "abcdefgh", 8);
}

static void insert_that_does_not_fit_changes_nothing(void **state)
{
	uint8_t buf[5];
	struct emit e;

	(void)state;
	emit_init(&e, buf, sizeof buf);
	emit_bytes(&e, "abef", 4);
	emit_insert(&e, 2, "cd", 2);
	assert_int_equal(emit_status(&e), -ENOSPC);
	assert_memory_equal(buf, "abef", 4);
}

static void patches_overwrite_in_place(void **state)
{
	uint8_t buf[8];
	struct emit e;

	(void)state;
	emit_init(&e, buf, sizeof buf);
	emit_zeros(&e, 8);
	emit_patch_u16(&e, 1, 0x0201);
	emit_patch_u32(&e, 4, 0x07060504);
	assert_int_equal(e.len, 8);
	assert_memory_equal(buf, "\0\1\2\0\4\5\6\7", 8);
}

static void checksum_makes_its_range_sum_to_zero(void **state)
{
	uint8_t buf[8];
	struct emit e;

	(void)state;
	emit_init(&e, buf, sizeof buf);
	emit_bytes(&e, "\x99\x10\x20\xff\x30\x40\x50\x99", 8);
	emit_patch_checksum(&e, 3, 1, 6);
	assert_int_equal(sum8(buf + 1, 6), 0);
	assert_int_equal(buf[3], 0x10); /* 0x100 - 0xf0; the 0xff before does not count */
	assert_int_equal(buf[0], 0x99);
	assert_int_equal(buf[7], 0x99);
}

static void overflow_sticks_even_when_less_would_fit(void **state)
{
	uint8_t buf[4];
	struct emit e;

	(void)state;
	memset(buf, CANARY, sizeof buf);
	emit_init(&e, buf, 3);
	emit_u16(&e, 0x1234);
	emit_u32(&e, 0x56789abc);
	emit_u8(&e, 0xff);
	emit_zeros(&e, 1);
	emit_insert(&e, 0, "x", 1);
	emit_patch_u16(&e, 0, 0xffff);
	emit_patch_checksum(&e, 0, 0, 2);
	assert_int_equal(emit_status(&e), -ENOSPC);
	assert_int_equal(e.len, 2);
	assert_memory_equal(buf, "\x34\x12\xa5\xa5", 4);
}

static void lengths_near_the_top_of_size_t_do_not_wrap(void **state)
{
	uint8_t buf[4] = { CANARY, CANARY, CANARY, CANARY };
	struct emit e;

	(void)state;
	emit_init(&e, buf, sizeof buf);
	emit_u16(&e, 0);
	emit_zeros(&e, SIZE_MAX);
	assert_int_equal(emit_status(&e), -ENOSPC);
	assert_int_equal(buf[2], CANARY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_little_endian),
		cmocka_unit_test(text_is_padded_with_spaces),
		cmocka_unit_test(align_adds_zeros_only_up_to_the_boundary),
		cmocka_unit_test(insert_moves_what_follows_up),
		cmocka_unit_test(insert_that_does_not_fit_changes_nothing),
		cmocka_unit_test(patches_overwrite_in_place),
		cmocka_unit_test(checksum_makes_its_range_sum_to_zero),
		cmocka_unit_test(overflow_sticks_even_when_less_would_fit),
		cmocka_unit_test(lengths_near_the_top_of_size_t_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
