#include "block_fixture.h"

#include "fake/fake_block.h"

static struct fake_block *fake_up(struct block_bench *b)
{
	struct fake_block *fake = fake_block_open(65536);

	b->disk = &fake->block;
	return fake;
}

static void requests_outside_the_disk_never_reach_it(void **state)
{
	static const struct {
		uint64_t offset, len;
	} bad[] = {
		{ 65536, 512 },
		{ 65024, 1024 },
		{ 0, 65536 + 512 },
		{ UINT64_MAX - 511, 512 },
		{ UINT64_MAX - 511, 1024 },
		{ 512, UINT64_MAX - 511 },
		{ 1, 512 },
		{ 512, 511 },
	};
	struct block_bench *b = *state;
	struct fake_block *fake = fake_up(b);
	uint8_t bytes[512];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		for (int op = BLOCK_READ; op <= BLOCK_ZERO; op++) {
			if (op == BLOCK_FLUSH)
				continue;
			assert_int_equal(
				run_op(b, (enum block_op)op, bad[i].offset, bytes, bad[i].len),
				-EINVAL);
		}
	}
	assert_int_equal(run_op(b, (enum block_op)17, 0, bytes, 512), -EINVAL);
	assert_int_equal(fake->submitted, 0);
	assert_int_equal(run_op(b, BLOCK_READ, 65024, bytes, 512), 0);
	assert_int_equal(fake->submitted, 1);
}

static void blocks_of_4096_bytes_are_not_cut(void **state)
{
	struct block_bench *b = *state;
	struct fake_block *fake = fake_up(b);
	uint8_t bytes[4096];

	fake->block.limits.logical_bytes = 4096;
	assert_int_equal(run_op(b, BLOCK_READ, 512, bytes, 4096), -EINVAL);
	assert_int_equal(run_op(b, BLOCK_READ, 0, bytes, 512), -EINVAL);
	assert_int_equal(run_op(b, BLOCK_READ, 4096, bytes, 4096), 0);
}

static void what_is_read_only_is_not_changed(void **state)
{
	struct block_bench *b = *state;
	struct fake_block *fake = fake_up(b);
	uint8_t bytes[512] = { 1 };

	fake->block.limits.read_only = true;
	assert_int_equal(run_op(b, BLOCK_WRITE, 0, bytes, 512), -EROFS);
	assert_int_equal(run_op(b, BLOCK_DISCARD, 0, NULL, 512), -EROFS);
	assert_int_equal(run_op(b, BLOCK_ZERO, 0, NULL, 512), -EROFS);
	assert_int_equal(fake->submitted, 0);
	assert_int_equal(run_op(b, BLOCK_READ, 0, bytes, 512), 0);
	assert_int_equal(run_op(b, BLOCK_FLUSH, 0, NULL, 0), 0);
}

static void what_is_not_offered_is_refused(void **state)
{
	struct block_bench *b = *state;
	struct fake_block *fake = fake_up(b);

	fake->block.limits.can_discard = false;
	fake->block.limits.can_zero = false;
	assert_int_equal(run_op(b, BLOCK_DISCARD, 0, NULL, 512), -EOPNOTSUPP);
	assert_int_equal(run_op(b, BLOCK_ZERO, 0, NULL, 512), -EOPNOTSUPP);
	assert_int_equal(fake->submitted, 0);
}

static void nothing_to_do_is_done(void **state)
{
	struct block_bench *b = *state;
	struct fake_block *fake = fake_up(b);

	assert_int_equal(run_op(b, BLOCK_READ, 512, NULL, 0), 0);
	assert_int_equal(run_op(b, BLOCK_DISCARD, 65536, NULL, 0), 0);
	assert_int_equal(fake->submitted, 0);
}

/* Two layers that want to hear of the end, the upper one twice. */
struct layer {
	struct block block;
	struct block *below;
	unsigned rounds;
	char *log;
};

static void layer_done(struct block_frame *f, struct block_req *req, int status)
{
	struct layer *layer = container_of(f->layer, struct layer, block);

	strcat(layer->log, layer->block.ops->name);
	if (status == 0 && ++f->room[0] < layer->rounds) {
		block_push(&layer->block, req, layer_done);
		block_hand_on(layer->below, req);
		return;
	}
	block_done(req, status);
}

static void layer_submit(struct block *block, struct block_req *req)
{
	struct layer *layer = container_of(block, struct layer, block);

	block_push(block, req, layer_done)->room[0] = 0;
	block_hand_on(layer->below, req);
}

static void layers_hear_of_the_end_from_the_bottom_up(void **state)
{
	static const struct block_ops upper_ops = { .name = "u", .submit = layer_submit };
	static const struct block_ops lower_ops = { .name = "l", .submit = layer_submit };
	struct block_bench *b = *state;
	struct fake_block *fake = fake_block_open(65536);
	char log[16] = "";
	struct layer lower = { { &lower_ops, fake->block.limits }, &fake->block, 1, log };
	struct layer upper = { { &upper_ops, fake->block.limits }, &lower.block, 2, log };

	b->disk = &upper.block;
	assert_int_equal(run_op(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	assert_string_equal(log, "lulu");
	assert_int_equal(fake->submitted, 2);
	fake->fail_at = 3;
	fake->fail_status = -EIO;
	log[0] = '\0';
	assert_int_equal(run_op(b, BLOCK_FLUSH, 0, NULL, 0), -EIO);
	assert_string_equal(log, "lu");
	b->disk = &fake->block;
}

static void a_fake_that_holds_ends_requests_in_any_order(void **state)
{
	struct block_bench *b = *state;
	struct fake_block *fake = fake_up(b);
	uint8_t bytes[3][512] = { { 1 }, { 2 }, { 3 } };
	struct waited w[3];

	fake->hold = true;
	fake->fail_at = 2;
	fake->fail_status = -ENOSPC;
	for (unsigned i = 0; i < 3; i++) {
		fill_request(&w[i], BLOCK_WRITE, 512 * i, bytes[i], 512);
		start_request(b, &w[i]);
	}
	assert_int_equal(fake->held_count, 3);
	bytes[2][0] = 4; /* too late is not yet */
	fake_block_end(fake, 2, 0);
	assert_true(w[2].ended && !w[0].ended && !w[1].ended);
	assert_int_equal(fake->bytes[1024], 4);
	fake_block_end(fake, 0, -EIO);
	assert_int_equal(w[0].status, -EIO);
	assert_int_equal(fake->bytes[0], 0);
	assert_int_equal(fake_block_end_all(fake, 10), 1);
	assert_int_equal(w[1].status, -ENOSPC);
	assert_int_equal(fake->bytes[512], 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BLOCK_TEST(requests_outside_the_disk_never_reach_it),
		BLOCK_TEST(blocks_of_4096_bytes_are_not_cut),
		BLOCK_TEST(what_is_read_only_is_not_changed),
		BLOCK_TEST(what_is_not_offered_is_refused),
		BLOCK_TEST(nothing_to_do_is_done),
		BLOCK_TEST(layers_hear_of_the_end_from_the_bottom_up),
		BLOCK_TEST(a_fake_that_holds_ends_requests_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
