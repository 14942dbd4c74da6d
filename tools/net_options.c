#include "tools/net_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/keyvals.h"
#include "base/options.h"
#include "base/units.h"
#include "net/mac.h"
#include "net/network.h"
#include "virtio/net.h"

#define RATE_MAX (UINT64_C(1) << 40) /* bytes a second */

static bool is_on(const char *value)
{
	return strcmp(value, "on") == 0;
}

/* ---- the first part: what is at the other end ----------------------------------------- */

/* As the kernel has it: dev_valid_name(). */
static int check_interface(const char *name, struct err *err)
{
	if (strlen(name) >= IFNAMSIZ || strpbrk(name, "/: \t\n") || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return value_wrong(err, name, "is not an interface's name",
				   "use at most 15 characters without '/', ':' and blanks");
	return 0;
}

static int check_socket_name(const char *name, struct err *err)
{
	const size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);

	if (strlen(name) < room)
		return 0;
	return value_wrong(err, name, "is too long for a socket", "use at most 107 bytes");
}

static int net_what(void *target, const char *value, struct err *err)
{
	static const struct {
		const char *word;
		enum net_kind kind;
		const char *wanted;
		int (*check)(const char *name, struct err *err);
	} kinds[] = {
		{ "tap", NET_TAP, "the name of a tap: tap=tap0", check_interface },
		{ "bridge", NET_BRIDGE, "the name of a bridge: bridge=br0", check_interface },
		{ "socket", NET_SOCKET, "the name of a socket: socket=net.sock",
		  check_socket_name },
		{ "network", NET_NETWORK, "a name: network=lab", net_network_check_name },
	};
	struct net_config *n = target;

	if (strcmp(value, "user") == 0) {
		n->kind = NET_USER;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const size_t len = strlen(kinds[i].word);

		if (strncmp(value, kinds[i].word, len) != 0 ||
		    (value[len] != '=' && value[len] != '\0'))
			continue;
		if (value[len] == '\0' || value[len + 1] == '\0')
			return err_set(err, -EINVAL, "%s needs %s", kinds[i].word, kinds[i].wanted);
		n->kind = kinds[i].kind;
		n->name = value + len + 1;
		return kinds[i].check(n->name, err);
	}
	return value_wrong(err, value, "is not a network",
			   "use user, tap=NAME, bridge=NAME, socket=PATH, network=NAME or none");
}

/* ---- the keys ---------------------------------------------------------------------------- */

static int net_mac(void *target, const char *value, struct err *err)
{
	struct net_config *n = target;

	switch (net_mac_parse(value, n->mac)) {
	case 0:
		n->has_mac = true;
		return 0;
	case -EADDRNOTAVAIL:
		return value_wrong(err, value, "is not one NIC's address",
				   "use one with an even first byte, not all zero");
	default:
		return value_wrong(err, value, "is not a hardware address",
				   "use for example 52:54:00:12:34:56");
	}
}

static int parse_number(const char *value, unsigned low, unsigned high, const char *what,
			unsigned *out, struct err *err)
{
	char right[48];
	uint64_t number;

	snprintf(right, sizeof(right), "use %u to %u", low, high);
	if (parse_uint(value, high, &number) < 0 || number < low)
		return value_wrong(err, value, what, right);
	*out = (unsigned)number;
	return 0;
}

static int net_mtu(void *target, const char *value, struct err *err)
{
	return parse_number(value, NET_MTU_MIN, NET_MTU_MAX, "is not an MTU",
			    &((struct net_config *)target)->mtu, err);
}

static int net_queues(void *target, const char *value, struct err *err)
{
	return parse_number(value, 1, NET_PAIRS_MAX, "is not a number of queue pairs",
			    &((struct net_config *)target)->queues, err);
}

static int net_queue_size(void *target, const char *value, struct err *err)
{
	uint64_t size;

	if (parse_uint(value, VQ_SIZE_MAX, &size) < 0 || size < VIRTIO_NET_QUEUE_SIZE_MIN ||
	    (size & (size - 1)) != 0)
		return value_wrong(err, value, "is not a queue's size",
				   "use a power of two from 4 to 1024");
	((struct net_config *)target)->queue_size = (unsigned)size;
	return 0;
}

static int parse_rate(const char *value, uint64_t *bps, struct err *err)
{
	const int rc = parse_size(value, bps);

	if (rc == -EINVAL)
		return value_wrong(err, value, "is not a size",
				   "use for example 10M, or 0 for no limit");
	if (rc == -ERANGE || *bps > RATE_MAX)
		return value_wrong(err, value, "is too much", "use 0 for no limit");
	return 0;
}

static int net_bps(void *target, const char *value, struct err *err)
{
	return parse_rate(value, &((struct net_config *)target)->bps, err);
}

static int net_bps_burst(void *target, const char *value, struct err *err)
{
	return parse_rate(value, &((struct net_config *)target)->bps_burst, err);
}

static int net_host_loopback(void *target, const char *value, struct err *err)
{
	(void)err;
	((struct net_config *)target)->user.host_loopback = is_on(value);
	return 0;
}

static int net_restrict(void *target, const char *value, struct err *err)
{
	(void)err;
	((struct net_config *)target)->user.restricted = is_on(value);
	return 0;
}

static int net_nat(void *target, const char *value, struct err *err)
{
	struct net_config *n = target;

	if (n->kind != NET_NETWORK)
		return err_set(err, -EINVAL, "is for network=NAME%s",
			       n->kind == NET_USER ? "; a user network always has one" : "");
	n->network.nat = is_on(value);
	return 0;
}

static int net_type(void *target, const char *value, struct err *err)
{
	struct net_config *n = target;

	if (strcmp(value, "stream") == 0)
		n->socket.mode = NET_SOCKET_STREAM;
	else if (strcmp(value, "dgram") == 0)
		n->socket.mode = NET_SOCKET_DGRAM;
	else
		return value_wrong(err, value, "is not known", "use stream or dgram");
	return 0;
}

static int net_listen(void *target, const char *value, struct err *err)
{
	(void)err;
	((struct net_config *)target)->socket.listen = is_on(value);
	return 0;
}

static int net_local(void *target, const char *value, struct err *err)
{
	((struct net_config *)target)->socket.local = value;
	return check_socket_name(value, err);
}

static int chance(const char *value, uint32_t *ppm, struct err *err)
{
	if (net_fault_parse_chance(value, ppm) < 0)
		return value_wrong(err, value, "is not a share of the frames",
				   "use 0% to 100%, for example 0.5%");
	return 0;
}

static int net_drop(void *target, const char *value, struct err *err)
{
	return chance(value, &((struct net_config *)target)->faults.drop_ppm, err);
}

static int net_duplicate(void *target, const char *value, struct err *err)
{
	return chance(value, &((struct net_config *)target)->faults.duplicate_ppm, err);
}

static int net_corrupt(void *target, const char *value, struct err *err)
{
	return chance(value, &((struct net_config *)target)->faults.corrupt_ppm, err);
}

static int net_delay(void *target, const char *value, struct err *err)
{
	if (parse_duration(value, &((struct net_config *)target)->faults.delay_ns) < 0)
		return value_wrong(err, value, "is not a delay", "use for example 20ms");
	return 0;
}

static int net_jitter(void *target, const char *value, struct err *err)
{
	if (parse_duration(value, &((struct net_config *)target)->faults.jitter_ns) < 0)
		return value_wrong(err, value, "is not a delay", "use for example 5ms");
	return 0;
}

static int net_seed(void *target, const char *value, struct err *err)
{
	if (parse_uint(value, UINT64_MAX, &((struct net_config *)target)->faults.seed) < 0)
		return value_wrong(err, value, "is not a seed", "use a number");
	return 0;
}

static const struct keyval_row net_rows[] = {
	{ "mac", "ADDRESS", net_mac },
	{ "mtu", "N", net_mtu },
	{ "queues", "N", net_queues },
	{ "queue-size", "N", net_queue_size },
	{ "bps", "SIZE", net_bps },
	{ "bps-burst", "SIZE", net_bps_burst },
	{ "host-loopback", NULL, net_host_loopback },
	{ "restrict", NULL, net_restrict },
	{ "nat", NULL, net_nat },
	{ "type", "stream|dgram", net_type },
	{ "listen", NULL, net_listen },
	{ "local", "PATH", net_local },
	{ "drop", "N%", net_drop },
	{ "delay", "DURATION", net_delay },
	{ "jitter", "DURATION", net_jitter },
	{ "duplicate", "N%", net_duplicate },
	{ "corrupt", "N%", net_corrupt },
	{ "seed", "N", net_seed },
};

static const struct keyval_table net_table = { net_rows, ARRAY_LEN(net_rows), net_what };

/* Which keys need one another. */
static int net_check(const struct net_config *n, struct err *err)
{
	const struct net_fault_config *f = &n->faults;

	if ((n->user.host_loopback || n->user.restricted) && n->kind != NET_USER)
		return err_set(err, -EINVAL, "%s is for user networks",
			       n->user.host_loopback ? "host-loopback" : "restrict");
	if (n->user.host_loopback && n->user.restricted)
		return err_set(err, -EINVAL,
			       "host-loopback and restrict exclude each other: with "
			       "restrict the guest reaches nothing");
	if ((n->socket.listen || n->socket.local || n->socket.mode != NET_SOCKET_STREAM) &&
	    n->kind != NET_SOCKET)
		return err_set(err, -EINVAL, "%s is for socket=PATH",
			       n->socket.listen	 ? "listen"
			       : n->socket.local ? "local"
						 : "type");
	if (n->socket.local && (n->socket.listen || n->socket.mode != NET_SOCKET_DGRAM))
		return err_set(err, -EINVAL, "local is for type=dgram without listen");
	if (n->bps_burst && !n->bps)
		return err_set(err, -EINVAL, "bps-burst needs bps");
	if (f->jitter_ns > f->delay_ns)
		return err_set(err, -EINVAL, "jitter is at most as long as delay");
	if (f->delay_ns > NET_FAULT_DELAY_NS_MAX ||
	    f->delay_ns + f->jitter_ns > NET_FAULT_DELAY_NS_MAX)
		return err_set(err, -EINVAL, "delay and jitter are too long: 60s is the most");
	if (f->seed && !net_fault_wanted(f))
		return err_set(err, -EINVAL, "seed needs drop, duplicate, corrupt or jitter");
	return 0;
}

int net_option_parse(char *text, struct net_config *out, bool *none, struct err *err)
{
	int rc;

	*out = (struct net_config){ .queues = 1 };
	*none = strcmp(text, "none") == 0;
	if (*none)
		return 0;
	if (strncmp(text, "none,", 5) == 0)
		return err_set(err, -EINVAL, "none has no keys: it means that there is no NIC");
	rc = keyvals_parse(&net_table, text, out, err);
	return rc < 0 ? rc : net_check(out, err);
}

/* ---- --publish ------------------------------------------------------------------------------ */

static int publish_wrong(const char *value, const char *what, struct err *err)
{
	return value_wrong(err, value, what, "use [ADDRESS:]HOST:GUEST[/udp], for example 8080:80");
}

int publish_parse(const char *value, struct nat_publish *out, struct err *err)
{
	char text[64], *protocol, *guest, *host;
	struct in_addr addr = { .s_addr = htonl(NAT_LOOPBACK) };
	uint64_t port;

	*out = (struct nat_publish){ .proto = NAT_TCP, .text = value };
	if (strlen(value) >= sizeof(text))
		return publish_wrong(value, "is not a port to publish", err);
	memcpy(text, value, strlen(value) + 1);
	protocol = strchr(text, '/');
	if (protocol)
		*protocol++ = '\0';
	if (protocol && strcmp(protocol, "udp") != 0 && strcmp(protocol, "tcp") != 0)
		return publish_wrong(value, "names no protocol", err);
	if (protocol && strcmp(protocol, "udp") == 0)
		out->proto = NAT_UDP;
	guest = strrchr(text, ':');
	if (!guest)
		return publish_wrong(value, "is not a port to publish", err);
	*guest++ = '\0';
	host = strrchr(text, ':');
	if (host) {
		*host++ = '\0';
		if (inet_pton(AF_INET, text, &addr) != 1)
			return publish_wrong(value, "has no IPv4 address", err);
	} else {
		host = text;
	}
	out->host_ip = ntohl(addr.s_addr);
	if (parse_uint(host, UINT16_MAX, &port) < 0)
		return publish_wrong(value, "has no port of the host, 0 to 65535", err);
	out->host_port = (uint16_t)port;
	if (parse_uint(guest, UINT16_MAX, &port) < 0 || port == 0)
		return publish_wrong(value, "has no port of the guest, 1 to 65535", err);
	out->guest_port = (uint16_t)port;
	return 0;
}
