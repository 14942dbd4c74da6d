/* A hostile driver behind one virtqueue, split or packed: the input is what its
 * memory holds and what both sides do.  Whatever comes, a chain's buffers are RAM,
 * its sums are right, and no more chains are in flight than the ring has entries.
 *
 * Input: 4 bytes (features, size, room for pieces, ring bytes / 8), the first bytes
 * of RAM, then steps of 1 byte with up to 4 bytes of arguments. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "virtio/queue.h"

#define PAGE	   4096u
#define LOW_BYTES  (2 * PAGE)
#define HIGH_BYTES PAGE /* touches the low one, elsewhere in the host's memory */
#define SIZE_MAX_  16u
#define STEPS_MAX  128u
#define IOV_MAX_   (2 * SIZE_MAX_)

/* The three areas: together in the first page, so that steps hit them. */
#define DESC_GPA   0x000u
#define DRIVER_GPA 0x100u
#define DEVICE_GPA 0x140u
#define HOT_BYTES  0x280u /* areas, and tables behind them */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t low[LOW_BYTES] __attribute__((aligned(16)));
static uint8_t high[HIGH_BYTES] __attribute__((aligned(16)));
static struct vq queue; /* kept: its books are allocated once */

struct run {
	struct mem mem;
	struct vq_setup setup;
	struct chain chains[SIZE_MAX_];
	struct iovec iov[SIZE_MAX_][IOV_MAX_ + 1];
	unsigned held; /* chains[0 .. held) are in flight */
	unsigned iov_max;
	const uint8_t *at, *end;
};

static void must(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static unsigned next8(struct run *r)
{
	return r->at < r->end ? *r->at++ : 0;
}

static unsigned next16(struct run *r)
{
	const unsigned low_byte = next8(r);

	return low_byte | next8(r) << 8;
}

static bool inside(const uint8_t *base, size_t len, const struct iovec *iov)
{
	const uint8_t *p = iov->iov_base;

	return p >= base && p < base + len && iov->iov_len <= (size_t)(base + len - p);
}

/* Each piece is RAM and not empty; their sum is want. */
static void check_pieces(const struct iovec *iov, unsigned count, uint64_t want)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < count; i++) {
		must(iov[i].iov_len > 0);
		must(inside(low, sizeof(low), &iov[i]) || inside(high, sizeof(high), &iov[i]));
		sum += iov[i].iov_len;
	}
	must(sum == want);
}

static void check_chain(const struct run *r, const struct chain *c)
{
	must(c->out_count + c->in_count <= c->iov_max);
	must(c->out_bytes + c->in_bytes > 0);
	must(c->out_bytes + c->in_bytes <= UINT32_MAX);
	must(c->slots >= 1 && c->slots <= r->setup.size);
	check_pieces(c->iov, c->out_count, c->out_bytes);
	check_pieces(c->iov + c->out_count, c->in_count, c->in_bytes);
	must(c->iov[c->iov_max].iov_len == SIZE_MAX); /* the fence */
	for (unsigned i = 0; i < r->held; i++)
		must(r->chains[i].head != c->head);
}

/* An iov list that no chain in flight has. */
static struct iovec *free_iov(struct run *r)
{
	for (unsigned i = 0; i < SIZE_MAX_; i++) {
		bool taken = false;

		for (unsigned n = 0; n < r->held; n++)
			taken |= r->chains[n].iov == r->iov[i];
		if (!taken)
			return r->iov[i];
	}
	__builtin_trap();
}

static void pop(struct run *r, unsigned iov_max)
{
	const uint64_t taken = queue.taken;
	struct chain c = { .iov_max = iov_max };
	int rc;

	if (r->held == r->setup.size) {
		/* All are out: there is none, or the driver lies. */
		struct iovec spare[IOV_MAX_];

		c.iov = spare;
		must(vq_pop(&queue, &c) <= 0);
		return;
	}
	c.iov = free_iov(r);
	c.iov[iov_max] = (struct iovec){ .iov_base = NULL, .iov_len = SIZE_MAX };
	rc = vq_pop(&queue, &c);
	must(queue.taken == taken + (rc == 1));
	if (rc == 1) {
		check_chain(r, &c);
		r->chains[r->held++] = c;
	} else if (rc == -EBADMSG) {
		must(queue.fault != VQ_OK && queue.fault < VQ_FAULTS);
	} else if (rc == -ENOBUFS) {
		must(iov_max < vq_iov_bound(&r->setup));
	} else {
		must(rc == 0);
	}
	must(queue.in_flight <= r->setup.size);
}

static void push(struct run *r, unsigned which, unsigned raw_written)
{
	struct chain c;
	uint8_t bytes[64];

	if (r->held == 0)
		return;
	c = r->chains[which % r->held];
	r->chains[which % r->held] = r->chains[--r->held];
	must(chain_read(&c, raw_written, bytes, sizeof(bytes)) <= sizeof(bytes));
	memset(bytes, 0x5a, sizeof(bytes));
	must(chain_write(&c, raw_written / 2, bytes, sizeof(bytes)) <= c.in_bytes);
	vq_push(&queue, &c, (uint32_t)min_u64(raw_written, c.in_bytes));
}

/* The driver writes where the ring is, mostly. */
static void guest_write(struct run *r, unsigned bytes)
{
	const unsigned at = next16(r) % (HOT_BYTES - 8);

	for (unsigned i = 0; i < bytes; i++)
		low[at + i] = (uint8_t)next8(r);
}

/* A split driver shows what its ring already says; a packed one makes a descriptor
 * available. */
static void guest_offer(struct run *r, unsigned which)
{
	uint8_t *flags;

	if (!(r->setup.features & VIRTIO_F_RING_PACKED)) {
		le16_store(low + DRIVER_GPA + 2, (uint16_t)(queue.next_avail + which % 4));
		return;
	}
	flags = low + DESC_GPA + 16u * ((queue.next_avail + which) % r->setup.size) + 14;
	le16_store(flags, (uint16_t)((le16_load(flags) & 0x7f7f) |
				     (queue.avail_wrap ? 0x0080 : 0x8000)));
}

static void start(struct run *r)
{
	vq_stop(&queue);
	r->held = 0;
	must(vq_start(&queue, &r->setup) == 0);
}

static void step(struct run *r)
{
	const unsigned what = next8(r);

	switch (what % 12) {
	case 0:
	case 1:
		pop(r, r->iov_max);
		break;
	case 2:
		pop(r, IOV_MAX_); /* always enough */
		break;
	case 3:
	case 4:
		push(r, what / 12, next16(r));
		break;
	case 5:
		must(!vq_flush(&queue) || queue.unpublished == 0);
		break;
	case 6:
		guest_write(r, 2);
		break;
	case 7:
		guest_write(r, 8);
		break;
	case 8:
		guest_offer(r, what / 12);
		break;
	case 9:
		must(!vq_enable_kicks(&queue) || queue.fault == VQ_OK);
		break;
	case 10:
		vq_disable_kicks(&queue);
		break;
	default:
		if (what < 24)
			start(r);
		else
			vq_pending(&queue);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run r;
	size_t ring_bytes;

	if (size < 4)
		return 0;
	memset(low, 0, sizeof(low));
	memset(&r.mem, 0, sizeof(r.mem));
	must(mem_add(&r.mem, 0, LOW_BYTES, low) == 0);
	must(mem_add(&r.mem, LOW_BYTES, HIGH_BYTES, high) == 0);
	r.setup = (struct vq_setup){ .mem = &r.mem,
				     .size_max = SIZE_MAX_,
				     .desc = DESC_GPA,
				     .driver = DRIVER_GPA,
				     .device = DEVICE_GPA };
	r.setup.features = (data[0] & 1 ? VIRTIO_F_RING_PACKED : 0) |
			   (data[0] & 2 ? VIRTIO_F_INDIRECT_DESC : 0) |
			   (data[0] & 4 ? VIRTIO_F_EVENT_IDX : 0) |
			   (data[0] & 8 ? VIRTIO_F_IN_ORDER : 0);
	r.setup.size = data[0] & 1 ? (uint16_t)(data[1] % SIZE_MAX_ + 1) :
				     (uint16_t)(1u << data[1] % 5);
	r.iov_max = 1 + data[2] % IOV_MAX_;
	ring_bytes = min_u64(min_u64(8u * data[3], HOT_BYTES), size - 4);
	memcpy(low, data + 4, ring_bytes);
	r.at = data + 4 + ring_bytes;
	r.end = data + size;
	start(&r);
	for (unsigned i = 0; i < STEPS_MAX && r.at < r.end; i++)
		step(&r);
	while (r.held > 0)
		push(&r, 0, 16);
	vq_flush(&queue);
	must(queue.in_flight == 0);
	vq_stop(&queue);
	return 0;
}
