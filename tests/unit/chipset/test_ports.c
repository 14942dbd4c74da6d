#include "chipset/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

static uint64_t read_offset(void *ctx, uint64_t offset, unsigned size)
{
	(void)size;
	return *(const uint8_t *)ctx + offset;
}

static void write_nothing(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	(void)ctx, (void)offset, (void)size, (void)value;
}

static const struct bus_ops ops = { read_offset, write_nothing };

static const struct port_row rows[] = {
	{ "one", 0x100, 1, 1, &ops },
	{ "two", 0x200, 4, 2, &ops },
};

static void rows_are_claimed_and_given_back(void **state)
{
	static uint8_t base = 0x50;
	static struct bus bus;
	uint8_t byte;

	(void)state;
	bus_init(&bus, "port", 0x10000);
	assert_int_equal(ports_claim(&bus, rows, ARRAY_LEN(rows), &base, NULL), 0);
	bus_read(&bus, 0x203, &byte, 1);
	assert_int_equal(byte, 0x53);
	ports_release(&bus, rows, ARRAY_LEN(rows));
	assert_int_equal(bus.region_count, 0);
}

static void a_row_that_is_taken_leaves_none_claimed_and_is_named(void **state)
{
	static struct bus bus;
	struct err err;

	(void)state;
	bus_init(&bus, "port", 0x10000);
	assert_int_equal(ports_claim(&bus, rows + 1, 1, NULL, NULL), 0);
	assert_int_equal(ports_claim(&bus, rows, ARRAY_LEN(rows), NULL, &err), -EEXIST);
	assert_string_equal(err.text, "cannot claim port 0x200 for two: File exists");
	assert_int_equal(bus.region_count, 1);
	assert_null(bus_find(&bus, 0x100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_claimed_and_given_back),
		cmocka_unit_test(a_row_that_is_taken_leaves_none_claimed_and_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
