#include "codec/bits.h"

#include "codec_fixture.h"

#define VALUES 2000

/* The n-th width, 1..24, and a value that fits it. */
static unsigned width(unsigned n)
{
	return 1 + n * 7 % 24;
}

static uint32_t value(unsigned n)
{
	return (uint32_t)(n * 2654435761u & bits_mask(width(n)));
}

static size_t write_all(uint8_t *out, size_t len)
{
	struct bits_out b;

	bits_out_init(&b, out, len);
	for (unsigned n = 0; n < VALUES; n++) {
		bits_out_put(&b, value(n), width(n));
		bits_out_flush(&b);
	}
	bits_out_put(&b, 1, 1);
	bits_out_align(&b);
	assert_false(b.full);
	return (size_t)(b.at - out);
}

static void what_is_written_is_read_forwards(void **state)
{
	static uint8_t bytes[VALUES * 3];
	struct bits_in b;
	size_t len = write_all(bytes, sizeof(bytes));
	uint8_t *exact = exact_copy(bytes, len);

	(void)state;
	bits_in_init(&b, exact, len);
	for (unsigned n = 0; n < VALUES; n++) {
		bits_in_refill(&b);
		assert_int_equal(bits_in_take(&b, width(n)), value(n));
	}
	assert_int_equal(bits_in_take(&b, 1), 1);
	assert_false(bits_in_overrun(&b));
	assert_ptr_equal(bits_in_byte(&b), exact + len);
	bits_in_refill(&b);
	assert_int_equal(bits_in_take(&b, 8), 0); /* zeros are lent, and counted */
	assert_true(bits_in_overrun(&b));
	free(exact);
}

static void what_is_written_is_read_backwards(void **state)
{
	static uint8_t bytes[VALUES * 3];
	struct bits_back b;
	size_t len = write_all(bytes, sizeof(bytes));
	uint8_t *exact = exact_copy(bytes, len);

	(void)state;
	assert_true(bits_back_init(&b, exact, len));
	for (unsigned n = VALUES; n-- > 0;) {
		bits_back_refill(&b);
		assert_int_equal(bits_back_take(&b, width(n)), value(n));
	}
	assert_int_equal(bits_back_left(&b), 0);
	assert_int_equal(bits_back_take(&b, 0), 0);
	bits_back_refill(&b);
	assert_int_equal(bits_back_take(&b, 3), 0);
	assert_int_equal(bits_back_left(&b), -3);
	free(exact);
}

static void a_backward_stream_needs_its_marker(void **state)
{
	const uint8_t none[] = { 0xff, 0x00 };
	struct bits_back b;

	(void)state;
	assert_false(bits_back_init(&b, none, 0));
	assert_false(bits_back_init(&b, none, 2));
	assert_true(bits_back_init(&b, none, 1));
	assert_int_equal(bits_back_left(&b), 7);
}

static void a_writer_stops_at_its_end_and_says_so(void **state)
{
	uint8_t *out = guarded_new(5);
	struct bits_out b;

	(void)state;
	bits_out_init(&b, out, 5);
	for (unsigned i = 0; i < 5; i++) {
		bits_out_put(&b, 0xc0 + i, 8);
		bits_out_flush(&b);
	}
	assert_false(b.full);
	bits_out_put(&b, 1, 1);
	bits_out_align(&b);
	assert_true(b.full);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(out[i], 0xc0 + i);
	guarded_free(out, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_forwards),
		cmocka_unit_test(what_is_written_is_read_backwards),
		cmocka_unit_test(a_backward_stream_needs_its_marker),
		cmocka_unit_test(a_writer_stops_at_its_end_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
