#include "virtio/blk_req.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "base/bytes.h"

#define PIECES_MAX 64u
#define ROOM	   (64u * 1024u)

/* A disk of 1 MiB that can do everything. */
static const struct blk_rules plain = {
	.size_bytes = MIB(1),
	.logical_bytes = 512,
	.discard = true,
	.write_zeroes = true,
};

/* A chain made by hand: its memory, filled from the front, and its pieces. */
struct made {
	uint8_t *memory;
	size_t used;
	struct iovec iov[PIECES_MAX];
	struct chain c;
};

static int setup(void **state)
{
	struct made *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->memory = malloc(ROOM);
	assert_non_null(m->memory);
	memset(m->memory, 0xee, ROOM);
	m->c.iov = m->iov;
	m->c.iov_max = PIECES_MAX;
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct made *m = *state;

	free(m->memory);
	free(m);
	return 0;
}

static uint8_t *piece(struct made *m, size_t len)
{
	uint8_t *at = m->memory + m->used;
	const unsigned n = m->c.out_count + m->c.in_count;

	assert_true(n < PIECES_MAX && m->used + len <= ROOM);
	m->iov[n] = (struct iovec){ at, len };
	m->used += len;
	return at;
}

static uint8_t *readable(struct made *m, const void *bytes, size_t len)
{
	uint8_t *at = piece(m, len);

	assert_int_equal(m->c.in_count, 0);
	if (bytes)
		memcpy(at, bytes, len);
	m->c.out_count++;
	m->c.out_bytes += len;
	return at;
}

static uint8_t *writable(struct made *m, size_t len)
{
	uint8_t *at = piece(m, len);

	m->c.in_count++;
	m->c.in_bytes += len;
	return at;
}

static void make_header(uint8_t raw[BLK_HEADER_BYTES], uint32_t type, uint64_t sector)
{
	memset(raw, 0, BLK_HEADER_BYTES);
	le32_store(raw, type);
	le64_store(raw + 8, sector);
}

static void header(struct made *m, uint32_t type, uint64_t sector)
{
	uint8_t raw[BLK_HEADER_BYTES];

	make_header(raw, type, sector);
	readable(m, raw, sizeof(raw));
}

static void range(struct made *m, uint64_t sector, uint32_t count, uint32_t flags)
{
	uint8_t raw[BLK_RANGE_BYTES];

	le64_store(raw, sector);
	le32_store(raw + 8, count);
	le32_store(raw + 12, flags);
	readable(m, raw, sizeof(raw));
}

static void a_read_is_its_data_without_the_status(void **state)
{
	struct made *m = *state;
	struct blk_req r;
	uint8_t *data, *status;

	header(m, BLK_T_IN, 8);
	data = writable(m, 4096);
	status = writable(m, 1);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_OK);
	assert_int_equal(r.type, BLK_T_IN);
	assert_int_equal(r.offset, 4096);
	assert_int_equal(r.len, 4096);
	assert_int_equal(r.iov_count, 1);
	assert_ptr_equal(r.iov[0].iov_base, data);
	assert_int_equal(r.iov[0].iov_len, 4096);
	assert_ptr_equal(r.status, status);
}

static void a_write_is_its_data_without_the_header(void **state)
{
	struct made *m = *state;
	struct blk_req r;
	uint8_t *data, *status;

	header(m, BLK_T_OUT, 3);
	data = readable(m, NULL, 1024);
	status = writable(m, 1);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_OK);
	assert_int_equal(r.type, BLK_T_OUT);
	assert_int_equal(r.offset, 3 * 512);
	assert_int_equal(r.len, 1024);
	assert_int_equal(r.iov_count, 1);
	assert_ptr_equal(r.iov[0].iov_base, data);
	assert_int_equal(r.iov[0].iov_len, 1024);
	assert_ptr_equal(r.status, status);
}

static void a_status_may_share_the_buffer_of_the_data(void **state)
{
	struct made *m = *state;
	struct blk_req r;
	uint8_t *data;

	header(m, BLK_T_IN, 0);
	data = writable(m, 513);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_OK);
	assert_int_equal(r.len, 512);
	assert_int_equal(r.iov[0].iov_len, 512);
	assert_ptr_equal(r.status, data + 512);
}

static void a_header_may_share_the_buffer_of_the_data(void **state)
{
	struct made *m = *state;
	uint8_t both[BLK_HEADER_BYTES + 512];
	struct blk_req r;
	uint8_t *at;

	make_header(both, BLK_T_OUT, 1);
	at = readable(m, both, sizeof(both));
	writable(m, 1);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_OK);
	assert_int_equal(r.len, 512);
	assert_int_equal(r.iov_count, 1);
	assert_ptr_equal(r.iov[0].iov_base, at + BLK_HEADER_BYTES);
	assert_int_equal(r.iov[0].iov_len, 512);
}

static void a_header_may_be_spread_over_three_buffers(void **state)
{
	struct made *m = *state;
	uint8_t both[BLK_HEADER_BYTES + 512];
	struct blk_req r;
	uint8_t *last;

	make_header(both, BLK_T_OUT, 5);
	readable(m, both, 3);
	readable(m, both + 3, 6);
	last = readable(m, both + 9, 7 + 100);
	readable(m, NULL, 412);
	writable(m, 1);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_OK);
	assert_int_equal(r.offset, 5 * 512);
	assert_int_equal(r.len, 512);
	assert_int_equal(r.iov_count, 2);
	assert_ptr_equal(r.iov[0].iov_base, last + 7);
	assert_int_equal(r.iov[0].iov_len, 100);
	assert_int_equal(r.iov[1].iov_len, 412);
}

static void empty_buffers_do_not_disturb(void **state)
{
	struct made *m = *state;
	struct blk_req r;
	uint8_t *data, *status;

	readable(m, NULL, 0);
	header(m, BLK_T_IN, 0);
	readable(m, NULL, 0);
	writable(m, 0);
	data = writable(m, 512);
	status = writable(m, 1);
	writable(m, 0);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_OK);
	assert_int_equal(r.iov_count, 1);
	assert_ptr_equal(r.iov[0].iov_base, data);
	assert_ptr_equal(r.status, status);
}

static void without_room_for_a_status_there_is_no_answer(void **state)
{
	struct made *m = *state;
	struct blk_req r;

	header(m, BLK_T_OUT, 0);
	readable(m, NULL, 512);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), -EBADMSG);
	writable(m, 0);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), -EBADMSG);
}

static void a_short_header_is_an_error(void **state)
{
	struct made *m = *state;
	uint8_t raw[BLK_HEADER_BYTES];
	struct blk_req r;

	make_header(raw, BLK_T_FLUSH, 0);
	readable(m, raw, sizeof(raw) - 1);
	writable(m, 1);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_IOERR);
	assert_non_null(r.status);
}

static void an_unknown_type_is_unsupported(void **state)
{
	static const uint32_t types[] = { 2, 3, 5, 10, 14, 15, 16, 0x80000000, 0x80000001,
					  UINT32_MAX };

	for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
		struct made *m;
		struct blk_req r;

		teardown(state);
		setup(state);
		m = *state;
		header(m, types[i], 0);
		writable(m, 513);
		assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_UNSUPP);
		assert_non_null(r.status);
	}
}

/* A fresh chain of one transfer, parsed. */
static int transfer(void **state, const struct blk_rules *rules, enum blk_type type,
		    uint64_t sector, size_t len)
{
	struct made *m;
	struct blk_req r;

	teardown(state);
	setup(state);
	m = *state;
	header(m, type, sector);
	if (type == BLK_T_OUT)
		readable(m, NULL, len);
	else
		writable(m, len);
	writable(m, 1);
	return blk_req_parse(rules, &m->c, &r);
}

static void a_transfer_is_whole_sectors_inside_the_disk(void **state)
{
	static const enum blk_type types[] = { BLK_T_IN, BLK_T_OUT };
	static const struct {
		uint64_t sector;
		size_t len;
		int status;
	} cases[] = {
		{ 0, 512, BLK_S_OK },
		{ 2047, 512, BLK_S_OK },
		{ 2048, 0, BLK_S_OK },
		{ 2047, 1024, BLK_S_IOERR },
		{ 2048, 512, BLK_S_IOERR },
		{ 2049, 0, BLK_S_IOERR },
		{ 0, 511, BLK_S_IOERR },
		{ 0, 513, BLK_S_IOERR },
		{ UINT64_MAX, 512, BLK_S_IOERR },
		{ UINT64_MAX / 512, 512, BLK_S_IOERR },
		{ UINT64_C(1) << 55, 512, BLK_S_IOERR }, /* times 512: 2^64 */
		{ (UINT64_C(1) << 55) + 1, 512, BLK_S_IOERR },
	};

	for (unsigned t = 0; t < ARRAY_LEN(types); t++) {
		for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
			assert_int_equal(transfer(state, &plain, types[t], cases[i].sector,
						  cases[i].len),
					 cases[i].status);
	}
}

static void large_blocks_ask_for_their_own_alignment(void **state)
{
	struct blk_rules large = plain;

	large.logical_bytes = 4096;
	assert_int_equal(transfer(state, &large, BLK_T_IN, 8, 4096), BLK_S_OK);
	assert_int_equal(transfer(state, &large, BLK_T_IN, 1, 4096), BLK_S_IOERR);
	assert_int_equal(transfer(state, &large, BLK_T_OUT, 8, 512), BLK_S_IOERR);
}

static void a_read_only_disk_refuses_all_changes(void **state)
{
	static const enum blk_type types[] = { BLK_T_DISCARD, BLK_T_WRITE_ZEROES };
	struct blk_rules ro = plain;

	ro.read_only = true;
	ro.discard = ro.write_zeroes = false;
	assert_int_equal(transfer(state, &ro, BLK_T_IN, 0, 512), BLK_S_OK);
	assert_int_equal(transfer(state, &ro, BLK_T_OUT, 0, 512), BLK_S_IOERR);
	for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
		struct made *m;
		struct blk_req r;

		teardown(state);
		setup(state);
		m = *state;
		header(m, types[i], 0);
		range(m, 0, 8, 0);
		writable(m, 1);
		assert_int_equal(blk_req_parse(&ro, &m->c, &r), BLK_S_IOERR);
	}
}

static void data_on_the_wrong_side_is_an_error(void **state)
{
	struct made *m = *state;
	struct blk_req r;

	header(m, BLK_T_IN, 0);
	readable(m, NULL, 512);
	writable(m, 513);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_IOERR);

	teardown(state);
	setup(state);
	m = *state;
	header(m, BLK_T_OUT, 0);
	readable(m, NULL, 512);
	writable(m, 513);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_IOERR);
}

static void a_flush_has_neither_data_nor_place(void **state)
{
	struct made *m = *state;
	struct blk_req r;

	header(m, BLK_T_FLUSH, UINT64_MAX); /* the sector means nothing */
	writable(m, 1);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_OK);
	assert_int_equal(r.type, BLK_T_FLUSH);
	assert_int_equal(r.len, 0);
	writable(m, 1);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_IOERR);
}

static void an_id_is_twenty_bytes(void **state)
{
	static const struct {
		size_t len;
		int status;
	} cases[] = { { 20, BLK_S_OK }, { 19, BLK_S_IOERR }, { 21, BLK_S_IOERR }, { 0, BLK_S_IOERR } };

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(transfer(state, &plain, BLK_T_GET_ID, 0, cases[i].len),
				 cases[i].status);
}

static void segments_come_as_they_were_sent(void **state)
{
	struct made *m = *state;
	struct blk_req r;

	header(m, BLK_T_WRITE_ZEROES, 0);
	range(m, 7, 9, 0);
	range(m, 2040, 8, 1);
	range(m, 5, 0, 0);
	writable(m, 1);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_OK);
	assert_int_equal(r.type, BLK_T_WRITE_ZEROES);
	assert_int_equal(r.range_count, 3);
	assert_int_equal(r.ranges[0].sector, 7);
	assert_int_equal(r.ranges[0].sector_count, 9);
	assert_false(r.ranges[0].may_unmap);
	assert_int_equal(r.ranges[1].sector, 2040);
	assert_int_equal(r.ranges[1].sector_count, 8);
	assert_true(r.ranges[1].may_unmap);
	assert_int_equal(r.ranges[2].sector_count, 0);
}

/* A fresh chain of `before` good segments and then this one, parsed. */
static int segment(void **state, const struct blk_rules *rules, enum blk_type type,
		   unsigned before, uint64_t sector, uint32_t count, uint32_t flags)
{
	struct made *m;
	struct blk_req r;

	teardown(state);
	setup(state);
	m = *state;
	header(m, type, 0);
	for (unsigned i = 0; i < before; i++)
		range(m, 0, 8, 0);
	range(m, sector, count, flags);
	writable(m, 1);
	return blk_req_parse(rules, &m->c, &r);
}

static void each_segment_is_inside_the_disk(void **state)
{
	static const enum blk_type types[] = { BLK_T_DISCARD, BLK_T_WRITE_ZEROES };

	for (unsigned t = 0; t < ARRAY_LEN(types); t++) {
		for (unsigned n = 0; n < 3; n++) {
			const enum blk_type type = types[t];

			assert_int_equal(segment(state, &plain, type, n, 0, 2048, 0), BLK_S_OK);
			assert_int_equal(segment(state, &plain, type, n, 2047, 1, 0), BLK_S_OK);
			assert_int_equal(segment(state, &plain, type, n, 2047, 2, 0), BLK_S_IOERR);
			assert_int_equal(segment(state, &plain, type, n, 2049, 0, 0), BLK_S_IOERR);
			assert_int_equal(segment(state, &plain, type, n, 0, UINT32_MAX, 0),
					 BLK_S_IOERR);
			assert_int_equal(segment(state, &plain, type, n, UINT64_MAX, 1, 0),
					 BLK_S_IOERR);
			assert_int_equal(segment(state, &plain, type, n, UINT64_C(1) << 55, 1, 0),
					 BLK_S_IOERR);
		}
	}
}

static void a_segment_longer_than_was_told_is_an_error(void **state)
{
	struct blk_rules huge = plain;

	huge.size_bytes = GIB(4);
	assert_int_equal(segment(state, &huge, BLK_T_DISCARD, 0, 0, BLK_RANGE_SECTORS, 0),
			 BLK_S_OK);
	assert_int_equal(segment(state, &huge, BLK_T_DISCARD, 0, 0, BLK_RANGE_SECTORS + 1, 0),
			 BLK_S_IOERR);
}

static void segments_of_large_blocks_are_aligned(void **state)
{
	struct blk_rules large = plain;

	large.logical_bytes = 4096;
	assert_int_equal(segment(state, &large, BLK_T_DISCARD, 0, 8, 16, 0), BLK_S_OK);
	assert_int_equal(segment(state, &large, BLK_T_DISCARD, 0, 9, 16, 0), BLK_S_IOERR);
	assert_int_equal(segment(state, &large, BLK_T_DISCARD, 0, 8, 15, 0), BLK_S_IOERR);
}

static void flags_that_nobody_knows_are_unsupported(void **state)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		const uint32_t flag = UINT32_C(1) << bit;

		assert_int_equal(segment(state, &plain, BLK_T_WRITE_ZEROES, 1, 0, 8, flag),
				 bit == 0 ? BLK_S_OK : BLK_S_UNSUPP);
		/* For a discard that includes unmap. */
		assert_int_equal(segment(state, &plain, BLK_T_DISCARD, 1, 0, 8, flag),
				 BLK_S_UNSUPP);
	}
}

static void what_was_not_offered_is_unsupported(void **state)
{
	struct blk_rules poor = plain;

	poor.discard = false;
	assert_int_equal(segment(state, &poor, BLK_T_DISCARD, 0, 0, 8, 0), BLK_S_UNSUPP);
	assert_int_equal(segment(state, &poor, BLK_T_WRITE_ZEROES, 0, 0, 8, 0), BLK_S_OK);
	poor.write_zeroes = false;
	assert_int_equal(segment(state, &poor, BLK_T_WRITE_ZEROES, 0, 0, 8, 0), BLK_S_UNSUPP);
}

static void segments_are_one_to_the_most_and_whole(void **state)
{
	struct made *m = *state;
	struct blk_req r;

	header(m, BLK_T_DISCARD, 0);
	writable(m, 1);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_IOERR);
	assert_int_equal(segment(state, &plain, BLK_T_DISCARD, BLK_RANGES_MAX - 1, 0, 8, 0),
			 BLK_S_OK);
	assert_int_equal(segment(state, &plain, BLK_T_DISCARD, BLK_RANGES_MAX, 0, 8, 0),
			 BLK_S_IOERR);

	teardown(state);
	setup(state);
	m = *state;
	header(m, BLK_T_DISCARD, 0);
	range(m, 0, 8, 0);
	readable(m, NULL, 8);
	writable(m, 1);
	assert_int_equal(blk_req_parse(&plain, &m->c, &r), BLK_S_IOERR);
}

static void the_length_counts_what_was_written_from_the_beginning(void **state)
{
	struct made *m = *state;

	header(m, BLK_T_IN, 0);
	writable(m, 512);
	writable(m, 1);
	assert_int_equal(blk_req_written(&m->c, BLK_S_OK), 513);
	assert_int_equal(blk_req_written(&m->c, BLK_S_IOERR), 0);

	teardown(state);
	setup(state);
	m = *state;
	header(m, BLK_T_FLUSH, 0);
	writable(m, 1);
	assert_int_equal(blk_req_written(&m->c, BLK_S_OK), 1);
	assert_int_equal(blk_req_written(&m->c, BLK_S_UNSUPP), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_read_is_its_data_without_the_status),
		TEST(a_write_is_its_data_without_the_header),
		TEST(a_status_may_share_the_buffer_of_the_data),
		TEST(a_header_may_share_the_buffer_of_the_data),
		TEST(a_header_may_be_spread_over_three_buffers),
		TEST(empty_buffers_do_not_disturb),
		TEST(without_room_for_a_status_there_is_no_answer),
		TEST(a_short_header_is_an_error),
		TEST(an_unknown_type_is_unsupported),
		TEST(a_transfer_is_whole_sectors_inside_the_disk),
		TEST(large_blocks_ask_for_their_own_alignment),
		TEST(a_read_only_disk_refuses_all_changes),
		TEST(data_on_the_wrong_side_is_an_error),
		TEST(a_flush_has_neither_data_nor_place),
		TEST(an_id_is_twenty_bytes),
		TEST(segments_come_as_they_were_sent),
		TEST(each_segment_is_inside_the_disk),
		TEST(a_segment_longer_than_was_told_is_an_error),
		TEST(segments_of_large_blocks_are_aligned),
		TEST(flags_that_nobody_knows_are_unsupported),
		TEST(what_was_not_offered_is_unsupported),
		TEST(segments_are_one_to_the_most_and_whole),
		TEST(the_length_counts_what_was_written_from_the_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
