#include "codec/zstd_encode.h"

#include "codec_fixture.h"

#include <errno.h>

#include "codec/zstd_decode.h"

static struct zstd_encoder encoder;
static struct zstd_decoder decoder;

static int encode(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, size_t *used)
{
	return zstd_encode(&encoder, in, in_len, out, out_len, used);
}

static int decode(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, size_t *used)
{
	return zstd_decode(&decoder, in, in_len, out, out_len, used);
}

static size_t packed_len(const uint8_t *in, size_t in_len)
{
	uint8_t *out = guarded_new(2 * in_len + 64);
	size_t used = 0;

	assert_int_equal(encode(in, in_len, out, 2 * in_len + 64, &used), 0);
	guarded_free(out, 2 * in_len + 64);
	return used;
}

static void what_goes_in_comes_out(void **state)
{
	(void)state;
	round_trip_samples(encode, decode);
}

static void work_memory_may_hold_anything(void **state)
{
	uint8_t *in = sample_new(SAMPLE_MIXED, 200000);

	(void)state;
	memset(&encoder, 0x5a, sizeof(encoder));
	memset(&decoder, 0x5a, sizeof(decoder));
	round_trip(encode, decode, in, 200000);
	free(in);
}

static void less_room_is_refused_and_not_overrun(void **state)
{
	static const enum sample kinds[] = { SAMPLE_TEXT, SAMPLE_NOISE, SAMPLE_SKEWED,
					     SAMPLE_RECORDS, SAMPLE_ZEROS };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		uint8_t *in = sample_new(kinds[i], 3000);

		refuses_less_room(encode, in, 3000, -ENOSPC);
		free(in);
	}
}

static void noise_does_not_get_smaller(void **state)
{
	uint8_t *in = sample_new(SAMPLE_NOISE, 65536), *out = guarded_new(65536);
	size_t used;

	(void)state;
	assert_int_equal(encode(in, 65536, out, 65536, &used), -ENOSPC);
	guarded_free(out, 65536);
	assert_true(packed_len(in, 65536) <= 65536 + 10);
	free(in);
}

static void zeros_become_next_to_nothing(void **state)
{
	uint8_t *in = sample_new(SAMPLE_ZEROS, 2 << 20);

	(void)state;
	assert_true(packed_len(in, 2 << 20) < 100);
	free(in);
}

/* Two megabytes of which the second is the first again: the window is the cluster. */
static void matches_reach_back_over_the_whole_cluster(void **state)
{
	uint8_t *in = sample_new(SAMPLE_NOISE, 2 << 20);

	(void)state;
	memcpy(in + (1 << 20), in, 1 << 20);
	assert_true(packed_len(in, 2 << 20) < (1 << 20) + 4096);
	round_trip(encode, decode, in, 2 << 20);
	free(in);
}

/* More sequences than a block may hold: matches of four bytes at changing offsets. */
static void a_block_full_of_sequences_ends_early(void **state)
{
	enum { BYTES = 1 << 18 };
	uint8_t *in = sample_new(SAMPLE_NOISE, BYTES);
	uint64_t random = 3;

	(void)state;
	for (size_t at = 4096; at + 5 <= BYTES; at += 5)
		memcpy(in + at, in + sample_random(&random) % 4000, 5);
	round_trip(encode, decode, in, BYTES);
	assert_true(packed_len(in, BYTES) < BYTES * 3 / 4);
	free(in);
}

/* The decoder sees no sequences in a raw block, so its offsets are not to be repeated:
 * one match does not pay, and the next block goes on at the same offset. */
static void a_raw_block_leaves_no_offset_to_repeat(void **state)
{
	enum { BYTES = ZSTD_BLOCK_MAX + 5000, OFFSET = 100 };
	uint8_t *in = sample_new(SAMPLE_NOISE, BYTES);

	(void)state;
	memcpy(in + 200, in + 200 - OFFSET, 9);
	for (size_t i = ZSTD_BLOCK_MAX + 100; i < BYTES; i++)
		in[i] = in[i - OFFSET];
	round_trip(encode, decode, in, BYTES);
	assert_true(packed_len(in, BYTES) > ZSTD_BLOCK_MAX);
	free(in);
}

/* All 256 values with close to the same frequency, and all but a few with none. */
static void literals_of_every_alphabet_survive(void **state)
{
	uint64_t random = 12;

	(void)state;
	for (unsigned alphabet = 1; alphabet <= 256; alphabet += 1 + alphabet / 8) {
		uint8_t *in = malloc(5000);

		assert_non_null(in);
		for (unsigned i = 0; i < 5000; i++) {
			const uint64_t r = sample_random(&random);

			in[i] = (uint8_t)(r % 8 ? r >> 8 & r >> 20 & (alphabet - 1)
						: (r >> 8) % alphabet);
		}
		round_trip(encode, decode, in, 5000);
		free(in);
	}
}

static void too_long_an_input_is_refused(void **state)
{
	uint8_t byte = 0;
	size_t used;

	(void)state;
	assert_int_equal(encode(&byte, ((size_t)128 << 20) + 1, &byte, 1, &used), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(work_memory_may_hold_anything),
		cmocka_unit_test(less_room_is_refused_and_not_overrun),
		cmocka_unit_test(noise_does_not_get_smaller),
		cmocka_unit_test(zeros_become_next_to_nothing),
		cmocka_unit_test(matches_reach_back_over_the_whole_cluster),
		cmocka_unit_test(a_block_full_of_sequences_ends_early),
		cmocka_unit_test(a_raw_block_leaves_no_offset_to_repeat),
		cmocka_unit_test(literals_of_every_alphabet_survive),
		cmocka_unit_test(too_long_an_input_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
