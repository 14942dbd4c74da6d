/* What may be freed, and when: clusters that nothing on disk refers to, tables that
 * are out of memory's reach; but requests that began before may still use them.
 *
 * Each request counts itself under its epoch's parity (q_enter()).  Who began before
 * now has ended when first the other parity's count was seen at 0, and then, after
 * the epoch changed, this one's.  Requests that come meanwhile see the new mapping. */
#include <stdlib.h>

#include "block/qcow2_internal.h"

#define AT_ONCE 1024u /* clusters freed in one go */

static bool is_quiet(struct qcow2 *q, unsigned parity)
{
	struct qslot *slot = atomic_load(&q->slots);

	while (slot && atomic_load(&slot->active[parity]) == 0)
		slot = slot->next;
	return slot == NULL;
}

/* Nothing is waited for: begin with what there is.  Under the lock. */
static void begin_grace(struct qcow2 *q)
{
	const struct qfreed none = { .count = 0 };

	if (q->grace > 0 || q->waiting.count > 0)
		return;
	q->waiting_tables = q->retired;
	q->retired = NULL;
	free(q->waiting.extent);
	q->waiting = q->unmapped;
	q->unmapped = none;
	if (q->waiting_tables || q->waiting.count > 0)
		q->grace = 1;
}

/* Whether it is over. */
static bool step_grace(struct qcow2 *q)
{
	const unsigned epoch = atomic_load(&q->epoch);

	if (q->grace == 1 && is_quiet(q, (epoch + 1) & 1)) {
		atomic_store(&q->epoch, epoch + 1);
		q->grace = 2;
	}
	if (q->grace == 2 && is_quiet(q, (atomic_load(&q->epoch) + 1) & 1))
		q->grace = 0;
	return q->grace == 0;
}

static void free_tables(struct qcow2 *q)
{
	struct qtable *t = q->waiting_tables;

	q->waiting_tables = NULL;
	while (t) {
		struct qtable *next = t->next;

		free(t);
		t = next;
	}
}

/* Count down, and punch holes where that was the last one. */
static void free_extent(struct qcow2 *q, uint64_t first, uint64_t count)
{
	struct qextent hole = { .count = 0 };

	for (uint64_t c = first; c <= first + count; c++) {
		bool is_free = false;

		if (c < first + count && q_refcount_put(q, c, &is_free) < 0)
			is_free = false; /* a leak, which a check finds */
		if (is_free) {
			hole.first = hole.count++ == 0 ? c : hole.first;
		} else if (hole.count > 0) {
			sync_discard(&q->io, hole.first << q->cluster_bits,
				     hole.count << q->cluster_bits);
			q->scan_cluster = min_u64(q->scan_cluster, hole.first);
			hole.count = 0;
		}
	}
}

static void free_some(struct qcow2 *q)
{
	uint64_t left = AT_ONCE;

	while (left > 0 && q->waiting.count > 0) {
		struct qextent *e = &q->waiting.extent[q->waiting.count - 1];
		const uint64_t n = min_u64(left, e->count);

		free_extent(q, e->first, n);
		e->first += n;
		e->count -= n;
		left -= n;
		if (e->count == 0)
			q->waiting.count--;
	}
}

void q_settle_read_only(struct qcow2 *q)
{
	begin_grace(q);
	if (q->grace > 0 && step_grace(q))
		free_tables(q);
}

bool q_settle(struct qcow2 *q, bool nothing_in_flight)
{
	pthread_mutex_lock(&q->lock);
	begin_grace(q);
	pthread_mutex_unlock(&q->lock);
	if (nothing_in_flight)
		q->grace = 0;
	if (q->grace > 0 && !step_grace(q))
		return true;
	free_tables(q);
	if (!atomic_load(&q->corrupt))
		free_some(q);
	else
		q->waiting.count = 0;
	return q->waiting.count > 0 || q->unmapped.count > 0;
}
