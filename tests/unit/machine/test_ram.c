#include "said.h"

#include <errno.h>

#include "core/platform.h"
#include "machine/ram.h"

static void check_block(const struct mem_block *b, gpa_t gpa, uint64_t len, const uint8_t *hva)
{
	assert_int_equal(b->gpa, gpa);
	assert_int_equal(b->len, len);
	assert_ptr_equal(b->hva, hva);
}

/* The byte at gpa as the host sees it, or NULL where no RAM is. */
static uint8_t *byte_at(const struct ram *r, gpa_t gpa)
{
	uint8_t *p;

	return mem_span(&r->mem, gpa, 1, &p) == 0 ? p : NULL;
}

static void the_smallest_machine_has_one_block(void **state)
{
	struct ram r;

	(void)state;
	assert_int_equal(ram_create(&r, RAM_MIN_BYTES, NULL), 0);
	assert_int_equal(r.mem.block_count, 1);
	check_block(&r.mem.blocks[0], 0, RAM_MIN_BYTES, r.pages.bytes);
	assert_int_equal(mem_total(&r.mem), RAM_MIN_BYTES);
	assert_null(byte_at(&r, RAM_MIN_BYTES));
	ram_destroy(&r);
}

static void three_gib_just_fit_below_the_hole(void **state)
{
	struct ram r;

	(void)state;
	assert_int_equal(ram_create(&r, GIB(3), NULL), 0);
	assert_int_equal(r.mem.block_count, 1);
	check_block(&r.mem.blocks[0], 0, GIB(3), r.pages.bytes);
	assert_null(byte_at(&r, GIB(4)));
	ram_destroy(&r);
}

static void two_mib_more_go_above_4_gib(void **state)
{
	struct ram r;

	(void)state;
	assert_int_equal(ram_create(&r, GIB(3) + MIB(2), NULL), 0);
	assert_int_equal(r.mem.block_count, 2);
	check_block(&r.mem.blocks[1], GIB(4), MIB(2), r.pages.bytes + GIB(3));
	ram_destroy(&r);
}

static void five_gib_leave_a_hole_from_3_to_4(void **state)
{
	struct ram r;

	(void)state;
	assert_int_equal(ram_create(&r, GIB(5), NULL), 0);
	assert_int_equal(r.mem.block_count, 2);
	check_block(&r.mem.blocks[0], 0, GIB(3), r.pages.bytes);
	check_block(&r.mem.blocks[1], GIB(4), GIB(2), r.pages.bytes + GIB(3));
	assert_int_equal(mem_total(&r.mem), GIB(5));
	assert_non_null(byte_at(&r, GIB(3) - 1));
	assert_null(byte_at(&r, GIB(3)));
	assert_null(byte_at(&r, KVM_TSS_GPA));
	assert_null(byte_at(&r, GIB(4) - 1));
	assert_non_null(byte_at(&r, GIB(4)));
	assert_non_null(byte_at(&r, GIB(6) - 1));
	assert_null(byte_at(&r, GIB(6)));
	ram_destroy(&r);
}

static void both_blocks_hold_what_is_written_and_start_as_zeros(void **state)
{
	static const gpa_t places[] = { 0, GIB(3) - 1, GIB(4), GIB(6) - 1 };
	struct ram r;

	(void)state;
	assert_int_equal(ram_create(&r, GIB(5), NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		assert_int_equal(*byte_at(&r, places[i]), 0);
		*byte_at(&r, places[i]) = (uint8_t)(i + 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		assert_int_equal(*byte_at(&r, places[i]), i + 1);
	ram_destroy(&r);
}

static void more_than_the_host_can_address_is_refused_by_flag_and_size(void **state)
{
	struct ram r;
	struct err err;

	(void)state;
	assert_true(ram_create(&r, UINT64_C(1) << 60, &err) < 0);
	assert_non_null(strstr(err.text, "--memory: "));
	assert_non_null(strstr(err.text, "1099511627776 MiB"));
	assert_int_equal(r.mem.block_count, 0);
	ram_destroy(&r); /* harmless */
}

static void destroyed_ram_has_no_blocks(void **state)
{
	struct ram r;

	(void)state;
	assert_int_equal(ram_create(&r, RAM_MIN_BYTES, NULL), 0);
	ram_destroy(&r);
	assert_int_equal(r.mem.block_count, 0);
	assert_null(r.pages.bytes);
	ram_destroy(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_machine_has_one_block),
		cmocka_unit_test(three_gib_just_fit_below_the_hole),
		cmocka_unit_test(two_mib_more_go_above_4_gib),
		cmocka_unit_test(five_gib_leave_a_hole_from_3_to_4),
		cmocka_unit_test(both_blocks_hold_what_is_written_and_start_as_zeros),
		cmocka_unit_test(more_than_the_host_can_address_is_refused_by_flag_and_size),
		cmocka_unit_test(destroyed_ram_has_no_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
