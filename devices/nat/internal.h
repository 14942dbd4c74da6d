/* nat/internal.h: what the files of the NAT share.  Private to devices/nat.
 *
 *	guest ─▶ nat_send ─▶ arp | ip ─▶ icmp | udp ─▶ dhcp, dns, policy ─▶ sockets
 *	                                 tcp ─▶ policy ─▶ sockets
 *	guest ◀─ packet.c ◀─ icmp, udp, tcp ◀─ watch.c ◀─ sockets
 *
 * All of it runs on the loop of the NIC's one pair.  There is one guest, or there are
 * many_guests, which differ by their addresses only: flows and connections are of an
 * address, and nat_mac() knows where that is. */
#ifndef BANTAM_NAT_INTERNAL_H
#define BANTAM_NAT_INTERNAL_H

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "nat/iov.h"
#include "nat/nat.h"
#include "nat/neighbour.h"
#include "nat/timer.h"
#include "nat/wire.h"

struct nat;

/* ---- sockets: watch.c ---------------------------------------------------------------------- */

/* A socket that is watched while the guest's rings run; when they stop and start,
 * maybe on another loop, it is seen to here. */
struct nat_watch {
	struct io_source source;
	uint32_t events; /* what is wanted; 0: no look at all, not even at errors */
	bool watched;	 /* the loop has it */
	bool stalled;	 /* waits for the guest's buffers */
	struct nat_watch_list *list;
	struct nat_watch *next, **link;
};

struct nat_watch_list {
	struct nat_watch *first, **end;
};

/* A watch that is not open: fd -1. */
void nat_watch_init(struct nat_watch *w, void (*ready)(void *arg, uint32_t events), void *arg);
/* Own fd (non-blocking, close-on-exec) from now on.
 * 0; or -errno: fd is the caller's still */
int nat_watch_open(struct nat *n, struct nat_watch *w, int fd, uint32_t events);
/* No change costs nothing. */
void nat_watch_set(struct nat *n, struct nat_watch *w, uint32_t events);
/* The guest has no buffers for what this socket has: leave it alone until it has, then
 * look at it as before. */
void nat_watch_stall(struct nat *n, struct nat_watch *w);
/* Closes the descriptor; harmless if it is not open. */
void nat_watch_close(struct nat *n, struct nat_watch *w);

/* For nat.c. */
void nat_watches_init(struct nat *n);
void nat_watches_start(struct nat *n);
void nat_watches_stop(struct nat *n);
void nat_watches_resume(struct nat *n); /* those that stalled */

/* ---- packets from the guest ------------------------------------------------------------------ */

/* Ethernet, IP and TCP headers, with all options. */
#define NAT_HEAD_BYTES (WIRE_ETHER_BYTES + WIRE_IP4_BYTES_MAX + WIRE_TCP_BYTES_MAX)

struct nat_in {
	const struct net_frame *frame; /* guest memory: may change at any time */
	uint8_t head[NAT_HEAD_BYTES];  /* a copy of its first bytes */
	size_t head_len;
	struct wire_ether ether;
	struct wire_ip4 ip;
	uint32_t at;  /* of the transport's header in frame and head */
	uint32_t len; /* of it and the payload: inside the frame, without padding */
};

/* The transport's header in in->head: how much of it was copied. */
static inline size_t nat_in_head_len(const struct nat_in *in)
{
	return in->head_len <= in->at ? 0 : min_u64(in->head_len - in->at, in->len);
}

/* The guest's memory from skip bytes after the transport's start on, up to len bytes.
 * Returns how many pieces; *bytes how many bytes they are. */
static inline unsigned nat_in_slice(const struct nat_in *in, uint32_t skip, size_t len,
				    struct iovec *out, unsigned out_max, size_t *bytes)
{
	const size_t rest = skip < in->len ? in->len - skip : 0;

	return iov_slice(in->frame->iov, in->frame->iov_count, in->at + skip, min_u64(len, rest),
			 out, out_max, bytes);
}

/* ---- packets to the guest: packet.c ------------------------------------------------------------
 */

#define NAT_IOV_MAX 256u

/* Room for one packet in the guest's buffers, lent by nat_packet_begin(). */
struct nat_packet {
	struct net_room room;
	unsigned header_bytes; /* Ethernet, IP and transport, at the front of the room */
	/* Where the payload goes, all behind the headers: read straight into it.  One
	 * more element is free behind, for what does not fit. */
	struct iovec iov[NAT_IOV_MAX + 1];
	unsigned iov_count;
	size_t payload_max; /* bytes of iov: 1 .. what was asked for, or 0 if that was 0 */
};

/* dst              whom it is for
 * transport_bytes  of its header, with options
 * payload_max      as much as is wanted; the guest's buffers may be smaller
 * False: it has none; see nat_watch_stall() and tcp_rx_ready().  With true, exactly one
 * nat_packet_send() or nat_packet_cancel() follows before anything else is sent. */
bool nat_packet_begin(struct nat *n, uint32_t dst, unsigned transport_bytes, size_t payload_max,
		      struct nat_packet *p);
void nat_packet_cancel(struct nat *n, struct nat_packet *p);

/* Who speaks to whom; the rest of the IP header follows. */
struct nat_to {
	uint32_t src, dst;
	uint8_t proto;
	uint8_t tos;
	const uint8_t *mac; /* NULL: where dst was last heard; not for broadcasts */
};

/* The payload is there: send.
 * transport    the header of transport_bytes.  Its checksum field, of TCP and UDP, is
 *              filled in here: by what the guest does itself, or in full; of others it
 *              is right already
 * payload_len  at most p->payload_max
 * gso_bytes    TCP: payload of a segment, if this is more than one (only with
 *              n->guest_tso4); else 0 */
void nat_packet_send(struct nat *n, struct nat_packet *p, const struct nat_to *to,
		     uint8_t *transport, size_t payload_len, uint16_t gso_bytes);

/* A small packet whose bytes are ours (a RST, an ICMP error, a DHCP answer): copied to
 * the guest, or kept in a short queue until it has buffers, or dropped and counted.
 * transport  as above, transport_bytes long; the payload may be empty
 * Headers and payload are at most NAT_SMALL_BYTES, or it is dropped. */
void nat_send_small(struct nat *n, const struct nat_to *to, uint8_t *transport,
		    unsigned transport_bytes, const void *payload, size_t payload_len);
/* The same for any length that IP can carry: fragments, if it is more than the guest's
 * MTU.  transport is changed. */
void nat_send_datagram(struct nat *n, const struct nat_to *to, uint8_t *transport,
		       unsigned transport_bytes, const void *payload, size_t payload_len);
/* The same for a whole small frame: ARP. */
void nat_send_frame(struct nat *n, const uint8_t *frame, size_t len);

/* For nat.c: what waits in the queue. */
void nat_packets_resume(struct nat *n);

/* Payload of a packet with this transport header that fits the guest's MTU. */
unsigned nat_payload_max(const struct nat *n, unsigned transport_bytes);

/* Ethernet's minimum of 60 bytes needs no padding here: no wire is crossed. */
#define NAT_SMALL_BYTES 640u
#define NAT_SMALL_COUNT 16u

struct nat_small {
	uint16_t len;
	uint8_t bytes[NAT_SMALL_BYTES];
};

/* ---- the NAT itself ---------------------------------------------------------------------------
 */

struct dhcp;
struct dns;
struct icmp;
struct tcp;
struct udp;

struct nat_published {
	struct nat_publish config; /* text: gone */
	uint16_t host_port;
};

#define NAT_OWN_MAX 16u

struct nat {
	struct net net;
	struct net_nic *nic; /* NULL before attach() */
	struct ioloop *loop; /* NULL: the guest's rings do not run */

	/* Fixed. */
	uint32_t network_ip, gateway_ip, dns_ip, guest_ip;
	uint8_t gateway_mac[NET_MAC_BYTES], dns_mac[NET_MAC_BYTES];
	bool host_loopback, restrict_, many_guests;
	uint64_t (*clock_ns)(void *arg);
	void *clock_arg;
	uint32_t own_ips[NAT_OWN_MAX]; /* of the host's loopback interface, 127/8 aside */
	unsigned own_count;
	unsigned published_count;
	struct nat_published published[NAT_PUBLISHES_MAX];

	/* What the guest agreed to. */
	_Atomic bool guest_csum, guest_tso4;
	/* Where it is: its NIC's address, or whatever it last sent from. */
	uint8_t guest_mac[NET_MAC_BYTES];
	struct neighbours neighbours; /* where many are */

	uint64_t hash_seed; /* for tables keyed by what the guest chooses */
	uint16_t ip_id;
	struct nat_stats stats;

	struct nat_timers timers;
	struct io_timer timer;
	struct nat_watch_list watches, stalled;
	struct nat_watch *resuming; /* nat_watches_resume()'s */
	unsigned small_at, small_count;
	struct nat_small small[NAT_SMALL_COUNT];

	struct icmp *icmp;
	struct udp *udp;
	struct dhcp *dhcp;
	struct dns *dns;
	struct tcp *tcp;
};

static inline uint64_t nat_now_ns(const struct nat *n)
{
	return n->clock_ns(n->clock_arg);
}

static inline void nat_count(_Atomic uint64_t *counter)
{
	net_count(counter, 1);
}

/* Where packets for ip go. */
static inline const uint8_t *nat_mac(const struct nat *n, uint32_t ip)
{
	return n->many_guests ? neighbour_mac(&n->neighbours, ip) : n->guest_mac;
}

/* An address that a guest can have: of the network, and none of ours. */
static inline bool nat_is_guest(const struct nat *n, uint32_t ip)
{
	const uint32_t host = ip & ~NAT_NETMASK;

	return (ip & NAT_NETMASK) == n->network_ip && host != 0 && host != 0xff &&
	       ip != n->gateway_ip && ip != n->dns_ip;
}

/* A guest spoke from ip. */
static inline void nat_hear(struct nat *n, uint32_t ip, const uint8_t mac[NET_MAC_BYTES])
{
	if (n->many_guests && nat_is_guest(n, ip))
		neighbour_hear(&n->neighbours, ip, mac, nat_now_ns(n));
}

/* Timers: any time in the past fires soon.  For the tests, nat_run_timers() fires what
 * is due by the NAT's clock. */
void nat_timer_arm(struct nat *n, struct nat_timer *t, uint64_t deadline_ns);
void nat_timer_disarm(struct nat *n, struct nat_timer *t);
void nat_run_timers(struct nat *n);

/* Bytes nobody can guess: ports, ids, initial sequence numbers. */
void nat_random(void *bytes, size_t len);

/* A socket for host_ip, non-blocking and close-on-exec; -errno (counted as no_socket). */
int nat_socket(struct nat *n, int family, int type, int protocol);
/* Connect such a socket, which keeps what the host says of packets sent (errqueue.h);
 * host_port is 0 for pings.  fd; or -errno, with fd closed. */
int nat_connect(int fd, uint32_t host_ip, uint16_t host_port);

/* The hops that a packet of the guest's has left, but for the one through us, become
 * those of the socket's packets.
 * set  what it was last set to; 0 at first: the host's own */
void nat_set_ttl(int fd, uint8_t *set, uint8_t guest_ttl);

/* ICMP: tell the guest that its packet did not get there (RFC 792; RFC 1812, 4.3.2).
 * rest  0, or the MTU for TOO_BIG */
void nat_icmp_error(struct nat *n, const struct nat_in *in, uint8_t type, uint8_t code,
		    uint32_t rest);

/* Where the guest's DNS queries over TCP, to n->dns_ip port 53, go.
 * 0; -ENOENT: the host knows no resolver, or the guest may not ask */
int nat_dns_server_for_tcp(struct nat *n, struct sockaddr_storage *out, socklen_t *len);

#endif
