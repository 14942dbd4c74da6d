/* The device side of the balloon.
 *
 * Discarding and the other devices.  A guest may give back a page that it has also
 * offered to a disk as a buffer.  For the host that is harmless: of a page that a
 * device reads or writes directly the kernel holds a reference, so it lives on until
 * the transfer ends and has only left the guest's RAM; a transfer that copies finds a
 * fresh page of zeros.  Either way the bytes that move are the guest's own or zeros,
 * and what it loses is its own, too.  No pointer of ours changes: the address stays
 * mapped all the time. */
#include "virtio/balloon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "host/now.h"
#include "virtio/hold.h"
#include "virtio/page_run.h"

/* 5.5.3.  MUST_TELL_HOST is not offered: a page is back by a touch. */
#define BALLOON_F_STATS_VQ	 (UINT64_C(1) << 1)
#define BALLOON_F_DEFLATE_ON_OOM (UINT64_C(1) << 2)
#define BALLOON_F_PAGE_POISON	 (UINT64_C(1) << 4)
#define BALLOON_F_REPORTING	 (UINT64_C(1) << 5)

/* Configuration space (5.5.4), le32 each. */
#define CFG_NUM_PAGES 0u
#define CFG_ACTUAL    4u  /* the driver's */
#define CFG_HINT_CMD  8u  /* free page hints are not offered: 0 */
#define CFG_POISON    12u /* the driver's */
#define CFG_BYTES     16u

/* A page number counts pages of 4096 bytes, whatever the guest's pages are. */
#define PFN_SHIFT  12u
#define PFN_BYTES  4u
#define PAGE_BYTES PAGE_RUN_PAGE

_Static_assert(PAGE_BYTES == 1u << PFN_SHIFT, "a page number counts the pages of a run");

/* Queues (5.5.2).  The standard gives each a fixed number, 3 to the queue for hints.
 * Linux numbers only those that are there, as most devices do, and so would call the
 * reports 3 where we offer no hints: 3 and 4 both take reports. */
#define QUEUE_INFLATE 0u
#define QUEUE_DEFLATE 1u
#define QUEUE_STATS   2u
#define QUEUE_COUNT   5u
#define QUEUE_SIZE    128u

/* What one call of queue_kick() does before others have their turn. */
#define TURN_PFNS	  256u
#define TURN_REPORT_BYTES MIB(64)
#define TURN_CHAINS	  16u
#define STATS_ENTRIES_MAX 64u

#define LOG_BURST 4u

struct balloon {
	struct virtio_pci vp;
	void (*stats)(void *ctx, const struct balloon_stats *stats);
	void *ctx;
	uint64_t stats_period_ns;

	/* The loop's. */
	struct hold queues[QUEUE_COUNT];
	uint64_t inflate_done; /* bytes of the held chain on the inflate queue */
	struct io_timer stats_timer;
	struct log_limit log;

	/* Any thread's. */
	atomic_uint num_pages; /* wanted */
	atomic_uint actual;    /* as the driver says */
	atomic_uint poison;
	_Atomic uint64_t discarded; /* bytes */
};

static struct balloon *balloon_of(struct virtio *v)
{
	return container_of(v, struct balloon, vp.v);
}

static struct balloon *balloon_of_device(struct device *dev)
{
	return container_of(dev, struct balloon, vp.dev);
}

/* ---- giving memory back ---------------------------------------------------------- */

static void discard(struct balloon *b, uint8_t *bytes, uint64_t len)
{
	const int rc = mem_discard(b->vp.v.mem, bytes, len);

	if (rc == 0)
		atomic_fetch_add_explicit(&b->discarded, len, memory_order_relaxed);
	else if (log_limit_ok(&b->log, host_now_ns(), LOG_BURST))
		log_warn("%s: the host does not take memory back: %s", b->vp.v.label,
			 strerror(-rc));
}

static void discard_pfns(struct balloon *b, const uint8_t *raw_pfns, size_t count)
{
	struct page_run run = { 0 };

	for (size_t i = 0; i < count; i++) {
		const uint32_t raw_pfn = le32_load(raw_pfns + PFN_BYTES * i);
		uint8_t *page;

		if (mem_span(b->vp.v.mem, (gpa_t)raw_pfn << PFN_SHIFT, PAGE_BYTES, &page) < 0) {
			if (log_limit_ok(&b->log, host_now_ns(), LOG_BURST))
				log_debug("%s: page %#x is no RAM", b->vp.v.label, raw_pfn);
			continue;
		}
		if (page_run_join(&run, page))
			continue;
		discard(b, run.start, run.len);
		run = (struct page_run){ page, PAGE_BYTES };
	}
	if (run.len > 0)
		discard(b, run.start, run.len);
}

/* Up to max page numbers of the held chain, copied out of guest memory once; the chain
 * goes back behind the last.  Returns how many there were. */
static unsigned inflate_some(struct balloon *b, struct hold *h, unsigned max)
{
	uint8_t raw_pfns[TURN_PFNS * PFN_BYTES];
	const size_t n = chain_read(&h->chain, b->inflate_done, raw_pfns, max * PFN_BYTES);

	discard_pfns(b, raw_pfns, n / PFN_BYTES);
	b->inflate_done += n;
	if (b->inflate_done == h->chain.out_bytes) {
		hold_give(h, 0);
		b->inflate_done = 0;
	}
	return (unsigned)(n / PFN_BYTES);
}

static void inflate(struct balloon *b)
{
	struct hold *h = &b->queues[QUEUE_INFLATE];
	unsigned left = TURN_PFNS;

	for (unsigned i = 0; i < TURN_CHAINS && left > 0; i++) {
		if (!hold_next(h))
			return;
		left -= inflate_some(b, h, left);
	}
	hold_again(h);
}

/* Nothing to do: the guest's touch brings a page back. */
static void deflate(struct balloon *b)
{
	struct hold *h = &b->queues[QUEUE_DEFLATE];

	for (unsigned i = 0; i < TURN_CHAINS; i++) {
		if (!hold_next(h))
			return;
		hold_give(h, 0);
	}
	hold_again(h);
}

/* ---- reports --------------------------------------------------------------------- */

/* A reported page reads as zeros when the guest takes it next.  Where it expects a
 * pattern of its own there instead, it has to stay (5.5.6.6). */
static bool may_become_zeros(struct balloon *b)
{
	return !(b->vp.v.features & BALLOON_F_PAGE_POISON) || atomic_load(&b->poison) == 0;
}

/* Up to *budget bytes of the held chain.  False if some of it is left. */
static bool take_report(struct balloon *b, struct hold *h, uint64_t *budget)
{
	const unsigned count = h->chain.out_count + h->chain.in_count;

	if (h->at < h->chain.out_count)
		h->at = h->chain.out_count;
	for (; h->at < count && *budget > 0; h->at++) {
		struct iovec *iov = &h->chain.iov[h->at];
		const uint64_t n = min_u64(iov->iov_len, *budget);

		discard(b, iov->iov_base, n);
		*budget -= n;
		iov->iov_base = (uint8_t *)iov->iov_base + n;
		iov->iov_len -= n;
		if (iov->iov_len > 0)
			return false;
	}
	return h->at == count;
}

static void report(struct balloon *b, struct hold *h)
{
	uint64_t budget = TURN_REPORT_BYTES;

	for (unsigned i = 0; i < TURN_CHAINS; i++) {
		if (!hold_next(h))
			return;
		if (may_become_zeros(b) && !take_report(b, h, &budget))
			break;
		hold_give(h, 0);
	}
	hold_again(h);
}

/* ---- statistics ------------------------------------------------------------------ */

static void read_stats(struct balloon *b, const struct chain *c)
{
	struct balloon_stats stats = { 0 };
	uint8_t entry[BALLOON_STAT_BYTES];

	for (unsigned i = 0; i < STATS_ENTRIES_MAX; i++) {
		const uint64_t offset = (uint64_t)i * sizeof(entry);

		if (chain_read(c, offset, entry, sizeof(entry)) < sizeof(entry))
			break;
		balloon_stats_add(&stats, entry);
	}
	if (b->stats)
		b->stats(b->ctx, &stats);
}

/* The driver's buffer is kept; given back, it asks for new statistics (5.5.6.3).  Of
 * several only the newest is. */
static void take_stats(struct balloon *b)
{
	struct hold *h = &b->queues[QUEUE_STATS];

	for (unsigned i = 0; i < TURN_CHAINS; i++) {
		if (h->busy) {
			if (!vq_pending(virtio_vq(h->v, h->index)))
				return;
			hold_give(h, 0);
		}
		if (!hold_next(h))
			return;
		read_stats(b, &h->chain);
	}
	hold_again(h);
}

static void ask_for_stats(void *arg, uint64_t now_ns)
{
	struct balloon *b = arg;
	struct hold *h = &b->queues[QUEUE_STATS];
	struct virtio_queue *q = &b->vp.v.queues[QUEUE_STATS];

	if (h->busy) {
		hold_give(h, 0);
		hold_again(h); /* to see the ring empty and ask for a kick */
	}
	ioloop_arm(q->loop, &b->stats_timer, now_ns + b->stats_period_ns);
}

/* ---- queues ---------------------------------------------------------------------- */

static void balloon_queue_start(struct virtio *v, unsigned index)
{
	struct balloon *b = balloon_of(v);

	hold_start(&b->queues[index], v, index);
	if (index == QUEUE_INFLATE)
		b->inflate_done = 0;
	if (index == QUEUE_STATS && b->stats_period_ns > 0)
		ioloop_arm(v->queues[index].loop, &b->stats_timer,
			   host_now_ns() + b->stats_period_ns);
}

static void balloon_queue_kick(struct virtio *v, unsigned index)
{
	struct balloon *b = balloon_of(v);

	switch (index) {
	case QUEUE_INFLATE:
		inflate(b);
		break;
	case QUEUE_DEFLATE:
		deflate(b);
		break;
	case QUEUE_STATS:
		take_stats(b);
		break;
	default:
		report(b, &b->queues[index]);
		break;
	}
}

static void balloon_queue_stop(struct virtio *v, unsigned index)
{
	struct balloon *b = balloon_of(v);

	if (index == QUEUE_STATS)
		ioloop_disarm(v->queues[index].loop, &b->stats_timer);
	hold_stop(&b->queues[index]);
}

/* ---- registers ------------------------------------------------------------------- */

static void balloon_config_read(struct virtio *v, unsigned offset, void *to, unsigned len)
{
	struct balloon *b = balloon_of(v);
	uint8_t bytes[CFG_BYTES] = { 0 };

	le32_store(bytes + CFG_NUM_PAGES, atomic_load(&b->num_pages));
	le32_store(bytes + CFG_ACTUAL, atomic_load(&b->actual));
	le32_store(bytes + CFG_POISON, atomic_load(&b->poison));
	memcpy(to, bytes + offset, len);
}

/* Any part of a field may be written; what is not the driver's stays. */
static void balloon_config_write(struct virtio *v, unsigned offset, const void *from, unsigned len)
{
	struct balloon *b = balloon_of(v);
	uint8_t bytes[CFG_BYTES];

	balloon_config_read(v, 0, bytes, sizeof(bytes));
	memcpy(bytes + offset, from, len);
	atomic_store(&b->actual, le32_load(bytes + CFG_ACTUAL));
	atomic_store(&b->poison, le32_load(bytes + CFG_POISON));
}

/* The target is the host's and stays. */
static void balloon_virtio_reset(struct virtio *v)
{
	struct balloon *b = balloon_of(v);

	atomic_store(&b->actual, 0);
	atomic_store(&b->poison, 0);
}

static const struct virtio_ops balloon_ops = {
	.name = "virtio-balloon",
	.id = 5,
	.class_code = 0xff0000, /* no class fits */
	.config_bytes = CFG_BYTES,
	.config_read = balloon_config_read,
	.config_write = balloon_config_write,
	.reset = balloon_virtio_reset,
	.queue_start = balloon_queue_start,
	.queue_kick = balloon_queue_kick,
	.queue_stop = balloon_queue_stop,
};

/* ---- for the host ---------------------------------------------------------------- */

void virtio_balloon_set_target(struct device *dev, uint64_t bytes)
{
	struct balloon *b = balloon_of_device(dev);
	const uint64_t most = mem_total(b->vp.v.mem) >> PFN_SHIFT;
	const unsigned pages = (unsigned)min_u64(bytes >> PFN_SHIFT, min_u64(most, UINT32_MAX));

	if (atomic_exchange(&b->num_pages, pages) != pages)
		virtio_config_changed(&b->vp.v);
}

uint64_t virtio_balloon_actual(struct device *dev)
{
	return (uint64_t)atomic_load(&balloon_of_device(dev)->actual) << PFN_SHIFT;
}

uint64_t virtio_balloon_discarded(struct device *dev)
{
	return atomic_load(&balloon_of_device(dev)->discarded);
}

/* ---- life ------------------------------------------------------------------------ */

static int balloon_create(const struct board *board, const void *config_, struct device **out,
			  struct err *err)
{
	static const uint16_t sizes[QUEUE_COUNT] = { QUEUE_SIZE, QUEUE_SIZE, QUEUE_SIZE,
						     QUEUE_SIZE, QUEUE_SIZE };
	const struct virtio_balloon_config *config = config_;
	struct virtio_pci_place place = config->place;
	struct virtio_setup setup = {
		.ops = &balloon_ops,
		.mem = board->mem,
		.features = BALLOON_F_STATS_VQ,
		.queue_count = QUEUE_STATS + 1,
		.queue_sizes = sizes,
	};
	struct balloon *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return err_set(err, -ENOMEM, "no memory for %s", place.label);
	if (config->deflate_on_oom)
		setup.features |= BALLOON_F_DEFLATE_ON_OOM;
	if (config->free_page_reporting) {
		setup.features |= BALLOON_F_REPORTING | BALLOON_F_PAGE_POISON;
		setup.queue_count = QUEUE_COUNT;
	}
	b->stats = config->stats;
	b->ctx = config->ctx;
	b->stats_period_ns = config->stats_period_s * NS_PER_S;
	io_timer_init(&b->stats_timer, ask_for_stats, b);
	place.loop_count = 1;
	rc = virtio_pci_init(&b->vp, board, &place, &setup, &virtio_balloon_type, err);
	if (rc < 0) {
		free(b);
		return rc;
	}
	*out = &b->vp.dev;
	return 0;
}

static void balloon_reset(struct device *dev)
{
	virtio_pci_reset(&balloon_of_device(dev)->vp);
}

static void balloon_destroy(struct device *dev)
{
	struct balloon *b = balloon_of_device(dev);

	virtio_pci_free(&b->vp);
	for (unsigned i = 0; i < QUEUE_COUNT; i++)
		hold_free(&b->queues[i]);
	free(b);
}

const struct device_type virtio_balloon_type = { "virtio_balloon", balloon_create, balloon_reset,
						 balloon_destroy };
