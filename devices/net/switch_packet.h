/* net/switch_packet.h: what passes between guests' processes and the one that serves
 * their network, one message of a SEQPACKET socket each:
 *
 *	 0  kind       1: hello, 2: welcome, 3: refused, 4: frame, 5: lease
 *	 1  version    1
 *	 2  zero       2 bytes
 *	 4  hello:   le32, enum switch_says
 *	    refused: le32, enum switch_refusal
 *	    frame:   struct virtio_net_hdr of 12 bytes
 *	    lease:   le32, an IPv4 address; and 6 bytes, whose it is; 2 bytes zero
 *	16  frame:   the frame
 *	    lease:   64 bytes, what that guest calls itself, zeros behind
 *
 * Whoever connects says hello first, and may then send frames; the server answers.  To
 * the guest that its uplink gave an address the server says so. */
#ifndef BANTAM_NET_SWITCH_PACKET_H
#define BANTAM_NET_SWITCH_PACKET_H

#include "net/lease.h"
#include "net/offload.h"

#define SWITCH_VERSION		1u
#define SWITCH_HEADER_BYTES	16u
#define SWITCH_PACKET_BYTES_MAX (SWITCH_HEADER_BYTES + NET_FRAME_BYTES_MAX)
#define SWITCH_LEASE_BYTES	(SWITCH_HEADER_BYTES + NET_HOSTNAME_BYTES)
/* What frames may leave undone; who receives one for a guest that takes less finishes it
 * (net/finish.h). */
#define SWITCH_CAN (NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6 | NET_CAN_ECN | NET_CAN_USO)

enum switch_kind { SWITCH_HELLO = 1, SWITCH_WELCOME, SWITCH_REFUSED, SWITCH_FRAME, SWITCH_LEASE };

enum switch_says { SWITCH_SAYS_UPLINK = 1 }; /* this network has one; a mask */

enum switch_refusal { SWITCH_REFUSES_VERSION = 1, SWITCH_REFUSES_UPLINK, SWITCH_REFUSES_FULL };

struct switch_packet {
	enum switch_kind kind;
	uint32_t word;		    /* of hello and refused */
	struct net_offload offload; /* of a frame, which is consistent with it */
	size_t frame_bytes;	    /* NET_HEADER_BYTES..NET_FRAME_BYTES_MAX */
};

/* Judge a message of len bytes, of which at least the header is in raw: hostile.
 * 0; -EPROTO: the peer speaks another version, or nonsense; -EBADMSG: a frame that has
 * to be dropped. */
int switch_packet_parse(const uint8_t raw[SWITCH_HEADER_BYTES], size_t len,
			struct switch_packet *out);

/* The whole of a lease's message, which switch_packet_parse() has judged by its header. */
void switch_lease_parse(const uint8_t raw[SWITCH_LEASE_BYTES], struct net_lease *out);

void switch_packet_emit(enum switch_kind kind, uint32_t word, uint8_t raw[SWITCH_HEADER_BYTES]);
void switch_frame_emit(const struct net_offload *o, uint8_t raw[SWITCH_HEADER_BYTES]);
void switch_lease_emit(const struct net_lease *lease, uint8_t raw[SWITCH_LEASE_BYTES]);

#endif
