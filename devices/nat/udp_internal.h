/* nat/udp_internal.h: between udp.c (flows of the guest's) and udp_publish.c. */
#ifndef BANTAM_NAT_UDP_INTERNAL_H
#define BANTAM_NAT_UDP_INTERNAL_H

#include <netinet/in.h>

#include "nat/flow.h"
#include "nat/udp.h"
#include "nat/udp_batch.h"

#define UDP_FLOW_NS (60 * NS_PER_S) /* may a flow be idle */
#define UDP_BURST   32u		    /* datagrams of one socket before others have their turn */

/* A published port. */
struct udp_port {
	struct nat *nat;
	struct nat_watch watch;
	uint16_t guest_port;
	struct udp_port *next;
};

struct udp_flow {
	struct nat_flow flow;
	struct nat *nat;
	struct nat_watch watch; /* a socket of its own, connected; or none, and then: */
	struct udp_port *port;	/* whose socket it goes through */
	uint32_t host_ip;	/* the peer, as the host sees it */
	uint16_t host_port;
	uint32_t local_ip; /* which address of the host's the peer spoke to */
	uint8_t ttl;
	bool one_by_one; /* no batch could be sent this way */
};

struct udp {
	struct nat_flow_table flows;
	struct udp_port *ports;
	struct udp_batch batch;
	/* For datagrams that are longer than the guest's MTU. */
	uint8_t rest[WIRE_UDP_PAYLOAD_MAX], whole[WIRE_UDP_PAYLOAD_MAX];
};

/* Receive one datagram straight into the buffers of the guest that has guest_ip.
 * msg  name and control are the caller's; the payload is seen to here
 * Returns as recvmsg(2); -ENOBUFS: the guest has no room, nothing was received.  With 0
 * or more, udp_deliver() or nat_packet_cancel() follows. */
ssize_t udp_receive(struct nat *n, uint32_t guest_ip, int fd, struct msghdr *msg,
		    struct nat_packet *packet);
/* The packet holds len bytes from the flow's peer. */
void udp_deliver(struct nat *n, struct udp_flow *f, struct nat_packet *packet, size_t len);

/* Tell the guest what became of datagrams that it sent. */
void udp_flow_errors(struct nat *n, struct udp_flow *f);

/* To the peer of a flow that goes through a published port. */
void udp_port_send(const struct udp_flow *f, struct iovec *iov, size_t iov_count);

void udp_ports_close(struct nat *n);

#endif
