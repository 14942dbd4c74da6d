/* Frames between a NIC and the kernel: a read(2) or write(2) each, straight from and to
 * the guest's buffers, with the 12-byte header of virtio in front.
 *
 * A pair is a descriptor of its own.  While the guest has no room nothing is read, and
 * the kernel's queue fills up and drops: its counters then tell the truth. */
#include "net/tap.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "net/offload.h"
#include "net/pieces.h"
#include "net/tap_setup.h"

/* Of Linux 6.2; older headers do not name them. */
#define TAP_F_USO4 0x20u
#define TAP_F_USO6 0x40u

#define TAP_MTU_MAX 65521u /* the kernel's, drivers/net/tun.c */
#define TAP_BURST   64u	   /* frames read before others have their turn */

struct tap;

struct tap_queue {
	struct tap *tap;
	unsigned pair;
	int fd;
	struct ioloop *loop; /* NULL: stopped */
	struct io_source source;
	uint32_t events; /* that source waits for */
	bool gone;	 /* the interface was deleted */
	uint8_t header[NET_VNET_HEADER_BYTES];
};

struct tap {
	struct net net;
	struct net_nic *nic;
	struct tap_interface interface;
	atomic_uint to_guest; /* enum net_can: what the driver took */
	struct tap_queue queues[NET_PAIRS_MAX];
};

static struct tap *tap_of(struct net *n)
{
	return container_of(n, struct tap, net);
}

/* ---- waiting --------------------------------------------------------------------- */

static void wait_for(struct tap_queue *q, uint32_t events)
{
	if (!q->gone && q->events != events &&
	    ioloop_change_source(q->loop, &q->source, events) == 0)
		q->events = events;
}

/* The interface was deleted under us: it would be "ready" for ever. */
static void lose_interface(struct tap_queue *q)
{
	if (q->gone)
		return;
	q->gone = true;
	ioloop_remove_source(q->loop, &q->source);
	log_warn("%s: the interface was deleted; its NIC is unplugged", q->tap->interface.name);
	q->tap->nic->ops->link(q->tap->nic, false);
}

/* ---- to the guest ---------------------------------------------------------------- */

static size_t longest_frame(const struct tap *t)
{
	const unsigned segments = NET_CAN_TSO4 | NET_CAN_TSO6 | NET_CAN_UFO | NET_CAN_USO;
	const unsigned to_guest = atomic_load_explicit(&t->to_guest, memory_order_relaxed);

	if (to_guest & segments)
		return NET_FRAME_BYTES_MAX;
	return t->nic->mtu + NET_HEADER_BYTES + 4u; /* a VLAN tag */
}

/* len bytes came, the header among them; for room of room_len without it. */
static void commit(struct tap_queue *q, size_t room_len, ssize_t len)
{
	const unsigned can = atomic_load_explicit(&q->tap->to_guest, memory_order_relaxed);
	struct net_nic *nic = q->tap->nic;
	struct net_offload offload = { .needs_csum = false };
	size_t frame_bytes = 0;

	if (len >= (ssize_t)(NET_VNET_HEADER_BYTES + NET_HEADER_BYTES)) {
		frame_bytes = (size_t)len - NET_VNET_HEADER_BYTES;
		/* Cut off; or not allowed: queued before the driver said what it takes. */
		if (frame_bytes > room_len ||
		    net_offload_parse(q->header, frame_bytes, can, &offload) < 0)
			frame_bytes = 0;
	}
	nic->ops->commit(nic, q->pair, frame_bytes, &offload);
	if (frame_bytes == 0 && len > 0)
		nic->ops->dropped(nic, q->pair);
}

/* A frame behind its header into the room, and one byte more, if it has that: the kernel
 * cuts off what does not fit and does not tell.  A copy, as what is behind the room is
 * not lent; without the last piece where there are as many as there may be. */
static ssize_t read_measured(struct tap_queue *q, struct net_room *room)
{
	struct iovec iov[NET_IOV_MAX + 1];
	unsigned count = room->iov_count;
	uint8_t spare;

	if (count == NET_IOV_MAX)
		room->len -= room->iov[--count].iov_len;
	iov[0] = (struct iovec){ q->header, sizeof(q->header) };
	memcpy(iov + 1, room->iov, count * sizeof(iov[0]));
	iov[count + 1] = (struct iovec){ &spare, sizeof(spare) };
	return readv(q->fd, iov, (int)count + 2);
}

static ssize_t read_frame(struct tap_queue *q, struct net_room *room)
{
	if (room->len < NET_FRAME_BYTES_MAX)
		return read_measured(q, room);
	room->iov[-1] = (struct iovec){ q->header, sizeof(q->header) };
	return readv(q->fd, room->iov - 1, (int)room->iov_count + 1);
}

/* One frame; false: there is none, or no room for it. */
static bool receive(struct tap_queue *q)
{
	struct net_nic *nic = q->tap->nic;
	struct net_room room;
	ssize_t len;

	if (!nic->ops->room(nic, q->pair, longest_frame(q->tap), &room)) {
		wait_for(q, q->events & ~(uint32_t)EPOLLIN);
		return false;
	}
	len = read_frame(q, &room);
	if (len < 0 && errno == EBADFD) {
		commit(q, room.len, 0);
		lose_interface(q);
		return false;
	}
	commit(q, room.len, len > 0 ? len : 0);
	return len > 0;
}

static void ready(void *arg, uint32_t events)
{
	struct tap_queue *q = arg;

	if (events & EPOLLOUT) {
		wait_for(q, q->events & ~(uint32_t)EPOLLOUT);
		q->tap->nic->ops->tx_ready(q->tap->nic, q->pair);
	}
	for (unsigned n = 0; n < TAP_BURST && q->loop && (q->events & EPOLLIN); n++) {
		if (!receive(q))
			return;
	}
	if ((events & EPOLLERR) && q->loop && !(q->events & EPOLLIN))
		lose_interface(q);
}

static void tap_rx_ready(struct net *n, unsigned pair)
{
	struct tap_queue *q = &tap_of(n)->queues[pair];

	wait_for(q, q->events | EPOLLIN);
}

/* ---- from the guest -------------------------------------------------------------- */

static int tap_send(struct net *n, unsigned pair, const struct net_frame *f)
{
	struct tap_queue *q = &tap_of(n)->queues[pair];
	uint8_t header[NET_VNET_HEADER_BYTES];
	struct iovec iov[NET_HEADED_IOV_MAX];
	unsigned count;

	net_offload_emit(&f->offload, header);
	header[10] = header[11] = 0; /* num_buffers: used to the guest only */
	count = net_behind_header(iov, header, sizeof(header), f);
	if (q->gone)
		return 0;
	/* What else may go wrong (the interface is down, no memory) is a lost frame,
	 * which the kernel counts. */
	if (writev(q->fd, iov, (int)count) < 0 && errno == EAGAIN) {
		wait_for(q, q->events | EPOLLOUT);
		return -EAGAIN;
	}
	return 0;
}

/* ---- offloads -------------------------------------------------------------------- */

static const struct {
	unsigned can, flags; /* enum net_can, TUN_F_* */
} offload_rows[] = {
	{ NET_CAN_CSUM, TUN_F_CSUM },
	{ NET_CAN_TSO4, TUN_F_TSO4 },
	{ NET_CAN_TSO6, TUN_F_TSO6 },
	{ NET_CAN_ECN, TUN_F_TSO_ECN },
	{ NET_CAN_USO, TAP_F_USO4 | TAP_F_USO6 },
	{ NET_CAN_UFO, TUN_F_UFO },
};

static int set_offloads(struct tap *t, unsigned can)
{
	unsigned long flags = 0;

	if (can & NET_CAN_CSUM) {
		for (unsigned i = 0; i < ARRAY_LEN(offload_rows); i++)
			flags |= can & offload_rows[i].can ? offload_rows[i].flags : 0;
	}
	return ioctl(t->interface.fds[0], TUNSETOFFLOAD, flags) < 0 ? -errno : 0;
}

/* What this kernel knows. */
static unsigned find_offloads(struct tap *t)
{
	unsigned can = NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6 | NET_CAN_ECN;

	if (set_offloads(t, can) < 0)
		return 0;
	if (set_offloads(t, can | NET_CAN_UFO) == 0)
		can |= NET_CAN_UFO;
	if (set_offloads(t, can | NET_CAN_USO) == 0)
		can |= NET_CAN_USO;
	set_offloads(t, 0);
	return can;
}

static void tap_offloads(struct net *n, unsigned to_guest)
{
	struct tap *t = tap_of(n);

	atomic_store(&t->to_guest, to_guest);
	if (set_offloads(t, to_guest) < 0)
		log_debug("%s: offloads %#x refused", t->interface.name, to_guest);
}

/* ---- life --------------------------------------------------------------------------- */

static void tap_attach(struct net *n, struct net_nic *nic)
{
	struct tap *t = tap_of(n);

	assert(nic->pair_count <= n->limits.pairs_max);
	t->nic = nic;
	if (t->interface.ours && nic->mtu != t->interface.mtu &&
	    tap_set_mtu(&t->interface, nic->mtu) < 0)
		log_warn("%s: cannot be given an MTU of %u", t->interface.name, nic->mtu);
}

static void set_queue(struct tap_queue *q, short flag)
{
	struct ifreq ifr = { .ifr_flags = flag };

	/* An attached queue that is attached again says EINVAL. */
	if (q->tap->interface.multi_queue)
		ioctl(q->fd, TUNSETQUEUE, &ifr);
}

static void tap_start(struct net *n, unsigned pair, struct ioloop *loop)
{
	struct tap_queue *q = &tap_of(n)->queues[pair];
	int rc;

	q->loop = loop;
	if (q->gone)
		return;
	q->events = EPOLLIN;
	q->source = (struct io_source){ .fd = q->fd, .ready = ready, .arg = q };
	set_queue(q, IFF_ATTACH_QUEUE);
	rc = ioloop_add_source(loop, &q->source, q->events);
	if (rc < 0) {
		log_error("%s: cannot be watched (%d)", q->tap->interface.name, rc);
		q->gone = true;
	}
}

static void tap_stop(struct net *n, unsigned pair)
{
	struct tap_queue *q = &tap_of(n)->queues[pair];

	if (!q->gone)
		ioloop_remove_source(q->loop, &q->source);
	q->loop = NULL;
	q->events = 0;
	/* Pair 0 stays: an interface without a queue has no carrier to be there for. */
	if (pair > 0)
		set_queue(q, IFF_DETACH_QUEUE);
}

static void tap_close(struct net *n)
{
	struct tap *t = tap_of(n);

	tap_teardown(&t->interface);
	free(t);
}

static const struct net_ops tap_ops = {
	.name = "tap",
	.attach = tap_attach,
	.offloads = tap_offloads,
	.start = tap_start,
	.stop = tap_stop,
	.send = tap_send,
	.rx_ready = tap_rx_ready,
	.close = tap_close,
};

int net_tap_open(const struct net_tap_config *config, struct net **out, struct err *err)
{
	struct tap *t = calloc(1, sizeof(*t));
	unsigned can;
	int rc;

	assert(config->pairs >= 1 && config->pairs <= NET_PAIRS_MAX);
	if (!t)
		return err_set(err, -ENOMEM, "no memory for a tap");
	rc = tap_setup(config, &t->interface, err);
	if (rc < 0) {
		free(t);
		return rc;
	}
	for (unsigned i = 0; i < t->interface.fd_count; i++)
		t->queues[i] = (struct tap_queue){
			.tap = t,
			.pair = i,
			.fd = t->interface.fds[i],
		};
	can = find_offloads(t);
	t->net.ops = &tap_ops;
	t->net.limits = (struct net_limits){
		.pairs_max = t->interface.fd_count,
		.mtu = t->interface.mtu,
		.mtu_max = t->interface.ours ? TAP_MTU_MAX : t->interface.mtu,
		.from_guest = can,
		.to_guest = can,
		.link_up = true,
	};
	*out = &t->net;
	return 0;
}
