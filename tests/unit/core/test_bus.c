#include "core/bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* A device that is 16 bytes of memory and writes down each access. */
struct scratch {
	uint8_t bytes[16];
	char log[256]; /* "r0+4 w2+1=5a " */
};

static void note(struct scratch *s, const char *fmt, unsigned offset, unsigned size,
		 unsigned long long value)
{
	const size_t used = strlen(s->log);

	snprintf(s->log + used, sizeof(s->log) - used, fmt, offset, size, value);
}

static uint64_t scratch_read(void *ctx, uint64_t offset, unsigned size)
{
	struct scratch *s = ctx;

	assert_true(size == 1 || size == 2 || size == 4 || size == 8);
	assert_in_range(offset + size, 1, sizeof(s->bytes));
	note(s, "r%u+%u ", (unsigned)offset, size, 0);
	return le_load(s->bytes + offset, size);
}

static void scratch_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct scratch *s = ctx;

	assert_true(size == 1 || size == 2 || size == 4 || size == 8);
	assert_in_range(offset + size, 1, sizeof(s->bytes));
	note(s, "w%u+%u=%llx ", (unsigned)offset, size, value);
	le_store(s->bytes + offset, size, value);
}

static const struct bus_ops scratch_ops = { scratch_read, scratch_write };

struct unclaimed_seen {
	unsigned count;
	uint64_t addr;
	bool is_write;
};

static struct unclaimed_seen seen;

static void see_unclaimed(const struct bus *bus, uint64_t addr, bool is_write)
{
	assert_string_equal(bus->name, "port");
	seen.count++;
	seen.addr = addr;
	seen.is_write = is_write;
}

struct fixture {
	struct bus bus;
	struct scratch a, b;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	bus_init(&f->bus, "port", 0x10000);
	f->bus.unclaimed = see_unclaimed;
	memset(&seen, 0, sizeof(seen));
	for (unsigned i = 0; i < sizeof(f->a.bytes); i++) {
		f->a.bytes[i] = (uint8_t)(0xa0 + i);
		f->b.bytes[i] = (uint8_t)(0xb0 + i);
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static int add(struct bus *bus, struct scratch *s, uint64_t base, uint64_t len, unsigned width)
{
	const struct bus_region r = { "scratch", base, len, width, &scratch_ops, s };

	return bus_add(bus, &r);
}

static uint64_t get(struct bus *bus, uint64_t addr, unsigned size)
{
	uint8_t bytes[8];

	bus_read(bus, addr, bytes, size);
	return le_load(bytes, size);
}

static void put(struct bus *bus, uint64_t addr, unsigned size, uint64_t value)
{
	uint8_t bytes[8];

	le_store(bytes, size, value);
	bus_write(bus, addr, bytes, size);
}

/* ---- adding and removing -------------------------------------------------------- */

static void regions_are_found_by_each_of_their_addresses(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(&f->bus, &f->b, 0x200, 2, 1), 0);
	assert_int_equal(add(&f->bus, &f->a, 0x100, 4, 1), 0);
	assert_null(bus_find(&f->bus, 0xff));
	assert_ptr_equal(bus_find(&f->bus, 0x100)->ctx, &f->a);
	assert_ptr_equal(bus_find(&f->bus, 0x103)->ctx, &f->a);
	assert_null(bus_find(&f->bus, 0x104));
	assert_ptr_equal(bus_find(&f->bus, 0x201)->ctx, &f->b);
	assert_null(bus_find(&f->bus, 0x202));
	assert_null(bus_find(&f->bus, UINT64_MAX));
}

static void an_overlap_is_refused_on_either_side(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(&f->bus, &f->a, 0x100, 4, 1), 0);
	assert_int_equal(add(&f->bus, &f->b, 0x100, 1, 1), -EEXIST);
	assert_int_equal(add(&f->bus, &f->b, 0x103, 1, 1), -EEXIST);
	assert_int_equal(add(&f->bus, &f->b, 0xff, 2, 1), -EEXIST);
	assert_int_equal(add(&f->bus, &f->b, 0x80, 0x1000, 1), -EEXIST);
	assert_int_equal(add(&f->bus, &f->b, 0x104, 1, 1), 0);
	assert_int_equal(add(&f->bus, &f->b, 0xff, 1, 1), 0);
	assert_int_equal(f->bus.region_count, 3);
}

static void empty_regions_and_those_beyond_the_limit_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(&f->bus, &f->a, 0x100, 0, 1), -EINVAL);
	assert_int_equal(add(&f->bus, &f->a, 0xfffe, 3, 1), -EINVAL);
	assert_int_equal(add(&f->bus, &f->a, 0x10000, 1, 1), -EINVAL);
	assert_int_equal(add(&f->bus, &f->a, 0x100, UINT64_MAX, 1), -EINVAL);
	assert_int_equal(add(&f->bus, &f->a, 0xfffe, 2, 1), 0);
}

static void a_full_bus_says_so(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < BUS_REGIONS_MAX; i++)
		assert_int_equal(add(&f->bus, &f->a, 0x1000 - 4 * i, 4, 1), 0);
	assert_int_equal(add(&f->bus, &f->a, 0x2000, 4, 1), -ENOSPC);
	for (unsigned i = 0; i < BUS_REGIONS_MAX; i++)
		assert_int_equal(bus_find(&f->bus, 0x1000 - 4 * i)->base, 0x1000 - 4 * i);
}

static void a_removed_region_answers_no_more_and_its_place_is_free(void **state)
{
	struct fixture *f = *state;

	add(&f->bus, &f->a, 0x100, 4, 1);
	add(&f->bus, &f->b, 0x200, 4, 1);
	assert_int_equal(bus_remove(&f->bus, 0x101), -ENOENT);
	assert_int_equal(bus_remove(&f->bus, 0x100), 0);
	assert_int_equal(bus_remove(&f->bus, 0x100), -ENOENT);
	assert_null(bus_find(&f->bus, 0x100));
	assert_ptr_equal(bus_find(&f->bus, 0x200)->ctx, &f->b);
	assert_int_equal(add(&f->bus, &f->b, 0xfe, 4, 1), 0);
}

/* ---- accesses ---------------------------------------------------------------------- */

static void an_access_that_fits_goes_through_in_one_piece(void **state)
{
	struct fixture *f = *state;

	add(&f->bus, &f->a, 0x100, 16, 8);
	assert_int_equal(get(&f->bus, 0x100, 1), 0xa0);
	assert_int_equal(get(&f->bus, 0x102, 2), 0xa3a2);
	assert_int_equal(get(&f->bus, 0x104, 4), 0xa7a6a5a4);
	assert_true(get(&f->bus, 0x108, 8) == UINT64_C(0xafaeadacabaaa9a8));
	put(&f->bus, 0x101, 4, 0x11223344);
	assert_string_equal(f->a.log, "r0+1 r2+2 r4+4 r8+8 w1+4=11223344 ");
}

static void a_wider_access_is_split_to_the_regions_width_low_bytes_first(void **state)
{
	struct fixture *f = *state;

	add(&f->bus, &f->a, 0x100, 16, 2);
	assert_int_equal(get(&f->bus, 0x100, 4), 0xa3a2a1a0);
	put(&f->bus, 0x104, 4, 0x11223344);
	assert_string_equal(f->a.log, "r0+2 r2+2 w4+2=3344 w6+2=1122 ");
}

static void an_access_over_the_end_is_split_at_the_end(void **state)
{
	struct fixture *f = *state;

	add(&f->bus, &f->a, 0x100, 3, 4);
	add(&f->bus, &f->b, 0x103, 4, 4);
	assert_int_equal(get(&f->bus, 0x100, 4), 0xb0a2a1a0);
	assert_string_equal(f->a.log, "r0+2 r2+1 ");
	assert_string_equal(f->b.log, "r0+1 ");
	put(&f->bus, 0x102, 4, 0x44332211);
	assert_string_equal(f->a.log, "r0+2 r2+1 w2+1=11 ");
	assert_string_equal(f->b.log, "r0+1 w0+2=3322 w2+1=44 ");
}

static void unclaimed_bytes_read_ff_and_swallow_writes(void **state)
{
	struct fixture *f = *state;

	add(&f->bus, &f->a, 0x101, 2, 4);
	assert_int_equal(get(&f->bus, 0x100, 4), 0xffa1a0ff);
	assert_int_equal(get(&f->bus, 0x500, 4), 0xffffffff);
	put(&f->bus, 0x100, 4, 0x44332211);
	assert_string_equal(f->a.log, "r0+2 w0+2=3322 ");
	assert_int_equal(get(&f->bus, 0xffff, 2), 0xffff);
}

static void odd_sizes_are_split_too(void **state)
{
	struct fixture *f = *state;
	uint8_t out[7];

	add(&f->bus, &f->a, 0x100, 16, 4);
	bus_read(&f->bus, 0x100, out, 7);
	assert_memory_equal(out, f->a.bytes, 7);
	assert_string_equal(f->a.log, "r0+4 r4+2 r6+1 ");
}

static void each_unclaimed_address_is_reported_once(void **state)
{
	struct fixture *f = *state;

	get(&f->bus, 0x300, 4);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.addr, 0x300);
	assert_false(seen.is_write);
	get(&f->bus, 0x300, 1);
	put(&f->bus, 0x300, 1, 0);
	assert_int_equal(seen.count, 1);
	put(&f->bus, 0x301, 1, 0);
	assert_int_equal(seen.count, 2);
	assert_true(seen.is_write);
}

static void a_guest_that_probes_all_ports_is_reported_a_bounded_number_of_times(void **state)
{
	struct fixture *f = *state;

	for (uint64_t addr = 0; addr < 0x10000; addr++)
		get(&f->bus, addr, 1);
	assert_int_equal(seen.count, 64);
}

static void without_a_reporter_unclaimed_is_still_ff(void **state)
{
	struct fixture *f = *state;

	f->bus.unclaimed = NULL;
	assert_int_equal(get(&f->bus, 0x300, 1), 0xff);
}

static void any_access_reads_the_same_bytes_as_bytewise(void **state)
{
	struct fixture *f = *state;

	add(&f->bus, &f->a, 0x101, 5, 2);
	add(&f->bus, &f->b, 0x108, 7, 8);
	for (uint64_t addr = 0xf8; addr < 0x118; addr++) {
		for (unsigned size = 1; size <= 8; size++) {
			uint8_t wide[8], narrow[8];

			f->a.log[0] = f->b.log[0] = '\0';
			bus_read(&f->bus, addr, wide, size);
			for (unsigned i = 0; i < size; i++)
				bus_read(&f->bus, addr + i, narrow + i, 1);
			assert_memory_equal(wide, narrow, size);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(regions_are_found_by_each_of_their_addresses),
		TEST(an_overlap_is_refused_on_either_side),
		TEST(empty_regions_and_those_beyond_the_limit_are_refused),
		TEST(a_full_bus_says_so),
		TEST(a_removed_region_answers_no_more_and_its_place_is_free),
		TEST(an_access_that_fits_goes_through_in_one_piece),
		TEST(a_wider_access_is_split_to_the_regions_width_low_bytes_first),
		TEST(an_access_over_the_end_is_split_at_the_end),
		TEST(unclaimed_bytes_read_ff_and_swallow_writes),
		TEST(odd_sizes_are_split_too),
		TEST(each_unclaimed_address_is_reported_once),
		TEST(a_guest_that_probes_all_ports_is_reported_a_bounded_number_of_times),
		TEST(without_a_reporter_unclaimed_is_still_ff),
		TEST(any_access_reads_the_same_bytes_as_bytewise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
