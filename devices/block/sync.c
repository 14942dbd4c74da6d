#include "block/sync.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define BLOCK_BYTES_MAX 4096u

struct waiter {
	struct block_req req;
	bool ended;
	int status;
};

static void ended(struct block_req *req, int status)
{
	struct waiter *w = container_of(req, struct waiter, req);

	w->status = status;
	w->ended = true;
}

static int run(const struct sync_io *io, enum block_op op, uint64_t offset, uint64_t len,
	       void *bytes, bool may_unmap)
{
	struct iovec iov = { .iov_base = bytes, .iov_len = len };
	struct waiter w = { .ended = false };

	w.req.op = op;
	w.req.may_unmap = may_unmap;
	w.req.offset = offset;
	w.req.len = len;
	w.req.iov = bytes ? &iov : NULL;
	w.req.iov_count = bytes ? 1 : 0;
	w.req.loop = io->loop;
	w.req.done = ended;
	block_submit(io->block, &w.req);
	while (!w.ended)
		ioloop_round(io->loop, -1);
	return w.status;
}

/* A part of one block at offset: read the block, and change it there. */
static int run_part(const struct sync_io *io, enum block_op op, uint64_t offset, uint8_t *bytes,
		    size_t len)
{
	const uint32_t grain = io->block->limits.logical_bytes;
	const uint64_t start = align_down_u64(offset, grain);
	uint8_t block[BLOCK_BYTES_MAX];
	int rc = run(io, BLOCK_READ, start, grain, block, false);

	if (rc < 0 || op == BLOCK_READ) {
		if (rc == 0)
			memcpy(bytes, block + (offset - start), len);
		return rc;
	}
	memcpy(block + (offset - start), bytes, len);
	return run(io, BLOCK_WRITE, start, grain, block, false);
}

static int transfer(const struct sync_io *io, enum block_op op, uint64_t offset, uint8_t *bytes,
		    size_t len)
{
	const uint32_t grain = io->block->limits.logical_bytes;
	int rc = 0;

	while (len > 0 && rc == 0) {
		const size_t before = (size_t)(offset & (grain - 1));
		size_t part = len;

		if (before > 0 || len < grain) {
			part = (size_t)min_u64(len, grain - before);
			rc = run_part(io, op, offset, bytes, part);
		} else {
			part = (size_t)align_down_u64(len, grain);
			rc = run(io, op, offset, part, bytes, false);
		}
		offset += part;
		bytes += part;
		len -= part;
	}
	return rc;
}

int sync_read(const struct sync_io *io, uint64_t offset, void *to, size_t len)
{
	return transfer(io, BLOCK_READ, offset, to, len);
}

int sync_write(const struct sync_io *io, uint64_t offset, const void *from, size_t len)
{
	/* The block only reads them; an iovec does not know. */
	return transfer(io, BLOCK_WRITE, offset, (uint8_t *)(uintptr_t)from, len);
}

int sync_zero(const struct sync_io *io, uint64_t offset, uint64_t len, bool may_unmap)
{
	static const uint8_t zeros[BLOCK_BYTES_MAX];
	const uint32_t grain = io->block->limits.logical_bytes;
	const uint64_t before = min_u64(-offset & (grain - 1), len);
	const uint64_t whole = align_down_u64(len - before, grain);
	int rc = 0;

	if (before > 0)
		rc = sync_write(io, offset, zeros, (size_t)before);
	if (rc == 0 && whole > 0)
		rc = run(io, BLOCK_ZERO, offset + before, whole, NULL, may_unmap);
	if (rc == 0 && before + whole < len)
		rc = sync_write(io, offset + before + whole, zeros, (size_t)(len - before - whole));
	return rc;
}

int sync_discard(const struct sync_io *io, uint64_t offset, uint64_t len)
{
	const uint32_t grain = io->block->limits.logical_bytes;
	const uint64_t before = min_u64(-offset & (grain - 1), len);
	const uint64_t whole = align_down_u64(len - before, grain);

	if (!io->block->limits.can_discard || whole == 0)
		return 0;
	return run(io, BLOCK_DISCARD, offset + before, whole, NULL, false);
}

int sync_flush(const struct sync_io *io)
{
	return run(io, BLOCK_FLUSH, 0, 0, NULL, false);
}
