#include "nat/errqueue.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define LOOKS 16u /* at what nobody needs to know, before the rest waits for a next call */

void nat_errqueue_keep(int fd, bool keep)
{
	const int on = keep;

	/* Without it the guest only hears less. */
	(void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
}

/* That a packet was too big (RFC 1191) is for the host's kernel, which cuts the next
 * ones; the guest would do so too, and its fragments go nowhere (ip.c). */
static bool is_worth_it(const struct nat_host_error *e)
{
	return e->type == WIRE_ICMP_TIME_EXCEEDED ||
	       (e->type == WIRE_ICMP_UNREACHABLE && e->code != WIRE_ICMP_TOO_BIG);
}

static bool understand(struct msghdr *msg, struct nat_host_error *out)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct {
			struct sock_extended_err err;
			struct sockaddr_in offender;
		} e;

		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR ||
		    c->cmsg_len < CMSG_LEN(sizeof(e)))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		if (e.err.ee_origin != SO_EE_ORIGIN_ICMP)
			return false;
		out->type = e.err.ee_type;
		out->code = e.err.ee_code;
		out->offender = ntohl(e.offender.sin_addr.s_addr);
		return is_worth_it(out);
	}
	return false;
}

bool nat_errqueue_next(int fd, struct nat_host_error *out)
{
	for (unsigned i = 0; i < LOOKS; i++) {
		struct iovec iov = { out->quote, sizeof(out->quote) };
		_Alignas(struct cmsghdr) uint8_t control[256];
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		const ssize_t n = recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT);

		if (n < 0)
			return false;
		out->quote_len = (uint32_t)n;
		out->offender = 0;
		if (understand(&msg, out))
			return true;
	}
	return false;
}
