/* nat/wire.h: Ethernet, ARP, IPv4, ICMP, UDP and TCP headers: bytes to numbers and
 * back.  Pure: nothing here knows of a guest or a socket.
 *
 * Parsers get a copy of a frame's first bytes and refuse what is short or contradicts
 * itself; options are stepped over.  Addresses and ports are numbers of this machine's
 * byte order: 10.0.2.2 is 0x0a000202. */
#ifndef BANTAM_NAT_WIRE_H
#define BANTAM_NAT_WIRE_H

#include <sys/uio.h>

#include "net/net.h"

/* ---- the internet checksum: RFC 1071 ------------------------------------------------- */

/* A sum under way; add in any order, each piece but the last of even length or
 * continued by wire_sum_iov().  At most 4 GiB in all. */
uint64_t wire_sum(uint64_t sum, const void *bytes, size_t len);
/* [offset, offset+len) of the pieces, however they are cut. */
uint64_t wire_sum_iov(uint64_t sum, const struct iovec *iov, unsigned count, size_t offset,
		      size_t len);
/* What TCP and UDP add of the IP header (RFC 9293, 3.1; RFC 768).
 * len  of the transport's header and payload */
uint64_t wire_sum_pseudo(uint32_t src, uint32_t dst, uint8_t proto, uint32_t len);
/* The 16 bits of sum; of a packet whose checksum is right: 0xffff.  A number to be
 * stored by be16_store(). */
uint16_t wire_sum_fold(uint64_t sum);

/* ---- Ethernet ----------------------------------------------------------------------------- */

#define WIRE_ETHER_BYTES 14u
#define WIRE_TYPE_IP4	 0x0800u
#define WIRE_TYPE_ARP	 0x0806u

struct wire_ether {
	uint8_t dst[NET_MAC_BYTES], src[NET_MAC_BYTES];
	uint16_t type;
};

int wire_ether_parse(const uint8_t *bytes, size_t len, struct wire_ether *out);
void wire_ether_emit(const struct wire_ether *e, uint8_t bytes[WIRE_ETHER_BYTES]);

/* ---- ARP over Ethernet for IPv4: RFC 826 ---------------------------------------------------- */

#define WIRE_ARP_BYTES	 28u
#define WIRE_ARP_REQUEST 1u
#define WIRE_ARP_REPLY	 2u

struct wire_arp {
	uint16_t op;
	uint8_t sender_mac[NET_MAC_BYTES], target_mac[NET_MAC_BYTES];
	uint32_t sender_ip, target_ip;
};

int wire_arp_parse(const uint8_t *bytes, size_t len, struct wire_arp *out);
void wire_arp_emit(const struct wire_arp *a, uint8_t bytes[WIRE_ARP_BYTES]);

/* ---- IPv4: RFC 791 -------------------------------------------------------------------------- */

#define WIRE_IP4_BYTES	   20u /* without options */
#define WIRE_IP4_BYTES_MAX 60u
#define WIRE_PROTO_ICMP	   1u
#define WIRE_PROTO_TCP	   6u
#define WIRE_PROTO_UDP	   17u

struct wire_ip4 {
	uint32_t src, dst;
	uint8_t proto, ttl, tos;
	bool dont_fragment;
	bool more_fragments;
	uint16_t fragment_at; /* bytes */
	uint16_t id;
	uint16_t header_bytes; /* with options; emit: always WIRE_IP4_BYTES */
	uint32_t total_bytes;  /* at most 65535 */
};

/* bytes, len  the header, as far as it was copied
 * packet_len  bytes of the frame from the IP header on; may be more than the packet:
 *             short frames are padded
 * 0; -EBADMSG: not IPv4, a wrong length or a wrong checksum */
int wire_ip4_parse(const uint8_t *bytes, size_t len, size_t packet_len, struct wire_ip4 *out);
void wire_ip4_emit(const struct wire_ip4 *ip, uint8_t bytes[WIRE_IP4_BYTES]);

/* ---- ICMP: RFC 792 -------------------------------------------------------------------------- */

#define WIRE_ICMP_BYTES 8u

enum wire_icmp_type {
	WIRE_ICMP_ECHO_REPLY = 0,
	WIRE_ICMP_UNREACHABLE = 3,
	WIRE_ICMP_ECHO = 8,
	WIRE_ICMP_TIME_EXCEEDED = 11,
};

/* Codes of UNREACHABLE (and RFC 1812, 5.2.7.1). */
enum wire_icmp_code {
	WIRE_ICMP_NET = 0,
	WIRE_ICMP_HOST = 1,
	WIRE_ICMP_PROTOCOL = 2,
	WIRE_ICMP_PORT = 3,
	WIRE_ICMP_TOO_BIG = 4, /* rest: the MTU of the next hop, RFC 1191 */
	WIRE_ICMP_PROHIBITED = 13,
};

struct wire_icmp {
	uint8_t type, code;
	uint32_t rest; /* id and sequence of an echo */
};

int wire_icmp_parse(const uint8_t *bytes, size_t len, struct wire_icmp *out);
/* The checksum field becomes 0. */
void wire_icmp_emit(const struct wire_icmp *i, uint8_t bytes[WIRE_ICMP_BYTES]);

/* ---- UDP: RFC 768 ---------------------------------------------------------------------------- */

#define WIRE_UDP_BYTES	     8u
#define WIRE_UDP_PAYLOAD_MAX 65507u /* with IPv4; with IPv6 twenty bytes more fit */
#define WIRE_UDP_CSUM_OFFSET 6u

struct wire_udp {
	uint16_t src_port, dst_port;
	uint16_t len;  /* of header and payload */
	uint16_t csum; /* 0: there is none */
};

/* packet_len  bytes from the UDP header on, by IP's word */
int wire_udp_parse(const uint8_t *bytes, size_t len, size_t packet_len, struct wire_udp *out);
void wire_udp_emit(const struct wire_udp *u, uint8_t bytes[WIRE_UDP_BYTES]);

/* ---- TCP: RFC 9293 ----------------------------------------------------------------------------
 */

#define WIRE_TCP_BYTES	     20u
#define WIRE_TCP_BYTES_MAX   60u
#define WIRE_TCP_STAMP_BYTES 12u /* the timestamps option, to whole words */
#define WIRE_TCP_CSUM_OFFSET 16u

enum wire_tcp_flag {
	WIRE_TCP_FIN = 1 << 0,
	WIRE_TCP_SYN = 1 << 1,
	WIRE_TCP_RST = 1 << 2,
	WIRE_TCP_PSH = 1 << 3,
	WIRE_TCP_ACK = 1 << 4,
	WIRE_TCP_URG = 1 << 5,
	WIRE_TCP_ECE = 1 << 6,
	WIRE_TCP_CWR = 1 << 7,
};

struct wire_tcp {
	uint16_t src_port, dst_port;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window; /* not scaled */
	uint16_t urgent;
	uint16_t header_bytes; /* with options: a multiple of 4; emit: with those below */
	uint16_t mss;	       /* option 2; 0: none */
	int8_t window_scale;   /* option 3, RFC 7323: 0..14; -1: none */
	bool stamped;	       /* option 8, RFC 7323, with these two */
	uint32_t stamp, stamp_echo;
};

/* As wire_udp_parse(); an option that breaks its rules is as one that is not there. */
int wire_tcp_parse(const uint8_t *bytes, size_t len, size_t packet_len, struct wire_tcp *out);
/* The checksum field becomes 0.  Returns the bytes of the header. */
unsigned wire_tcp_emit(const struct wire_tcp *t, uint8_t bytes[WIRE_TCP_BYTES_MAX]);

#endif
