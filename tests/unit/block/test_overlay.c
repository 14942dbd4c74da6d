#include "block_fixture.h"

#include <pthread.h>
#include <sched.h>

#include "block/overlay.h"
#include "block/raw.h"
#include "fake/fake_block.h"
#include "host/iothread.h"

/* ---- over blocks that can be watched --------------------------------------------- */

struct pair {
	struct fake_block *base, *top;
};

static struct pair overlay_up(struct block_bench *b)
{
	struct pair p = { fake_block_open(65536), fake_block_open(65536) };

	for (unsigned i = 0; i < 65536; i++)
		p.base->bytes[i] = pattern(i);
	p.base->block.limits.read_only = true;
	assert_int_equal(overlay_create(&p.base->block, &p.top->block, "d", &b->disk, &b->err), 0);
	assert_false(b->disk->limits.read_only);
	return p;
}

static void the_base_is_never_written(void **state)
{
	struct block_bench *b = *state;
	struct pair p = overlay_up(b);
	uint8_t bytes[4096];

	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(run_op(b, BLOCK_WRITE, 1024, bytes, sizeof(bytes)), 0);
	assert_int_equal(run_op(b, BLOCK_ZERO, 0, NULL, 1024), 0);
	assert_int_equal(run_op(b, BLOCK_DISCARD, 8192, NULL, 1024), 0);
	assert_int_equal(run_op(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(p.base->submitted, 0);
	assert_true(is_pattern(p.base->bytes, 0, 65536));
	assert_int_equal(p.top->submitted_of[BLOCK_FLUSH], 0);
}

static void a_read_goes_where_the_data_is_and_only_once(void **state)
{
	struct block_bench *b = *state;
	struct pair p = overlay_up(b);
	const uint64_t at = 56 * 512; /* 16 sectors, in two words of the map */
	uint8_t bytes[8192];

	assert_int_equal(run_op(b, BLOCK_READ, at, bytes, sizeof(bytes)), 0);
	assert_true(is_pattern(bytes, at, sizeof(bytes)));
	assert_int_equal(p.base->submitted, 1);
	assert_int_equal(p.top->submitted, 0);
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(run_op(b, BLOCK_WRITE, at, bytes, sizeof(bytes)), 0);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(run_op(b, BLOCK_READ, at, bytes, sizeof(bytes)), 0);
	assert_true(is_all(bytes, 0xee, sizeof(bytes)));
	assert_int_equal(p.base->submitted, 1);
	assert_int_equal(p.top->submitted, 2);
}

/* Sectors 1, 3, 4 and 70..126 are written; all is read into odd pieces of memory. */
static void a_read_over_both_is_put_together(void **state)
{
	struct block_bench *b = *state;
	uint8_t *bytes = buffer(65536, 0xee), *got = buffer(65536, 0);
	struct waited w;
	size_t used = 0;
	unsigned n = 0;

	overlay_up(b);
	assert_int_equal(run_op(b, BLOCK_WRITE, 512, bytes, 512), 0);
	assert_int_equal(run_op(b, BLOCK_WRITE, 3 * 512, bytes, 1024), 0);
	assert_int_equal(run_op(b, BLOCK_WRITE, 70 * 512, bytes, 57 * 512), 0);
	fill_request(&w, BLOCK_READ, 0, NULL, 127 * 512);
	while (used < w.req.len) {
		const size_t piece =
			min_u64(n % 7 == 3 ? 0 : 100 + n * 37 % 1500, w.req.len - used);

		b->iov[n++] = (struct iovec){ got + used, piece };
		used += piece;
	}
	w.req.iov = b->iov;
	w.req.iov_count = n;
	assert_int_equal(run_request(b, &w), 0);
	for (unsigned sector = 0; sector < 127; sector++) {
		if (sector == 1 || sector == 3 || sector == 4 || sector >= 70)
			assert_true(is_all(got + sector * 512, 0xee, 512));
		else
			assert_true(is_pattern(got + sector * 512, sector * 512, 512));
	}
	/* The request is its submitter's again. */
	assert_int_equal(w.req.offset, 0);
	assert_int_equal(w.req.len, 127 * 512);
	assert_ptr_equal(w.req.iov, b->iov);
	assert_int_equal(w.req.iov_count, n);
	free(bytes);
	free(got);
}

static void an_error_in_one_of_many_runs_is_the_requests(void **state)
{
	struct block_bench *b = *state;
	struct pair p = overlay_up(b);
	uint8_t bytes[4096] = { 0 };

	assert_int_equal(run_op(b, BLOCK_WRITE, 512, bytes, 512), 0);
	assert_int_equal(run_op(b, BLOCK_WRITE, 1536, bytes, 512), 0);
	p.base->fail_at = 2;
	p.base->fail_status = -EIO;
	assert_int_equal(run_op(b, BLOCK_READ, 0, bytes, 4096), -EIO);
	assert_int_equal(p.base->submitted, 2);
	assert_int_equal(run_op(b, BLOCK_READ, 0, bytes, 4096), 0);
}

static void until_a_write_is_done_reads_see_the_base(void **state)
{
	struct block_bench *b = *state;
	struct pair p = overlay_up(b);
	uint8_t bytes[512], out[512];
	struct waited w;

	memset(out, 0xee, sizeof(out));
	p.top->hold = true;
	fill_request(&w, BLOCK_WRITE, 512, out, 512);
	start_request(b, &w);
	assert_int_equal(run_op(b, BLOCK_READ, 512, bytes, 512), 0);
	assert_true(is_pattern(bytes, 512, 512));
	p.top->hold = false;
	fake_block_end(p.top, 0, 0);
	assert_true(w.ended);
	assert_int_equal(run_op(b, BLOCK_READ, 512, bytes, 512), 0);
	assert_true(is_all(bytes, 0xee, 512));
}

static void a_write_that_failed_leaves_what_was(void **state)
{
	struct block_bench *b = *state;
	struct pair p = overlay_up(b);
	uint8_t bytes[512] = { 0 };

	p.top->fail_at = 1;
	p.top->fail_status = -ENOSPC;
	assert_int_equal(run_op(b, BLOCK_WRITE, 512, bytes, 512), -ENOSPC);
	assert_int_equal(run_op(b, BLOCK_READ, 512, bytes, 512), 0);
	assert_true(is_pattern(bytes, 512, 512));
	memset(bytes, 0xee, 512);
	assert_int_equal(run_op(b, BLOCK_WRITE, 512, bytes, 512), 0);
	assert_int_equal(run_op(b, BLOCK_READ, 512, bytes, 512), 0);
	assert_true(is_all(bytes, 0xee, 512));
}

static void a_discard_takes_from_the_overlay_only(void **state)
{
	struct block_bench *b = *state;
	struct pair p = overlay_up(b);
	uint8_t bytes[1024] = { 0 };

	assert_int_equal(run_op(b, BLOCK_WRITE, 512, bytes, 512), 0);
	assert_int_equal(run_op(b, BLOCK_DISCARD, 512, NULL, 1024), 0);
	assert_int_equal(run_op(b, BLOCK_READ, 512, bytes, 1024), 0);
	assert_true(is_all(bytes, 0xdb, 512)); /* the fake's sign of it */
	assert_true(is_pattern(bytes + 512, 1024, 512));
	assert_int_equal(p.top->submitted_of[BLOCK_DISCARD], 1);
}

static void more_than_64_tib_are_refused(void **state)
{
	struct block_bench *b = *state;
	struct fake_block *base = fake_block_open(512), *top = fake_block_open(512);

	base->block.limits.size_bytes = OVERLAY_SIZE_MAX + 512;
	assert_int_equal(overlay_create(&base->block, &top->block, "d", &b->disk, &b->err), -EFBIG);
	assert_says(b, "64 TiB");
	base->block.limits.size_bytes = OVERLAY_SIZE_MAX;
	assert_int_equal(overlay_create(&base->block, &top->block, "d", &b->disk, &b->err), 0);
}

/* ---- against a twin in memory ------------------------------------------------------ */

#define TWIN_BYTES ((size_t)MIB(2))
#define LANES	   4u
#define LANE_BYTES (TWIN_BYTES / LANES)

/* A loop's share of the disk and the requests that it has on the way there. */
struct lane {
	struct block_bench *bench;
	struct iothread *thread;
	unsigned index;
	unsigned seed;
	uint8_t *twin; /* what its share must be */
	const char *wrong;
};

static unsigned next(struct lane *l)
{
	l->seed = l->seed * 1103515245 + 12345;
	return l->seed >> 8;
}

struct lane_req {
	struct waited w;
	struct iovec iov[5];
	uint8_t *bytes;
};

static void lane_wait(struct ioloop *loop, struct waited *w)
{
	for (unsigned i = 0; i < 1000 && !w->ended; i++)
		ioloop_round(loop, 100);
}

/* Cut the memory in up to five. */
static void cut(struct lane *l, struct lane_req *r, uint64_t len)
{
	uint64_t used = 0;

	for (unsigned i = 0; i < 5; i++) {
		const uint64_t part = i == 4 ? len - used : next(l) % (len - used + 1);

		r->iov[i] = (struct iovec){ r->bytes + used, part };
		used += part;
	}
	r->w.req.iov = r->iov;
	r->w.req.iov_count = 5;
}

/* One operation on our share; the twin is told first. */
static void lane_step(struct lane *l, struct ioloop *loop, struct lane_req *r)
{
	static const enum block_op ops[] = { BLOCK_READ, BLOCK_READ, BLOCK_WRITE, BLOCK_ZERO };
	const uint64_t start = l->index * LANE_BYTES;
	const uint64_t sectors = 1 + next(l) % (next(l) % 8 == 0 ? 300 : 20);
	const uint64_t first = next(l) % (LANE_BYTES / 512 - sectors);
	const uint64_t len = sectors * 512, at = first * 512;
	const enum block_op op = ops[next(l) % ARRAY_LEN(ops)];

	fill_request(&r->w, op, start + at, NULL, len);
	r->w.ended = false;
	r->w.req.may_unmap = next(l) & 1;
	r->w.req.durable = next(l) % 16 == 0;
	r->w.req.loop = loop;
	r->w.req.done = waited_done;
	if (op == BLOCK_WRITE || op == BLOCK_READ)
		cut(l, r, len);
	memset(r->bytes, (int)next(l), len);
	if (op == BLOCK_WRITE)
		memcpy(l->twin + at, r->bytes, len);
	if (op == BLOCK_ZERO)
		memset(l->twin + at, 0, len);
	block_submit(l->bench->disk, &r->w.req);
	lane_wait(loop, &r->w);
	if (!r->w.ended || r->w.status != 0)
		l->wrong = "a request failed";
	else if (op == BLOCK_READ && memcmp(r->bytes, l->twin + at, len) != 0)
		l->wrong = "a read differs";
}

static void run_lane(struct lane *l, struct ioloop *loop, unsigned steps)
{
	struct lane_req *r = calloc(1, sizeof(*r));

	r->bytes = malloc(300 * 512);
	for (unsigned i = 0; i < steps && !l->wrong; i++)
		lane_step(l, loop, r);
	free(r->bytes);
	free(r);
}

static void lane_main(void *arg)
{
	struct lane *l = arg;

	run_lane(l, iothread_loop(l->thread), 2500);
}

static void snapshot_up(struct block_bench *b, const char *overlay)
{
	make_file(b, TWIN_BYTES);
	b->config.snapshot = true;
	b->config.overlay = overlay;
	assert_int_equal(disk_up(b), 0);
}

static void check_base(struct block_bench *b)
{
	uint8_t *bytes = buffer(TWIN_BYTES, 0);

	read_file(b->path, bytes, TWIN_BYTES, 0);
	assert_true(is_pattern(bytes, 0, TWIN_BYTES));
	free(bytes);
}

static uint8_t *make_twin(unsigned lane)
{
	uint8_t *twin = buffer(LANE_BYTES, 0);

	for (size_t i = 0; i < LANE_BYTES; i++)
		twin[i] = pattern(lane * LANE_BYTES + i);
	return twin;
}

static void ten_thousand_operations_give_what_a_twin_gives(void **state)
{
	struct block_bench *b = *state;

	snapshot_up(b, NULL);
	for (unsigned i = 0; i < LANES; i++) {
		struct lane l = { .bench = b, .index = i, .seed = i + 1, .twin = make_twin(i) };

		run_lane(&l, b->loop, 2500);
		if (l.wrong)
			fail_msg("lane %u: %s", i, l.wrong);
		free(l.twin);
	}
	check_base(b);
}

static void several_loops_give_what_twins_give(void **state)
{
	struct block_bench *b = *state;
	struct lane lanes[LANES];
	struct io_task tasks[LANES];
	struct err err;

	snapshot_up(b, "mem");
	for (unsigned i = 0; i < LANES; i++) {
		lanes[i] = (struct lane){
			.bench = b,
			.index = i,
			.seed = 100 + i,
			.twin = make_twin(i),
		};
		assert_int_equal(iothread_start(b->engine, i, &lanes[i].thread, &err), 0);
		tasks[i] = (struct io_task){ .run = lane_main, .arg = &lanes[i] };
	}
	for (unsigned i = 0; i < LANES; i++)
		ioloop_post(iothread_loop(lanes[i].thread), &tasks[i]);
	for (unsigned i = 0; i < LANES; i++) {
		iothread_stop(lanes[i].thread);
		if (lanes[i].wrong)
			fail_msg("lane %u: %s", i, lanes[i].wrong);
		free(lanes[i].twin);
	}
	check_base(b);
}

/* Two threads write neighbouring sectors, whose bits share a word, on a top that
 * leaves it to them to end each request at once. */
#define STRIPED_SECTORS 200000u

static uint64_t nothing_submitted_bytes;

static void nothing_submit(struct block *b, struct block_req *req)
{
	(void)b;
	if (req->op == BLOCK_READ)
		nothing_submitted_bytes = req->len;
}

static void nothing_close(struct block *b)
{
	(void)b;
}

struct stripe {
	struct block *disk;
	unsigned parity;
	_Atomic uint64_t at; /* sector */
	struct stripe *other;
};

static void *write_stripe(void *arg)
{
	struct stripe *s = arg;
	struct waited w;

	for (uint64_t sector = s->parity; sector < STRIPED_SECTORS; sector += 2) {
		s->at = sector;
		while (s->other->at / 64 < sector / 64) /* both at the same word */
			sched_yield();
		fill_request(&w, BLOCK_WRITE, sector * 512, NULL, 512);
		w.ended = false;
		w.req.done = waited_done;
		block_submit(s->disk, &w.req);
		block_done(&w.req, 0);
	}
	s->at = UINT64_MAX;
	return NULL;
}

static void two_threads_do_not_lose_each_others_marks(void **state)
{
	static const struct block_ops nothing = { .name = "nothing", .submit = nothing_submit,
						   .close = nothing_close };
	struct fake_block *base = fake_block_open(512);
	struct block_bench *b = *state;
	struct stripe stripes[2];
	pthread_t threads[2];
	struct block top;
	struct waited w;

	base->block.limits.size_bytes = STRIPED_SECTORS * UINT64_C(512);
	top = (struct block){ &nothing, base->block.limits };
	assert_int_equal(overlay_create(&base->block, &top, "d", &b->disk, &b->err), 0);
	for (unsigned i = 0; i < 2; i++)
		stripes[i] = (struct stripe){ b->disk, i, 0, &stripes[1 - i] };
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_stripe, &stripes[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	/* All of it is one run in the top. */
	fill_request(&w, BLOCK_READ, 0, NULL, STRIPED_SECTORS * UINT64_C(512));
	start_request(b, &w);
	assert_int_equal(nothing_submitted_bytes, STRIPED_SECTORS * UINT64_C(512));
	assert_int_equal(base->submitted, 0);
	disk_down(b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BLOCK_TEST(the_base_is_never_written),
		BLOCK_TEST(a_read_goes_where_the_data_is_and_only_once),
		BLOCK_TEST(a_read_over_both_is_put_together),
		BLOCK_TEST(an_error_in_one_of_many_runs_is_the_requests),
		BLOCK_TEST(until_a_write_is_done_reads_see_the_base),
		BLOCK_TEST(a_write_that_failed_leaves_what_was),
		BLOCK_TEST(a_discard_takes_from_the_overlay_only),
		BLOCK_TEST(more_than_64_tib_are_refused),
		BLOCK_TEST(ten_thousand_operations_give_what_a_twin_gives),
		BLOCK_TEST(several_loops_give_what_twins_give),
		BLOCK_TEST(two_threads_do_not_lose_each_others_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
