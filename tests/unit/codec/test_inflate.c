#include "codec/inflate.h"

#include "codec_fixture.h"

#include <errno.h>

#include "codec/bits.h"
#include "codec/deflate_format.h"
#include "inflate_vector.h"

#define STREAM_BYTES 512

/* A stream that a test writes bit by bit. */
struct stream {
	uint8_t bytes[STREAM_BYTES];
	struct bits_out bits;
};

static void stream_begin(struct stream *s, enum deflate_block type)
{
	bits_out_init(&s->bits, s->bytes, sizeof(s->bytes));
	bits_out_put(&s->bits, 1 | (unsigned)type << 1, 3);
}

static void put(struct stream *s, uint64_t v, unsigned bits)
{
	bits_out_put(&s->bits, v, bits);
	bits_out_flush(&s->bits);
}

/* A Huffman code: its first bit is its highest. */
static void put_code(struct stream *s, unsigned code, unsigned bits)
{
	while (bits-- > 0)
		put(s, code >> bits & 1, 1);
}

/* In the fixed code. */
static void put_fixed(struct stream *s, unsigned symbol)
{
	if (symbol < 144)
		put_code(s, 0x30 + symbol, 8);
	else if (symbol < 256)
		put_code(s, 0x190 + symbol - 144, 9);
	else if (symbol < 280)
		put_code(s, symbol - 256, 7);
	else
		put_code(s, 0xc0 + symbol - 280, 8);
}

static int decode_stream(struct stream *s, size_t out_len)
{
	bits_out_align(&s->bits);
	assert_false(s->bits.full);
	return decode_once(inflate_raw, s->bytes, (size_t)(s->bits.at - s->bytes), out_len);
}

/* A dynamic block whose code of lengths has four codes of two bits: 0, 1, 2 and 18
 * have lengths 2 and the codes 00, 01, 10, 11. */
static void begin_dynamic(struct stream *s, unsigned litlens, unsigned distances)
{
	static const uint8_t used[DEFLATE_PRECODES] = { [0] = 2, [1] = 2, [2] = 2, [18] = 2 };

	stream_begin(s, DEFLATE_DYNAMIC);
	put(s, litlens - 257, 5);
	put(s, distances - 1, 5);
	put(s, DEFLATE_PRECODES - 4, 4);
	for (unsigned i = 0; i < DEFLATE_PRECODES; i++)
		put(s, used[deflate_precode_order[i]], 3);
}

static void put_length(struct stream *s, unsigned length)
{
	put_code(s, length, 2);
}

static void put_zeros(struct stream *s, unsigned count)
{
	put_code(s, 3, 2);
	put(s, count - 11, 7);
}

/* Lengths of a code for 'a' (97), 256 and 257: count is how many symbols follow. */
static void put_litlens(struct stream *s, unsigned a, unsigned end, unsigned match)
{
	put_zeros(s, 97);
	put_length(s, a);
	put_zeros(s, 138);
	put_zeros(s, 20);
	put_length(s, end);
	put_length(s, match);
}

static void a_stream_of_zlib_is_decoded(void **state)
{
	uint8_t *expected = vector_new(), *out = guarded_new(VECTOR_BYTES);
	uint8_t padded[sizeof(zlib_vector) + 512];
	size_t used = 0;

	(void)state;
	memcpy(padded, zlib_vector, sizeof(zlib_vector));
	memset(padded + sizeof(zlib_vector), 0xff, 512);
	assert_int_equal(inflate_raw(padded, sizeof(padded), out, VECTOR_BYTES, &used), 0);
	assert_int_equal(used, sizeof(zlib_vector)); /* what follows is none of its business */
	assert_memory_equal(out, expected, VECTOR_BYTES);
	assert_int_equal(inflate_raw(padded, sizeof(padded), out, VECTOR_BYTES, NULL), 0);
	guarded_free(out, VECTOR_BYTES);
	free(expected);
}

static void a_cut_stream_or_another_length_is_refused(void **state)
{
	(void)state;
	refuses_cut_and_lengths(inflate_raw, zlib_vector, sizeof(zlib_vector), VECTOR_BYTES,
				-EBADMSG);
}

static void no_wrong_bit_writes_beside_the_output(void **state)
{
	(void)state;
	survives_flips(inflate_raw, zlib_vector, sizeof(zlib_vector), VECTOR_BYTES);
}

static void stored_blocks_are_copied(void **state)
{
	static const uint8_t two[] = { 0x00, 3, 0, 0xfc, 0xff, 'a', 'b', 'c',
				       0x01, 2, 0, 0xfd, 0xff, 'd', 'e' };
	uint8_t out[5];
	size_t used = 0;

	(void)state;
	assert_int_equal(inflate_raw(two, sizeof(two), out, sizeof(out), &used), 0);
	assert_int_equal(used, sizeof(two));
	assert_memory_equal(out, "abcde", 5);
	refuses_cut_and_lengths(inflate_raw, two, sizeof(two), 5, -EBADMSG);
}

static void a_stored_block_whose_lengths_disagree_is_refused(void **state)
{
	static const uint8_t bad[] = { 0x01, 1, 0, 0xfd, 0xff, 'a' };

	(void)state;
	assert_int_equal(decode_once(inflate_raw, bad, sizeof(bad), 1), -EBADMSG);
}

static void an_empty_stream_makes_no_byte(void **state)
{
	struct stream s;

	(void)state;
	stream_begin(&s, DEFLATE_FIXED);
	put_fixed(&s, DEFLATE_END);
	assert_int_equal(decode_stream(&s, 0), 0);
	assert_int_equal(decode_once(inflate_raw, NULL, 0, 0), -EBADMSG);
}

static void the_fourth_block_type_is_refused(void **state)
{
	struct stream s;

	(void)state;
	stream_begin(&s, 3);
	put_fixed(&s, DEFLATE_END);
	assert_int_equal(decode_stream(&s, 0), -EBADMSG);
}

/* 'a', a match of that length symbol at that distance, each with extra bits of 0, so
 * many literals, the end. */
static int fixed_match(unsigned length_symbol, unsigned length_bits, unsigned distance_symbol,
		       unsigned tail, size_t out_len)
{
	struct stream s;

	stream_begin(&s, DEFLATE_FIXED);
	put_fixed(&s, 'a');
	put_fixed(&s, length_symbol);
	put(&s, 0, length_bits);
	put_code(&s, distance_symbol, 5);
	for (unsigned i = 0; i < tail; i++)
		put_fixed(&s, 'b');
	put_fixed(&s, DEFLATE_END);
	return decode_stream(&s, out_len);
}

/* In the fast loop, which wants room behind it, as in the careful one. */
static void a_match_before_the_beginning_is_refused(void **state)
{
	(void)state;
	for (unsigned tail = 0; tail <= 400; tail += 400) {
		assert_int_equal(fixed_match(257, 0, 0, tail, 4 + tail), 0);
		assert_int_equal(fixed_match(257, 0, 1, tail, 4 + tail), -EBADMSG);
	}
}

static void lengths_that_mean_nothing_are_refused(void **state)
{
	(void)state;
	assert_int_equal(fixed_match(285, 0, 0, 0, 259), 0);
	/* As if the row went on. */
	assert_int_equal(fixed_match(286, 6, 0, 0, 1 + 323), -EBADMSG);
	assert_int_equal(fixed_match(287, 6, 0, 0, 1 + 387), -EBADMSG);
}

static void distances_that_mean_nothing_are_refused(void **state)
{
	(void)state;
	for (unsigned symbol = 29; symbol <= 31; symbol++) {
		struct stream s;

		/* Enough output that the distance would be there. */
		stream_begin(&s, DEFLATE_FIXED);
		put_fixed(&s, 'a');
		for (unsigned i = 0; i < 200; i++) {
			put_fixed(&s, 285);
			put_code(&s, 0, 5);
		}
		put_fixed(&s, 257);
		put_code(&s, symbol, 5);
		put(&s, 0, symbol / 2 - 1);
		put_fixed(&s, DEFLATE_END);
		assert_int_equal(decode_stream(&s, 1 + 200 * 258 + 3), symbol == 29 ? 0 : -EBADMSG);
	}
}

static void a_match_repeats_itself_at_every_distance(void **state)
{
	(void)state;
	for (unsigned distance = 1; distance <= 40; distance++) {
		for (unsigned tail = 0; tail <= 400; tail += 200) {
			const unsigned symbol = distance <= 4 ? distance - 1 : 0;
			const size_t out_len = distance + 258 + tail;
			uint8_t *out = guarded_new(out_len);
			struct stream s;

			stream_begin(&s, DEFLATE_FIXED);
			for (unsigned i = 0; i < distance; i++)
				put_fixed(&s, i);
			put_fixed(&s, 285);
			if (distance <= 4) {
				put_code(&s, symbol, 5);
			} else {
				const unsigned extra = bits_log2(distance - 1) - 1;

				put_code(&s, 2 * extra + ((distance - 1) >> extra), 5);
				put(&s, (distance - 1) & bits_mask(extra), extra);
			}
			/* Room behind it, so that the fast loop does the copying too. */
			for (unsigned i = 0; i < tail; i++)
				put_fixed(&s, 7);
			put_fixed(&s, DEFLATE_END);
			bits_out_align(&s.bits);
			assert_false(s.bits.full);
			assert_int_equal(inflate_raw(s.bytes, (size_t)(s.bits.at - s.bytes), out,
						     out_len, NULL), 0);
			for (size_t i = 0; i < out_len; i++)
				assert_int_equal(out[i], i < distance + 258 ? i % distance : 7);
			guarded_free(out, out_len);
		}
	}
}

/* "aa" with so many symbols in each code, of which few are used. */
static int dynamic_with(unsigned litlens, unsigned distances)
{
	struct stream s;

	begin_dynamic(&s, litlens, distances);
	put_litlens(&s, 1, 2, 2);
	for (unsigned i = 258; i < litlens; i++)
		put_length(&s, 0);
	for (unsigned i = 0; i < distances; i++)
		put_length(&s, i == 0);
	put_code(&s, 0, 1);
	put_code(&s, 0, 1);
	put_code(&s, 2, 2);
	return decode_stream(&s, 2);
}

static void too_many_symbols_are_refused(void **state)
{
	(void)state;
	assert_int_equal(dynamic_with(286, 30), 0);
	assert_int_equal(dynamic_with(287, 1), -EBADMSG);
	assert_int_equal(dynamic_with(258, 31), -EBADMSG);
	assert_int_equal(dynamic_with(288, 32), -EBADMSG);
}

/* A dynamic block whose precode lengths are all `length` for the first `count`. */
static int precode_of(unsigned count, unsigned length)
{
	struct stream s;

	stream_begin(&s, DEFLATE_DYNAMIC);
	put(&s, 0, 5);
	put(&s, 0, 5);
	put(&s, DEFLATE_PRECODES - 4, 4);
	for (unsigned i = 0; i < DEFLATE_PRECODES; i++)
		put(&s, i < count ? length : 0, 3);
	for (unsigned i = 0; i < 200; i++)
		put(&s, 0, 7);
	return decode_stream(&s, 1);
}

/* "a" with a code of lengths that leaves a fourth of its room. */
static int incomplete_precode(void)
{
	static const uint8_t used[DEFLATE_PRECODES] = { [0] = 2, [1] = 2, [18] = 2 };
	struct stream s;

	stream_begin(&s, DEFLATE_DYNAMIC);
	put(&s, 0, 5);
	put(&s, 0, 5);
	put(&s, DEFLATE_PRECODES - 4, 4);
	for (unsigned i = 0; i < DEFLATE_PRECODES; i++)
		put(&s, used[deflate_precode_order[i]], 3);
	put_code(&s, 2, 2); /* 97 zeros, 1, 158 zeros, 1; no distance */
	put(&s, 97 - 11, 7);
	put_code(&s, 1, 2);
	put_code(&s, 2, 2);
	put(&s, 138 - 11, 7);
	put_code(&s, 2, 2);
	put(&s, 20 - 11, 7);
	put_code(&s, 1, 2);
	put_code(&s, 0, 2);
	put_code(&s, 0, 1);
	put_code(&s, 1, 1);
	return decode_stream(&s, 1);
}

static void a_code_of_lengths_that_is_no_code_is_refused(void **state)
{
	(void)state;
	assert_int_equal(precode_of(0, 0), -EBADMSG);
	assert_int_equal(precode_of(1, 1), -EBADMSG); /* zlib wants it complete */
	assert_int_equal(precode_of(3, 1), -EBADMSG);
	assert_int_equal(incomplete_precode(), -EBADMSG);
}

static void a_repeat_of_nothing_is_refused(void **state)
{
	static const uint8_t used[DEFLATE_PRECODES] = { [16] = 1, [1] = 1 };
	struct stream s;

	(void)state;
	stream_begin(&s, DEFLATE_DYNAMIC);
	put(&s, 0, 5);
	put(&s, 0, 5);
	put(&s, DEFLATE_PRECODES - 4, 4);
	for (unsigned i = 0; i < DEFLATE_PRECODES; i++)
		put(&s, used[deflate_precode_order[i]], 3);
	for (unsigned i = 0; i < 200; i++)
		put(&s, 1, 3);
	assert_int_equal(decode_stream(&s, 1), -EBADMSG);
}

static void a_repeat_beyond_the_last_length_is_refused(void **state)
{
	struct stream s;

	(void)state;
	begin_dynamic(&s, 258, 10);
	put_litlens(&s, 1, 2, 2);
	put_zeros(&s, 11); /* one too many */
	put_code(&s, 0, 1);
	put_code(&s, 2, 2);
	assert_int_equal(decode_stream(&s, 1), -EBADMSG);
}

static void a_block_that_could_not_end_is_refused(void **state)
{
	struct stream s;

	(void)state;
	begin_dynamic(&s, 258, 1);
	put_litlens(&s, 1, 0, 1);
	put_length(&s, 1);
	put(&s, 0, 40);
	assert_int_equal(decode_stream(&s, 1), -EBADMSG);
}

/* A dynamic block of codes of such lengths, and in it the bits of what they should
 * mean, first bit first. */
static int dynamic_of(unsigned a, unsigned end, unsigned match, unsigned distance,
		      const char *bits, size_t out_len)
{
	struct stream s;

	begin_dynamic(&s, 258, 1);
	put_litlens(&s, a, end, match);
	put_length(&s, distance);
	for (; *bits; bits++)
		put(&s, *bits == '1', 1);
	return decode_stream(&s, out_len);
}

static void codes_over_or_under_full_are_refused(void **state)
{
	(void)state;
	assert_int_equal(dynamic_of(1, 2, 2, 1, "0" "110" "10", 4), 0); /* a, match, end */
	/* More than there is room for, though none of it is used. */
	assert_int_equal(dynamic_of(1, 1, 2, 1, "0" "1", 1), -EBADMSG);
	/* Room is left, though none of it is used; of distances, too. */
	assert_int_equal(dynamic_of(2, 2, 2, 1, "00" "01", 1), -EBADMSG);
	assert_int_equal(dynamic_of(1, 2, 2, 2, "0" "1100" "10", 4), -EBADMSG);
	/* No distance has a code, but one is used. */
	assert_int_equal(dynamic_of(1, 2, 2, 0, "0" "110" "10", 4), -EBADMSG);
}

static void the_single_bit_that_a_lonely_code_leaves_is_refused(void **state)
{
	struct stream s;

	(void)state;
	begin_dynamic(&s, 258, 1);
	put_litlens(&s, 1, 2, 2);
	put_length(&s, 1);
	put_code(&s, 0, 1);
	put_code(&s, 3, 2);
	put_code(&s, 1, 1); /* not the code of a distance */
	put_code(&s, 2, 2);
	assert_int_equal(decode_stream(&s, 4), -EBADMSG);
}

static void literals_alone_need_no_distance(void **state)
{
	struct stream s;

	(void)state;
	begin_dynamic(&s, 258, 1);
	put_litlens(&s, 1, 2, 2);
	put_length(&s, 0);
	put_code(&s, 0, 1);
	put_code(&s, 0, 1);
	put_code(&s, 2, 2);
	assert_int_equal(decode_stream(&s, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_of_zlib_is_decoded),
		cmocka_unit_test(a_cut_stream_or_another_length_is_refused),
		cmocka_unit_test(no_wrong_bit_writes_beside_the_output),
		cmocka_unit_test(stored_blocks_are_copied),
		cmocka_unit_test(a_stored_block_whose_lengths_disagree_is_refused),
		cmocka_unit_test(an_empty_stream_makes_no_byte),
		cmocka_unit_test(the_fourth_block_type_is_refused),
		cmocka_unit_test(a_match_before_the_beginning_is_refused),
		cmocka_unit_test(lengths_that_mean_nothing_are_refused),
		cmocka_unit_test(distances_that_mean_nothing_are_refused),
		cmocka_unit_test(a_match_repeats_itself_at_every_distance),
		cmocka_unit_test(too_many_symbols_are_refused),
		cmocka_unit_test(a_code_of_lengths_that_is_no_code_is_refused),
		cmocka_unit_test(a_repeat_of_nothing_is_refused),
		cmocka_unit_test(a_repeat_beyond_the_last_length_is_refused),
		cmocka_unit_test(a_block_that_could_not_end_is_refused),
		cmocka_unit_test(codes_over_or_under_full_are_refused),
		cmocka_unit_test(the_single_bit_that_a_lonely_code_leaves_is_refused),
		cmocka_unit_test(literals_alone_need_no_distance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
