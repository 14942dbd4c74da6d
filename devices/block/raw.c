#include "block/raw.h"

#include <errno.h>
#include <linux/falloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "host/io_now.h"
#include "host/now.h"

#include "block/bounce.h"
#include "block/iov.h"

#define STEP_BYTES BOUNCE_PIECE_BYTES

struct raw {
	struct block block;
	struct store store;
	struct raw_options options;
	struct bounce bounce; /* direct I/O only */
	struct io_pace pace;  /* through the page cache only */
	uint8_t *zeros;	      /* STEP_BYTES, read-only */
	/* What the file system turned out not to know. */
	atomic_bool no_punch;
	atomic_bool no_zero_range;
	/* A write-back failed, and the page cache forgot the data: no later flush
	 * can make good what was promised before.  -errno, or 0. */
	atomic_int flush_error;
	pthread_mutex_t complaint_lock;
	struct log_limit complaint_limit;
};

/* In a request's private_bytes. */
struct raw_req {
	struct io_op op; /* first, for who looks there (tests do) */
	struct raw *raw;
	struct iov_rest rest; /* of the request's memory */
	int tried;	      /* ZERO: fallocate's mode */
	uint64_t moved;	      /* bytes */
	struct iovec own;
	struct bounce_wait wait;
};

_Static_assert(sizeof(struct raw_req) <= BLOCK_REQ_PRIVATE_BYTES, "room in a request");

static struct raw_req *of_op(struct io_op *op)
{
	return container_of(op, struct raw_req, op);
}

/* ---- ends ----------------------------------------------------------------------- */

/* Tell the host's user, whom the guest's error codes never reach. */
static void complain(struct raw *raw, const struct block_req *req, int status)
{
	static const char *const names[] = {
		[BLOCK_READ] = "read",	     [BLOCK_WRITE] = "write", [BLOCK_FLUSH] = "flush",
		[BLOCK_DISCARD] = "discard", [BLOCK_ZERO] = "zero",
	};
	bool ok;

	pthread_mutex_lock(&raw->complaint_lock);
	ok = log_limit_ok(&raw->complaint_limit, host_now_ns(), 1);
	pthread_mutex_unlock(&raw->complaint_lock);
	if (ok)
		log_warn("%s: %s of %llu bytes at %llu: %s", raw->store.name, names[req->op],
			 (unsigned long long)req->len, (unsigned long long)req->offset,
			 strerror(-status));
}

static void finish(struct raw_req *r, int status)
{
	struct block_req *req = block_req_of(r);
	struct raw *raw = r->raw;

	if (r->wait.piece)
		bounce_give(&raw->bounce, r->wait.piece);
	if (status < 0)
		complain(raw, req, status);
	block_done(req, status);
}

static bool is_durable(const struct raw *raw, const struct block_req *req)
{
	return (req->durable || raw->options.durable_writes) && !raw->options.scratch;
}

static void submit_op(struct raw_req *r, enum io_kind kind, int flags,
		      void (*done)(struct io_op *op, int64_t result))
{
	struct raw *raw = r->raw;
	struct block_req *req = block_req_of(r);

	r->op.kind = kind;
	r->op.fd = raw->store.fd;
	r->op.flags = flags;
	r->op.by_thread = raw->options.by_thread;
	/* Direct I/O waits for the disk; and who asks for threads shall have them. */
	r->op.pace = raw->store.direct_memory_bytes == 0 && !raw->options.by_thread ? &raw->pace
										    : NULL;
	r->op.offset = req->offset + r->moved;
	r->op.len = req->len - r->moved;
	r->op.done = done;
	ioloop_submit(req->loop, &r->op);
}

static void submit_iov(struct raw_req *r, const struct iovec *iov, unsigned count,
		       void (*done)(struct io_op *op, int64_t result))
{
	struct block_req *req = block_req_of(r);

	r->op.iov = iov;
	r->op.iov_count = count;
	if (req->op == BLOCK_READ)
		submit_op(r, IO_READ, 0, done);
	else
		submit_op(r, IO_WRITE, is_durable(r->raw, req) ? RWF_DSYNC : 0, done);
}

/* After a part of a transfer: the end, or `again` for what is left. */
static void transferred(struct raw_req *r, int64_t result, void (*again)(struct raw_req *r))
{
	struct block_req *req = block_req_of(r);
	const uint32_t align = r->raw->store.direct_offset_bytes;

	if (result < 0) {
		finish(r, (int)result);
		return;
	}
	r->moved += (uint64_t)result;
	if (r->moved >= req->len) {
		finish(r, 0);
		return;
	}
	if (req->op != BLOCK_ZERO)
		iov_consume(&r->rest, (uint64_t)result);
	if (result == 0 || (align > 0 && r->moved % align != 0)) {
		/* That was the file's end: an image's may be anywhere, else it shrank. */
		if (req->op == BLOCK_READ && r->raw->options.growable)
			iov_zero(&r->rest);
		finish(r, req->op == BLOCK_READ && r->raw->options.growable ? 0 : -EIO);
		return;
	}
	/* Cut short by a signal, a full disk, or our own limits. */
	again(r);
}

/* ---- reads and writes straight from and to the requester's memory ---------------- */

static void transfer_done(struct io_op *op, int64_t result);

static void transfer(struct raw_req *r)
{
	submit_iov(r, r->rest.iov, (unsigned)min_u64(r->rest.count, IO_IOV_MAX), transfer_done);
}

static void transfer_done(struct io_op *op, int64_t result)
{
	transferred(of_op(op), result, transfer);
}

/* ---- step by step through memory of our own -------------------------------------- */

static void step_done(struct io_op *op, int64_t result);

static void step(struct raw_req *r)
{
	struct block_req *req = block_req_of(r);

	r->own.iov_base = req->op == BLOCK_ZERO ? r->raw->zeros : r->wait.piece;
	r->own.iov_len = min_u64(req->len - r->moved, STEP_BYTES);
	if (req->op == BLOCK_WRITE)
		iov_copy_out(&r->rest, r->wait.piece, r->own.iov_len);
	submit_iov(r, &r->own, 1, step_done);
}

static void step_done(struct io_op *op, int64_t result)
{
	struct raw_req *r = of_op(op);

	if (result > 0 && block_req_of(r)->op == BLOCK_READ)
		iov_copy_in(&r->rest, r->wait.piece, (uint64_t)result);
	transferred(r, result, step);
}

static void got_piece(struct bounce_wait *w)
{
	step(container_of(w, struct raw_req, wait));
}

static bool is_aligned(const struct store *s, const struct block_req *req)
{
	uintptr_t memory = 0, len = 0;

	for (unsigned i = 0; i < req->iov_count; i++) {
		memory |= (uintptr_t)req->iov[i].iov_base;
		len |= req->iov[i].iov_len;
	}
	return (memory & (s->direct_memory_bytes - 1)) == 0 &&
	       (len & (s->direct_offset_bytes - 1)) == 0;
}

static void start_transfer(struct raw_req *r)
{
	struct block_req *req = block_req_of(r);
	struct raw *raw = r->raw;

	r->rest = (struct iov_rest){ req->iov, req->iov_count };
	if (raw->store.direct_memory_bytes == 0 || is_aligned(&raw->store, req)) {
		transfer(r);
		return;
	}
	r->wait.got = got_piece;
	r->wait.loop = req->loop;
	if (bounce_take(&raw->bounce, &r->wait))
		step(r);
}

/* ---- flush, discard, zero ---------------------------------------------------------- */

static void sync_done(struct io_op *op, int64_t result)
{
	struct raw_req *r = of_op(op);

	if (result < 0 && r->raw->store.direct_memory_bytes == 0)
		atomic_store(&r->raw->flush_error, (int)result);
	finish(r, (int)result);
}

static void start_flush(struct raw_req *r)
{
	const int lost = atomic_load_explicit(&r->raw->flush_error, memory_order_relaxed);

	if (lost < 0 || r->raw->options.scratch)
		block_done_later(block_req_of(r), lost);
	else
		submit_op(r, IO_SYNC, 0, sync_done);
}

static bool is_unsupported(int64_t result)
{
	return result == -EOPNOTSUPP || result == -ENOSYS;
}

static void discard_done(struct io_op *op, int64_t result)
{
	struct raw_req *r = of_op(op);

	/* A discard is a hint: where nobody takes it, it has been given. */
	if (is_unsupported(result)) {
		atomic_store(&r->raw->no_punch, true);
		result = 0;
	}
	finish(r, (int)result);
}

#define PUNCH	   (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define ZERO_RANGE (FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)

static void start_discard(struct raw_req *r)
{
	if (atomic_load_explicit(&r->raw->no_punch, memory_order_relaxed))
		block_done_later(block_req_of(r), 0);
	else
		submit_op(r, IO_ALLOCATE, PUNCH, discard_done);
}

static void zero_done(struct io_op *op, int64_t result);

/* By the cheapest means that is not known to fail. */
static void start_zero(struct raw_req *r)
{
	const struct block_req *req = block_req_of(r);
	struct raw *raw = r->raw;

	if ((req->may_unmap || raw->options.scratch) && !atomic_load(&raw->no_punch))
		r->tried = PUNCH;
	else if (!atomic_load(&raw->no_zero_range))
		r->tried = ZERO_RANGE;
	else
		r->tried = 0;
	if (r->tried)
		submit_op(r, IO_ALLOCATE, r->tried, zero_done);
	else
		step(r);
}

static void zero_done(struct io_op *op, int64_t result)
{
	struct raw_req *r = of_op(op);
	struct raw *raw = r->raw;

	if (is_unsupported(result)) {
		atomic_store(r->tried == PUNCH ? &raw->no_punch : &raw->no_zero_range, true);
		start_zero(r);
	} else if (result == 0 && is_durable(raw, block_req_of(r))) {
		submit_op(r, IO_SYNC, 0, sync_done);
	} else {
		finish(r, (int)result);
	}
}

/* ---- the block ---------------------------------------------------------------------- */

static void raw_submit(struct block *b, struct block_req *req)
{
	struct raw_req *r = (struct raw_req *)(void *)req->private_bytes;

	r->raw = container_of(b, struct raw, block);
	r->moved = 0;
	r->op.iov_count = 0;
	r->wait.piece = NULL;
	switch (req->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		start_transfer(r);
		break;
	case BLOCK_FLUSH:
		start_flush(r);
		break;
	case BLOCK_DISCARD:
		start_discard(r);
		break;
	case BLOCK_ZERO:
		start_zero(r);
		break;
	}
}

static void raw_close(struct block *b)
{
	struct raw *raw = container_of(b, struct raw, block);

	munmap(raw->zeros, STEP_BYTES);
	bounce_destroy(&raw->bounce);
	pthread_mutex_destroy(&raw->complaint_lock);
	store_close(&raw->store);
	free(raw);
}

/* ---- a file that holds an image ------------------------------------------------------- */

static int raw_file_size(struct block *b, uint64_t *size_bytes)
{
	return store_size(&container_of(b, struct raw, block)->store, size_bytes);
}

static int raw_file_truncate(struct block *b, uint64_t size_bytes)
{
	return store_truncate(&container_of(b, struct raw, block)->store, size_bytes);
}

static int raw_file_extent(struct block *b, uint64_t offset, bool *is_data, uint64_t *end)
{
	return store_extent(&container_of(b, struct raw, block)->store, offset, is_data, end);
}

static const struct block_ops raw_ops = {
	.name = "raw",
	.submit = raw_submit,
	.close = raw_close,
	.file_size = raw_file_size,
	.file_truncate = raw_file_truncate,
	.file_extent = raw_file_extent,
};

static void set_limits(struct block_limits *limits, const struct store *s,
		       const struct raw_options *options)
{
	*limits = (struct block_limits){
		.size_bytes = s->size_bytes - s->size_bytes % s->logical_bytes,
		.logical_bytes = s->logical_bytes,
		.physical_bytes = s->physical_bytes,
		.optimal_bytes = s->optimal_bytes,
		.read_only = s->read_only,
		.can_discard = s->can_discard && !s->read_only,
		.can_zero = !s->read_only,
		.iov_max = IO_IOV_MAX,
		.durable_writes = options->durable_writes,
	};
	if (limits->can_discard)
		limits->discard_granularity_bytes = s->discard_granularity_bytes;
	if (options->growable && !s->is_device)
		limits->size_bytes = BLOCK_FILE_BYTES_MAX;
}

int raw_create(const struct store *s, const struct raw_options *options, struct block **out,
	       struct err *err)
{
	struct raw *raw = calloc(1, sizeof(*raw));
	void *zeros;
	int rc = 0;

	if (!raw)
		return err_errno(err, -ENOMEM, "%s", s->name);
	zeros = mmap(NULL, STEP_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (zeros == MAP_FAILED)
		rc = -errno;
	else if (s->direct_memory_bytes > 0)
		rc = bounce_init(&raw->bounce);
	if (rc < 0) {
		if (zeros != MAP_FAILED)
			munmap(zeros, STEP_BYTES);
		free(raw);
		return err_errno(err, rc, "%s", s->name);
	}
	raw->zeros = zeros;
	raw->store = *s;
	raw->options = *options;
	raw->pace.in_memory = s->in_memory;
	raw->block.ops = &raw_ops;
	set_limits(&raw->block.limits, s, options);
	pthread_mutex_init(&raw->complaint_lock, NULL);
	*out = &raw->block;
	return 0;
}
