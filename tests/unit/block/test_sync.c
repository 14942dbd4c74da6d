#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block/sync.h"
#include "fake/fake_block.h"

#define BYTES 65536u

struct sync_bench {
	struct ioloop *loop;
	struct fake_block *fake;
	struct sync_io io;
	uint8_t model[BYTES];
};

static int up(void **state)
{
	struct sync_bench *b = calloc(1, sizeof(*b));

	assert_int_equal(ioloop_create(IO_ENGINE_THREADS, &b->loop, NULL), 0);
	b->fake = fake_block_open(BYTES);
	b->io = (struct sync_io){ &b->fake->block, b->loop };
	for (unsigned i = 0; i < BYTES; i++)
		b->model[i] = (uint8_t)(i / 512 * 37 + i % 251);
	memcpy(b->fake->bytes, b->model, BYTES);
	*state = b;
	return 0;
}

static int down(void **state)
{
	struct sync_bench *b = *state;

	fake_block_close(b->fake);
	ioloop_destroy(b->loop);
	free(b);
	return 0;
}

static const struct {
	unsigned offset, len;
} pieces[] = {
	{ 0, 512 },    { 0, BYTES },  { 1, 1 },	      { 511, 2 },  { 512, 4096 }, { 100, 412 },
	{ 100, 5000 }, { 1024, 700 }, { 8191, 8193 }, { 3, 4093 }, { 4096, 0 },
};

static void any_piece_is_read(void **state)
{
	struct sync_bench *b = *state;
	uint8_t *to = malloc(BYTES + 1);

	for (unsigned grain = 512; grain <= 4096; grain *= 8) {
		b->fake->block.limits.logical_bytes = grain;
		for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
			to[pieces[i].len] = 0x5a;
			assert_int_equal(sync_read(&b->io, pieces[i].offset, to, pieces[i].len), 0);
			assert_memory_equal(to, b->model + pieces[i].offset, pieces[i].len);
			assert_int_equal(to[pieces[i].len], 0x5a);
		}
	}
	free(to);
}

static void any_piece_is_written_and_nothing_beside_it(void **state)
{
	struct sync_bench *b = *state;
	uint8_t *from = malloc(BYTES);

	for (unsigned grain = 512; grain <= 4096; grain *= 8) {
		b->fake->block.limits.logical_bytes = grain;
		for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
			memset(from, (int)(i + grain / 512), pieces[i].len);
			memcpy(b->model + pieces[i].offset, from, pieces[i].len);
			assert_int_equal(sync_write(&b->io, pieces[i].offset, from, pieces[i].len),
					 0);
			assert_memory_equal(b->fake->bytes, b->model, BYTES);
		}
	}
	free(from);
}

static void any_piece_is_zeroed_and_nothing_beside_it(void **state)
{
	struct sync_bench *b = *state;

	for (unsigned grain = 512; grain <= 4096; grain *= 8) {
		b->fake->block.limits.logical_bytes = grain;
		for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
			memset(b->model, 0x77, BYTES);
			memcpy(b->fake->bytes, b->model, BYTES);
			memset(b->model + pieces[i].offset, 0, pieces[i].len);
			assert_int_equal(sync_zero(&b->io, pieces[i].offset, pieces[i].len, true),
					 0);
			assert_memory_equal(b->fake->bytes, b->model, BYTES);
		}
	}
}

/* The fake puts 0xdb where it discards. */
static void only_whole_blocks_are_discarded(void **state)
{
	struct sync_bench *b = *state;

	assert_int_equal(sync_discard(&b->io, 100, 2000), 0);
	memset(b->model + 512, 0xdb, 1536);
	assert_memory_equal(b->fake->bytes, b->model, BYTES);
	assert_int_equal(sync_discard(&b->io, 5000, 200), 0);
	assert_memory_equal(b->fake->bytes, b->model, BYTES);
	b->fake->block.limits.can_discard = false; /* it was a hint */
	assert_int_equal(sync_discard(&b->io, 0, BYTES), 0);
	assert_memory_equal(b->fake->bytes, b->model, BYTES);
}

static void errors_come_back_from_every_part(void **state)
{
	struct sync_bench *b = *state;
	uint8_t bytes[2048] = { 0 };

	b->fake->fail_status = -ENOSPC;
	for (unsigned n = 1; n <= 5; n++) { /* head read, written; middle; tail read, written */
		b->fake->submitted = 0;
		b->fake->fail_at = n;
		assert_int_equal(sync_write(&b->io, 10, bytes, 1500), -ENOSPC);
	}
	b->fake->submitted = 0;
	b->fake->fail_at = 1;
	assert_int_equal(sync_flush(&b->io), -ENOSPC);
	assert_int_equal(sync_flush(&b->io), 0);
	assert_int_equal(sync_read(&b->io, BYTES, bytes, 512), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(any_piece_is_read, up, down),
		cmocka_unit_test_setup_teardown(any_piece_is_written_and_nothing_beside_it, up,
						down),
		cmocka_unit_test_setup_teardown(any_piece_is_zeroed_and_nothing_beside_it, up,
						down),
		cmocka_unit_test_setup_teardown(only_whole_blocks_are_discarded, up, down),
		cmocka_unit_test_setup_teardown(errors_come_back_from_every_part, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
