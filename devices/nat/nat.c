#include "nat/nat.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "host/now.h"
#include "nat/arp.h"
#include "nat/dhcp.h"
#include "nat/dns.h"
#include "nat/errqueue.h"
#include "nat/icmp.h"
#include "nat/internal.h"
#include "nat/ip.h"
#include "nat/resolv.h"
#include "nat/tcp.h"
#include "nat/udp.h"

#define FULL_TTL 32u /* with at least this a packet is no traceroute's: the host's own does */

static struct nat *nat_of(struct net *net)
{
	return container_of(net, struct nat, net);
}

/* ---- for all protocols -------------------------------------------------------------------- */

void nat_random(void *bytes, size_t len)
{
	uint8_t *to = bytes;

	while (len > 0) {
		const ssize_t n = getrandom(to, len, 0);

		if (n <= 0)
			continue; /* a signal; the kernel's source never ends */
		to += n;
		len -= (size_t)n;
	}
}

/* Out of descriptors, where many have what they like: who has the most connections has one
 * less.  A guest that is alone keeps its own. */
static bool take_from_most(struct nat *n)
{
	return n->many_guests && tcp_largest_share(n) > udp_largest_share(n) && tcp_make_room(n);
}

int nat_socket(struct nat *n, int family, int type, int protocol)
{
	const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(family, type | flags, protocol);

	if (fd < 0 && errno == EMFILE && take_from_most(n))
		fd = socket(family, type | flags, protocol);
	/* That of a flow nobody uses is better used here. */
	while (fd < 0 && (errno == EMFILE || errno == ENFILE) && udp_make_room(n))
		fd = socket(family, type | flags, protocol);
	if (fd >= 0)
		return fd;
	fd = -errno;
	nat_count(&n->stats.no_socket);
	return fd;
}

int nat_connect(int fd, uint32_t host_ip, uint16_t host_port)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(host_port),
					.sin_addr.s_addr = htonl(host_ip) };
	int rc;

	nat_errqueue_keep(fd, true);
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

void nat_set_ttl(int fd, uint8_t *set, uint8_t guest_ttl)
{
	const uint8_t wanted = guest_ttl >= FULL_TTL ? 0 : (uint8_t)(guest_ttl - 1);
	const int ttl = wanted ? wanted : -1; /* ip(7): back to the default */

	if (*set == wanted || guest_ttl < 2)
		return;
	if (setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)) == 0)
		*set = wanted;
}

/* ---- time ------------------------------------------------------------------------------------ */

static uint64_t host_clock(void *arg)
{
	(void)arg;
	return host_now_ns();
}

/* The loop's timer follows the earliest of ours: an idle NAT has none. */
static void follow_timers(struct nat *n)
{
	const uint64_t next_ns = nat_timers_next_ns(&n->timers);

	if (!n->loop || n->clock_ns != host_clock || n->timer.deadline_ns == next_ns)
		return;
	ioloop_arm(n->loop, &n->timer, next_ns);
}

void nat_timer_arm(struct nat *n, struct nat_timer *t, uint64_t deadline_ns)
{
	nat_timers_arm(&n->timers, t, deadline_ns);
	follow_timers(n);
}

void nat_timer_disarm(struct nat *n, struct nat_timer *t)
{
	nat_timers_disarm(&n->timers, t);
	follow_timers(n);
}

void nat_run_timers(struct nat *n)
{
	nat_timers_run(&n->timers, nat_now_ns(n));
	follow_timers(n);
}

static void timer_fired(void *arg, uint64_t now_ns)
{
	(void)now_ns;
	nat_run_timers(arg);
}

/* ---- the NIC's side -----------------------------------------------------------------------------
 */

static void nat_attach(struct net *net, struct net_nic *nic)
{
	struct nat *n = nat_of(net);

	n->nic = nic;
	memcpy(n->guest_mac, nic->mac, NET_MAC_BYTES);
}

static void nat_offloads(struct net *net, unsigned to_guest)
{
	struct nat *n = nat_of(net);

	n->guest_csum = to_guest & NET_CAN_CSUM;
	n->guest_tso4 = to_guest & NET_CAN_TSO4 && to_guest & NET_CAN_CSUM;
}

static void nat_start(struct net *net, unsigned pair, struct ioloop *loop)
{
	struct nat *n = nat_of(net);

	(void)pair;
	n->loop = loop;
	nat_watches_start(n);
	tcp_rx_ready(n);
	follow_timers(n);
}

static void nat_stop(struct net *net, unsigned pair)
{
	struct nat *n = nat_of(net);

	(void)pair;
	if (!n->loop)
		return;
	nat_watches_stop(n);
	ioloop_disarm(n->loop, &n->timer);
	n->loop = NULL;
	n->small_count = 0;
}

static void nat_rx_ready(struct net *net, unsigned pair)
{
	struct nat *n = nat_of(net);

	(void)pair;
	nat_packets_resume(n);
	tcp_rx_ready(n);
	nat_watches_resume(n);
}

static bool is_for_us(const struct nat *n, const uint8_t mac[NET_MAC_BYTES])
{
	return mac[0] & 1 || memcmp(mac, n->gateway_mac, NET_MAC_BYTES) == 0 ||
	       memcmp(mac, n->dns_mac, NET_MAC_BYTES) == 0;
}

static int nat_send(struct net *net, unsigned pair, const struct net_frame *f)
{
	struct nat *n = nat_of(net);
	struct nat_in in = { .frame = f };

	(void)pair;
	in.head_len = iov_read(f->iov, f->iov_count, 0, in.head, min_u64(sizeof(in.head), f->len));
	if (wire_ether_parse(in.head, in.head_len, &in.ether) < 0) {
		nat_count(&n->stats.malformed);
		return 0;
	}
	if (!is_for_us(n, in.ether.dst))
		return 0; /* a switch would have sent it elsewhere */
	memcpy(n->guest_mac, in.ether.src, NET_MAC_BYTES);
	if (in.ether.type == WIRE_TYPE_IP4)
		ip_input(n, &in);
	else if (in.ether.type == WIRE_TYPE_ARP)
		arp_input(n, in.head + WIRE_ETHER_BYTES, in.head_len - WIRE_ETHER_BYTES);
	else
		nat_count(&n->stats.unsupported);
	return 0;
}

static void nat_flush(struct net *net, unsigned pair)
{
	struct nat *n = nat_of(net);

	(void)pair;
	tcp_flush(n);
	udp_flush(n);
}

static void nat_close(struct net *net)
{
	struct nat *n = nat_of(net);

	tcp_fini(n);
	dns_fini(n);
	dhcp_fini(n);
	udp_fini(n);
	icmp_fini(n);
	free(n);
}

static void nat_print(const struct net *net, const char *label, FILE *out)
{
	const struct nat *n = container_of(net, const struct nat, net);
	const struct nat_stats *s = &n->stats;

	fprintf(out,
		"stats: %s %s: flows %llu, evicted %llu, queries %llu, refused %llu, "
		"malformed %llu, fragments %llu, unsupported %llu, no room %llu, no socket %llu, "
		"no address %llu\n",
		label, n->many_guests ? "nat" : "user", (unsigned long long)s->flows,
		(unsigned long long)s->evicted, (unsigned long long)s->queries,
		(unsigned long long)s->refused, (unsigned long long)s->malformed,
		(unsigned long long)s->fragments, (unsigned long long)s->unsupported,
		(unsigned long long)s->no_room, (unsigned long long)s->no_socket,
		(unsigned long long)s->no_address);
}

static const struct net_ops nat_ops = {
	.name = "nat",
	.attach = nat_attach,
	.offloads = nat_offloads,
	.start = nat_start,
	.stop = nat_stop,
	.send = nat_send,
	.flush = nat_flush,
	.rx_ready = nat_rx_ready,
	.print = nat_print,
	.close = nat_close,
};

/* ---- life --------------------------------------------------------------------------- */

/* A locally administered address that names the IP address. */
static void make_mac(uint32_t ip, uint8_t mac[NET_MAC_BYTES])
{
	be16_store(mac, 0x5255);
	be32_store(mac + 2, ip);
}

/* Addresses of the host's loopback interface outside 127/8: rare, but as private. */
static void find_own_addresses(struct nat *n)
{
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i && n->own_count < NAT_OWN_MAX; i = i->ifa_next) {
		struct sockaddr_in a;

		if (!(i->ifa_flags & IFF_LOOPBACK) || !i->ifa_addr ||
		    i->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&a, i->ifa_addr, sizeof(a));
		n->own_ips[n->own_count++] = ntohl(a.sin_addr.s_addr);
	}
	freeifaddrs(all);
}

static int check(const struct nat_config *c, struct err *err)
{
	if (c->network & ~NAT_NETMASK)
		return err_set(err, -EINVAL, "nat: a network has 256 addresses: A.B.C.0");
	if (c->hostname && strlen(c->hostname) >= NAT_NAME_MAX)
		return err_set(err, -EINVAL, "nat: a host name has at most %u bytes",
			       NAT_NAME_MAX - 1);
	if (c->domain && strlen(c->domain) >= RESOLV_DOMAIN_MAX)
		return err_set(err, -EINVAL, "nat: a domain has at most %u bytes",
			       RESOLV_DOMAIN_MAX - 1);
	if (c->publish_count > 0 && c->many_guests)
		return err_set(err, -EINVAL, "nat: with many guests no port can be published");
	if (c->publish_count > NAT_PUBLISHES_MAX)
		return err_set(err, -EINVAL, "nat: %u published ports; at most %u are possible",
			       c->publish_count, NAT_PUBLISHES_MAX);
	for (unsigned i = 0; i < c->publish_count; i++) {
		if (c->publishes[i].guest_port == 0)
			return err_set(err, -EINVAL, "%s: the guest's port is missing",
				       c->publishes[i].text);
	}
	return 0;
}

static struct nat *nat_alloc(const struct nat_config *c)
{
	struct nat *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->net.ops = &nat_ops;
	n->net.limits = (struct net_limits){
		.pairs_max = 1,
		.mtu_max = NET_MTU_MAX,
		.from_guest = NET_CAN_CSUM | NET_CAN_TSO4,
		.to_guest = NET_CAN_CSUM | NET_CAN_TSO4,
		.link_up = true,
	};
	n->network_ip = c->network ? c->network : NAT_NETWORK;
	n->gateway_ip = n->network_ip | NAT_HOST_GATEWAY;
	n->dns_ip = n->network_ip | NAT_HOST_DNS;
	n->guest_ip = n->network_ip | NAT_HOST_GUEST;
	make_mac(n->gateway_ip, n->gateway_mac);
	make_mac(n->dns_ip, n->dns_mac);
	n->host_loopback = c->host_loopback;
	n->restrict_ = c->restrict_;
	n->many_guests = c->many_guests;
	n->clock_ns = c->now_ns ? c->now_ns : host_clock;
	n->clock_arg = c->now_arg;
	nat_random(&n->hash_seed, sizeof(n->hash_seed));
	nat_watches_init(n);
	io_timer_init(&n->timer, timer_fired, n);
	find_own_addresses(n);
	return n;
}

static int init_protocols(struct nat *n, const struct nat_config *c)
{
	int rc = icmp_init(n);

	if (rc == 0)
		rc = udp_init(n);
	if (rc == 0)
		rc = dhcp_init(n, c);
	if (rc == 0)
		rc = dns_init(n, c);
	return rc < 0 ? rc : tcp_init(n);
}

/* What bind(2) said, as advice. */
static int cannot_publish(const struct nat_publish *p, int rc, struct err *err)
{
	switch (-rc) {
	case EADDRINUSE:
		return err_set(err, rc, "%s: the host's port %u is in use; choose another, or 0",
			       p->text, p->host_port);
	case EACCES:
		return err_set(err, rc,
			       "%s: the host's ports below 1024 (net.ipv4."
			       "ip_unprivileged_port_start) are for root; choose a higher one",
			       p->text);
	case EADDRNOTAVAIL:
		return err_set(err, rc, "%s: the host has no such address", p->text);
	default:
		return err_errno(err, rc, "%s: cannot publish the port", p->text);
	}
}

static int publish_all(struct nat *n, const struct nat_config *c, struct err *err)
{
	for (unsigned i = 0; i < c->publish_count; i++) {
		const struct nat_publish *p = &c->publishes[i];
		struct nat_published *to = &n->published[i];
		const int rc = p->proto == NAT_TCP ? tcp_publish(n, p, &to->host_port)
						   : udp_publish(n, p, &to->host_port);

		if (rc < 0)
			return cannot_publish(p, rc, err);
		to->config = *p;
		to->config.text = NULL;
		n->published_count++;
	}
	return 0;
}

int nat_create(const struct nat_config *config, struct net **out, struct err *err)
{
	int rc = check(config, err);
	struct nat *n;

	if (rc < 0)
		return rc;
	n = nat_alloc(config);
	if (!n)
		return err_set(err, -ENOMEM, "nat: no memory");
	rc = init_protocols(n, config);
	if (rc < 0)
		err_errno(err, rc, "nat");
	else
		rc = publish_all(n, config, err);
	if (rc < 0)
		nat_close(&n->net);
	else
		*out = &n->net;
	return rc;
}

uint16_t nat_published(const struct net *net, unsigned i)
{
	const struct nat *n = container_of(net, const struct nat, net);

	return i < n->published_count ? n->published[i].host_port : 0;
}

const struct nat_stats *nat_stats(const struct net *net)
{
	return &container_of(net, const struct nat, net)->stats;
}
