#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "net/pieces.h"
#include "net/socket_internal.h"

static void stream_reset(struct net_socket *s)
{
	s->in->start = s->in->end = 0;
	s->out->start = s->out->end = 0;
}

/* ---- to the guest ---------------------------------------------------------------- */

/* Hand on what is all there.  False: the guest has no room, or the peer is gone. */
static bool give_frames(struct net_socket *s)
{
	const uint8_t *bytes;
	int len;

	while ((len = stream_in_next(s->in, &bytes)) > 0) {
		const struct iovec iov = { (void *)bytes, (size_t)len };

		if (!net_give(s->nic, 0,
			      &(struct net_frame){
				      .iov = &iov, .iov_count = 1, .len = (uint32_t)len })) {
			socket_wait(s, 0, EPOLLIN);
			return false;
		}
		stream_in_take(s->in, (uint32_t)len);
	}
	if (len < 0)
		socket_lose_peer(s, "its peer sent a length that no frame has; unplugged");
	return len == 0;
}

static void stream_receive(struct net_socket *s)
{
	bool go = give_frames(s);

	for (unsigned n = 0; n < SOCKET_BURST && go; n++) {
		uint8_t *to;
		const size_t space = stream_in_space(s->in, &to);
		const ssize_t got = recv(s->fd, to, space, MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			socket_lose_peer(s, NULL);
			return;
		}
		stream_in_came(s->in, (size_t)got);
		/* The last one's, too: nobody tells of what is in memory already. */
		go = give_frames(s);
	}
}

/* ---- from the guest -------------------------------------------------------------- */

static void stream_flush(struct net_socket *s)
{
	struct stream_out *out = s->out;
	ssize_t n;

	if (!s->has_peer || out->start == out->end)
		return;
	n = send(s->fd, out->bytes + out->start, out->end - out->start,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		out->start += (uint32_t)n;
	else if (errno != EAGAIN)
		out->start = out->end; /* gone: receiving finds that out */
	if (out->start != out->end)
		socket_wait(s, EPOLLOUT, 0);
}

static void stream_writable(struct net_socket *s)
{
	stream_flush(s);
	if (s->out->start != s->out->end)
		return;
	socket_wait(s, 0, EPOLLOUT);
	s->nic->ops->tx_ready(s->nic, 0);
}

/* Bytes sent, its length among them; 0: none. */
static size_t send_directly(struct net_socket *s, const struct net_frame *f)
{
	uint8_t length[STREAM_LENGTH_BYTES];
	struct iovec iov[NET_HEADED_IOV_MAX];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;

	be32_store(length, f->len);
	msg.msg_iovlen = net_behind_header(iov, length, sizeof(length), f);
	n = sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n > 0 ? (size_t)n : 0;
}

static int stream_send(struct net_socket *s, const struct net_frame *f)
{
	struct stream_out *out = s->out;
	size_t sent = 0;

	if (!s->has_peer)
		return 0;
	if (f->len >= STREAM_DIRECT_BYTES) {
		stream_flush(s);
		if (out->start == out->end)
			sent = send_directly(s, f);
		if (sent == STREAM_LENGTH_BYTES + f->len)
			return 0;
	}
	if (stream_out_add(out, f, sent))
		return 0;
	stream_flush(s);
	if (stream_out_add(out, f, sent))
		return 0;
	socket_wait(s, EPOLLOUT, 0);
	return -EAGAIN;
}

const struct socket_mode socket_stream = {
	.type = SOCK_STREAM,
	.reset = stream_reset,
	.receive = stream_receive,
	.writable = stream_writable,
	.send = stream_send,
	.flush = stream_flush,
};
