#include "codec/deflate.h"

#include "codec_fixture.h"

#include <errno.h>

#include "codec/inflate.h"

static struct deflate work;

static int encode(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, size_t *used)
{
	return deflate_raw(&work, in, in_len, out, out_len, used);
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
	round_trip_samples(encode, inflate_raw);
}

static void work_memory_may_hold_anything(void **state)
{
	uint8_t *in = sample_new(SAMPLE_MIXED, 65536);

	(void)state;
	memset(&work, 0x5a, sizeof(work));
	round_trip(encode, inflate_raw, in, 65536);
	free(in);
}

static void less_room_is_refused_and_not_overrun(void **state)
{
	static const enum sample kinds[] = { SAMPLE_TEXT, SAMPLE_NOISE, SAMPLE_SKEWED };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		uint8_t *in = sample_new(kinds[i], 1500);

		refuses_less_room(encode, in, 1500, -ENOSPC);
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
	/* Stored, it takes five bytes a block and the bits of one more. */
	assert_true(packed_len(in, 65536) <= 65536 + 5 * 5);
	free(in);
}

static void zeros_become_next_to_nothing(void **state)
{
	uint8_t *in = sample_new(SAMPLE_ZEROS, 65536);

	(void)state;
	assert_true(packed_len(in, 65536) < 100);
	free(in);
}

/* Noise that comes again after so many bytes. */
static size_t packed_len_of_echo(size_t distance)
{
	uint8_t *in = sample_new(SAMPLE_NOISE, 2 * distance);
	size_t len;

	memcpy(in + distance, in, distance);
	len = packed_len(in, 2 * distance);
	free(in);
	return len;
}

/* A decoder with zlib's windowBits of -12 has no more than the last 4096 bytes. */
static void matches_reach_back_4096_bytes_and_no_further(void **state)
{
	(void)state;
	assert_true(packed_len_of_echo(4096) < 4096 + 200);
	assert_true(packed_len_of_echo(4097) > 2 * 4097);
}

/* Every length, at many distances, with noise between. */
static void every_length_of_a_match_survives(void **state)
{
	enum { BYTES = 300 * 600 };
	uint8_t *in = sample_new(SAMPLE_NOISE, BYTES);

	(void)state;
	for (size_t i = 1; i < 300; i++)
		memcpy(in + 600 * i, in + 600 * i - i - i * 7 % 290, i);
	round_trip(encode, inflate_raw, in, BYTES);
	free(in);
}

static void a_gibibyte_is_too_much(void **state)
{
	uint8_t byte = 0;
	size_t used;

	(void)state;
	assert_int_equal(encode(&byte, ((size_t)1 << 30) + 1, &byte, 1, &used), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(work_memory_may_hold_anything),
		cmocka_unit_test(less_room_is_refused_and_not_overrun),
		cmocka_unit_test(noise_does_not_get_smaller),
		cmocka_unit_test(zeros_become_next_to_nothing),
		cmocka_unit_test(matches_reach_back_4096_bytes_and_no_further),
		cmocka_unit_test(every_length_of_a_match_survives),
		cmocka_unit_test(a_gibibyte_is_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
