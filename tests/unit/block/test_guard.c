#include "block_fixture.h"

#include "block/guard.h"
#include "block/probe.h"
#include "fake/fake_block.h"

static struct fake_block *guard_up(struct block_bench *b)
{
	struct fake_block *fake = fake_block_open(65536);

	assert_int_equal(guard_create(&fake->block, "disk.img", &b->disk, &b->err), 0);
	return fake;
}

static const char header[] = "QFI\xfb\0\0\0\x03";

static void a_header_in_sector_0_is_refused_once_with_a_word(void **state)
{
	struct block_bench *b = *state;
	struct fake_block *fake = guard_up(b);
	uint8_t bytes[1024] = { 0 };
	const char *said;

	memcpy(bytes, header, sizeof(header) - 1);
	said_begin();
	assert_int_equal(run_op(b, BLOCK_WRITE, 0, bytes, 512), -EIO);
	assert_int_equal(run_op(b, BLOCK_WRITE, 0, bytes, 1024), -EIO);
	said = said_end();
	assert_int_equal(count_of(said, "\n"), 1);
	assert_non_null(strstr(said, "disk.img"));
	assert_non_null(strstr(said, "qcow2"));
	assert_non_null(strstr(said, "format=raw"));
	assert_int_equal(fake->submitted, 0);
	/* Anywhere else it is data. */
	assert_int_equal(run_op(b, BLOCK_WRITE, 512, bytes, 512), 0);
	assert_memory_equal(fake->bytes + 512, bytes, 512);
}

static void a_header_in_pieces_is_a_header(void **state)
{
	struct block_bench *b = *state;
	uint8_t bytes[1024] = { 0 };
	struct waited w;

	guard_up(b);
	memcpy(bytes, header, sizeof(header) - 1);
	fill_request(&w, BLOCK_WRITE, 0, NULL, 1024);
	b->iov[0] = (struct iovec){ bytes, 2 };
	b->iov[1] = (struct iovec){ bytes + 2, 0 };
	b->iov[2] = (struct iovec){ bytes + 2, 1022 };
	w.req.iov = b->iov;
	w.req.iov_count = 3;
	said_begin();
	assert_int_equal(run_request(b, &w), -EIO);
	said_end();
}

static void other_writes_to_sector_0_arrive_whole(void **state)
{
	struct block_bench *b = *state;
	struct fake_block *fake = guard_up(b);
	uint8_t bytes[4096];
	struct waited w;

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	fill_request(&w, BLOCK_WRITE, 0, NULL, sizeof(bytes));
	b->iov[0] = (struct iovec){ bytes, 100 };
	b->iov[1] = (struct iovec){ bytes + 100, 412 };
	b->iov[2] = (struct iovec){ bytes + 512, sizeof(bytes) - 512 };
	w.req.iov = b->iov;
	w.req.iov_count = 3;
	assert_int_equal(run_request(b, &w), 0);
	assert_true(is_pattern(fake->bytes, 0, sizeof(bytes)));
	assert_int_equal(fake->submitted, 1);
	assert_ptr_equal(w.req.iov, b->iov);
	assert_int_equal(w.req.iov_count, 3);
	assert_int_equal(run_op(b, BLOCK_WRITE, 0, bytes, 512), 0);
	/* An error below is passed on. */
	fake->fail_at = fake->submitted + 1;
	fake->fail_status = -ENOSPC;
	assert_int_equal(run_op(b, BLOCK_WRITE, 0, bytes, 512), -ENOSPC);
}

/* The guest changes its memory after the check, before the disk took it. */
static void what_was_checked_is_what_is_written(void **state)
{
	struct block_bench *b = *state;
	struct fake_block *fake = guard_up(b);
	uint8_t bytes[1024] = { 0x11 };
	struct waited w;

	fake->hold = true;
	fill_request(&w, BLOCK_WRITE, 0, bytes, sizeof(bytes));
	start_request(b, &w);
	memcpy(bytes, header, sizeof(header) - 1);
	bytes[512] = 0x22;
	fake_block_end(fake, 0, 0);
	assert_true(w.ended);
	assert_int_equal(w.status, 0);
	assert_int_equal(fake->bytes[0], 0x11);
	assert_null(probe_format(fake->bytes));
	assert_int_equal(fake->bytes[512], 0x22); /* behind it nothing is copied */
}

static void blocks_of_4096_bytes_are_taken_whole(void **state)
{
	struct block_bench *b = *state;
	struct fake_block *fake = fake_block_open(65536);
	uint8_t *bytes = buffer(8192, 0x33);
	struct waited w;

	fake->block.limits.logical_bytes = 4096;
	assert_int_equal(guard_create(&fake->block, "disk.img", &b->disk, &b->err), 0);
	fake->hold = true;
	fill_request(&w, BLOCK_WRITE, 0, bytes, 8192);
	start_request(b, &w);
	assert_int_equal(fake->held[0]->iov[0].iov_len, 4096); /* fit for direct I/O */
	assert_int_equal((uintptr_t)fake->held[0]->iov[0].iov_base % 4096, 0);
	fake_block_end(fake, 0, 0);
	assert_int_equal(w.status, 0);
	assert_true(is_all(fake->bytes, 0x33, 8192));
	memcpy(bytes, "KDMV", 4);
	said_begin();
	assert_int_equal(run_op(b, BLOCK_WRITE, 0, bytes, 4096), -EIO);
	said_end();
	free(bytes);
}

static void all_else_passes(void **state)
{
	struct block_bench *b = *state;
	struct fake_block *fake = guard_up(b);
	uint8_t bytes[512];

	memcpy(fake->bytes, header, sizeof(header) - 1);
	assert_int_equal(run_op(b, BLOCK_READ, 0, bytes, 512), 0);
	assert_memory_equal(bytes, header, sizeof(header) - 1);
	assert_int_equal(run_op(b, BLOCK_ZERO, 0, NULL, 512), 0);
	assert_int_equal(run_op(b, BLOCK_DISCARD, 0, NULL, 512), 0);
	assert_int_equal(run_op(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(fake->submitted, 4);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BLOCK_TEST(a_header_in_sector_0_is_refused_once_with_a_word),
		BLOCK_TEST(a_header_in_pieces_is_a_header),
		BLOCK_TEST(other_writes_to_sector_0_arrive_whole),
		BLOCK_TEST(what_was_checked_is_what_is_written),
		BLOCK_TEST(blocks_of_4096_bytes_are_taken_whole),
		BLOCK_TEST(all_else_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
