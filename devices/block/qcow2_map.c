/* What is where: entries of tables in memory, taken apart. */
#include "block/qcow2_internal.h"

#include <errno.h>

#include "base/log.h"

/* With extended L2: the subclusters that begin a row of equal ones. */
static void classify_extended(uint64_t bitmap, struct qentry *e)
{
	e->data = (uint32_t)bitmap;
	e->zeros = (uint32_t)(bitmap >> 32);
	if ((e->data & e->zeros) != 0 || (e->data != 0 && e->host == 0))
		e->kind = Q_BAD;
}

void q_classify(const struct qcow2 *q, uint64_t entry, uint64_t bitmap, struct qentry *e)
{
	const uint64_t flags = entry & ~q->data_mask;

	*e = (struct qentry){ .host = entry & q->data_mask };
	if ((flags & ~QCOW2_COPIED) == 0) {
		e->kind = e->host ? Q_DATA : Q_NOTHING;
		e->in_place = e->host && flags != 0;
	} else if (flags & QCOW2_COMPRESSED) {
		e->kind = bitmap != 0 || (flags & QCOW2_COPIED) != 0 ? Q_BAD : Q_COMPRESSED;
		e->host = 0;
		return;
	} else if ((flags & ~QCOW2_COPIED) == QCOW2_ZERO && q->v3 && !q->extended) {
		e->kind = Q_ZERO;
		e->in_place = e->host && (flags & QCOW2_COPIED) != 0;
	} else {
		e->kind = Q_BAD;
	}
	if (q->extended && e->kind != Q_BAD)
		classify_extended(bitmap, e);
}

/* Both words as they were at one time: who changes them never leaves a bitmap that
 * goes with neither the entry before nor the one after it. */
static void look(const struct qcow2 *q, const struct qtable *t, uint64_t i, uint64_t *entry,
		 uint64_t *bitmap)
{
	if (!q->extended) {
		*entry = atomic_load_explicit(&t->word[i], memory_order_acquire);
		*bitmap = 0;
		return;
	}
	for (unsigned tries = 0; tries < 16; tries++) {
		*bitmap = atomic_load_explicit(&t->word[2 * i + 1], memory_order_acquire);
		*entry = atomic_load_explicit(&t->word[2 * i], memory_order_acquire);
		if (atomic_load_explicit(&t->word[2 * i + 1], memory_order_acquire) == *bitmap)
			return;
	}
}

/* One cluster, or the rest of it, with extended L2: as many subclusters as are alike. */
static void map_subclusters(const struct qcow2 *q, const struct qentry *e, uint64_t in_cluster,
			    struct qspan *s)
{
	const unsigned first = (unsigned)(in_cluster >> q->grain_bits);
	const uint32_t bit = UINT32_C(1) << first;
	uint32_t differ;

	if (e->data & bit) {
		s->kind = Q_DATA;
		s->host = e->host + in_cluster;
		differ = ~e->data;
	} else if (e->zeros & bit) {
		s->kind = Q_ZERO;
		differ = ~e->zeros;
	} else {
		s->kind = Q_NOTHING;
		differ = e->data | e->zeros;
	}
	differ &= UINT32_MAX << first;
	if (differ != 0)
		s->len = ((uint64_t)__builtin_ctz(differ) << q->grain_bits) - in_cluster;
}

static void map_cluster(const struct qcow2 *q, const struct qtable *t, uint64_t pos,
			struct qspan *s)
{
	const uint64_t in_cluster = pos & (q->cluster_bytes - 1);
	uint64_t bitmap;
	struct qentry e;

	look(q, t, q_entry_index(q, pos), &s->entry, &bitmap);
	q_classify(q, s->entry, bitmap, &e);
	s->kind = e.kind;
	s->in_place = e.in_place;
	s->host = e.host + in_cluster;
	s->len = q->cluster_bytes - in_cluster;
	if (q->extended && (e.kind == Q_DATA || e.kind == Q_NOTHING))
		map_subclusters(q, &e, in_cluster, s);
}

static bool joins(const struct qspan *s, const struct qspan *next)
{
	if (next->kind != s->kind)
		return false;
	if (s->kind == Q_DATA)
		return next->in_place == s->in_place && next->host == s->host + s->len;
	return s->kind == Q_ZERO || s->kind == Q_NOTHING;
}

void q_map(struct qcow2 *q, uint64_t pos, uint64_t len, struct qspan *s)
{
	const uint64_t index = pos >> q->l1_shift;
	const uint64_t table_end = (index + 1) << q->l1_shift; /* 0 where that wraps */
	struct qtable *t = atomic_load_explicit(&q->tables[index], memory_order_acquire);
	struct qspan next;

	len = min_u64(len, table_end - pos);
	if (!t) {
		const uint64_t l1 = atomic_load_explicit(&q->l1[index], memory_order_acquire);

		*s = (struct qspan){ .kind = l1 & ~QCOW2_COPIED ? Q_TABLE : Q_NOTHING, .len = len };
		return;
	}
	if (!atomic_load_explicit(&t->used, memory_order_relaxed))
		atomic_store_explicit(&t->used, true, memory_order_relaxed);
	map_cluster(q, t, pos, s);
	while (s->len < len) {
		map_cluster(q, t, pos + s->len, &next);
		if (!joins(s, &next))
			break;
		s->len += next.len;
	}
	s->len = min_u64(s->len, len);
}

void q_corrupt(struct qcow2 *q, const char *what, uint64_t where)
{
	if (atomic_exchange(&q->corrupt, true))
		return;
	log_warn("%s is damaged: %s at %#llx; nothing is written to it any more ('bantam img "
		 "check' says more)",
		 q->name, what, (unsigned long long)where);
	if (!q->block.limits.read_only)
		q_steward_call(q);
}

void q_bad_at(struct qcow2 *q, uint64_t pos)
{
	struct qspan s;

	pthread_mutex_lock(&q->lock);
	q_map(q, pos, BLOCK_SECTOR_BYTES, &s);
	pthread_mutex_unlock(&q->lock);
	if (s.kind == Q_BAD)
		q_corrupt(q, "an L2 entry that cannot be, for the disk", pos);
}
