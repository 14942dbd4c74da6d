#include "codec/huffman.h"

#include "codec_fixture.h"

/* Places that the code fills, of 2^bits_max. */
static uint64_t places(const uint8_t *lengths, unsigned count, unsigned bits_max)
{
	uint64_t sum = 0;

	for (unsigned s = 0; s < count; s++) {
		assert_true(lengths[s] <= bits_max);
		if (lengths[s])
			sum += UINT64_C(1) << (bits_max - lengths[s]);
	}
	return sum;
}

static void what_is_used_more_gets_a_shorter_code(void **state)
{
	const uint32_t uses[] = { 5, 9, 12, 13, 16, 45, 0 };
	const uint8_t expected[] = { 4, 4, 3, 3, 3, 1, 0 };
	uint8_t lengths[7];

	(void)state;
	assert_int_equal(huffman_lengths(uses, 7, 15, lengths), 4);
	assert_memory_equal(lengths, expected, sizeof(expected));
}

static void nothing_and_a_single_symbol_have_a_place_too(void **state)
{
	uint32_t uses[20] = { 0 };
	uint8_t lengths[20];

	(void)state;
	assert_int_equal(huffman_lengths(uses, 20, 7, lengths), 0);
	assert_int_equal(places(lengths, 20, 7), 0);
	uses[17] = 1000;
	assert_int_equal(huffman_lengths(uses, 20, 7, lengths), 1);
	assert_int_equal(lengths[17], 1);
	assert_int_equal(places(lengths, 20, 7), 64);
}

/* Fibonacci's numbers make the deepest tree there is. */
static void no_code_is_longer_than_allowed_and_none_is_wasted(void **state)
{
	uint32_t uses[32] = { 1, 1 };
	uint8_t lengths[32];

	(void)state;
	for (unsigned i = 2; i < 32; i++)
		uses[i] = uses[i - 1] + uses[i - 2];
	for (unsigned bits_max = 5; bits_max <= 15; bits_max++) {
		assert_int_equal(huffman_lengths(uses, 32, bits_max, lengths), bits_max);
		assert_int_equal(places(lengths, 32, bits_max), 1u << bits_max);
		for (unsigned i = 1; i < 32; i++)
			assert_true(lengths[i] <= lengths[i - 1]);
	}
	for (unsigned i = 2; i < 30; i++) { /* without a limit that bites */
		huffman_lengths(uses, i, 31, lengths);
		assert_int_equal(lengths[0], i - 1);
	}
}

static void every_code_of_random_uses_is_complete(void **state)
{
	uint64_t random = 99;

	(void)state;
	for (unsigned n = 0; n < 3000; n++) {
		const unsigned count = 2 + (unsigned)(sample_random(&random) % 287);
		const unsigned shift = (unsigned)(sample_random(&random) % 20);
		uint32_t uses[HUFFMAN_SYMBOLS_MAX];
		uint8_t lengths[HUFFMAN_SYMBOLS_MAX];

		for (unsigned s = 0; s < count; s++) {
			const uint64_t r = sample_random(&random) | 1 << 20;

			uses[s] = 1u << __builtin_ctzll(r) >> shift % 3;
		}
		uses[0] = uses[1] = 1;
		huffman_lengths(uses, count, 11, lengths);
		assert_int_equal(places(lengths, count, 11), 1 << 11);
		huffman_lengths(uses, count, 9, lengths);
		assert_int_equal(places(lengths, count, 9), 1 << 9);
		for (unsigned s = 0; s < count; s++)
			assert_int_equal(lengths[s] > 0, uses[s] > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_used_more_gets_a_shorter_code),
		cmocka_unit_test(nothing_and_a_single_symbol_have_a_place_too),
		cmocka_unit_test(no_code_is_longer_than_allowed_and_none_is_wasted),
		cmocka_unit_test(every_code_of_random_uses_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
