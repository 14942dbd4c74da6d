#include "net/late.h"

#include <assert.h>
#include <stdlib.h>

#include "net/pieces.h"

struct late_frame *late_copy(const struct iovec *iov, unsigned iov_count, uint32_t len,
			     const struct net_offload *offload)
{
	struct late_frame *f = malloc(sizeof(*f) + len);

	if (!f)
		return NULL;
	f->len = len;
	f->offload = *offload;
	net_gather(iov, iov_count, f->bytes, len);
	return f;
}

static bool before(const struct late_frame *a, const struct late_frame *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->number < b->number;
}

bool late_put(struct late *q, struct late_frame *f, uint64_t due_ns)
{
	unsigned at = q->count;

	if (q->count == LATE_FRAMES_MAX || LATE_BYTES_MAX - q->bytes < f->len) {
		free(f);
		return false;
	}
	f->due_ns = due_ns;
	f->number = q->number++;
	q->bytes += f->len;
	q->count++;
	for (; at > 0 && before(f, q->frames[(at - 1) / 2]); at = (at - 1) / 2)
		q->frames[at] = q->frames[(at - 1) / 2];
	q->frames[at] = f;
	return true;
}

uint64_t late_next_ns(const struct late *q)
{
	return q->count > 0 ? q->frames[0]->due_ns : UINT64_MAX;
}

struct late_frame *late_first(const struct late *q)
{
	return q->count > 0 ? q->frames[0] : NULL;
}

void late_drop_first(struct late *q)
{
	struct late_frame *last;
	unsigned at = 0;

	assert(q->count > 0);
	q->bytes -= q->frames[0]->len;
	free(q->frames[0]);
	last = q->frames[--q->count];
	/* Down from the top, where last would be before neither child. */
	for (unsigned child; (child = 2 * at + 1) < q->count; at = child) {
		if (child + 1 < q->count && before(q->frames[child + 1], q->frames[child]))
			child++;
		if (!before(q->frames[child], last))
			break;
		q->frames[at] = q->frames[child];
	}
	q->frames[at] = last;
}

void late_drop_all(struct late *q)
{
	while (q->count > 0)
		free(q->frames[--q->count]);
	q->bytes = 0;
}
