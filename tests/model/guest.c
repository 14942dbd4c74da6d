#include "model/guest.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "block/qcow2.h"
#include "fake/fake_block.h"

#define PIECES 6u

/* Something under way. */
struct guest_flight {
	struct block_req req;
	struct guest *g;
	size_t op;
	bool ended;
	uint8_t *bytes;
	struct iovec iov[PIECES];
};

/* ---- numbers --------------------------------------------------------------------------- */

uint64_t guest_random(struct guest *g)
{
	g->random ^= g->random << 13;
	g->random ^= g->random >> 7;
	g->random ^= g->random << 17;
	return g->random;
}

uint64_t guest_below(struct guest *g, uint64_t n)
{
	return guest_random(g) % n;
}

void guest_stamp(uint32_t value, uint64_t sector, uint8_t out[GUEST_SECTOR])
{
	const uint64_t word = (uint64_t)value << 32 | (sector & 0xffffffff);

	if (value == 0) {
		memset(out, 0, GUEST_SECTOR);
		return;
	}
	/* Half of it says it, half is hard to compress. */
	for (unsigned i = 0; i < GUEST_SECTOR / 8; i++)
		le64_store(out + i * 8ul, i % 2 ? word : word * 0x9e3779b97f4a7c15 + i);
}

uint32_t guest_value(uint64_t sector, const uint8_t bytes[GUEST_SECTOR])
{
	const uint32_t value = le32_load(bytes + 12);
	uint8_t right[GUEST_SECTOR];

	guest_stamp(value, sector, right);
	return memcmp(right, bytes, GUEST_SECTOR) == 0 ? value : GUEST_NOBODY;
}

/* ---- life --------------------------------------------------------------------------------- */

void guest_init(struct guest *g, uint64_t seed, uint64_t sectors, uint64_t backing_sectors)
{
	*g = (struct guest){ .random = seed | 1, .room = sectors };
	assert(ioloop_create(IO_ENGINE_THREADS, &g->loop, NULL) == 0);
	g->file = fake_file_open(NULL, 0);
	g->before = calloc(sectors, sizeof(*g->before));
	g->now = calloc(sectors, sizeof(*g->now));
	g->maybe_zero = calloc(sectors, sizeof(*g->maybe_zero));
	g->before_maybe_zero = calloc(sectors, sizeof(*g->maybe_zero));
	assert(g->before && g->now && g->maybe_zero && g->before_maybe_zero);
	if (backing_sectors == 0)
		return;
	g->backing_sectors = backing_sectors;
	g->backing = malloc(backing_sectors * GUEST_SECTOR);
	assert(g->backing);
	for (uint64_t i = 0; i < backing_sectors; i++) {
		/* It has zeros here and there. */
		const uint32_t value = i / 8 % 8 == 7 ? 0 : GUEST_BACKING;

		guest_stamp(value, i, g->backing + i * GUEST_SECTOR);
		if (i < sectors)
			g->now[i] = g->before[i] = value;
	}
}

void guest_destroy(struct guest *g)
{
	guest_close(g);
	fake_file_close(g->file);
	ioloop_destroy(g->loop);
	free(g->ops);
	free(g->before);
	free(g->now);
	free(g->maybe_zero);
	free(g->before_maybe_zero);
	free(g->backing);
}

/* The image's file, that closing the disk does not close. */
struct borrowed {
	struct block block;
	struct block *below;
};

static void hand_on(struct block *b, struct block_req *req)
{
	block_hand_on(container_of(b, struct borrowed, block)->below, req);
}

static void close_borrowed(struct block *b)
{
	free(container_of(b, struct borrowed, block));
}

static int borrowed_size(struct block *b, uint64_t *size_bytes)
{
	return block_file_size(container_of(b, struct borrowed, block)->below, size_bytes);
}

static int borrowed_truncate(struct block *b, uint64_t size_bytes)
{
	return block_file_truncate(container_of(b, struct borrowed, block)->below, size_bytes);
}

static int borrowed_extent(struct block *b, uint64_t offset, bool *is_data, uint64_t *end)
{
	return block_file_extent(container_of(b, struct borrowed, block)->below, offset, is_data,
				 end);
}

static const struct block_ops borrowed_ops = {
	.name = "borrowed",
	.submit = hand_on,
	.close = close_borrowed,
	.file_size = borrowed_size,
	.file_truncate = borrowed_truncate,
	.file_extent = borrowed_extent,
};

static struct block *borrow(struct block *below)
{
	struct borrowed *b = calloc(1, sizeof(*b));

	assert(b);
	b->block = (struct block){ .ops = &borrowed_ops, .limits = below->limits };
	b->below = below;
	return &b->block;
}

struct block *guest_backing(struct guest *g)
{
	struct fake_block *fake;

	if (!g->backing)
		return NULL;
	fake = fake_block_open(g->backing_sectors * GUEST_SECTOR);
	memcpy(fake->bytes, g->backing, g->backing_sectors * GUEST_SECTOR);
	fake->block.limits.read_only = true;
	return &fake->block;
}

int guest_open(struct guest *g)
{
	const struct qcow2_options options = { .name = "the image" };
	struct block *file = g->open_file ? g->open_file(g) : borrow(&g->file->block);
	struct block *backing = guest_backing(g);
	struct qcow2_header h;
	struct err err;
	int rc = qcow2_read_header(file, "the image", &h, &err);

	assert(!g->disk);
	if (rc == 0) {
		rc = qcow2_open(file, &h, backing, &options, &g->disk, &err);
		if (rc < 0)
			qcow2_header_free(&h);
	}
	if (rc < 0) {
		if (!g->failures_expected)
			fprintf(stderr, "    open: %s\n", err.text);
		block_close(file);
		block_close(backing);
		return rc;
	}
	g->sectors = g->disk->limits.size_bytes / GUEST_SECTOR;
	assert(g->sectors <= g->room);
	return 0;
}

void guest_close(struct guest *g)
{
	guest_wait(g);
	block_close(g->disk);
	g->disk = NULL;
	/* What the closing began on this loop. */
	for (unsigned i = 0; g->file->in_flight > 0 && i < 1000; i++)
		ioloop_round(g->loop, 1);
	assert(g->file->in_flight == 0);
}

void guest_begin(struct guest *g)
{
	assert(g->flight_count == 0);
	g->op_count = 0;
	memcpy(g->before, g->now, g->room * sizeof(*g->now));
	memcpy(g->before_maybe_zero, g->maybe_zero, g->room * sizeof(*g->maybe_zero));
}

/* ---- requests ------------------------------------------------------------------------------- */

static void flight_done(struct block_req *req, int status)
{
	struct guest_flight *f = container_of(req, struct guest_flight, req);
	struct guest *g = f->g;

	g->ops[f->op].ended = fake_file_mark(g->file);
	g->ops[f->op].status = status;
	f->ended = true;
}

static void land(struct guest *g, const struct guest_op *op)
{
	if (op->status < 0 && !g->failures_expected)
		printf("    a request of kind %u at sector %llu ended with %d\n", op->op,
		       (unsigned long long)op->first, op->status);
	for (uint64_t i = op->first; i < op->first + op->count; i++) {
		if (op->op == BLOCK_DISCARD) {
			g->maybe_zero[i] = true;
		} else if (op->op == BLOCK_WRITE || op->op == BLOCK_ZERO) {
			/* What failed may have been done in part. */
			g->now[i] = op->status < 0 ? GUEST_NOBODY : op->value;
			g->maybe_zero[i] = false;
		}
	}
}

static void reap(struct guest *g)
{
	for (unsigned i = 0; i < g->flight_count; i++) {
		struct guest_flight *f = g->flights[i];

		if (!f->ended)
			continue;
		land(g, &g->ops[f->op]);
		free(f->bytes);
		free(f);
		g->flights[i--] = g->flights[--g->flight_count];
	}
}

static void round_once(struct guest *g)
{
	ioloop_round(g->loop, 1000);
	reap(g);
}

void guest_wait(struct guest *g)
{
	while (g->flight_count > 0)
		round_once(g);
}

static bool overlaps(const struct guest *g, uint64_t first, uint64_t count)
{
	for (unsigned i = 0; i < g->flight_count; i++) {
		const struct guest_op *op = &g->ops[g->flights[i]->op];

		if (first < op->first + op->count && op->first < first + count)
			return true;
	}
	return false;
}

static struct guest_op *new_op(struct guest *g)
{
	if (g->op_count == g->op_room) {
		g->op_room = g->op_room ? 2 * g->op_room : 64;
		g->ops = realloc(g->ops, g->op_room * sizeof(*g->ops));
		assert(g->ops);
	}
	return &g->ops[g->op_count++];
}

/* Memory in a few pieces of odd lengths. */
static void cut(struct guest *g, struct guest_flight *f, uint64_t len)
{
	uint64_t at = 0;

	f->req.iov = f->iov;
	f->req.iov_count = 0;
	while (at < len) {
		uint64_t n = len - at;

		if (f->req.iov_count + 1 < PIECES && guest_below(g, 2))
			n = 1 + guest_below(g, n);
		f->iov[f->req.iov_count++] = (struct iovec){ f->bytes + at, n };
		at += n;
	}
}

void guest_start(struct guest *g, enum block_op op, uint64_t first, uint64_t count, bool durable)
{
	struct guest_flight *f = calloc(1, sizeof(*f));
	struct guest_op *o;

	while (overlaps(g, first, count) || g->flight_count == GUEST_IN_FLIGHT)
		round_once(g);
	o = new_op(g);
	*o = (struct guest_op){
		.op = op,
		.durable = durable,
		.first = first,
		.count = count,
		.value = op == BLOCK_WRITE ? ++g->last_value : 0,
		.ended = TAPE_NEVER,
	};
	assert(f);
	f->g = g;
	f->op = g->op_count - 1;
	f->req.op = op;
	f->req.durable = durable;
	f->req.may_unmap = op == BLOCK_ZERO && guest_below(g, 2);
	f->req.offset = first * GUEST_SECTOR;
	f->req.len = count * GUEST_SECTOR;
	f->req.loop = g->loop;
	f->req.done = flight_done;
	if (op == BLOCK_WRITE) {
		f->bytes = malloc(f->req.len);
		assert(f->bytes);
		for (uint64_t i = 0; i < count; i++)
			guest_stamp(o->value, first + i, f->bytes + i * GUEST_SECTOR);
		cut(g, f, f->req.len);
	}
	g->flights[g->flight_count++] = f;
	o->began = fake_file_mark(g->file);
	block_submit(g->disk, &f->req);
}

int guest_do(struct guest *g, enum block_op op, uint64_t first, uint64_t count)
{
	guest_wait(g);
	guest_start(g, op, first, count, false);
	guest_wait(g);
	return g->ops[g->op_count - 1].status;
}

void guest_do_anything(struct guest *g, uint64_t most)
{
	const uint64_t dice = guest_below(g, 100);
	uint64_t first = guest_below(g, g->sectors), count;

	/* Small ones more often, and many that begin or end with a cluster. */
	count = 1 + guest_below(g, guest_below(g, 2) ? 8 : most);
	if (guest_below(g, 3) == 0)
		first &= ~UINT64_C(127);
	if (guest_below(g, 3) == 0)
		count = (count + 127) & ~UINT64_C(127);
	count = min_u64(min_u64(count, most), g->sectors - first);
	if (dice < 60)
		guest_start(g, BLOCK_WRITE, first, count, dice < 6);
	else if (dice < 72)
		guest_start(g, BLOCK_ZERO, first, count, dice < 61);
	else if (dice < 85)
		guest_start(g, BLOCK_DISCARD, first, count, false);
	else
		guest_start(g, BLOCK_FLUSH, 0, 0, false);
}

/* ---- comparing ------------------------------------------------------------------------------ */

static bool compare(struct guest *g, uint64_t first, uint64_t count, const uint8_t *bytes,
		    const char *what)
{
	for (uint64_t i = 0; i < count; i++) {
		const uint32_t value = guest_value(first + i, bytes + i * GUEST_SECTOR);
		const uint32_t right = g->now[first + i];

		if (value == right || (g->maybe_zero[first + i] && value == 0) ||
		    right == GUEST_NOBODY)
			continue;
		printf("    %s: sector %llu is of write %x, not %x\n", what,
		       (unsigned long long)(first + i), value, right);
		return false;
	}
	return true;
}

bool guest_verify(struct guest *g, uint64_t first, uint64_t count)
{
	struct guest_flight f = { .g = g };
	bool ok;

	guest_wait(g);
	f.bytes = malloc(count * GUEST_SECTOR);
	assert(f.bytes);
	memset(f.bytes, 0xa5, count * GUEST_SECTOR);
	*new_op(g) = (struct guest_op){ .op = BLOCK_READ, .first = first, .count = count };
	f.op = g->op_count - 1;
	f.req.op = BLOCK_READ;
	f.req.offset = first * GUEST_SECTOR;
	f.req.len = count * GUEST_SECTOR;
	f.req.loop = g->loop;
	f.req.done = flight_done;
	cut(g, &f, f.req.len);
	block_submit(g->disk, &f.req);
	while (!f.ended)
		ioloop_round(g->loop, 1000);
	ok = g->ops[f.op].status == 0;
	if (!ok && !g->failures_expected)
		printf("    a read of sector %llu ended with %d\n", (unsigned long long)first,
		       g->ops[f.op].status);
	ok = ok ? compare(g, first, count, f.bytes, "read") : g->failures_expected;
	free(f.bytes);
	return ok;
}

bool guest_verify_file(struct guest *g, const char *what)
{
	uint8_t *bytes = malloc(g->sectors * GUEST_SECTOR);
	struct qcow2_judge j;
	bool ok = bytes && qcow2_judge_open(&j, g->file->bytes, g->file->size_bytes) == 0;

	if (ok) {
		j.backing = g->backing;
		j.backing_len = g->backing_sectors * GUEST_SECTOR;
		ok = qcow2_judge_read(&j, NULL, 0, bytes, g->sectors * GUEST_SECTOR) == 0;
	}
	if (!ok)
		printf("    %s: %s\n", what, j.why);
	ok = ok && compare(g, 0, g->sectors, bytes, what);
	free(bytes);
	return ok;
}

/* ---- after a crash ------------------------------------------------------------------------------
 */

/* When the last flush began that was done by `time`: 0 if none was. */
static uint64_t promised(const struct guest *g, uint64_t time)
{
	uint64_t began = 0;

	for (size_t i = 0; i < g->op_count; i++) {
		const struct guest_op *op = &g->ops[i];

		if (op->op == BLOCK_FLUSH && op->ended <= time && op->status == 0 &&
		    op->began > began)
			began = op->began;
	}
	return began;
}

/* Forwards through what was done there: each may have been the last that is there, but
 * nothing before what was promised is. */
bool guest_may_hold(const struct guest *g, uint64_t sector, uint32_t value, uint64_t time)
{
	const uint64_t flushed = promised(g, time);
	bool may = value == g->before[sector] || (g->before_maybe_zero[sector] && value == 0);

	for (size_t i = 0; i < g->op_count; i++) {
		const struct guest_op *op = &g->ops[i];
		const bool is_safe = op->status == 0 &&
				     (op->ended < flushed || (op->durable && op->ended <= time));

		if (op->began > time || sector < op->first || sector >= op->first + op->count)
			continue;
		if (op->op == BLOCK_WRITE || op->op == BLOCK_ZERO)
			may = value == op->value || (may && !is_safe);
		else if (op->op == BLOCK_DISCARD)
			may = may || value == 0;
	}
	return may;
}
