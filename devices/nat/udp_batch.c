#include "nat/udp_batch.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "nat/iov.h"
#include "nat/udp_internal.h"

/* What a socket knows of an earlier datagram it says of this one, and does not send it:
 * heard, it is sent.
 * 0; -errno: lost, as datagrams may be. */
static int send_msg(struct nat *n, struct udp_flow *f, const struct msghdr *msg)
{
	int rc = 0;

	for (unsigned i = 0; i < 2; i++) {
		if (sendmsg(f->watch.source.fd, msg, MSG_NOSIGNAL) >= 0)
			return 0;
		rc = -errno;
		if (rc == -EAGAIN)
			break;
		udp_flow_errors(n, f);
	}
	return rc;
}

static int send_together(struct nat *n, const struct udp_batch *b, struct udp_flow *f)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(b->each))];
	} control = { 0 };
	struct iovec iov = { (void *)b->bytes, b->len };
	const struct msghdr msg = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = control.bytes,
				    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(b->each));
	memcpy(CMSG_DATA(c), &b->each, sizeof(b->each));
	return send_msg(n, f, &msg);
}

static void send_each(struct nat *n, const struct udp_batch *b, struct udp_flow *f)
{
	for (uint32_t at = 0; at < b->len; at += b->each) {
		struct iovec iov = { (void *)(b->bytes + at), min_u64(b->each, b->len - at) };

		send_msg(n, f, &(struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 });
	}
}

/* Where the way to the peer has a smaller MTU, or a device that cannot take it. */
static bool is_no_way(int rc)
{
	return rc == -EINVAL || rc == -EMSGSIZE || rc == -EIO || rc == -EOPNOTSUPP;
}

void udp_batch_end(struct nat *n)
{
	struct udp_batch *b = &n->udp->batch;
	struct udp_flow *f = b->flow;

	if (!f)
		return;
	b->flow = NULL;
	nat_set_ttl(f->watch.source.fd, &f->ttl, b->guest_ttl);
	if (b->count > 1) {
		if (!is_no_way(send_together(n, b, f)))
			return;
		f->one_by_one = true;
	}
	send_each(n, b, f);
}

static bool belongs(const struct udp_batch *b, const struct udp_flow *f, uint8_t guest_ttl,
		    size_t len)
{
	return b->flow == f && b->guest_ttl == guest_ttl && len <= b->each &&
	       b->count < UDP_BATCH_DATAGRAMS && b->len + len <= sizeof(b->bytes);
}

void udp_batch_add(struct nat *n, struct udp_flow *f, uint8_t guest_ttl, const struct iovec *iov,
		   unsigned iov_count, size_t len)
{
	struct udp_batch *b = &n->udp->batch;

	if (!belongs(b, f, guest_ttl, len))
		udp_batch_end(n);
	if (len == 0 || len > UDP_BATCH_LONGEST || f->one_by_one) {
		udp_batch_end(n);
		nat_set_ttl(f->watch.source.fd, &f->ttl, guest_ttl);
		send_msg(n, f,
			 &(struct msghdr){ .msg_iov = (struct iovec *)iov,
					   .msg_iovlen = iov_count });
		return;
	}
	if (!b->flow) {
		b->flow = f;
		b->guest_ttl = guest_ttl;
		b->each = (uint16_t)len;
		b->count = 0;
		b->len = 0;
	}
	b->len += (uint32_t)iov_read(iov, iov_count, 0, b->bytes + b->len, len);
	b->count++;
	/* One that is shorter is the last. */
	if (len < b->each)
		udp_batch_end(n);
}
