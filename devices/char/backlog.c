#include "char/backlog.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#define MAP_BYTES  (2 * BACKLOG_BYTES)
#define KEEP_PAGES KIB(16) /* not worth a system call to give back */

static bool backlog_map(struct backlog *b)
{
	void *p;

	if (b->bytes)
		return true;
	p = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return false;
	b->bytes = p;
	return true;
}

size_t backlog_append(struct backlog *b, const uint8_t *bytes, size_t len, size_t limit)
{
	const size_t used = backlog_used(b);

	assert(limit <= BACKLOG_BYTES);
	if (used >= limit || len == 0 || !backlog_map(b))
		return 0;
	len = (size_t)min_u64(len, limit - used);
	if (b->end + len > 2 * limit) {
		memmove(b->bytes, b->bytes + b->start, used);
		b->start = 0;
		b->end = used;
	}
	memcpy(b->bytes + b->end, bytes, len);
	b->end += len;
	b->high = (size_t)max_u64(b->high, b->end);
	return len;
}

void backlog_skip(struct backlog *b, size_t n)
{
	assert(n <= backlog_used(b));
	b->start += n;
	if (b->start != b->end)
		return;
	b->start = 0;
	b->end = 0;
	if (b->high > KEEP_PAGES)
		madvise(b->bytes, MAP_BYTES, MADV_DONTNEED);
	b->high = 0;
}

void backlog_free(struct backlog *b)
{
	if (b->bytes)
		munmap(b->bytes, MAP_BYTES);
	*b = (struct backlog){ 0 };
}
