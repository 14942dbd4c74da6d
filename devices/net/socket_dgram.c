/* A datagram a frame, straight from and to the guest's buffers. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "net/pieces.h"
#include "net/socket_internal.h"

static void dgram_reset(struct net_socket *s)
{
	(void)s;
}

/* ---- to the guest ---------------------------------------------------------------- */

/* Who listens answers the first one that it can answer, until that one is gone: the
 * kernel keeps all others out. */
static void adopt(struct net_socket *s, const struct sockaddr_un *from, socklen_t from_bytes)
{
	if (from_bytes <= sizeof(from->sun_family))
		return;
	if (connect(s->fd, (const struct sockaddr *)from, from_bytes) == 0)
		socket_found_peer(s);
}

/* One frame; whether there may be another. */
static bool receive_one(struct net_socket *s)
{
	const struct net_nic_ops *nic = s->nic->ops;
	struct sockaddr_un from;
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof(from) };
	struct net_room room;
	ssize_t len;
	bool good;

	if (!nic->room(s->nic, 0, s->nic->mtu + NET_HEADER_BYTES + 4u, &room)) {
		socket_wait(s, 0, EPOLLIN);
		return false;
	}
	msg.msg_iov = room.iov;
	msg.msg_iovlen = room.iov_count;
	len = recvmsg(s->fd, &msg, MSG_DONTWAIT | MSG_TRUNC);
	good = len >= (ssize_t)NET_HEADER_BYTES && (size_t)len <= room.len;
	nic->commit(s->nic, 0, good ? (size_t)len : 0, &(struct net_offload){ .ecn = false });
	if (len < 0) {
		if (errno == ECONNRESET)
			socket_lose_peer(s, NULL);
		return false;
	}
	if (!good)
		nic->dropped(s->nic, 0);
	if (!s->has_peer)
		adopt(s, &from, msg.msg_namelen);
	return true;
}

static void dgram_receive(struct net_socket *s)
{
	for (unsigned n = 0; n < SOCKET_BURST && s->watched && receive_one(s); n++)
		;
}

/* ---- from the guest -------------------------------------------------------------- */

static int dgram_send(struct net_socket *s, const struct net_frame *f)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)f->iov, .msg_iovlen = f->iov_count };

	if (!s->has_peer || sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS) {
		socket_wait(s, EPOLLOUT, 0);
		return -EAGAIN;
	}
	if (errno == ECONNREFUSED || errno == ENOTCONN || errno == ECONNRESET || errno == EPERM)
		socket_lose_peer(s, NULL);
	return 0;
}

static void dgram_writable(struct net_socket *s)
{
	socket_wait(s, 0, EPOLLOUT);
	s->nic->ops->tx_ready(s->nic, 0);
}

static void dgram_flush(struct net_socket *s)
{
	(void)s;
}

const struct socket_mode socket_dgram = {
	.type = SOCK_DGRAM,
	.reset = dgram_reset,
	.receive = dgram_receive,
	.writable = dgram_writable,
	.send = dgram_send,
	.flush = dgram_flush,
};
