/* The host's side of a connection: its socket (tcp(7)). */
#include "nat/tcp_internal.h"

#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "nat/tcp_seq.h"

/* ---- making it ----------------------------------------------------------------------------- */

static void set(int fd, int level, int option, int value)
{
	/* What an old kernel does not know makes things slower, not wrong. */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

/* A host without the family needs nothing of it. */
static bool family_has_peek_off(int family)
{
	const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), at = 0;
	bool has;

	if (fd < 0)
		return true;
	has = setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &at, sizeof(at)) == 0;
	close(fd);
	return has;
}

/* Kernels had it for IPv4 first; a resolver may be there by IPv6. */
bool host_has_peek_off(void)
{
	return family_has_peek_off(AF_INET) && family_has_peek_off(AF_INET6);
}

void host_prepare(const struct tcp *t, int fd)
{
	/* The guest's own TCP decides what waits for more. */
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	/* Urgent bytes are bytes of the stream (RFC 6093); else they would be missing. */
	set(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	/* All of its buffer is ours, whatever net.ipv4.tcp_notsent_lowat says: is_crowded()
	 * looks at the buffer. */
	set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, -1);
	if (t->has_peek_off)
		set(fd, SOL_SOCKET, SO_PEEK_OFF, 0);
}

/* ---- its data -------------------------------------------------------------------------------- */

static ssize_t result(ssize_t rc)
{
	if (rc >= 0)
		return rc;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t peek_at(struct conn *c, uint32_t seq, struct iovec *iov, unsigned iov_count)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = iov_count };
	const int fd = c->host.source.fd, offset = (int)(seq - c->taken);
	ssize_t rc;

	if (c->peeked != seq &&
	    setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) < 0)
		return -errno;
	c->peeked = seq;
	rc = result(recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT));
	if (rc > 0)
		c->peeked += (uint32_t)rc;
	return rc;
}

/* Urgent bytes count, being inline: tcp(7), SIOCINQ. */
static bool has_more_than(int fd, uint32_t bytes)
{
	int queued = 0;

	return ioctl(fd, FIONREAD, &queued) == 0 && queued > 0 && (uint32_t)queued > bytes;
}

/* Without SO_PEEK_OFF what the guest was sent already is read once more, and thrown
 * away.  Such a read never gets past an urgent byte that it does not begin with: there is
 * another look, until what comes before was taken out. */
static ssize_t peek_over(struct conn *c, uint32_t skip, const struct iovec *iov, unsigned iov_count)
{
	struct iovec all[NAT_IOV_MAX + 1];
	struct msghdr msg = { .msg_iov = all, .msg_iovlen = iov_count + 1 };
	ssize_t rc;

	assert(skip <= TCP_WASTE_BYTES && iov_count <= NAT_IOV_MAX);
	all[0] = (struct iovec){ c->nat->tcp->waste, skip };
	for (unsigned i = 0; i < iov_count; i++)
		all[i + 1] = iov[i];
	rc = result(recvmsg(c->host.source.fd, &msg, MSG_PEEK | MSG_DONTWAIT));
	if (rc <= 0 || rc > (ssize_t)skip)
		return rc <= 0 ? rc : rc - (ssize_t)skip;
	if (has_more_than(c->host.source.fd, skip)) {
		c->look_ns = nat_now_ns(c->nat) + TCP_LOOK_DELAY_NS;
		return -EAGAIN;
	}
	return c->host_hup ? 0 : -EAGAIN;
}

ssize_t host_peek(struct conn *c, uint32_t seq, struct iovec *iov, unsigned iov_count)
{
	if (c->nat->tcp->has_peek_off)
		return peek_at(c, seq, iov, iov_count);
	return peek_over(c, seq - c->taken, iov, iov_count);
}

int host_take(struct conn *c)
{
	const uint32_t end = c->host_eof && c->snd_una - c->fin_seq == 1 ? c->fin_seq : c->snd_una;

	if (end - c->taken < TCP_TAKE_BYTES && c->snd_una != c->snd_max &&
	    c->nat->tcp->has_peek_off)
		return 0;
	/* Reads to nowhere: tcp(7), MSG_TRUNC.  One, or two around an urgent byte. */
	for (unsigned i = 0; i < 2 && c->taken != end; i++) {
		const ssize_t rc = result(
			recv(c->host.source.fd, NULL, end - c->taken, MSG_TRUNC | MSG_DONTWAIT));

		if (rc <= 0)
			return rc == -EAGAIN ? 0 : (int)rc;
		c->taken += (uint32_t)rc;
	}
	return 0;
}

/* So many at a time. */
#define WRITE_PIECES 64u

static ssize_t write_pieces(struct conn *c, const struct nat_in *in, uint32_t skip, uint32_t len,
			    size_t *asked)
{
	struct iovec iov[WRITE_PIECES];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t rc;

	msg.msg_iovlen = nat_in_slice(in, skip, len, iov, WRITE_PIECES, asked);
	rc = result(sendmsg(c->host.source.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL));
	return rc == -EAGAIN || rc == -ENOBUFS || rc == -ENOMEM ? 0 : rc;
}

ssize_t host_write(struct conn *c, const struct nat_in *in, uint32_t skip, uint32_t len)
{
	size_t asked;
	uint32_t done = 0;

	do {
		const ssize_t rc = write_pieces(c, in, skip + done, len - done, &asked);

		if (rc < 0)
			return rc;
		done += (uint32_t)rc;
		if ((size_t)rc < asked)
			break;
	} while (done < len && asked > 0);
	c->credit_bytes -= (uint32_t)min_u64(done, c->credit_bytes);
	c->credit_old = true;
	return done;
}

/* ---- its room ----------------------------------------------------------------------------------
 */

/* Writes succeed as long as what is queued, with the kernel's own needs, is less than
 * the buffer.  False: a third is free; only then the kernel calls a socket writable. */
static bool is_crowded(struct conn *c)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);
	uint32_t limit, used, room;

	if (getsockopt(c->host.source.fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
		return false;
	limit = info[SK_MEMINFO_SNDBUF];
	used = info[SK_MEMINFO_WMEM_QUEUED];
	room = used < limit ? limit - used : 0;
	c->credit_bytes = room - room / 4; /* small writes need more than their bytes */
	c->credit_asks = (uint32_t)min_u64(c->credit_bytes, TCP_WINDOW_MAX) / 2;
	return room < limit / 3;
}

/* If not, the kernel tells when it is. */
static bool is_writable(const struct conn *c)
{
	struct pollfd p = { .fd = c->host.source.fd, .events = POLLOUT };

	return poll(&p, 1, 0) != 0;
}

void host_ask_room(struct conn *c)
{
	c->credit_old = false;
	if (c->host_dead || !is_crowded(c))
		return;
	if (is_writable(c))
		is_crowded(c);
	else
		c->host_full = true;
}

/* The guest sent what was refused long ago: a new window and three duplicates have it
 * sent again at once (RFC 5681, 3.2). */
static void ask_again(struct conn *c)
{
	c->refused = false;
	c->ack_count = 4;
}

void host_refused(struct conn *c)
{
	c->refused = true;
	c->rcv_edge = c->rcv_nxt; /* back, whatever was told */
	host_ask_room(c);
	/* Its buffer may be free and the kernel have another reason. */
	c->host_full = c->host_full || !is_writable(c);
	if (c->host_full || c->host_dead)
		c->credit_bytes = 0;
	else
		ask_again(c);
}

/* ---- its end -----------------------------------------------------------------------------------
 */

static void hear_room(struct conn *c)
{
	c->host_full = false;
	host_ask_room(c);
	conn_owe_ack(c);
	if (c->refused)
		ask_again(c);
}

void host_died(struct conn *c)
{
	c->host_dead = c->host_readable = true;
	c->credit_bytes = 0;
}

void host_hear(struct conn *c, uint32_t events)
{
	int error = 0;
	socklen_t len = sizeof(error);

	/* Read, an error is forgotten, but its event may come again. */
	if ((events & EPOLLERR) &&
	    (getsockopt(c->host.source.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error))
		host_died(c);
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
		c->host_readable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP))
		c->host_hup = true;
	if ((events & EPOLLOUT) && c->host_full && !c->host_dead)
		hear_room(c);
}

int host_shutdown(struct conn *c)
{
	return shutdown(c->host.source.fd, SHUT_WR) < 0 ? -errno : 0;
}

void host_reset(struct conn *c)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (c->host.source.fd < 0)
		return;
	(void)setsockopt(c->host.source.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	nat_watch_close(c->nat, &c->host);
}
