/* A flush: dirty pieces of tables are copied under the lock and written without it.
 *
 *      L2 pieces        where new data replaces other: after a flush of that data
 *      L1 pieces        after a flush where an L2 table has moved
 *      one flush        and all is durable
 *
 * What fails stays dirty, for the next flush. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "block/qcow2_internal.h"

#define BATCH 64u

/* A piece of a table on its way. */
struct qpart {
	struct block_req req;
	struct iovec iov;
	struct qbatch *batch;
	struct qtable *table; /* NULL: of L1 */
	uint64_t piece;
};

struct qbatch {
	unsigned count;
	unsigned under_way;
	int status;
	struct qpart part[BATCH];
	uint8_t *bytes; /* BATCH pieces */
};

int q_flush_init(struct qcow2 *q)
{
	void *bytes;

	q->batch = calloc(1, sizeof(*q->batch));
	if (!q->batch)
		return -ENOMEM;
	if (posix_memalign(&bytes, 4096, BATCH * (size_t)q->piece_bytes) != 0)
		return -ENOMEM;
	q->batch->bytes = bytes;
	return 0;
}

void q_flush_free(struct qcow2 *q)
{
	if (q->batch)
		free(q->batch->bytes);
	free(q->batch);
}

/* ---- batches ------------------------------------------------------------------------- */

static void part_done(struct block_req *req, int status)
{
	struct qbatch *b = container_of(req, struct qpart, req)->batch;

	if (status < 0)
		b->status = status;
	b->under_way--;
}

static int write_batch(struct qcow2 *q)
{
	struct qbatch *b = q->batch;

	b->status = 0;
	b->under_way = b->count;
	for (unsigned i = 0; i < b->count; i++) {
		const struct qtable *t = b->part[i].table;
		struct block_req *req = &b->part[i].req;

		b->part[i].batch = b;
		b->part[i].iov = (struct iovec){ .iov_base = b->bytes + i * q->piece_bytes,
						 .iov_len = q->piece_bytes };
		req->op = BLOCK_WRITE;
		req->durable = false;
		req->offset = (t ? t->offset : q->h.l1_offset) + b->part[i].piece * q->piece_bytes;
		req->len = q->piece_bytes;
		req->iov = &b->part[i].iov;
		req->iov_count = 1;
		req->loop = q->io.loop;
		req->done = part_done;
		block_submit(q->file, req);
	}
	while (b->under_way > 0)
		ioloop_round(q->io.loop, -1);
	return b->status;
}

/* Under the lock. */
static void put_back(struct qcow2 *q)
{
	struct qbatch *b = q->batch;

	for (unsigned i = 0; i < b->count; i++) {
		struct qtable *t = b->part[i].table;
		const uint64_t piece = b->part[i].piece;
		uint64_t *bits = t ? t->dirty_pieces : q->l1_dirty;

		bits[piece / 64] |= UINT64_C(1) << (piece % 64);
		q->l1_is_dirty |= !t;
	}
}

/* Under the lock: as many dirty pieces of [bits] as there is room for; whether all. */
static bool take_pieces(struct qcow2 *q, struct qtable *t, uint64_t *bits, uint64_t words,
			const _Atomic uint64_t *entries)
{
	struct qbatch *b = q->batch;
	const uint64_t per_piece = q->piece_bytes / 8;

	for (uint64_t w = 0; w < words; w++) {
		while (bits[w] != 0) {
			const uint64_t piece = w * 64 + (unsigned)__builtin_ctzll(bits[w]);
			uint8_t *to = b->bytes + b->count * q->piece_bytes;

			if (b->count == BATCH)
				return false;
			bits[w] &= bits[w] - 1;
			for (uint64_t i = 0; i < per_piece; i++)
				be64_store(to + i * 8,
					   atomic_load_explicit(&entries[piece * per_piece + i],
								memory_order_relaxed));
			b->part[b->count].table = t;
			b->part[b->count].piece = piece;
			b->count++;
		}
	}
	return true;
}

/* ---- L2 --------------------------------------------------------------------------------- */

static int write_tables(struct qcow2 *q, struct qtable *tables)
{
	struct qtable *t = tables;
	int rc = 0;

	while (t && rc == 0) {
		bool replaced;

		q->batch->count = 0;
		pthread_mutex_lock(&q->lock);
		while (t && take_pieces(q, t, t->dirty_pieces, Q_DIRTY_WORDS, t->word))
			t = t->next;
		/* Set before these pieces were taken, or the next round sees it. */
		replaced = q->replaced;
		q->replaced = false;
		pthread_mutex_unlock(&q->lock);
		if (replaced)
			rc = sync_flush(&q->io);
		if (rc == 0) {
			replaced = false;
			rc = write_batch(q);
		}
		if (rc < 0) {
			pthread_mutex_lock(&q->lock);
			q->replaced |= replaced;
			put_back(q);
			pthread_mutex_unlock(&q->lock);
		}
	}
	return rc;
}

/* Under the lock: they are clean, or wait for the next flush. */
static void end_tables(struct qcow2 *q, struct qtable *tables, int rc)
{
	for (struct qtable *t = tables, *next; t; t = next) {
		uint64_t any = 0;

		next = t->next;
		for (unsigned i = 0; i < Q_DIRTY_WORDS; i++)
			any |= t->dirty_pieces[i];
		t->moved = t->moved && rc < 0;
		t->dirty = any != 0 || t->moved;
		if (t->dirty) {
			t->next = q->dirty_tables;
			q->dirty_tables = t;
		}
	}
}

/* ---- L1 ------------------------------------------------------------------------------------ */

/* What is dirty of it now: to be written after the tables of now. */
struct l1_copy {
	_Atomic uint64_t *entries;
	uint64_t *dirty;
};

static uint64_t l1_words(const struct qcow2 *q)
{
	return q->l1_bytes / q->piece_bytes / 64 + 1;
}

/* Under the lock. */
static int take_l1(struct qcow2 *q, struct l1_copy *c)
{
	const uint64_t words = l1_words(q);

	*c = (struct l1_copy){ .entries = NULL };
	if (!q->l1_is_dirty)
		return 0;
	c->entries = malloc(q->l1_bytes);
	c->dirty = malloc(words * 8);
	if (!c->entries || !c->dirty) {
		free(c->entries);
		free(c->dirty);
		c->entries = NULL;
		return -ENOMEM;
	}
	for (uint64_t i = 0; i < q->l1_bytes / 8; i++)
		atomic_init(&c->entries[i], atomic_load_explicit(&q->l1[i], memory_order_relaxed));
	memcpy(c->dirty, q->l1_dirty, words * 8);
	memset(q->l1_dirty, 0, words * 8);
	q->l1_is_dirty = false;
	return 0;
}

static int write_l1(struct qcow2 *q, struct l1_copy *c)
{
	bool all = false;
	int rc = 0;

	while (c->entries && !all && rc == 0) {
		q->batch->count = 0;
		all = take_pieces(q, NULL, c->dirty, l1_words(q), c->entries);
		rc = write_batch(q);
		if (rc < 0) {
			pthread_mutex_lock(&q->lock);
			put_back(q);
			pthread_mutex_unlock(&q->lock);
		}
	}
	return rc;
}

/* Under the lock. */
static void end_l1(struct qcow2 *q, struct l1_copy *c, const uint64_t *all, int rc)
{
	for (uint64_t i = 0; c->entries && rc < 0 && i < l1_words(q); i++) {
		q->l1_dirty[i] |= all[i];
		q->l1_is_dirty = true;
	}
	free(c->entries);
	free(c->dirty);
}

/* ---- all of it -------------------------------------------------------------------------------- */

struct taken {
	struct qtable *tables;
	struct l1_copy l1;
	uint64_t *l1_all;
	struct qfreed freed;
	uint64_t seq;
	bool moved;
};

static int take(struct qcow2 *q, struct taken *t)
{
	int rc;

	*t = (struct taken){ .tables = NULL };
	t->l1_all = malloc(l1_words(q) * 8);
	if (!t->l1_all)
		return -ENOMEM;
	pthread_mutex_lock(&q->lock);
	memcpy(t->l1_all, q->l1_dirty, l1_words(q) * 8);
	rc = take_l1(q, &t->l1);
	if (rc == 0) {
		t->tables = q->dirty_tables;
		q->dirty_tables = NULL;
		t->freed = q->freed;
		q->freed = (struct qfreed){ .count = 0 };
		t->seq = atomic_load_explicit(&q->dirty_seq, memory_order_relaxed);
		for (const struct qtable *table = t->tables; table; table = table->next)
			t->moved |= table->moved;
	}
	pthread_mutex_unlock(&q->lock);
	if (rc < 0)
		free(t->l1_all);
	return rc;
}

static void move_freed(struct qfreed *to, struct qfreed *from)
{
	for (size_t i = 0; i < from->count; i++)
		q_freed_add(to, from->extent[i].first, from->extent[i].count);
	free(from->extent);
	*from = (struct qfreed){ .count = 0 };
}

int q_flush(struct qcow2 *q)
{
	struct taken t;
	int rc = take(q, &t);

	if (rc < 0)
		return rc;
	rc = write_tables(q, t.tables);
	if (rc == 0)
		rc = q_refcounts_write(q);
	if (rc == 0 && t.moved)
		rc = sync_flush(&q->io);
	if (rc == 0)
		rc = write_l1(q, &t.l1);
	if (rc == 0)
		rc = sync_flush(&q->io);
	pthread_mutex_lock(&q->lock);
	end_tables(q, t.tables, rc);
	end_l1(q, &t.l1, t.l1_all, rc);
	if (rc < 0)
		move_freed(&q->freed, &t.freed);
	/* t.l1_all is freed below.  NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	pthread_mutex_unlock(&q->lock);
	if (rc == 0) {
		move_freed(&q->unmapped, &t.freed);
		atomic_store(&q->durable_seq, t.seq);
	}
	free(t.l1_all);
	return rc;
}
