#include "virtio/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/checked.h"
#include "block/throttle.h"
#include "host/now.h"

#define RNG_ID	       4u
#define RNG_CLASS      0x00ff00u /* no class of its own */
#define RNG_QUEUE_SIZE 64u
/* Bytes at a time, about 150 us of work: others on the loop come in between. */
#define RNG_ROUND_BYTES KIB(64)

struct virtio_rng {
	struct virtio_pci pci;
	uint64_t rate; /* bytes a second, 0: no limit */
	struct throttle throttle;
	struct io_timer timer; /* when the rate allows more */
	struct iovec *iov; /* of the one chain that is filled now; owned */
	unsigned iov_max;
};

static struct virtio_rng *rng_of(struct virtio *v)
{
	return container_of(v, struct virtio_rng, pci.v);
}

/* Fill [to, to+len) from the kernel's pool, which create() saw ready: so this never
 * blocks, whatever the flag says.  How many bytes there are now: fewer than len
 * after a signal. */
static size_t fill_span(uint8_t *to, size_t len)
{
	const ssize_t n = getrandom(to, len, GRND_NONBLOCK);

	return n > 0 ? (size_t)n : 0;
}

/* Fill up to max bytes of c; the driver looks at the length (5.4.6), so less than
 * all is an answer as well. */
static uint32_t fill_chain(const struct chain *c, uint64_t max)
{
	uint32_t done = 0;

	for (unsigned i = c->out_count; i < c->out_count + c->in_count && done < max; i++) {
		const size_t len = (size_t)min_u64(c->iov[i].iov_len, max - done);
		const size_t n = fill_span(c->iov[i].iov_base, len);

		done += (uint32_t)n;
		if (n < len)
			break;
	}
	return done;
}

/* Bytes that may be given to the next chain; 0: one waits, and the timer is armed. */
static uint64_t allowance(struct virtio_rng *r)
{
	uint64_t now_ns, wait_ns, until_ns;

	if (r->rate == 0 || !vq_pending(virtio_vq(&r->pci.v, 0)))
		return RNG_ROUND_BYTES;
	now_ns = host_now_ns();
	wait_ns = throttle_wait_ns(&r->throttle, now_ns);
	if (wait_ns == 0)
		return min_u64(r->rate, RNG_ROUND_BYTES);
	if (!add_u64(now_ns, wait_ns, &until_ns))
		until_ns = UINT64_MAX - 1;
	ioloop_arm(r->pci.v.queues[0].loop, &r->timer, until_ns);
	return 0;
}

static void rate_allows(void *arg, uint64_t now_ns)
{
	struct virtio_rng *r = arg;

	(void)now_ns;
	virtio_again(&r->pci.v, 0);
}

static void rng_kick(struct virtio *v, unsigned index)
{
	struct virtio_rng *r = rng_of(v);
	struct vq *vq = virtio_vq(v, index);
	struct chain c = { .iov = r->iov, .iov_max = r->iov_max };
	uint64_t left = RNG_ROUND_BYTES;

	for (unsigned n = 0; n < vq->setup.size; n++) {
		const uint64_t max = min_u64(allowance(r), left);
		uint32_t written;
		int rc;

		if (max == 0)
			return;
		rc = vq_pop(vq, &c);
		if (rc < 0)
			virtio_fault(v, index, NULL);
		if (rc <= 0)
			return;
		/* What the driver only lets us read (5.4.6.1 forbids it) has no room
		 * for anything: it goes back with length 0. */
		written = fill_chain(&c, max);
		if (r->rate)
			throttle_account(&r->throttle, written, host_now_ns());
		left -= written;
		virtio_push(v, index, &c, written);
	}
}

static void rng_start(struct virtio *v, unsigned index)
{
	struct virtio_rng *r = rng_of(v);
	const unsigned bound = vq_iov_bound(&virtio_vq(v, index)->setup);

	if (bound <= r->iov_max)
		return;
	free(r->iov);
	r->iov = calloc(bound, sizeof(*r->iov));
	r->iov_max = r->iov ? bound : 0;
	if (!r->iov)
		virtio_fault(v, index, "no memory for its buffers");
}

static void rng_stop(struct virtio *v, unsigned index)
{
	struct virtio_rng *r = rng_of(v);

	ioloop_disarm(v->queues[index].loop, &r->timer);
	virtio_queue_stopped(v, index);
}

static const struct virtio_ops rng_ops = {
	.name = "virtio-rng",
	.id = RNG_ID,
	.class_code = RNG_CLASS,
	.queue_start = rng_start,
	.queue_kick = rng_kick,
	.queue_stop = rng_stop,
};

/* Once the kernel's pool is ready it stays so (random(7)). */
static int check_pool(struct err *err)
{
	uint8_t byte;

	if (getrandom(&byte, sizeof(byte), GRND_NONBLOCK) == sizeof(byte))
		return 0;
	return err_errno(err, -errno, "the host has no random numbers yet");
}

static void rng_free(struct virtio_rng *r)
{
	throttle_destroy(&r->throttle);
	free(r->iov);
	free(r);
}

static int rng_create(const struct board *board, const void *config, struct device **out,
		      struct err *err)
{
	static const uint16_t queue_size = RNG_QUEUE_SIZE;
	const struct virtio_setup setup = {
		.ops = &rng_ops,
		.mem = board->mem,
		.queue_count = 1,
		.queue_sizes = &queue_size,
	};
	const struct virtio_rng_config *cfg = config;
	struct virtio_rng *r;
	int rc;

	rc = check_pool(err);
	if (rc < 0)
		return rc;
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(err, -ENOMEM, "no memory for a random number device");
	r->rate = cfg->rate_bytes_per_s;
	throttle_init(&r->throttle, 0, 0, r->rate, 0);
	io_timer_init(&r->timer, rate_allows, r);
	rc = virtio_pci_init(&r->pci, board, &cfg->place, &setup, &virtio_rng_type, err);
	if (rc < 0) {
		rng_free(r);
		return rc;
	}
	*out = &r->pci.dev;
	return 0;
}

static void rng_reset(struct device *dev)
{
	virtio_pci_reset(container_of(dev, struct virtio_pci, dev));
}

static void rng_destroy(struct device *dev)
{
	struct virtio_rng *r = container_of(dev, struct virtio_rng, pci.dev);

	virtio_pci_free(&r->pci);
	rng_free(r);
}

const struct device_type virtio_rng_type = { "virtio_rng", rng_create, rng_reset, rng_destroy };
