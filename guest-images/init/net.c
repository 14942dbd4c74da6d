/* guest-images/init/net.c: see net.h. */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

#define SERVER_PORT 67
#define CLIENT_PORT 68
#define RESOLV_CONF "/etc/resolv.conf"
#define TRIES	    4 /* 1, 2, 4 and 8 s */

/* A DHCP message (RFC 2131, 2): offsets of what is used of it. */
enum {
	AT_OP = 0,
	AT_XID = 4,
	AT_FLAGS = 10,
	AT_YOUR_ADDRESS = 16,
	AT_HARDWARE = 28,
	AT_MAGIC = 236,
	AT_OPTIONS = 240,
	MESSAGE_BYTES = 576,
};

/* RFC 2132 */
enum {
	OPTION_PAD = 0,
	OPTION_NETMASK = 1,
	OPTION_ROUTER = 3,
	OPTION_DNS = 6,
	OPTION_HOSTNAME = 12,
	OPTION_DOMAIN = 15,
	OPTION_MTU = 26,
	OPTION_REQUESTED = 50,
	OPTION_TYPE = 53,
	OPTION_SERVER = 54,
	OPTION_WANTED = 55,
	OPTION_END = 255,
};

enum { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5 };

static const uint8_t magic[4] = { 99, 130, 83, 99 };

struct nic {
	char name[IF_NAMESIZE];
	uint8_t mac[6];
	uint8_t xid[4]; /* of this conversation */
	int fd;
};

/* What a server said; addresses as on the wire, 0: not told. */
struct offer {
	uint8_t type;
	uint8_t address[4], server[4], netmask[4], router[4];
	uint8_t dns[3][4];
	unsigned dns_count;
	unsigned mtu;
	char domain[256];
};

/* ---- messages ------------------------------------------------------------------------- */

static size_t put_option(uint8_t *m, size_t at, uint8_t code, const void *bytes, size_t len)
{
	m[at] = code;
	m[at + 1] = (uint8_t)len;
	memcpy(m + at + 2, bytes, len);
	return at + 2 + len;
}

/* offer  what is taken; NULL: ask who is there.  Returns the message's bytes. */
static size_t write_message(uint8_t m[MESSAGE_BYTES], const struct nic *nic,
			    const struct offer *offer)
{
	static const uint8_t wanted[] = { OPTION_NETMASK, OPTION_ROUTER, OPTION_DNS, OPTION_DOMAIN,
					  OPTION_MTU };
	const uint8_t type = offer ? REQUEST : DISCOVER;
	char hostname[64] = "";
	size_t at = AT_OPTIONS;

	memset(m, 0, MESSAGE_BYTES);
	m[AT_OP] = 1;	  /* to a server */
	m[AT_OP + 1] = 1; /* Ethernet */
	m[AT_OP + 2] = sizeof nic->mac;
	memcpy(m + AT_XID, nic->xid, sizeof nic->xid);
	m[AT_FLAGS] = 0x80; /* answer by broadcast: we have no address to be reached at */
	memcpy(m + AT_HARDWARE, nic->mac, sizeof nic->mac);
	memcpy(m + AT_MAGIC, magic, sizeof magic);
	at = put_option(m, at, OPTION_TYPE, &type, 1);
	if (offer) {
		at = put_option(m, at, OPTION_REQUESTED, offer->address, 4);
		at = put_option(m, at, OPTION_SERVER, offer->server, 4);
	}
	gethostname(hostname, sizeof hostname - 1);
	if (hostname[0] != '\0')
		at = put_option(m, at, OPTION_HOSTNAME, hostname, strlen(hostname));
	at = put_option(m, at, OPTION_WANTED, wanted, sizeof wanted);
	m[at++] = OPTION_END;
	return at;
}

static void take_option(struct offer *o, uint8_t code, const uint8_t *bytes, size_t len)
{
	switch (code) {
	case OPTION_TYPE:
		o->type = len == 1 ? bytes[0] : 0;
		break;
	case OPTION_NETMASK:
		memcpy(o->netmask, bytes, len == 4 ? 4 : 0);
		break;
	case OPTION_SERVER:
		memcpy(o->server, bytes, len == 4 ? 4 : 0);
		break;
	case OPTION_ROUTER: /* of several the first */
		memcpy(o->router, bytes, len >= 4 ? 4 : 0);
		break;
	case OPTION_DNS:
		for (size_t i = 0; i + 4 <= len && o->dns_count < 3; i += 4)
			memcpy(o->dns[o->dns_count++], bytes + i, 4);
		break;
	case OPTION_MTU:
		o->mtu = len == 2 ? (unsigned)bytes[0] << 8 | bytes[1] : 0;
		break;
	case OPTION_DOMAIN:
		memcpy(o->domain, bytes, len);
		o->domain[len] = '\0';
		break;
	}
}

/* Whether m is an answer to us; out is what it says. */
static bool read_message(const uint8_t *m, size_t len, const struct nic *nic, struct offer *out)
{
	size_t at = AT_OPTIONS;

	*out = (struct offer){ 0 };
	if (len < AT_OPTIONS || m[AT_OP] != 2 || memcmp(m + AT_XID, nic->xid, 4) != 0 ||
	    memcmp(m + AT_HARDWARE, nic->mac, sizeof nic->mac) != 0 ||
	    memcmp(m + AT_MAGIC, magic, sizeof magic) != 0)
		return false;
	memcpy(out->address, m + AT_YOUR_ADDRESS, 4);
	while (at < len && m[at] != OPTION_END) {
		if (m[at] == OPTION_PAD) {
			at++;
			continue;
		}
		if (at + 2 > len || at + 2 + m[at + 1] > len)
			return false;
		take_option(out, m[at], m + at + 2, m[at + 1]);
		at += 2u + m[at + 1];
	}
	return true;
}

/* ---- the conversation -------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait for an answer of that type.  False if none came in time. */
static bool hear(const struct nic *nic, uint8_t type, int wait_ms, struct offer *out)
{
	const int64_t end_ms = now_ms() + wait_ms;
	struct pollfd input = { .fd = nic->fd, .events = POLLIN };
	uint8_t m[2048];

	for (int64_t left; (left = end_ms - now_ms()) > 0;) {
		ssize_t len;

		if (poll(&input, 1, (int)left) <= 0)
			continue;
		len = recv(nic->fd, m, sizeof m, 0);
		if (len > 0 && read_message(m, (size_t)len, nic, out) && out->type == type)
			return true;
	}
	return false;
}

/* offer  as for write_message() */
static bool ask(const struct nic *nic, const struct offer *offer, uint8_t answer, int wait_ms,
		struct offer *out)
{
	const struct sockaddr_in everybody = {
		.sin_family = AF_INET,
		.sin_port = htons(SERVER_PORT),
		.sin_addr.s_addr = htonl(INADDR_BROADCAST),
	};
	uint8_t m[MESSAGE_BYTES];
	const size_t len = write_message(m, nic, offer);

	/* What cannot be sent yet may be at the next try. */
	sendto(nic->fd, m, len, 0, (const struct sockaddr *)&everybody, sizeof everybody);
	return hear(nic, answer, wait_ms, out);
}

static bool converse(struct nic *nic, struct offer *out)
{
	struct offer offer;

	if (getrandom(nic->xid, sizeof nic->xid, GRND_NONBLOCK) < 0)
		memcpy(nic->xid, nic->mac + 2, sizeof nic->xid);
	for (int i = 0; i < TRIES; i++)
		if (ask(nic, NULL, OFFER, 1000 << i, &offer) &&
		    ask(nic, &offer, ACK, 1000 << i, out))
			return true;
	return false;
}

/* ---- the interface ------------------------------------------------------------------------- */

/* An ioctl on the interface by name; 0 or -1 with errno set. */
static int control(const struct nic *nic, unsigned long what, struct ifreq *request)
{
	memcpy(request->ifr_name, nic->name, sizeof request->ifr_name);
	return ioctl(nic->fd, what, request);
}

static int set_address(const struct nic *nic, unsigned long what, const uint8_t address[4])
{
	struct ifreq request = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;

	in->sin_family = AF_INET;
	memcpy(&in->sin_addr, address, 4);
	return control(nic, what, &request);
}

/* Of several NICs' routers the first one's counts. */
static int set_route(const struct nic *nic, const uint8_t router[4], unsigned metric)
{
	struct rtentry route = {
		.rt_dst.sa_family = AF_INET,
		.rt_genmask.sa_family = AF_INET,
		.rt_flags = RTF_UP | RTF_GATEWAY,
		.rt_metric = (short)(metric + 1), /* the kernel takes one off */
		.rt_dev = (char *)nic->name,
	};
	struct sockaddr_in *gateway = (struct sockaddr_in *)&route.rt_gateway;

	gateway->sin_family = AF_INET;
	memcpy(&gateway->sin_addr, router, 4);
	return ioctl(nic->fd, SIOCADDRT, &route);
}

/* The first NIC that is told of name servers has the file. */
static void write_resolvers(const struct offer *o)
{
	FILE *f = o->dns_count > 0 ? fopen(RESOLV_CONF, "wxe") : NULL;

	if (!f)
		return;
	if (o->domain[0] != '\0')
		fprintf(f, "search %s\n", o->domain);
	for (unsigned i = 0; i < o->dns_count; i++)
		fprintf(f, "nameserver %u.%u.%u.%u\n", o->dns[i][0], o->dns[i][1], o->dns[i][2],
			o->dns[i][3]);
	fclose(f);
}

static bool is_set(const uint8_t address[4])
{
	static const uint8_t zero[4];

	return memcmp(address, zero, 4) != 0;
}

static void take(const struct nic *nic, const struct offer *o, unsigned metric)
{
	struct ifreq mtu = { .ifr_mtu = (int)o->mtu };

	if (o->mtu)
		control(nic, SIOCSIFMTU, &mtu);
	if (set_address(nic, SIOCSIFADDR, o->address) < 0 ||
	    (is_set(o->netmask) && set_address(nic, SIOCSIFNETMASK, o->netmask) < 0) ||
	    (is_set(o->router) && set_route(nic, o->router, metric) < 0)) {
		say("%s: cannot set its address: %s", nic->name, strerror(errno));
		return;
	}
	write_resolvers(o);
	say("%s has %u.%u.%u.%u", nic->name, o->address[0], o->address[1], o->address[2],
	    o->address[3]);
}

/* A socket that speaks on this interface only, though it has no address. */
static int open_socket(const char *name)
{
	const struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(CLIENT_PORT) };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1) == 0 &&
	    bind(fd, (const struct sockaddr *)&here, sizeof here) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void configure(const char *name, unsigned metric)
{
	struct nic nic = { .fd = open_socket(name) };
	struct ifreq request = { 0 };
	struct offer offer;

	if (nic.fd < 0)
		return;
	memccpy(nic.name, name, '\0', sizeof nic.name - 1);
	if (control(&nic, SIOCGIFHWADDR, &request) < 0 || request.ifr_hwaddr.sa_family != 1)
		goto out; /* no Ethernet: lo, tunnels */
	memcpy(nic.mac, request.ifr_hwaddr.sa_data, sizeof nic.mac);
	if (control(&nic, SIOCGIFADDR, &request) == 0)
		goto out; /* the kernel did it: ip=dhcp */
	if (control(&nic, SIOCGIFFLAGS, &request) < 0)
		goto out;
	request.ifr_flags |= IFF_UP;
	if (control(&nic, SIOCSIFFLAGS, &request) < 0)
		say("%s: cannot bring it up: %s", name, strerror(errno));
	else if (converse(&nic, &offer))
		take(&nic, &offer, metric);
	else
		say("%s: nobody answers DHCP", name);
out:
	close(nic.fd);
}

void net_configure(void)
{
	struct if_nameindex *all = if_nameindex();

	for (unsigned i = 0; all && all[i].if_name; i++)
		configure(all[i].if_name, i);
	if (all)
		if_freenameindex(all);
}
