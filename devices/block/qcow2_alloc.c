/* Handing out clusters of the run, and remembering those that lost a reference. */
#include <assert.h>
#include <stdlib.h>

#include "block/qcow2_internal.h"

uint64_t q_run_take(struct qcow2 *q, uint64_t count, uint64_t *first)
{
	struct qrun *run = &q->run;
	struct qextent *e;

	/* Some that are done stay in front: extents are few. */
	for (unsigned i = 0; i < run->extent_count; i++) {
		e = &run->extent[i];
		if (e->count == 0)
			continue;
		count = min_u64(count, e->count);
		*first = e->first;
		e->first += count;
		e->count -= count;
		run->cluster_count -= count;
		if (run->cluster_count < q->run_low && !q->run_wanted &&
		    q->run_status == 0) {
			q->run_wanted = true;
			q_steward_call(q);
		}
		return count;
	}
	return 0;
}

void q_run_wait(struct qcow2 *q, struct qjob *job)
{
	job->next = q->run_waiters;
	q->run_waiters = job;
	q->run_wanted = true;
	q_steward_call(q);
}

void q_freed_add(struct qfreed *f, uint64_t first, uint64_t count)
{
	struct qextent *last = f->count > 0 ? &f->extent[f->count - 1] : NULL;

	if (last && last->first + last->count == first) {
		last->count += count;
		return;
	}
	if (f->count == f->room) {
		const size_t room = f->room ? 2 * f->room : 64;
		struct qextent *grown = realloc(f->extent, room * sizeof(*grown));

		if (!grown)
			return; /* they stay counted: a leak, which a check finds */
		f->extent = grown;
		f->room = room;
	}
	assert(f->extent);
	f->extent[f->count++] = (struct qextent){ first, count };
}

void q_entry_freed(struct qcow2 *q, uint64_t entry)
{
	uint64_t offset = entry & q->data_mask, len = q->cluster_bytes;

	if (entry & QCOW2_COMPRESSED) {
		qcow2_compressed_place(&q->h, entry, &offset, &len);
		/* What it ends in may be shared: each has its own count. */
		for (uint64_t c = q_cluster(q, offset); c <= q_cluster(q, offset + len - 1); c++)
			q_freed_add(&q->freed, c, 1);
	} else if (offset != 0) {
		q_freed_add(&q->freed, q_cluster(q, offset), 1);
	}
}

struct qclaim *q_claim_find(struct qcow2 *q, uint64_t first, uint64_t count)
{
	struct qclaim *c = q->claims;

	while (c && (first >= c->first + c->count || c->first >= first + count))
		c = c->next;
	return c;
}
