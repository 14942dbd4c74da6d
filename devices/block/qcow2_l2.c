/* L2 tables in memory: read when they are first needed, made, copied, dropped. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "block/qcow2_internal.h"

static struct qtable *new_table(const struct qcow2 *q, uint64_t index, uint64_t offset)
{
	struct qtable *t = malloc(sizeof(*t) + q->cluster_bytes);

	if (!t)
		return NULL;
	memset(t, 0, sizeof(*t));
	t->index = index;
	t->offset = offset;
	atomic_init(&t->used, true);
	return t;
}

/* ---- what was read ------------------------------------------------------------------- */

static void judge(struct qcow2 *q, const struct qtable *t)
{
	const uint64_t count = UINT64_C(1) << q->l2_bits;

	for (uint64_t i = 0; i < count; i++) {
		if (q_is_astray(q, t->word[i * q->entry_words])) {
			q_corrupt(q, "an L2 table names a cluster that is no data, in the table",
				  t->offset);
			return;
		}
	}
}

/* In place: big-endian bytes become entries. */
static void to_entries(const struct qcow2 *q, struct qtable *t)
{
	for (uint64_t i = 0; i < q->cluster_bytes / 8; i++)
		atomic_init(&t->word[i], be64_load((const uint8_t *)t->word + i * 8));
}

/* ---- dropping ------------------------------------------------------------------------- */

/* Under the lock: make room for another one, if there is a clean one that was not
 * used since the hand came by. */
static void drop_one(struct qcow2 *q)
{
	for (uint64_t n = 0; n < 2 * q->l1_entries && n < 65536; n++) {
		const uint64_t index = q->clock_hand;
		struct qtable *t =
			atomic_load_explicit(&q->tables[index], memory_order_relaxed);

		q->clock_hand = (index + 1) % q->l1_entries;
		if (!t || t->dirty || t->pins > 0)
			continue;
		if (atomic_exchange_explicit(&t->used, false, memory_order_relaxed))
			continue;
		/* Requests that run now may look at it: q_settle() frees it. */
		atomic_store_explicit(&q->tables[index], NULL, memory_order_release);
		t->next = q->retired;
		q->retired = t;
		q->table_count--;
		return;
	}
}

static void publish(struct qcow2 *q, struct qtable *t)
{
	if (q->table_count >= q->table_limit)
		drop_one(q);
	q->table_count++;
	/* Those that are dirty stay: let there be less. */
	if (q->table_count > q->table_limit + q->table_limit / 2 && q->dirty_tables &&
	    !q->flush_wanted) {
		q->flush_wanted = true;
		q_steward_call(q);
	}
	atomic_store_explicit(&q->tables[t->index], t, memory_order_release);
}

void q_tables_free(struct qcow2 *q)
{
	for (uint64_t i = 0; q->tables && i < q->l1_entries && q->table_count > 0; i++) {
		if (q->tables[i])
			q->table_count--;
		free(q->tables[i]);
	}
	for (struct qtable *t = q->retired, *next; t; t = next) {
		next = t->next;
		free(t);
	}
}

/* ---- loading ----------------------------------------------------------------------------- */


static void load_ended(struct qop *op, int status)
{
	struct qjob *job = op->job;
	struct qcow2 *q = job->q;
	struct qtable *t = op->table;
	struct qload *load, **at;

	if (status == 0) {
		to_entries(q, t);
		if (!q->block.limits.read_only)
			judge(q, t);
	}
	pthread_mutex_lock(&q->lock);
	for (at = &q->loads; (*at)->index != t->index; at = &(*at)->next)
		;
	load = *at;
	*at = load->next;
	if (status == 0)
		publish(q, t);
	if (q->block.limits.read_only)
		q_settle_read_only(q);
	else if (q->retired)
		q_steward_call(q);
	pthread_mutex_unlock(&q->lock);
	if (status < 0)
		free(t);
	q_op_free(op);
	q_jobs_wake(load->waiters, status);
	free(load);
	q_job_put(job, 0);
}

/* Not under the lock.  The job is among the waiters. */
static void start_load(struct qcow2 *q, struct qjob *job, struct qload *load, uint64_t l1)
{
	const uint64_t offset = l1 & QCOW2_OFFSET_MASK;
	struct qtable *t = NULL;
	struct qop *op = NULL;
	int rc = -EIO;

	if ((l1 & QCOW2_L1_RESERVED_MASK) != 0 || (offset & (q->cluster_bytes - 1)) != 0) {
		q_corrupt(q, "an L1 entry that cannot be", l1);
	} else {
		rc = -ENOMEM;
		t = new_table(q, load->index, offset);
		if (t)
			op = q_op_new(job, BLOCK_READ, offset, q->cluster_bytes, load_ended);
	}
	if (!op) {
		struct qload **at;

		free(t);
		pthread_mutex_lock(&q->lock);
		for (at = &q->loads; *at != load; at = &(*at)->next)
			;
		*at = load->next;
		pthread_mutex_unlock(&q->lock);
		q_jobs_wake(load->waiters, rc);
		free(load);
		return;
	}
	op->table = t;
	op->single = (struct iovec){ .iov_base = (void *)t->word, .iov_len = q->cluster_bytes };
	op->req.iov = &op->single;
	op->req.iov_count = 1;
	q_op_submit(op, q->file);
}

bool q_table_want(struct qcow2 *q, uint64_t index, struct qjob *job)
{
	struct qload *load, *mine = NULL;
	uint64_t l1;
	bool there;

	pthread_mutex_lock(&q->lock);
	l1 = atomic_load_explicit(&q->l1[index], memory_order_relaxed);
	there = q->tables[index] || !(l1 & ~QCOW2_COPIED);
	for (load = q->loads; !there && load && load->index != index; load = load->next)
		;
	if (!there && !load) {
		load = mine = malloc(sizeof(*load));
		if (load) {
			*load = (struct qload){ .index = index, .next = q->loads };
			q->loads = load;
		}
	}
	if (!there && load) {
		job->next = load->waiters;
		load->waiters = job;
	}
	pthread_mutex_unlock(&q->lock);
	if (there)
		return false;
	if (mine)
		start_load(q, job, mine, l1);
	else if (!load)
		q_job_wake(job, -ENOMEM);
	return true;
}

/* ---- changing: under the lock ------------------------------------------------------------- */

void q_dirtied(struct qcow2 *q)
{
	const uint64_t seq = atomic_load_explicit(&q->dirty_seq, memory_order_relaxed);

	if (seq == atomic_load_explicit(&q->durable_seq, memory_order_relaxed))
		q_steward_call(q); /* which looks at the clock from now on */
	atomic_store_explicit(&q->dirty_seq, seq + 1, memory_order_release);
}

static void set_dirty(struct qcow2 *q, struct qtable *t)
{
	if (t->dirty)
		return;
	t->dirty = true;
	t->next = q->dirty_tables;
	q->dirty_tables = t;
}

static void set_l1(struct qcow2 *q, uint64_t index, uint64_t entry)
{
	const uint64_t piece = index * 8 / q->piece_bytes;

	atomic_store_explicit(&q->l1[index], entry, memory_order_release);
	q->l1_dirty[piece / 64] |= UINT64_C(1) << (piece % 64);
	q->l1_is_dirty = true;
	q_dirtied(q);
}

/* Nothing was there, and a new cluster is zeros: none of it need be written. */
static int make_table(struct qcow2 *q, uint64_t index, uint64_t cluster)
{
	struct qtable *t = new_table(q, index, cluster << q->cluster_bits);

	if (!t)
		return -ENOMEM;
	memset((void *)t->word, 0, q->cluster_bytes);
	qcow2_places_set(&q->places, cluster);
	publish(q, t);
	set_l1(q, index, t->offset | QCOW2_COPIED);
	return 0;
}

/* A snapshot has the table, too. */
static void move_table(struct qcow2 *q, struct qtable *t, uint64_t cluster)
{
	const uint64_t pieces = q->cluster_bytes / q->piece_bytes;

	q_freed_add(&q->freed, q_cluster(q, t->offset), 1);
	qcow2_places_set(&q->places, cluster);
	t->offset = cluster << q->cluster_bits;
	t->moved = true;
	for (uint64_t i = 0; i < pieces; i++)
		t->dirty_pieces[i / 64] |= UINT64_C(1) << (i % 64);
	set_dirty(q, t);
	set_l1(q, t->index, t->offset | QCOW2_COPIED);
}

int q_table_own(struct qcow2 *q, uint64_t index, struct qtable **out)
{
	const uint64_t l1 = atomic_load_explicit(&q->l1[index], memory_order_relaxed);
	struct qtable *t = q->tables[index];
	uint64_t cluster;
	int rc = 0;

	if (!t && (l1 & ~QCOW2_COPIED))
		return -EAGAIN;
	if (!t || !(l1 & QCOW2_COPIED)) {
		if (q_run_take(q, 1, &cluster) == 0)
			return -ENOSPC;
		if (t)
			move_table(q, t, cluster);
		else
			rc = make_table(q, index, cluster);
		if (rc < 0) {
			q_freed_add(&q->freed, cluster, 1);
			return rc;
		}
	}
	*out = q->tables[index];
	(*out)->pins++;
	return 0;
}

void q_entry_get(const struct qcow2 *q, struct qtable *t, uint64_t i, struct qentry *e)
{
	const uint64_t entry = t->word[i * q->entry_words];

	q_classify(q, entry, q->extended ? t->word[i * 2 + 1] : 0, e);
}

/* A reader takes the bitmap first and looks at it once more after the entry: where it
 * says that there is data, the entry must say where. */
void q_entry_set(struct qcow2 *q, struct qtable *t, uint64_t i, uint64_t entry, uint64_t bitmap)
{
	const uint64_t piece = i * q->entry_words * 8 / q->piece_bytes;

	if (!q->extended) {
		atomic_store_explicit(&t->word[i], entry, memory_order_release);
	} else if (entry != 0) {
		atomic_store_explicit(&t->word[2 * i], entry, memory_order_release);
		atomic_store_explicit(&t->word[2 * i + 1], bitmap, memory_order_release);
	} else {
		atomic_store_explicit(&t->word[2 * i + 1], bitmap, memory_order_release);
		atomic_store_explicit(&t->word[2 * i], entry, memory_order_release);
	}
	t->dirty_pieces[piece / 64] |= UINT64_C(1) << (piece % 64);
	set_dirty(q, t);
	q_dirtied(q);
}
