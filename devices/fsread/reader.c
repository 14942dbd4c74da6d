#include "fsread/reader.h"

#include <errno.h>

#include "base/checked.h"

int reader_read(const struct reader *r, uint64_t offset, void *to, size_t len)
{
	if (!range_inside(offset, len, r->size_bytes))
		return -EIO;
	return len ? r->read(r->ctx, offset, to, len) : 0;
}

static int window_read(void *ctx, uint64_t offset, void *to, size_t len)
{
	const struct window *w = ctx;

	return reader_read(w->under, w->start_bytes + offset, to, len);
}

struct reader window_open(struct window *w, const struct reader *under, uint64_t start_bytes,
			  uint64_t size_bytes)
{
	const uint64_t start = min_u64(start_bytes, under->size_bytes);

	*w = (struct window){ under, start };
	return (struct reader){ window_read, w, min_u64(size_bytes, under->size_bytes - start) };
}
