#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static const uint8_t bytes[] = { 0x00, 0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8 };

static void loads_are_little_endian_at_any_alignment(void **state)
{
	(void)state;
	assert_int_equal(le16_load(bytes + 1), 0x9281);
	assert_int_equal(le32_load(bytes + 1), 0xb4a39281);
	assert_true(le64_load(bytes + 1) == UINT64_C(0xf8e7d6c5b4a39281));
}

static void stores_write_exactly_their_bytes(void **state)
{
	uint8_t out[10];

	(void)state;
	memset(out, 0x11, sizeof(out));
	le16_store(out + 1, 0x9281);
	assert_memory_equal(out, "\x11\x81\x92\x11", 4);
	le32_store(out + 1, 0xb4a39281);
	assert_memory_equal(out, "\x11\x81\x92\xa3\xb4\x11", 6);
	le64_store(out + 1, UINT64_C(0xf8e7d6c5b4a39281));
	assert_memory_equal(out, "\x11\x81\x92\xa3\xb4\xc5\xd6\xe7\xf8\x11", 10);
}

static void load_and_store_by_size_agree_with_the_fixed_ones(void **state)
{
	(void)state;
	assert_int_equal(le_load(bytes + 1, 1), 0x81);
	assert_int_equal(le_load(bytes + 1, 2), le16_load(bytes + 1));
	assert_int_equal(le_load(bytes + 1, 4), le32_load(bytes + 1));
	assert_true(le_load(bytes + 1, 8) == le64_load(bytes + 1));
	for (unsigned size = 1; size <= 8; size *= 2) {
		uint8_t out[9];

		memset(out, 0x11, sizeof(out));
		le_store(out, size, UINT64_C(0xf8e7d6c5b4a39281));
		assert_memory_equal(out, bytes + 1, size);
		assert_int_equal(out[size], 0x11);
	}
}

static void other_sizes_load_0_and_store_nothing(void **state)
{
	const unsigned sizes[] = { 0, 3, 5, 6, 7, 9, 16 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		uint8_t room[16] = { 0 };

		assert_int_equal(le_load(bytes + 1, sizes[i]), 0);
		le_store(room, sizes[i], UINT64_MAX);
		for (unsigned n = 0; n < sizeof(room); n++)
			assert_int_equal(room[n], 0);
	}
}

static void the_big_endian_ones_begin_with_the_highest_byte(void **state)
{
	static const uint8_t wire[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 0 };
	uint8_t room[10] = { 0 };

	(void)state;
	assert_int_equal(be16_load(wire + 1), 0x0102);
	assert_int_equal(be32_load(wire + 1), 0x01020304);
	assert_int_equal(be64_load(wire + 1), UINT64_C(0x0102030405060708));
	be64_store(room + 1, UINT64_C(0x0102030405060708));
	assert_memory_equal(room, wire, sizeof(room));
	be32_store(room + 1, 0xa1a2a3a4);
	be16_store(room + 5, 0xb1b2);
	assert_int_equal(be64_load(room + 1), UINT64_C(0xa1a2a3a4b1b20708));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_are_little_endian_at_any_alignment),
		cmocka_unit_test(stores_write_exactly_their_bytes),
		cmocka_unit_test(load_and_store_by_size_agree_with_the_fixed_ones),
		cmocka_unit_test(other_sizes_load_0_and_store_nothing),
		cmocka_unit_test(the_big_endian_ones_begin_with_the_highest_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
