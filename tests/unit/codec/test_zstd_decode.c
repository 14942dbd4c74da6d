#include "codec/zstd_decode.h"

#include "codec_fixture.h"

#include <errno.h>

#include "codec/xxh64.h"
#include "zstd_vector.h"

static struct zstd_decoder decoder;

static int decode(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, size_t *used)
{
	return zstd_decode(&decoder, in, in_len, out, out_len, used);
}

/* A frame that a test puts together. */
struct frame {
	size_t len;
	uint8_t bytes[4096];
};

static void add(struct frame *f, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		f->bytes[f->len++] = (uint8_t)(v >> 8 * i);
}

static void add_bytes(struct frame *f, const void *bytes, size_t len)
{
	memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
}

/* A single segment of fewer than 256 bytes. */
static void begin(struct frame *f, size_t content_len)
{
	f->len = 0;
	add(f, ZSTD_MAGIC, 4);
	add(f, ZSTD_SINGLE_SEGMENT, 1);
	add(f, content_len, 1);
}

/* Of any size, with a window of 1 KiB: a block may be larger than its content. */
static void begin_open(struct frame *f)
{
	f->len = 0;
	add(f, ZSTD_MAGIC, 4);
	add(f, 0, 2);
}

static void block(struct frame *f, bool last, unsigned type, size_t size)
{
	add(f, last | type << 1 | size << 3, ZSTD_BLOCK_HEADER_BYTES);
}

static int decode_frame(const struct frame *f, size_t out_len)
{
	return decode_once(decode, f->bytes, f->len, out_len);
}

static int decode_block(const uint8_t *body, size_t len, size_t out_len)
{
	struct frame f;

	begin_open(&f);
	block(&f, true, ZSTD_COMPRESSED, len);
	add_bytes(&f, body, len);
	return decode_frame(&f, out_len);
}

static void a_frame_of_zstd_is_decoded(void **state)
{
	uint8_t *expected = vector_new(), *out = guarded_new(VECTOR_BYTES);
	uint8_t padded[sizeof(zstd_vector) + 512];
	size_t used = 0;

	(void)state;
	memcpy(padded, zstd_vector, sizeof(zstd_vector));
	memset(padded + sizeof(zstd_vector), 0xff, 512);
	assert_int_equal(decode(padded, sizeof(padded), out, VECTOR_BYTES, &used), 0);
	assert_int_equal(used, sizeof(zstd_vector)); /* what follows is none of its business */
	assert_memory_equal(out, expected, VECTOR_BYTES);
	guarded_free(out, VECTOR_BYTES);
	free(expected);
}

static void a_cut_frame_or_another_length_is_refused(void **state)
{
	(void)state;
	refuses_cut_and_lengths(decode, zstd_vector, sizeof(zstd_vector), VECTOR_BYTES, -EBADMSG);
}

static void no_wrong_bit_writes_beside_the_output(void **state)
{
	(void)state;
	survives_flips(decode, zstd_vector, sizeof(zstd_vector), VECTOR_BYTES);
}

static void a_wrong_checksum_is_refused(void **state)
{
	uint8_t *bad = exact_copy(zstd_vector, sizeof(zstd_vector));

	(void)state;
	for (unsigned i = 1; i <= 4; i++) {
		bad[sizeof(zstd_vector) - i] ^= 0x10;
		assert_int_equal(decode_once(decode, bad, sizeof(zstd_vector), VECTOR_BYTES),
				 -EBADMSG);
		bad[sizeof(zstd_vector) - i] ^= 0x10;
	}
	free(bad);
}

static void raw_and_rle_blocks_are_copied_and_repeated(void **state)
{
	struct frame f;
	uint8_t out[7];
	size_t used;

	(void)state;
	begin(&f, 7);
	block(&f, false, ZSTD_RAW, 3);
	add_bytes(&f, "abc", 3);
	block(&f, false, ZSTD_RLE, 4);
	add(&f, 'z', 1);
	block(&f, true, ZSTD_RAW, 0);
	assert_int_equal(decode(f.bytes, f.len, out, 7, &used), 0);
	assert_memory_equal(out, "abczzzz", 7);
	refuses_cut_and_lengths(decode, f.bytes, f.len, 7, -EBADMSG);
}

static void the_fourth_block_type_is_refused(void **state)
{
	struct frame f;

	(void)state;
	begin(&f, 1);
	block(&f, true, 3, 1);
	add(&f, 'a', 1);
	assert_int_equal(decode_frame(&f, 1), -EBADMSG);
}

/* A header with these fields, and one byte of content. */
static int header_of(uint8_t descriptor, const void *fields, size_t fields_len)
{
	struct frame f = { 0 };

	add(&f, ZSTD_MAGIC, 4);
	add(&f, descriptor, 1);
	add_bytes(&f, fields, fields_len);
	block(&f, true, ZSTD_RAW, 1);
	add(&f, 'a', 1);
	return decode_frame(&f, 1);
}

static void every_form_of_the_header_is_read(void **state)
{
	(void)state;
	assert_int_equal(header_of(0x00, "\x00", 1), 0); /* window */
	assert_int_equal(header_of(0x20, "\x01", 1), 0); /* size */
	assert_int_equal(header_of(0x80, "\xff\x01\0\0\0", 5), 0); /* both */
	assert_int_equal(header_of(0xa0, "\x01\0\0\0", 4), 0);
	assert_int_equal(header_of(0xe0, "\x01\0\0\0\0\0\0\0", 8), 0);
	assert_int_equal(header_of(0x30, "\x01", 1), 0); /* bit 4 means nothing */
	assert_int_equal(header_of(0x60, "\x00\x00", 2), -EBADMSG); /* 256 bytes */
	assert_int_equal(header_of(0x20, "\x00", 1), -EBADMSG); /* the wrong size */
	assert_int_equal(header_of(0x20, "\x02", 1), -EBADMSG);
	assert_int_equal(header_of(0xe0, "\x01\0\0\0\0\0\0\x80", 8), -EBADMSG);
	assert_int_equal(header_of(0x28, "\x01", 1), -EBADMSG); /* reserved */
}

/* Another frame may make up for what this one lacks, but not for its word. */
static void a_frame_makes_as_much_as_it_says(void **state)
{
	struct frame f;

	(void)state;
	for (size_t said = 1; said <= 2; said++) {
		begin(&f, said);
		block(&f, true, ZSTD_RAW, 1);
		add(&f, 'a', 1);
		add(&f, ZSTD_MAGIC, 4);
		add(&f, 0, 2);
		block(&f, true, ZSTD_RAW, 1);
		add(&f, 'b', 1);
		assert_int_equal(decode_frame(&f, 2), said == 1 ? 0 : -EBADMSG);
	}
}

static void a_dictionary_is_refused_unless_it_is_none(void **state)
{
	(void)state;
	assert_int_equal(header_of(0x21, "\x00\x01", 2), 0);
	assert_int_equal(header_of(0x21, "\x07\x01", 2), -EOPNOTSUPP);
	assert_int_equal(header_of(0x22, "\x00\x07\x01", 3), -EOPNOTSUPP);
	assert_int_equal(header_of(0x23, "\x00\x00\x00\x07\x01", 5), -EOPNOTSUPP);
}

static void a_block_is_no_larger_than_the_window(void **state)
{
	(void)state;
	for (unsigned size = 1024; size <= 1025; size++) {
		struct frame f;

		begin_open(&f);
		block(&f, true, ZSTD_RAW, size);
		memset(f.bytes + f.len, 'a', size);
		f.len += size;
		assert_int_equal(decode_frame(&f, size), size == 1024 ? 0 : -EBADMSG);
	}
	/* Nor is what stands for it: a header, raw literals, no sequences. */
	for (unsigned size = 1024; size <= 1025; size++) {
		const unsigned literals = size - 3;
		struct frame f;

		begin_open(&f);
		block(&f, true, ZSTD_COMPRESSED, size);
		add(&f, ZSTD_LIT_RAW | 1 << 2 | literals << 4, 2);
		memset(f.bytes + f.len, 'a', literals);
		f.len += literals;
		add(&f, 0, 1);
		assert_int_equal(decode_frame(&f, literals), size == 1024 ? 0 : -EBADMSG);
	}
}

static void frames_follow_each_other_and_skippable_ones_are_skipped(void **state)
{
	struct frame all = { 0 }, f;
	uint8_t out[2];
	size_t used;

	(void)state;
	begin(&f, 1);
	block(&f, true, ZSTD_RAW, 1);
	add(&f, 'a', 1);
	add(&all, ZSTD_SKIPPABLE, 4);
	add(&all, 0, 4);
	add(&all, ZSTD_SKIPPABLE | 0xf, 4);
	add(&all, 3, 4);
	add_bytes(&all, "xyz", 3);
	add_bytes(&all, f.bytes, f.len);
	add(&all, ZSTD_SKIPPABLE | 7, 4);
	add(&all, 0, 4);
	add_bytes(&all, f.bytes, f.len);
	assert_int_equal(decode(all.bytes, all.len, out, 2, &used), 0);
	assert_memory_equal(out, "aa", 2);
	assert_int_equal(used, all.len);
	assert_int_equal(decode(all.bytes, all.len, out, 1, &used), 0);
	assert_int_equal(used, 8 + 11 + f.len);
	assert_int_equal(decode_frame(&all, 3), -EBADMSG);
	/* One that is longer than there is input. */
	for (uint64_t len = f.len + 1; len <= 0xffffffff; len += 0xffffffff - f.len - 1) {
		all.len = 0;
		add(&all, ZSTD_SKIPPABLE, 4);
		add(&all, len, 4);
		add_bytes(&all, f.bytes, f.len);
		assert_int_equal(decode_frame(&all, 1), -EBADMSG);
	}
}

static void a_match_reaches_no_further_than_its_frame(void **state)
{
	/* No literals, a match of 3, the second repeat offset: 4. */
	static const uint8_t body[] = { 0x00, 1, 0x54, 0, 0, 0, 0x01 };
	struct frame f;

	(void)state;
	begin(&f, 7);
	block(&f, false, ZSTD_RAW, 4);
	add_bytes(&f, "abcd", 4);
	block(&f, true, ZSTD_COMPRESSED, sizeof(body));
	add_bytes(&f, body, sizeof(body));
	assert_int_equal(decode_frame(&f, 7), 0);
	/* The same after four bytes of another frame. */
	begin(&f, 4);
	block(&f, true, ZSTD_RAW, 4);
	add_bytes(&f, "abcd", 4);
	add(&f, ZSTD_MAGIC, 4);
	add(&f, ZSTD_SINGLE_SEGMENT, 1);
	add(&f, 3, 1);
	block(&f, true, ZSTD_COMPRESSED, sizeof(body));
	add_bytes(&f, body, sizeof(body));
	assert_int_equal(decode_frame(&f, 7), -EBADMSG);
}

/* One literal, then a match of 8 at offset 1, all codes of a single symbol. */
enum { LIT_HEADER, LIT, COUNT, MODES, LITERALS, OFFSET, MATCH, STREAM };
static const uint8_t nine_bytes[] = { 0x08, 'a', 1, 0x54, 1, 2, 5, 0x04 };

static int nine_bytes_with(unsigned field, uint8_t value)
{
	uint8_t body[sizeof(nine_bytes)];

	memcpy(body, nine_bytes, sizeof(body));
	body[field] = value;
	return decode_block(body, sizeof(body), 9);
}

static void a_sequence_is_executed_and_every_wrong_field_is_refused(void **state)
{
	static const struct {
		unsigned field;
		uint8_t value;
	} wrong[] = {
		{ LIT_HEADER, 0x10 }, /* a literal more than there is */
		{ COUNT, 2 },
		{ MODES, 0x55 },      /* reserved bits */
		{ MODES, 0x57 },
		{ MODES, 0xd4 },      /* nothing to repeat yet */
		{ MODES, 0x74 },
		{ MODES, 0x5c },
		{ LITERALS, 2 },      /* more literals than there are */
		{ LITERALS, 0 },      /* a match before the beginning */
		{ LITERALS, 36 },     /* no such code */
		{ OFFSET, 32 },
		{ OFFSET, 31 },       /* bits that are not there */
		{ MATCH, 53 },
		{ MATCH, 4 },	      /* too short, too long */
		{ MATCH, 6 },
		{ STREAM, 0x00 },     /* no marker */
		{ STREAM, 0x02 },     /* a bit too few, a bit too many */
		{ STREAM, 0x08 },
		{ STREAM, 0x05 },     /* offset 2, of one byte */
	};

	static const uint8_t borrowed[] = { 0x08, 'a', 1, 0x54, 24, 2, 4, 0x40 };

	(void)state;
	assert_int_equal(nine_bytes_with(LIT, 'b'), 0);
	/* 48 literals, though there is one, and a match of 7. */
	assert_int_equal(decode_block(borrowed, sizeof(borrowed), 55), -EBADMSG);
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(nine_bytes_with(wrong[i].field, wrong[i].value), -EBADMSG);
}

static void an_offset_of_zero_is_refused(void **state)
{
	/* Without literals, value 3 is the latest offset less one; the first is 1. */
	static const uint8_t body[] = { 0x00, 1, 0x54, 0, 1, 0, 0x03 };
	struct frame f;

	(void)state;
	begin(&f, 7);
	block(&f, false, ZSTD_RAW, 4);
	add_bytes(&f, "abcd", 4);
	block(&f, true, ZSTD_COMPRESSED, sizeof(body));
	add_bytes(&f, body, sizeof(body));
	assert_int_equal(decode_frame(&f, 7), -EBADMSG);
}

static void nothing_may_follow_a_block_without_sequences(void **state)
{
	static const uint8_t body[] = { 0x08, 'a', 0, 0 };

	(void)state;
	assert_int_equal(decode_block(body, 3, 1), 0);
	assert_int_equal(decode_block(body, 4, 1), -EBADMSG);
}

static void tables_are_inherited_from_the_block_before(void **state)
{
	static const uint8_t again[] = { 0x08, 'b', 1, 0xfc, 0x04 };
	struct frame f;
	uint8_t out[18];
	size_t used;

	(void)state;
	begin(&f, 18);
	block(&f, false, ZSTD_COMPRESSED, sizeof(nine_bytes));
	add_bytes(&f, nine_bytes, sizeof(nine_bytes));
	block(&f, true, ZSTD_COMPRESSED, sizeof(again));
	add_bytes(&f, again, sizeof(again));
	assert_int_equal(decode(f.bytes, f.len, out, 18, &used), 0);
	assert_memory_equal(out, "aaaaaaaaabbbbbbbbb", 18);
}

static void a_frame_inherits_nothing(void **state)
{
	static const uint8_t again[] = { 0x08, 'b', 1, 0xfc, 0x04 };
	struct frame f;

	(void)state;
	begin(&f, 9);
	block(&f, true, ZSTD_COMPRESSED, sizeof(nine_bytes));
	add_bytes(&f, nine_bytes, sizeof(nine_bytes));
	add(&f, ZSTD_MAGIC, 4);
	add(&f, 0, 2);
	block(&f, true, ZSTD_COMPRESSED, sizeof(again));
	add_bytes(&f, again, sizeof(again));
	assert_int_equal(decode_frame(&f, 18), -EBADMSG);
}

/* Literals 0, 1, 0, 1 in one stream of a code with one weight given, no sequences. */
static int huffman_with(unsigned type, size_t len, size_t packed_len, uint8_t count,
			uint8_t weights, uint8_t stream)
{
	struct frame f;

	begin_open(&f);
	block(&f, true, ZSTD_COMPRESSED, 7);
	add(&f, type | len << 4 | packed_len << 14, 3);
	add(&f, count, 1);
	add(&f, weights, 1);
	add(&f, stream, 1);
	add(&f, 0, 1);
	return decode_frame(&f, 4);
}

static void huffman_literals_are_read_and_every_wrong_field_is_refused(void **state)
{
	(void)state;
	assert_int_equal(huffman_with(2, 4, 3, 128, 0x10, 0x15), 0);
	assert_int_equal(huffman_with(2, 5, 3, 128, 0x10, 0x15), -EBADMSG);
	assert_int_equal(huffman_with(2, 3, 3, 128, 0x10, 0x15), -EBADMSG);
	assert_int_equal(huffman_with(2, 4, 2, 128, 0x10, 0x15), -EBADMSG); /* no stream */
	assert_int_equal(huffman_with(2, 4, 9, 128, 0x10, 0x15), -EBADMSG); /* beyond the block */
	assert_int_equal(huffman_with(2, 4, 3, 130, 0x11, 0x15), -EBADMSG); /* weights cut */
	assert_int_equal(huffman_with(2, 4, 3, 128, 0x00, 0x15), -EBADMSG); /* no weight at all */
	assert_int_equal(huffman_with(2, 4, 3, 128, 0xc0, 0x15), -EBADMSG); /* 12 bits */
	assert_int_equal(huffman_with(2, 4, 3, 128, 0x20, 0x15), -EBADMSG); /* one bit is unused */
	assert_int_equal(huffman_with(2, 4, 3, 129, 0x31, 0x15), -EBADMSG); /* no weight fits */
	assert_int_equal(huffman_with(2, 4, 3, 128, 0x10, 0x00), -EBADMSG); /* no marker */
	assert_int_equal(huffman_with(2, 4, 3, 128, 0x10, 0x2a), -EBADMSG); /* a bit left over */
	assert_int_equal(huffman_with(2, 4, 3, 128, 0x10, 0x0a), -EBADMSG); /* a bit too few */
	assert_int_equal(huffman_with(2, 4, 3, 1, 0x10, 0x15), -EBADMSG);   /* FSE, cut */
}

/* Literals in four streams of one literal and one byte each, 0 and 1 by turns. */
static int four_with(size_t len, uint16_t size1, uint16_t size2, uint16_t size3)
{
	struct frame f;

	begin_open(&f);
	block(&f, true, ZSTD_COMPRESSED, 3 + 2 + 6 + 4 + 1);
	add(&f, 2 | 1 << 2 | len << 4 | 12u << 14, 3);
	add(&f, 0x1080, 2);
	add(&f, size1, 2);
	add(&f, size2, 2);
	add(&f, size3, 2);
	add(&f, 0x03020302, 4);
	add(&f, 0, 1);
	return decode_frame(&f, len);
}

/* Weights 4, 1 and 1 leave six places, which no weight has; with a 3 for the last the
 * stream would still make sense. */
static void weights_that_do_not_add_up_are_refused(void **state)
{
	const uint32_t header = ZSTD_LIT_HUFFMAN | 4 << 4 | 5 << 14;
	struct frame f;

	(void)state;
	begin_open(&f);
	block(&f, true, ZSTD_COMPRESSED, 9);
	add(&f, header, 3);
	add(&f, 0x104182, 3);
	add(&f, 0x0610, 2);
	add(&f, 0, 1);
	assert_int_equal(decode_frame(&f, 4), -EBADMSG);
}

/* Literals without a code of their own, behind a block with one. */
static int treeless_with(bool same_frame)
{
	struct frame f;

	begin_open(&f);
	block(&f, !same_frame, ZSTD_COMPRESSED, 7);
	add(&f, ZSTD_LIT_HUFFMAN | 4 << 4 | 3 << 14, 3);
	add(&f, 0x151080, 3);
	add(&f, 0, 1);
	if (!same_frame) {
		add(&f, ZSTD_MAGIC, 4);
		add(&f, 0, 2);
	}
	block(&f, true, ZSTD_COMPRESSED, 5);
	add(&f, ZSTD_LIT_TREELESS | 4 << 4 | 1 << 14, 3);
	add(&f, 0x15, 1);
	add(&f, 0, 1);
	return decode_frame(&f, 8);
}

static void a_code_of_literals_serves_the_rest_of_its_frame(void **state)
{
	(void)state;
	assert_int_equal(treeless_with(true), 0);
	assert_int_equal(treeless_with(false), -EBADMSG);
}

static void four_streams_are_read_and_wrong_sizes_are_refused(void **state)
{
	(void)state;
	assert_int_equal(four_with(4, 1, 1, 1), 0);
	assert_int_equal(four_with(4, 1, 1, 2), -EBADMSG); /* none left for the fourth */
	assert_int_equal(four_with(4, 0, 1, 1), -EBADMSG);
	assert_int_equal(four_with(4, 5, 1, 1), -EBADMSG);
	assert_int_equal(four_with(4, 0xffff, 0xffff, 0xffff), -EBADMSG);
	assert_int_equal(four_with(5, 1, 1, 1), -EBADMSG); /* 2 + 2 + 2 and -1 */
	assert_int_equal(four_with(1, 1, 1, 1), -EBADMSG);
}

static void rle_literals_are_repeated(void **state)
{
	static const uint8_t body[] = { 0x01 | 1 << 2 | (40 & 0xf) << 4, 40 >> 4, 'q', 0 };

	(void)state;
	assert_int_equal(decode_block(body, sizeof(body), 40), 0);
	assert_int_equal(decode_block(body, sizeof(body), 39), -EBADMSG);
	assert_int_equal(decode_block(body, 2, 40), -EBADMSG);
	assert_int_equal(decode_block(body, 0, 0), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_of_zstd_is_decoded),
		cmocka_unit_test(a_cut_frame_or_another_length_is_refused),
		cmocka_unit_test(no_wrong_bit_writes_beside_the_output),
		cmocka_unit_test(a_wrong_checksum_is_refused),
		cmocka_unit_test(raw_and_rle_blocks_are_copied_and_repeated),
		cmocka_unit_test(the_fourth_block_type_is_refused),
		cmocka_unit_test(every_form_of_the_header_is_read),
		cmocka_unit_test(a_frame_makes_as_much_as_it_says),
		cmocka_unit_test(a_dictionary_is_refused_unless_it_is_none),
		cmocka_unit_test(a_block_is_no_larger_than_the_window),
		cmocka_unit_test(frames_follow_each_other_and_skippable_ones_are_skipped),
		cmocka_unit_test(a_match_reaches_no_further_than_its_frame),
		cmocka_unit_test(a_sequence_is_executed_and_every_wrong_field_is_refused),
		cmocka_unit_test(an_offset_of_zero_is_refused),
		cmocka_unit_test(nothing_may_follow_a_block_without_sequences),
		cmocka_unit_test(tables_are_inherited_from_the_block_before),
		cmocka_unit_test(a_frame_inherits_nothing),
		cmocka_unit_test(huffman_literals_are_read_and_every_wrong_field_is_refused),
		cmocka_unit_test(weights_that_do_not_add_up_are_refused),
		cmocka_unit_test(a_code_of_literals_serves_the_rest_of_its_frame),
		cmocka_unit_test(four_streams_are_read_and_wrong_sizes_are_refused),
		cmocka_unit_test(rle_literals_are_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
