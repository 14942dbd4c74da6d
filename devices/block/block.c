#include "block/block.h"

#include <assert.h>
#include <errno.h>

#include "base/checked.h"

/* Whether the request may go to the block: 0 or -errno. */
static int check(const struct block_limits *limits, const struct block_req *req)
{
	if (req->op == BLOCK_FLUSH)
		return 0;
	if (((req->offset | req->len) & (limits->logical_bytes - 1)) != 0 ||
	    !range_inside(req->offset, req->len, limits->size_bytes))
		return -EINVAL;
	switch (req->op) {
	case BLOCK_READ:
		return 0;
	case BLOCK_WRITE:
		return limits->read_only ? -EROFS : 0;
	case BLOCK_DISCARD:
		return limits->read_only ? -EROFS : limits->can_discard ? 0 : -EOPNOTSUPP;
	case BLOCK_ZERO:
		return limits->read_only ? -EROFS : limits->can_zero ? 0 : -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

void block_submit(struct block *b, struct block_req *req)
{
	const int rc = check(&b->limits, req);

	req->frame_count = 0;
	if (rc < 0 || (req->len == 0 && req->op != BLOCK_FLUSH))
		block_done_later(req, rc);
	else
		b->ops->submit(b, req);
}

void block_close(struct block *b)
{
	if (b)
		b->ops->close(b);
}

int block_file_size(struct block *b, uint64_t *size_bytes)
{
	return b->ops->file_size ? b->ops->file_size(b, size_bytes) : -EOPNOTSUPP;
}

int block_file_truncate(struct block *b, uint64_t size_bytes)
{
	if (!b->ops->file_truncate)
		return -EOPNOTSUPP;
	if (b->limits.read_only)
		return -EROFS;
	if (size_bytes > BLOCK_FILE_BYTES_MAX)
		return -EFBIG;
	return b->ops->file_truncate(b, size_bytes);
}

int block_file_extent(struct block *b, uint64_t offset, bool *is_data, uint64_t *end)
{
	return b->ops->file_extent ? b->ops->file_extent(b, offset, is_data, end) : -EOPNOTSUPP;
}

struct block_frame *block_push(struct block *layer, struct block_req *req,
			       void (*done)(struct block_frame *f, struct block_req *req,
					    int status))
{
	struct block_frame *f;

	assert(req->frame_count < BLOCK_FRAMES); /* disk_open() stacks no more layers */
	f = &req->frame[req->frame_count++];
	f->done = done;
	f->layer = layer;
	return f;
}

void block_done(struct block_req *req, int status)
{
	struct block_frame *f;

	if (req->frame_count == 0) {
		req->done(req, status);
		return;
	}
	f = &req->frame[--req->frame_count];
	f->done(f, req, status);
}

/* Lives in req->private_bytes. */
struct later {
	struct io_task task;
	int status;
};

static void run_later(void *arg)
{
	const struct later *later = arg;

	block_done(block_req_of(arg), later->status);
}

void block_done_later(struct block_req *req, int status)
{
	struct later *later = (struct later *)(void *)req->private_bytes;

	_Static_assert(sizeof(struct later) <= BLOCK_REQ_PRIVATE_BYTES, "room in a request");
	*later = (struct later){
		.task = { .run = run_later, .arg = later },
		.status = status,
	};
	ioloop_post(req->loop, &later->task);
}
