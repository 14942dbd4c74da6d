/* nat/dhcp_wire.h: DHCP messages, RFC 2131 and 2132: bytes to numbers and back. */
#ifndef BANTAM_NAT_DHCP_WIRE_H
#define BANTAM_NAT_DHCP_WIRE_H

#include "nat/nat.h"

#define DHCP_BYTES_MAX	   548u /* what any client takes: RFC 2131, 2 */
#define DHCP_CLIENT_ID_MAX 255u

enum dhcp_type {
	DHCP_NONE, /* BOOTP, or no message that is known */
	DHCP_DISCOVER,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
	DHCP_INFORM,
};

struct dhcp_request {
	enum dhcp_type type;
	uint32_t xid;
	uint16_t secs, flags;
	uint32_t client_ip; /* ciaddr: it has that address; 0: none */
	uint32_t relay_ip;
	uint8_t mac[NET_MAC_BYTES];
	uint32_t requested_ip, server_ip;  /* options 50 and 54; 0: none */
	char hostname[NET_HOSTNAME_BYTES]; /* option 12, harmless; "": none */
	uint8_t client_id_len;		   /* option 61; 0: none */
	uint8_t client_id[DHCP_CLIENT_ID_MAX];
};

/* 0; -EBADMSG: no request by Ethernet, or cut short.  Options that break their rules are
 * as ones that are not there. */
int dhcp_parse(const uint8_t *bytes, size_t len, struct dhcp_request *out);

struct dhcp_reply {
	enum dhcp_type type;
	uint32_t your_ip;
	uint32_t server_ip, netmask;
	uint32_t router_ip, dns_ip;    /* 0: none */
	uint32_t lease_s;	       /* 0: no word of a lease */
	uint16_t mtu;		       /* 0: none */
	const char *hostname, *domain; /* NULL: none */
};

/* The answer to q.  Returns its length. */
size_t dhcp_emit(const struct dhcp_request *q, const struct dhcp_reply *r,
		 uint8_t bytes[DHCP_BYTES_MAX]);

#endif
