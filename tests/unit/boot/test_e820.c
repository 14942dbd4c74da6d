#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "boot/e820.h"
#include "boot/layout.h"

/* The map looks at no byte of RAM: any address will do for it. */
static uint8_t nowhere;

static struct e820_map map_of(gpa_t first_len, gpa_t second_gpa, gpa_t second_len)
{
	struct mem mem = { 0 };
	struct e820_map map;

	assert_int_equal(mem_add(&mem, 0, first_len, &nowhere), 0);
	if (second_len > 0)
		assert_int_equal(mem_add(&mem, second_gpa, second_len, &nowhere), 0);
	e820_build(&mem, &map);
	return map;
}

static void assert_entry(const struct e820_map *map, unsigned i, gpa_t start, gpa_t end,
			 uint32_t type)
{
	assert_true(i < map->count);
	assert_int_equal(map->entries[i].gpa, start);
	assert_int_equal(map->entries[i].len, end - start);
	assert_int_equal(map->entries[i].type, type);
}

static uint64_t ram_bytes(const struct e820_map *map)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < map->count; i++) {
		if (map->entries[i].type == E820_RAM)
			sum += map->entries[i].len;
	}
	return sum;
}

static void assert_ascending_and_disjoint(const struct e820_map *map)
{
	for (unsigned i = 0; i < map->count; i++) {
		assert_true(map->entries[i].len > 0);
		if (i > 0)
			assert_true(map->entries[i - 1].gpa + map->entries[i - 1].len <=
				    map->entries[i].gpa);
	}
}

static void small_guest_has_ram_below_the_ebda_and_from_1_mib_on(void **state)
{
	const struct e820_map map = map_of(MIB(64), 0, 0);

	(void)state;
	assert_int_equal(map.count, 6);
	assert_entry(&map, 0, 0, 0x9fc00, E820_RAM);
	assert_entry(&map, 1, 0x9fc00, 0xa0000, E820_RESERVED);
	assert_entry(&map, 2, 0xe0000, 0x100000, E820_RESERVED);
	assert_entry(&map, 3, MIB(1), MIB(64), E820_RAM);
	assert_entry(&map, 4, ECAM_BASE, ECAM_BASE + ECAM_BYTES, E820_RESERVED);
	assert_entry(&map, 5, KVM_IDENTITY_GPA, GIB(4), E820_RESERVED);
}

static void ram_behind_4_gib_comes_last(void **state)
{
	const struct e820_map map = map_of(GIB(3), GIB(4), GIB(5));

	(void)state;
	assert_ascending_and_disjoint(&map);
	assert_entry(&map, 3, MIB(1), GIB(3), E820_RAM);
	assert_entry(&map, map.count - 1, GIB(4), GIB(9), E820_RAM);
}

static void blocks_that_touch_are_told_as_one(void **state)
{
	const struct e820_map map = map_of(MIB(32), MIB(32), MIB(32));

	(void)state;
	assert_int_equal(map.count, 6);
	assert_entry(&map, 3, MIB(1), MIB(64), E820_RAM);
}

static void block_border_in_the_first_mib_changes_nothing(void **state)
{
	const struct e820_map one = map_of(MIB(64), 0, 0);
	const struct e820_map two = map_of(0xf0000, 0xf0000, MIB(64) - 0xf0000);

	(void)state;
	assert_int_equal(two.count, one.count);
	for (unsigned i = 0; i < one.count; i++)
		assert_entry(&two, i, one.entries[i].gpa, one.entries[i].gpa + one.entries[i].len,
			     one.entries[i].type);
}

static void reserved_places_are_never_ram_even_under_a_block(void **state)
{
	const struct e820_map map = map_of(GIB(8), 0, 0);

	(void)state;
	assert_ascending_and_disjoint(&map);
	assert_int_equal(ram_bytes(&map),
			 GIB(8) - 0x400 - 0x60000 - ECAM_BYTES - (GIB(4) - KVM_IDENTITY_GPA));
}

static void most_blocks_fit_into_the_map(void **state)
{
	struct mem mem = { 0 };
	struct e820_map map;

	(void)state;
	for (unsigned i = 0; i < MEM_BLOCKS_MAX; i++)
		assert_int_equal(mem_add(&mem, i * GIB(1), MIB(512), &nowhere), 0);
	e820_build(&mem, &map);
	assert_ascending_and_disjoint(&map);
	assert_int_equal(map.count, MEM_BLOCKS_MAX + 1 + 4);
}

static void no_ram_leaves_only_reserved_places(void **state)
{
	const struct mem mem = { 0 };
	struct e820_map map;

	(void)state;
	e820_build(&mem, &map);
	assert_int_equal(map.count, 4);
	assert_int_equal(ram_bytes(&map), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_guest_has_ram_below_the_ebda_and_from_1_mib_on),
		cmocka_unit_test(ram_behind_4_gib_comes_last),
		cmocka_unit_test(blocks_that_touch_are_told_as_one),
		cmocka_unit_test(block_border_in_the_first_mib_changes_nothing),
		cmocka_unit_test(reserved_places_are_never_ram_even_under_a_block),
		cmocka_unit_test(most_blocks_fit_into_the_map),
		cmocka_unit_test(no_ram_leaves_only_reserved_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
