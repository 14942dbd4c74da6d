#include "nat/dhcp_wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"

/* RFC 2131, 2: offsets of fields. */
enum {
	OP = 0,
	HTYPE = 1,
	HLEN = 2,
	XID = 4,
	SECS = 8,
	FLAGS = 10,
	CIADDR = 12,
	YIADDR = 16,
	GIADDR = 24,
	CHADDR = 28,
	SNAME = 44,
	FILE_NAME = 108,
	COOKIE = 236,
	OPTIONS = 240,
};
#define SNAME_BYTES	64u
#define FILE_NAME_BYTES 128u
#define COOKIE_VALUE	UINT32_C(0x63825363)
#define BOOTP_BYTES	300u /* some clients drop what is shorter: RFC 1542, 2.1 */

enum { BOOTREQUEST = 1, BOOTREPLY = 2, HTYPE_ETHERNET = 1 };

/* RFC 2132. */
enum {
	OPTION_PAD = 0,
	OPTION_NETMASK = 1,
	OPTION_ROUTER = 3,
	OPTION_DNS = 6,
	OPTION_HOSTNAME = 12,
	OPTION_DOMAIN = 15,
	OPTION_MTU = 26,
	OPTION_REQUESTED_IP = 50,
	OPTION_LEASE_TIME = 51,
	OPTION_OVERLOAD = 52,
	OPTION_TYPE = 53,
	OPTION_SERVER_ID = 54,
	OPTION_RENEWAL_TIME = 58,
	OPTION_REBINDING_TIME = 59,
	OPTION_CLIENT_ID = 61,
	OPTION_END = 255,
};

/* ---- parse -------------------------------------------------------------------------------- */

/* Some write its end, too: RFC 2132, 2. */
static void take_hostname(const uint8_t *bytes, size_t len, char name[NET_HOSTNAME_BYTES])
{
	if (len > 0 && bytes[len - 1] == '\0')
		len--;
	net_hostname_take(bytes, len, name);
}

static void take_option(uint8_t code, const uint8_t *bytes, uint8_t len, struct dhcp_request *out)
{
	switch (code) {
	case OPTION_TYPE:
		if (len == 1 && bytes[0] <= DHCP_INFORM)
			out->type = (enum dhcp_type)bytes[0];
		break;
	case OPTION_REQUESTED_IP:
		if (len == 4)
			out->requested_ip = be32_load(bytes);
		break;
	case OPTION_SERVER_ID:
		if (len == 4)
			out->server_ip = be32_load(bytes);
		break;
	case OPTION_HOSTNAME:
		take_hostname(bytes, len, out->hostname);
		break;
	case OPTION_CLIENT_ID:
		out->client_id_len = len;
		memcpy(out->client_id, bytes, len);
		break;
	default:
		break;
	}
}

/* One field of options.  Returns the value of OVERLOAD in it, or 0. */
static uint8_t take_options(const uint8_t *bytes, size_t len, struct dhcp_request *out)
{
	uint8_t overload = 0;
	size_t at = 0;

	while (at < len && bytes[at] != OPTION_END) {
		const uint8_t code = bytes[at++];
		uint8_t n;

		if (code == OPTION_PAD)
			continue;
		if (at == len || bytes[at] > len - at - 1)
			break;
		n = bytes[at++];
		if (code == OPTION_OVERLOAD && n == 1)
			overload = bytes[at];
		else
			take_option(code, bytes + at, n, out);
		at += n;
	}
	return overload;
}

int dhcp_parse(const uint8_t *bytes, size_t len, struct dhcp_request *out)
{
	uint8_t overload;

	memset(out, 0, sizeof(*out));
	if (len < OPTIONS || bytes[OP] != BOOTREQUEST || bytes[HTYPE] != HTYPE_ETHERNET ||
	    bytes[HLEN] != NET_MAC_BYTES || be32_load(bytes + COOKIE) != COOKIE_VALUE)
		return -EBADMSG;
	out->xid = be32_load(bytes + XID);
	out->secs = be16_load(bytes + SECS);
	out->flags = be16_load(bytes + FLAGS);
	out->client_ip = be32_load(bytes + CIADDR);
	out->relay_ip = be32_load(bytes + GIADDR);
	memcpy(out->mac, bytes + CHADDR, NET_MAC_BYTES);
	overload = take_options(bytes + OPTIONS, len - OPTIONS, out);
	if (overload & 1)
		take_options(bytes + FILE_NAME, FILE_NAME_BYTES, out);
	if (overload & 2)
		take_options(bytes + SNAME, SNAME_BYTES, out);
	return 0;
}

/* ---- emit --------------------------------------------------------------------------------- */

struct writer {
	uint8_t *bytes;
	size_t at;
};

/* What does not fit any more is left out; the end always fits. */
static void put(struct writer *w, uint8_t code, const void *bytes, size_t len)
{
	if (len > UINT8_MAX || w->at + 2 + len + 1 > DHCP_BYTES_MAX)
		return;
	w->bytes[w->at] = code;
	w->bytes[w->at + 1] = (uint8_t)len;
	memcpy(w->bytes + w->at + 2, bytes, len);
	w->at += 2 + len;
}

static void put_u32(struct writer *w, uint8_t code, uint32_t value)
{
	uint8_t raw[4];

	be32_store(raw, value);
	if (value)
		put(w, code, raw, sizeof(raw));
}

static void put_text(struct writer *w, uint8_t code, const char *text)
{
	if (text && *text)
		put(w, code, text, strlen(text));
}

static void put_lease(struct writer *w, uint32_t lease_s)
{
	put_u32(w, OPTION_LEASE_TIME, lease_s);
	put_u32(w, OPTION_RENEWAL_TIME, lease_s / 2);	    /* RFC 2131, 4.4.5 */
	put_u32(w, OPTION_REBINDING_TIME, lease_s / 8 * 7); /* the same */
}

/* RFC 2131, 4.3.1, table 3: a NAK says no more than who says it. */
static void put_settings(struct writer *w, const struct dhcp_reply *r)
{
	uint8_t mtu[2];

	put_lease(w, r->lease_s);
	put_u32(w, OPTION_NETMASK, r->netmask); /* before ROUTER: RFC 2132, 3.3 */
	put_u32(w, OPTION_ROUTER, r->router_ip);
	put_u32(w, OPTION_DNS, r->dns_ip);
	be16_store(mtu, r->mtu);
	if (r->mtu)
		put(w, OPTION_MTU, mtu, sizeof(mtu));
	put_text(w, OPTION_HOSTNAME, r->hostname);
	put_text(w, OPTION_DOMAIN, r->domain);
}

size_t dhcp_emit(const struct dhcp_request *q, const struct dhcp_reply *r,
		 uint8_t bytes[DHCP_BYTES_MAX])
{
	struct writer w = { bytes, OPTIONS };
	const uint8_t type = (uint8_t)r->type;

	memset(bytes, 0, DHCP_BYTES_MAX);
	bytes[OP] = BOOTREPLY;
	bytes[HTYPE] = HTYPE_ETHERNET;
	bytes[HLEN] = NET_MAC_BYTES;
	be32_store(bytes + XID, q->xid);
	be16_store(bytes + FLAGS, q->flags);
	be32_store(bytes + CIADDR, r->type == DHCP_ACK ? q->client_ip : 0);
	be32_store(bytes + YIADDR, r->your_ip);
	memcpy(bytes + CHADDR, q->mac, NET_MAC_BYTES);
	be32_store(bytes + COOKIE, COOKIE_VALUE);
	put(&w, OPTION_TYPE, &type, sizeof(type));
	put_u32(&w, OPTION_SERVER_ID, r->server_ip);
	if (q->client_id_len > 0) /* RFC 6842, 3 */
		put(&w, OPTION_CLIENT_ID, q->client_id, q->client_id_len);
	if (r->type != DHCP_NAK)
		put_settings(&w, r);
	assert(w.at < DHCP_BYTES_MAX);
	bytes[w.at++] = OPTION_END;
	return max_u64(w.at, BOOTP_BYTES);
}
