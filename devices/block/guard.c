#include "block/guard.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/options.h"

#include "block/iov.h"
#include "block/probe.h"

/* Direct I/O needs no more of memory. */
#define BLOCK_MAX_BYTES 4096u

struct guard {
	struct block block;
	struct block *below;
	atomic_flag warned;
	char name[QUOTED_BYTES];
};

/* A write's first block as it was checked, with the rest of its memory behind.
 * The guest can change its own copy until the kernel has read it. */
struct first_block {
	_Alignas(BLOCK_MAX_BYTES) uint8_t bytes[BLOCK_MAX_BYTES];
	struct iovec *submitted_iov;
	unsigned submitted_count;
	struct iovec iov[];
};

static void first_written(struct block_frame *f, struct block_req *req, int status)
{
	struct first_block *first = (struct first_block *)(uintptr_t)f->room[0];

	req->iov = first->submitted_iov;
	req->iov_count = first->submitted_count;
	free(first);
	block_done(req, status);
}

/* Such writes are few: they may allocate. */
static struct first_block *take_first(struct block_req *req, uint32_t len)
{
	const size_t size =
		sizeof(struct first_block) + (req->iov_count + 1) * sizeof(struct iovec);
	struct iov_rest rest = { req->iov, req->iov_count };
	struct first_block *first;
	void *memory;

	if (posix_memalign(&memory, BLOCK_MAX_BYTES, size) != 0)
		return NULL;
	first = memory;
	first->submitted_iov = req->iov;
	first->submitted_count = req->iov_count;
	iov_copy_out(&rest, first->bytes, len);
	iov_consume(&rest, len);
	first->iov[0] = (struct iovec){ .iov_base = first->bytes, .iov_len = len };
	for (unsigned i = 0; i < rest.count; i++)
		first->iov[i + 1] = rest.iov[i];
	req->iov = first->iov;
	req->iov_count = rest.count + 1;
	return first;
}

static void write_first(struct guard *g, struct block_req *req)
{
	struct first_block *first = take_first(req, g->block.limits.logical_bytes);
	const char *format = first ? probe_format(first->bytes) : NULL;

	if (!first) {
		block_done_later(req, -ENOMEM);
		return;
	}
	if (!format) {
		block_push(&g->block, req, first_written)->room[0] = (uintptr_t)first;
		block_hand_on(g->below, req);
		return;
	}
	if (!atomic_flag_test_and_set(&g->warned))
		log_warn("%s: the guest may not write a %s header into sector 0, which would "
			 "change what the file is taken for; if that is meant, add format=raw",
			 g->name, format);
	req->iov = first->submitted_iov;
	req->iov_count = first->submitted_count;
	free(first);
	block_done_later(req, -EIO);
}

static void guard_submit(struct block *b, struct block_req *req)
{
	struct guard *g = container_of(b, struct guard, block);

	_Static_assert(PROBE_BYTES <= BLOCK_SECTOR_BYTES, "the first block has all of it");
	if (req->op == BLOCK_WRITE && req->offset == 0)
		write_first(g, req);
	else
		block_hand_on(g->below, req);
}

static void guard_close(struct block *b)
{
	struct guard *g = container_of(b, struct guard, block);

	block_close(g->below);
	free(g);
}

static const struct block_ops guard_ops = {
	.name = "guard",
	.submit = guard_submit,
	.close = guard_close,
};

int guard_create(struct block *below, const char *name, struct block **out, struct err *err)
{
	struct guard *g = calloc(1, sizeof(*g));

	if (!g)
		return err_errno(err, -ENOMEM, "%s", name);
	g->block = (struct block){ .ops = &guard_ops, .limits = below->limits };
	g->below = below;
	snprintf(g->name, sizeof(g->name), "%s", name);
	atomic_flag_clear(&g->warned);
	*out = &g->block;
	return 0;
}
