#include <string.h>

#include "base/checked.h"
#include "block/sync.h"
#include "tools/img_copy_job.h"

#define SECTOR BLOCK_SECTOR_BYTES

size_t copy_stream_room(const struct copy *c)
{
	/* Each cluster may be alone: up to a sector more at either side. */
	return c->job_bytes + (c->job_bytes / c->granule_bytes + 1) * 2 * SECTOR;
}

/* Write the run that is open.
 * hold  but not what it has of its last sector */
static void close_run(struct copy_job *j, bool hold)
{
	struct copy *c = j->copy;
	const size_t rest = j->stream_len % SECTOR;
	size_t whole = j->stream_len - rest;
	uint8_t *const bytes = j->stream + j->stream_begin;

	if (rest > 0 && hold) {
		memcpy(c->held, bytes + whole, rest);
		c->held_len = rest;
		c->held_host = j->stream_host + whole;
	} else if (rest > 0) {
		memset(bytes + whole + rest, 0, SECTOR - rest);
		whole += SECTOR;
	}
	if (whole > 0)
		copy_job_add(j, BLOCK_WRITE, j->stream_host, bytes, whole);
	j->stream_used = j->stream_begin + whole;
	j->stream_begin = j->stream_used;
	j->stream_len = 0;
}

/* Begin one at host: with what is held back, if it goes on there. */
static void open_run(struct copy_job *j, uint64_t host)
{
	struct copy *c = j->copy;

	j->stream_begin = j->stream_used;
	if (c->held_len > 0) {
		j->stream_host = c->held_host;
		j->stream_len = c->held_len;
		memcpy(j->stream + j->stream_begin, c->held, c->held_len);
		c->held_len = 0;
		if (j->stream_host + j->stream_len == host)
			return;
		close_run(j, false);
	}
	j->stream_host = align_down_u64(host, SECTOR);
	j->stream_len = (size_t)(host - j->stream_host);
	memset(j->stream + j->stream_begin, 0, j->stream_len);
}

void copy_stream_begin(struct copy_job *j)
{
	j->stream_used = 0;
	j->stream_begin = 0;
	j->stream_len = 0;
}

void copy_stream_put(struct copy_job *j, uint64_t host, const uint8_t *bytes, size_t len)
{
	if (j->stream_len > 0 && j->stream_host + j->stream_len != host)
		close_run(j, false);
	if (j->stream_len == 0)
		open_run(j, host);
	memcpy(j->stream + j->stream_begin + j->stream_len, bytes, len);
	j->stream_len += len;
}

void copy_stream_end(struct copy_job *j)
{
	if (j->stream_len > 0)
		close_run(j, true);
}

int copy_stream_finish(struct copy *c)
{
	const struct sync_io io = { c->target->links[0]->file, c->loop };

	if (c->held_len == 0)
		return 0;
	memset(c->held + c->held_len, 0, SECTOR - c->held_len);
	c->held_len = 0;
	return sync_write(&io, c->held_host, c->held, SECTOR);
}
