/* Frames between a guest and its network's server, a message each, straight from and to
 * the guest's buffers.  What the guest cannot take as it is is finished first. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "net/finish.h"
#include "net/network_internal.h"
#include "net/pieces.h"

#define RECEIVE_BURST 64u

/* ---- to the guest ------------------------------------------------------------------- */

static void wait_for(struct network *w, uint32_t events)
{
	if (w->fd >= 0 && w->events != events &&
	    ioloop_change_source(w->loop, &w->source, events) == 0)
		w->events = events;
}

static void give(void *arg, const struct net_frame *f)
{
	struct network *w = arg;

	if (!net_give(w->nic, 0, f))
		w->nic->ops->dropped(w->nic, 0);
}

/* What one message was.  What follows the header of a GOT_OTHER is in w->frame. */
enum got { GOT_NOTHING, GOT_END, GOT_OTHER, GOT_BAD_FRAME, GOT_FRAME };

static enum got judge(struct network *w, ssize_t len, struct switch_packet *packet)
{
	int rc;

	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? GOT_NOTHING : GOT_END;
	rc = switch_packet_parse(w->header, (size_t)len, packet);
	if (rc == -EPROTO)
		return GOT_END;
	if (rc < 0)
		return GOT_BAD_FRAME;
	return packet->kind == SWITCH_FRAME ? GOT_FRAME : GOT_OTHER;
}

/* Into w->frame, for a guest that takes no long frames: they have to be cut. */
static enum got receive_copy(struct network *w, unsigned can, struct switch_packet *packet)
{
	struct iovec iov[] = { { w->header, sizeof(w->header) }, { w->frame, sizeof(w->frame) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	const ssize_t len = recvmsg(w->fd, &msg, MSG_DONTWAIT | MSG_TRUNC);
	const enum got got = judge(w, len, packet);

	if (got == GOT_FRAME &&
	    net_finish(w->frame, packet->frame_bytes, &packet->offload, can, give, w) < 0)
		return GOT_BAD_FRAME;
	return got;
}

/* Straight into the guest's buffers; what it cannot take as it is comes out again. */
static enum got receive_there(struct network *w, unsigned can, struct net_room *room,
			      struct switch_packet *packet)
{
	const struct net_nic_ops *nic = w->nic->ops;
	struct msghdr msg = { .msg_iov = room->iov - 1, .msg_iovlen = room->iov_count + 1 };
	enum got got;

	room->iov[-1] = (struct iovec){ w->header, sizeof(w->header) };
	got = judge(w, recvmsg(w->fd, &msg, MSG_DONTWAIT | MSG_TRUNC), packet);
	if (got == GOT_FRAME && packet->frame_bytes > room->len)
		got = GOT_BAD_FRAME;
	if (got == GOT_OTHER) {
		memset(w->frame, 0, NET_HOSTNAME_BYTES);
		net_gather(room->iov, room->iov_count, w->frame,
			   min_u64(room->len, NET_HOSTNAME_BYTES));
		nic->commit(w->nic, 0, 0, NULL);
	} else if (got != GOT_FRAME) {
		nic->commit(w->nic, 0, 0, NULL);
	} else if (net_offload_needs(&packet->offload) & ~can) {
		net_gather(room->iov, room->iov_count, w->frame, packet->frame_bytes);
		nic->commit(w->nic, 0, 0, NULL);
		if (net_finish(w->frame, packet->frame_bytes, &packet->offload, can, give, w) < 0)
			got = GOT_BAD_FRAME;
	} else {
		nic->commit(w->nic, 0, packet->frame_bytes, &packet->offload);
	}
	return got;
}

static bool take_answer(struct network *w, const struct switch_packet *packet)
{
	uint8_t raw[SWITCH_LEASE_BYTES];

	memcpy(raw, w->header, SWITCH_HEADER_BYTES);
	memcpy(raw + SWITCH_HEADER_BYTES, w->frame, NET_HOSTNAME_BYTES);
	return network_take_answer(w, packet, raw);
}

/* One message; whether there may be another. */
static bool receive(struct network *w)
{
	const unsigned can = atomic_load_explicit(&w->to_guest, memory_order_relaxed);
	const bool takes_long = can & (NET_CAN_TSO4 | NET_CAN_TSO6);
	const size_t want = takes_long ? NET_FRAME_BYTES_MAX : NET_HEADER_BYTES;
	struct switch_packet packet;
	struct net_room room;
	enum got got;

	if (!w->nic->ops->room(w->nic, 0, want, &room)) {
		wait_for(w, w->events & ~(uint32_t)EPOLLIN);
		return false;
	}
	if (takes_long) {
		got = receive_there(w, can, &room, &packet);
	} else {
		w->nic->ops->commit(w->nic, 0, 0, NULL); /* there is some, that is all */
		got = receive_copy(w, can, &packet);
	}
	if (got == GOT_BAD_FRAME)
		w->nic->ops->dropped(w->nic, 0);
	if (got == GOT_END || (got == GOT_OTHER && !take_answer(w, &packet)))
		network_lose(w);
	return got > GOT_END;
}

void network_ready(void *arg, uint32_t events)
{
	struct network *w = arg;

	if (events & EPOLLOUT) {
		wait_for(w, w->events & ~(uint32_t)EPOLLOUT);
		w->nic->ops->tx_ready(w->nic, 0);
	}
	if (events & (EPOLLHUP | EPOLLERR) && !(w->events & EPOLLIN)) {
		network_lose(w); /* what came before is of no use to a guest without room */
		return;
	}
	for (unsigned n = 0; n < RECEIVE_BURST && w->fd >= 0 && (w->events & EPOLLIN); n++) {
		if (!receive(w))
			return;
	}
}

void network_rx_ready(struct net *n, unsigned pair)
{
	struct network *w = network_of(n);

	(void)pair;
	wait_for(w, w->events | EPOLLIN);
}

/* ---- from the guest ----------------------------------------------------------------- */

int network_send(struct net *n, unsigned pair, const struct net_frame *f)
{
	struct network *w = network_of(n);
	uint8_t header[SWITCH_HEADER_BYTES];
	struct iovec iov[NET_HEADED_IOV_MAX];
	struct msghdr msg = { .msg_iov = iov };

	(void)pair;
	if (w->fd < 0) {
		net_count(&w->lost_frames, 1);
		return 0;
	}
	switch_frame_emit(&f->offload, header);
	msg.msg_iovlen = net_behind_header(iov, header, sizeof(header), f);
	if (sendmsg(w->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS) {
		wait_for(w, w->events | EPOLLOUT);
		return -EAGAIN;
	}
	/* The other side is gone: ready() is told, too, and sees what came before. */
	net_count(&w->lost_frames, 1);
	return 0;
}
