#include "virtio/blk_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "host/now.h"

/* A request on its way. */
struct blk_io {
	struct blk_queue *q;
	struct blk_io *next_free;
	struct iovec *long_iov; /* from the pool, or NULL */
	struct chain chain;
	struct blk_req req;
	unsigned ranges_begun;
	struct block_req block;
	struct iovec iov[BLK_IOV_INLINE];
};

static struct ioloop *loop_of(const struct blk_queue *q)
{
	return q->disk->v->queues[q->index].loop;
}

/* ---- the pools ------------------------------------------------------------------- */

static struct blk_io *take_io(struct blk_queue *q)
{
	struct blk_io *io = q->io_free;

	if (io) {
		q->io_free = io->next_free;
	} else {
		/* A ring's entries can all be in flight; the one more is for vq_pop()
		 * to find that out. */
		assert(q->io_fresh < q->io_count);
		io = &q->ios[q->io_fresh++];
		io->q = q;
	}
	q->in_flight++;
	return io;
}

static void give_io(struct blk_io *io)
{
	struct blk_queue *q = io->q;

	if (io->long_iov) {
		q->long_free[q->long_free_count++] = io->long_iov;
		io->long_iov = NULL;
	}
	io->next_free = q->io_free;
	q->io_free = io;
	q->in_flight--;
}

/* vq_pop() with the short list, then with a long one.  As vq_pop() returns;
 * -ENOBUFS: the long ones are all in use. */
static int pop(struct blk_queue *q, struct blk_io *io)
{
	struct vq *vq = virtio_vq(q->disk->v, q->index);
	int rc;

	io->chain.iov = io->iov;
	io->chain.iov_max = BLK_IOV_INLINE;
	rc = vq_pop(vq, &io->chain);
	if (rc != -ENOBUFS || q->long_free_count == 0)
		return rc;
	io->long_iov = q->long_free[--q->long_free_count];
	io->chain.iov = io->long_iov;
	io->chain.iov_max = q->long_iov_max;
	return vq_pop(vq, &io->chain);
}

/* ---- the end of a request --------------------------------------------------------- */

static void count(struct blk_stats *stats, const struct blk_req *r, enum blk_status status)
{
	stats->requests++;
	if (status != BLK_S_OK)
		stats->errors++;
	else if (r->type == BLK_T_IN)
		stats->read_bytes += r->len;
	else if (r->type == BLK_T_OUT)
		stats->written_bytes += r->len;
}

static void finish(struct blk_io *io, enum blk_status status)
{
	struct blk_queue *q = io->q;

	*io->req.status = (uint8_t)status;
	count(&q->stats, &io->req, status);
	virtio_push(q->disk->v, q->index, &io->chain, blk_req_written(&io->chain, status));
	give_io(io);
}

/* ---- serving ---------------------------------------------------------------------- */

/* Submit the next segment: 1; 0 if there is none; -ECANCELED if a reset waits for
 * this request: what is left of it can be gigabytes. */
static int begin_range(struct blk_io *io)
{
	const struct blk_range *range = &io->req.ranges[io->ranges_begun];

	if (io->ranges_begun == io->req.range_count)
		return 0;
	if (io->q->stopping)
		return -ECANCELED;
	io->ranges_begun++;
	io->block.offset = range->sector * BLOCK_SECTOR_BYTES;
	io->block.len = (uint64_t)range->sector_count * BLOCK_SECTOR_BYTES;
	io->block.may_unmap = range->may_unmap && io->q->disk->rules.discard;
	block_submit(io->q->disk->block, &io->block);
	return 1;
}

static enum blk_status status_of(int error)
{
	switch (error) {
	case 0:
		return BLK_S_OK;
	case -EOPNOTSUPP: /* such as a file system that punches no holes */
		return BLK_S_UNSUPP;
	default: /* the block said on the host's side what it was */
		return BLK_S_IOERR;
	}
}

static void io_done(struct block_req *b, int error)
{
	struct blk_io *io = container_of(b, struct blk_io, block);
	struct blk_queue *q = io->q;

	if (error == 0)
		error = begin_range(io);
	if (error > 0)
		return;
	finish(io, status_of(error));
	if (q->stopping && q->in_flight == 0) {
		virtio_queue_stopped(q->disk->v, q->index); /* q may be gone after it */
	} else if (q->starved && q->long_free_count > 0) {
		q->starved = false;
		virtio_again(q->disk->v, q->index);
	}
}

/* 5.2.6.2: without write-back, writes and zeroes are on stable storage when they are
 * reported.  Discards are not writes: what they leave is not promised anyway. */
static void submit(struct blk_io *io, enum block_op op)
{
	struct blk_disk *disk = io->q->disk;
	struct block_req *b = &io->block;

	b->op = op;
	b->durable = (op == BLOCK_WRITE || op == BLOCK_ZERO) &&
		     !atomic_load_explicit(&disk->writeback, memory_order_acquire);
	b->may_unmap = false;
	b->offset = io->req.offset;
	b->len = io->req.len;
	b->iov = io->req.iov;
	b->iov_count = io->req.iov_count;
	b->loop = loop_of(io->q);
	b->done = io_done;
	io->ranges_begun = 0;
	if (io->req.range_count > 0)
		begin_range(io);
	else
		block_submit(disk->block, b);
}

static void serve(struct blk_io *io)
{
	struct blk_disk *disk = io->q->disk;

	switch (io->req.type) {
	case BLK_T_IN:
		submit(io, BLOCK_READ);
		break;
	case BLK_T_OUT:
		submit(io, BLOCK_WRITE);
		break;
	case BLK_T_FLUSH:
		submit(io, BLOCK_FLUSH);
		break;
	case BLK_T_GET_ID:
		chain_write(&io->chain, 0, disk->id, sizeof(disk->id));
		finish(io, BLK_S_OK);
		break;
	case BLK_T_DISCARD:
		submit(io, BLOCK_DISCARD);
		break;
	case BLK_T_WRITE_ZEROES:
		submit(io, BLOCK_ZERO);
		break;
	}
}

/* ---- the queue --------------------------------------------------------------------- */

/* Whether a chain waits that the disk's limits do not allow yet: then the timer
 * kicks again. */
static bool must_wait(struct blk_queue *q)
{
	struct blk_disk *disk = q->disk;
	uint64_t now_ns, wait_ns, until_ns;

	if (!disk->throttled || !vq_pending(virtio_vq(disk->v, q->index)))
		return false;
	now_ns = host_now_ns();
	wait_ns = throttle_wait_ns(&disk->throttle, now_ns);
	if (wait_ns == 0)
		return false;
	if (!add_u64(now_ns, wait_ns, &until_ns))
		until_ns = UINT64_MAX - 1;
	ioloop_arm(loop_of(q), &q->throttle_timer, until_ns);
	return true;
}

static void throttle_over(void *arg, uint64_t now_ns)
{
	struct blk_queue *q = arg;

	(void)now_ns;
	virtio_again(q->disk->v, q->index);
}

/* Take one chain and begin to serve it.  False: there is none, or not now. */
static bool take_one(struct blk_queue *q)
{
	struct virtio *v = q->disk->v;
	struct blk_io *io = take_io(q);
	const int rc = pop(q, io);
	int status;

	if (rc <= 0) {
		give_io(io);
		q->starved = rc == -ENOBUFS;
		if (rc == -EBADMSG)
			virtio_fault(v, q->index, NULL);
		return false;
	}
	status = blk_req_parse(&q->disk->rules, &io->chain, &io->req);
	if (status < 0) {
		give_io(io);
		virtio_fault(v, q->index, "a request has no room for its status");
		return false;
	}
	if (status != BLK_S_OK) {
		finish(io, (enum blk_status)status);
		return true;
	}
	if (q->disk->throttled)
		throttle_account(&q->disk->throttle, io->req.len, host_now_ns());
	serve(io);
	return true;
}

void blk_queue_kick(struct blk_queue *q)
{
	const struct vq *vq = virtio_vq(q->disk->v, q->index);

	/* A driver that adds as fast as we take must not keep the loop to itself: the
	 * caller comes back after the others. */
	for (unsigned n = 0; n < vq->setup.size && !must_wait(q) && take_one(q); n++)
		;
}

void blk_queue_start(struct blk_queue *q)
{
	const unsigned bound = vq_iov_bound(&virtio_vq(q->disk->v, q->index)->setup);

	assert(q->in_flight == 0);
	q->stopping = q->starved = false;
	if (bound > q->long_iov_max && bound > BLK_IOV_INLINE) {
		free(q->long_iovs);
		q->long_iovs = calloc((size_t)bound * BLK_LONG_MAX, sizeof(*q->long_iovs));
		q->long_iov_max = q->long_iovs ? bound : 0;
		if (!q->long_iovs)
			virtio_fault(q->disk->v, q->index, "no memory for long requests");
	}
	q->long_free_count = 0;
	for (unsigned i = 0; q->long_iovs && i < BLK_LONG_MAX; i++)
		q->long_free[q->long_free_count++] = q->long_iovs + (size_t)i * q->long_iov_max;
}

void blk_queue_stop(struct blk_queue *q)
{
	q->stopping = true;
	ioloop_disarm(loop_of(q), &q->throttle_timer);
	if (q->in_flight == 0)
		virtio_queue_stopped(q->disk->v, q->index);
}

int blk_queue_init(struct blk_queue *q, struct blk_disk *disk, unsigned index, unsigned size_max)
{
	*q = (struct blk_queue){ .disk = disk, .index = index, .io_count = size_max + 1 };
	io_timer_init(&q->throttle_timer, throttle_over, q);
	/* Memory that no request was in yet stays untouched, and costs nothing. */
	q->ios = calloc(q->io_count, sizeof(*q->ios));
	return q->ios ? 0 : -ENOMEM;
}

void blk_queue_free(struct blk_queue *q)
{
	assert(q->in_flight == 0);
	free(q->long_iovs);
	free(q->ios);
}
