#include "virtio/life.h"

#include <assert.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- serving: on the loop -------------------------------------------------------------- */

static bool is_broken(const struct virtio_queue *q)
{
	return atomic_load_explicit(&q->v->broken, memory_order_relaxed);
}

static void serve(struct virtio_queue *q)
{
	const uint64_t taken = q->vq.taken;

	if (is_broken(q))
		return;
	vq_disable_kicks(&q->vq);
	q->again = false;
	q->vq.drained = false;
	q->v->ops->queue_kick(q->v, q->index);
	q->took_none = q->vq.taken == taken;
}

/* Whether the device left chains in the ring: asked, it took none, nor has it seen
 * the ring empty since.  It has its reasons and will say virtio_again(). */
static bool is_parked(const struct virtio_queue *q)
{
	return q->took_none && !q->vq.drained && vq_pending(&q->vq);
}

static void kicked(void *arg)
{
	struct virtio_queue *q = arg;

	q->kicks++;
	serve(q);
}

static bool poll(void *arg)
{
	struct virtio_queue *q = arg;

	if (is_broken(q))
		return false;
	if (!q->again && (!vq_pending(&q->vq) || is_parked(q)))
		return false;
	serve(q);
	return true;
}

static bool settle(void *arg)
{
	struct virtio_queue *q = arg;

	if (is_broken(q))
		return false;
	if (!q->again && (is_parked(q) || !vq_enable_kicks(&q->vq)))
		return false;
	serve(q);
	return true;
}

static void finish(void *arg)
{
	struct virtio_queue *q = arg;

	if (q->chains != q->chains_told)
		ioloop_gave_back(q->loop, (unsigned)(q->chains - q->chains_told));
	q->chains_told = q->chains;
	if (!vq_flush(&q->vq))
		return;
	q->interrupts++;
	q->v->transport->interrupt(q->v, q->vector);
}

void virtio_push(struct virtio *v, unsigned index, const struct chain *c, uint32_t written)
{
	v->queues[index].chains++;
	vq_push(&v->queues[index].vq, c, written);
}

void virtio_again(struct virtio *v, unsigned index)
{
	v->queues[index].again = true;
}

/* ---- starting and stopping: on the loop ------------------------------------------------- */

struct vq_setup queue_setup(const struct virtio_queue *q)
{
	return (struct vq_setup){
		.mem = q->v->mem,
		.size = q->size,
		.size_max = q->size_max,
		.desc = q->desc,
		.driver = q->driver,
		.device = q->device,
		.features = q->v->features,
	};
}

static void run_start(void *arg)
{
	struct virtio_queue *q = arg;
	const struct vq_setup setup = queue_setup(q);
	int starting = QUEUE_STARTING;
	int rc;

	/* A reset may have come between; then there is nothing to start, or
	 * already the next driver's queue. */
	if (!atomic_compare_exchange_strong(&q->life, &starting, QUEUE_RUNNING))
		return;
	rc = vq_start(&q->vq, &setup);
	if (rc < 0) {
		virtio_fault(q->v, q->index, rc == -EBADMSG ? NULL : "no memory for the queue");
		return;
	}
	rc = ioloop_add_event(q->loop, &q->kick);
	if (rc < 0) {
		vq_stop(&q->vq);
		virtio_fault(q->v, q->index, "this host cannot listen to its kicks");
		return;
	}
	ioloop_add_poller(q->loop, &q->poller);
	q->started = true;
	q->stopping = q->again = q->took_none = false;
	if (q->v->ops->queue_start)
		q->v->ops->queue_start(q->v, q->index);
	/* Chains that are there already are seen before the loop sleeps. */
}

/* The last access to q from this side: whoever waits may free it right after. */
static void let_go(struct virtio_queue *q)
{
	struct virtio *v = q->v;

	pthread_mutex_lock(&v->off_lock);
	atomic_store(&q->life, QUEUE_OFF);
	pthread_cond_broadcast(&v->off);
	pthread_mutex_unlock(&v->off_lock);
}

static void run_stop(void *arg)
{
	struct virtio_queue *q = arg;

	if (atomic_load(&q->life) != QUEUE_STOPPING || q->stopping)
		return;
	if (!q->started) {
		let_go(q);
		return;
	}
	q->stopping = true;
	ioloop_remove_event(q->loop, &q->kick);
	ioloop_remove_poller(q->loop, &q->poller);
	if (q->v->ops->queue_stop)
		q->v->ops->queue_stop(q->v, q->index);
	else
		virtio_queue_stopped(q->v, q->index);
}

void virtio_queue_stopped(struct virtio *v, unsigned index)
{
	struct virtio_queue *q = &v->queues[index];

	assert(q->started && q->stopping);
	vq_stop(&q->vq);
	q->started = q->stopping = false;
	let_go(q);
}

/* ---- from the other side: under the device lock ------------------------------------------ */

void queue_init(struct virtio_queue *q, struct virtio *v, unsigned index)
{
	q->v = v;
	q->index = index;
	q->doorbell_gpa = UINT64_MAX;
	q->kick = (struct io_event){ .fd = -1, .ready = kicked, .arg = q };
	q->start_task = (struct io_task){ .run = run_start, .arg = q };
	q->stop_task = (struct io_task){ .run = run_stop, .arg = q };
	q->poller = (struct io_poller){ .poll = poll, .settle = settle, .finish = finish,
					.arg = q };
}

void queue_free(struct virtio_queue *q)
{
	assert(queue_is_off(q));
	vq_free(&q->vq);
	if (q->kick.fd >= 0)
		close(q->kick.fd);
}

void queue_begin(struct virtio_queue *q)
{
	assert(queue_is_off(q));
	if (q->kick.fd < 0)
		q->kick.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->kick.fd < 0) {
		virtio_fault(q->v, q->index, "this host gives no eventfd for its kicks");
		return;
	}
	atomic_store(&q->life, QUEUE_STARTING);
	q->v->transport->queue_listens(q->v, q->index, true);
	ioloop_post(q->loop, &q->start_task);
}

void queue_end(struct virtio_queue *q)
{
	const int life = atomic_load(&q->life);

	/* The loop only ever makes STARTING to RUNNING and STOPPING to OFF. */
	if (life == QUEUE_OFF || life == QUEUE_STOPPING)
		return;
	atomic_store(&q->life, QUEUE_STOPPING);
	q->v->transport->queue_listens(q->v, q->index, false);
	ioloop_post(q->loop, &q->stop_task);
}

bool queue_is_off(const struct virtio_queue *q)
{
	return atomic_load(&q->life) == QUEUE_OFF;
}

void queue_wait_off(struct virtio_queue *q)
{
	struct virtio *v = q->v;

	if (ioloop_is_mine(q->loop))
		while (!queue_is_off(q))
			ioloop_round(q->loop, -1);
	/* Under the lock in any case: let_go() may still be in it. */
	pthread_mutex_lock(&v->off_lock);
	while (!queue_is_off(q))
		pthread_cond_wait(&v->off, &v->off_lock);
	pthread_mutex_unlock(&v->off_lock);
}

bool virtio_queue_listens(const struct virtio_queue *q)
{
	const int life = atomic_load(&q->life);

	return life == QUEUE_STARTING || life == QUEUE_RUNNING;
}

void virtio_kick(struct virtio_queue *q)
{
	const uint64_t one = 1;

	if (!virtio_queue_listens(q))
		return;
	/* It cannot fail but when 2^64 kicks were made. */
	if (write(q->kick.fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
}
