#include "fsread_fixture.h"

#include "fsread/cache.h"

struct counted {
	struct reader reader;
	unsigned reads;
	int fails;
};

static int counted_read(void *ctx, uint64_t offset, void *to, size_t len)
{
	struct counted *c = ctx;

	c->reads++;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = (uint8_t)((offset + i) / 100);
	return c->fails;
}

static void counted_init(struct counted *c, uint64_t size_bytes)
{
	*c = (struct counted){ { counted_read, c, size_bytes }, 0, 0 };
}

static void a_block_is_read_once_until_others_push_it_out(void **state)
{
	struct counted c;
	struct cache cache;
	const uint8_t *bytes;
	bool fresh;

	(void)state;
	counted_init(&c, 10000);
	assert_int_equal(cache_init(&cache, &c.reader, 100), 0);
	assert_int_equal(cache_block(&cache, 7, &bytes, &fresh), 0);
	assert_true(fresh && bytes[0] == 7);
	assert_int_equal(cache_block(&cache, 7, &bytes, &fresh), 0);
	assert_true(!fresh && bytes[99] == 7 && c.reads == 1);
	assert_int_equal(cache_block(&cache, 8, &bytes, NULL), 0);
	assert_int_equal(cache_block(&cache, 7, &bytes, &fresh), 0);
	assert_false(fresh);
	for (unsigned i = 0; i < CACHE_SLOTS; i++)
		assert_int_equal(cache_block(&cache, 20 + i, &bytes, NULL), 0);
	assert_int_equal(cache_block(&cache, 7, &bytes, &fresh), 0);
	assert_true(fresh && bytes[0] == 7);
	cache_free(&cache);
}

static void the_last_block_goes_on_with_zeros(void **state)
{
	struct counted c;
	struct cache cache;
	const uint8_t *bytes;
	uint8_t two[2];

	(void)state;
	counted_init(&c, 950);
	assert_int_equal(cache_init(&cache, &c.reader, 100), 0);
	assert_int_equal(cache_block(&cache, 9, &bytes, NULL), 0);
	assert_true(bytes[49] == 9 && bytes[50] == 0 && bytes[99] == 0);
	assert_int_equal(cache_block(&cache, 10, &bytes, NULL), -EIO);
	assert_int_equal(cache_block(&cache, UINT64_MAX, &bytes, NULL), -EIO);
	assert_int_equal(cache_copy(&cache, 948, two, 2), 0);
	assert_int_equal(cache_copy(&cache, 949, two, 2), -EIO);
	cache_free(&cache);
}

static void a_copy_goes_across_blocks(void **state)
{
	struct counted c;
	struct cache cache;
	uint8_t bytes[202];

	(void)state;
	counted_init(&c, 1000);
	assert_int_equal(cache_init(&cache, &c.reader, 100), 0);
	assert_int_equal(cache_copy(&cache, 199, bytes, sizeof(bytes)), 0);
	assert_true(bytes[0] == 1 && bytes[1] == 2 && bytes[100] == 2 && bytes[101] == 3 &&
		    bytes[201] == 4);
	cache_free(&cache);
}

static void what_could_not_be_read_is_not_kept(void **state)
{
	struct counted c;
	struct cache cache;
	const uint8_t *bytes;

	(void)state;
	counted_init(&c, 1000);
	assert_int_equal(cache_init(&cache, &c.reader, 100), 0);
	c.fails = -ESTALE;
	assert_int_equal(cache_block(&cache, 1, &bytes, NULL), -ESTALE);
	c.fails = 0;
	assert_int_equal(cache_block(&cache, 1, &bytes, NULL), 0);
	assert_int_equal(c.reads, 2);
	cache_free(&cache);
	/* Nor is what was there before, and is overwritten now. */
	c.reader.size_bytes = 10000;
	assert_int_equal(cache_init(&cache, &c.reader, 100), 0);
	for (unsigned i = 0; i < CACHE_SLOTS; i++)
		assert_int_equal(cache_block(&cache, i, &bytes, NULL), 0);
	c.fails = -ESTALE;
	assert_int_equal(cache_block(&cache, 50, &bytes, NULL), -ESTALE);
	c.fails = 0;
	assert_int_equal(cache_block(&cache, 0, &bytes, NULL), 0);
	assert_int_equal(bytes[0], 0);
	cache_free(&cache);
}

static void a_window_shows_its_part_and_no_more(void **state)
{
	struct counted c;
	struct window w;
	struct reader part;
	uint8_t byte;

	(void)state;
	counted_init(&c, 1000);
	part = window_open(&w, &c.reader, 500, 300);
	assert_int_equal(part.size_bytes, 300);
	assert_int_equal(reader_read(&part, 299, &byte, 1), 0);
	assert_int_equal(byte, 7);
	assert_int_equal(reader_read(&part, 300, &byte, 1), -EIO);
	assert_int_equal(reader_read(&part, UINT64_MAX, &byte, 1), -EIO);
	assert_int_equal(window_open(&w, &c.reader, 900, UINT64_MAX).size_bytes, 100);
	assert_int_equal(window_open(&w, &c.reader, 1001, 1).size_bytes, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_read_once_until_others_push_it_out),
		cmocka_unit_test(the_last_block_goes_on_with_zeros),
		cmocka_unit_test(a_copy_goes_across_blocks),
		cmocka_unit_test(what_could_not_be_read_is_not_kept),
		cmocka_unit_test(a_window_shows_its_part_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
