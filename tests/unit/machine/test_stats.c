#include "said.h"

#include <stdlib.h>

#include "machine/stats.h"

struct fixture {
	struct stats s;
	struct bus pio, mmio;
};

static uint64_t no_read(void *ctx, uint64_t offset, unsigned size)
{
	(void)ctx, (void)offset, (void)size;
	return 0;
}

static void no_write(void *ctx, uint64_t offset, unsigned size, uint64_t v)
{
	(void)ctx, (void)offset, (void)size, (void)v;
}

static const struct bus_ops no_ops = { no_read, no_write };

static void add_region(struct bus *bus, const char *name, uint64_t base, uint64_t len)
{
	const struct bus_region region = { name, base, len, 4, &no_ops, NULL };

	assert_int_equal(bus_add(bus, &region), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	bus_init(&f->pio, "port", 0x10000);
	bus_init(&f->mmio, "memory", UINT64_C(1) << 52);
	add_region(&f->pio, "uart", 0x3f8, 8);
	add_region(&f->mmio, "ecam", 0xc0000000, 0x1000);
	assert_int_equal(stats_enable(&f->s), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	stats_free(&f->s);
	free(f);
	return 0;
}

/* The table without its heading. */
static const char *table(const struct fixture *f)
{
	static char text[1 << 16];
	FILE *out = fmemopen(text, sizeof(text), "w");
	const char *body;

	assert_non_null(out);
	stats_print(&f->s, &f->pio, &f->mmio, out);
	fputc('\0', out);
	fclose(out);
	assert_non_null(strstr(text, "reads     writes  device\n"));
	body = strchr(text, '\n') + 1;
	return body;
}

static void what_nobody_touched_is_not_in_the_table(void **state)
{
	assert_string_equal(table(*state), "");
}

static void reads_and_writes_count_apart_and_the_device_is_named(void **state)
{
	struct fixture *f = *state;

	stats_pio(&f->s, 0x3f8, true, 1);
	stats_pio(&f->s, 0x3f8, true, 1);
	stats_pio(&f->s, 0x3f8, false, 1);
	assert_string_equal(table(f),
			    "stats: port 0x3f8                       1          2  uart\n");
}

static void a_string_instruction_counts_each_of_its_accesses(void **state)
{
	struct fixture *f = *state;

	stats_pio(&f->s, 0x3ff, true, 4096);
	stats_pio(&f->s, 0x3ff, true, 1);
	assert_non_null(strstr(table(f), "       4097  uart\n"));
}

static void the_first_and_the_last_port_count(void **state)
{
	struct fixture *f = *state;

	stats_pio(&f->s, 0, false, 1);
	stats_pio(&f->s, 0xffff, true, 1);
	assert_int_equal(count_of(table(f), "\n"), 2);
	assert_non_null(strstr(table(f), "stats: port 0xffff                      0          1  "
					 "(nothing there)\n"));
}

static void each_mmio_address_has_its_line(void **state)
{
	struct fixture *f = *state;

	stats_mmio_access(&f->s, 0xc0000004, false);
	stats_mmio_access(&f->s, 0xfff000000, true);
	stats_mmio_access(&f->s, 0xfff000000, true);
	stats_mmio_access(&f->s, 0xc0000004, false);
	stats_mmio_access(&f->s, 0xc0000004, true);
	assert_string_equal(table(f),
			    "stats: mmio 0xc0000004                  2          1  ecam\n"
			    "stats: mmio 0xfff000000                 0          2  "
			    "(nothing there)\n");
}

static void most_used_comes_first_across_both_buses(void **state)
{
	static const char *const order[] = { "port 0x3f9 ", "mmio 0xc0000000 ", "port 0x3f8 ",
					     "mmio 0xc0000004 ", "port 0x70 " };
	struct fixture *f = *state;
	const char *at;

	stats_pio(&f->s, 0x70, true, 1);
	stats_pio(&f->s, 0x3f8, true, 30);
	stats_pio(&f->s, 0x3f9, false, 2);
	stats_pio(&f->s, 0x3f9, true, 48);
	for (unsigned i = 0; i < 40; i++)
		stats_mmio_access(&f->s, 0xc0000000, i % 2);
	for (unsigned i = 0; i < 20; i++)
		stats_mmio_access(&f->s, 0xc0000004, true);
	at = table(f);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		at = strstr(at, order[i]);
		assert_non_null(at);
	}
}

static void a_full_mmio_table_keeps_counting_what_is_in_it(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < STATS_MMIO_MAX + 100; i++)
		stats_mmio_access(&f->s, 0xd0000000 + 4 * i, false);
	assert_int_equal(f->s.mmio_count, STATS_MMIO_MAX);
	stats_mmio_access(&f->s, 0xd0000000 + 4 * (STATS_MMIO_MAX - 1), true);
	stats_mmio_access(&f->s, 0xe0000000, true);
	assert_int_equal(count_of(table(f), "\n"), STATS_MMIO_MAX + 1);
	assert_non_null(strstr(table(f), "stats: mmio elsewhere: 101\n"));
	assert_non_null(strstr(table(f), "stats: mmio 0xd00007fc                  1          1  "));
	assert_null(strstr(table(f), "0xe0000000"));
}

static void stats_are_off_until_enabled_and_after_free(void **state)
{
	struct stats s = { 0 };

	(void)state;
	assert_false(stats_on(&s));
	assert_int_equal(stats_enable(&s), 0);
	assert_true(stats_on(&s));
	stats_free(&s);
	assert_false(stats_on(&s));
	stats_free(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_nobody_touched_is_not_in_the_table),
		TEST(reads_and_writes_count_apart_and_the_device_is_named),
		TEST(a_string_instruction_counts_each_of_its_accesses),
		TEST(the_first_and_the_last_port_count),
		TEST(each_mmio_address_has_its_line),
		TEST(most_used_comes_first_across_both_buses),
		TEST(a_full_mmio_table_keeps_counting_what_is_in_it),
		cmocka_unit_test(stats_are_off_until_enabled_and_after_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
