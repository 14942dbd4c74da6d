/* What is behind the guest's NICs, in layers; and what is told of it: published ports
 * and addresses that guests were given. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "machine/internal.h"
#include "net/dump.h"
#include "net/mac.h"
#include "net/network.h"
#include "net/tap.h"

/* ---- open and close ------------------------------------------------------------------ */

/* On the I/O thread of a NIC: leases_ready() looks what it is. */
static void look_at_leases(void *arg)
{
	struct nic *nic = arg;
	const uint64_t one = 1;

	atomic_store(&nic->lease_came, true);
	if (write(nic->m->lease_source.fd, &one, sizeof(one)) < 0)
		log_debug("eventfd: %s", strerror(errno)); /* full: it is awake already */
}

static void lease_came(void *arg, const struct net_lease *lease)
{
	(void)lease;
	look_at_leases(arg);
}

/* A guest's connections and flows are a descriptor each: the usual soft limit, 1024, is
 * for programs that call select(). */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_debug("RLIMIT_NOFILE: %s", strerror(errno));
}

static unsigned count_user_nets_before(const struct machine *m, const struct nic *nic)
{
	unsigned count = 0;

	for (const struct nic *before = m->nics; before < nic; before++)
		count += before->nat != NULL;
	return count;
}

static int open_user(struct machine *m, struct nic *nic, struct err *err)
{
	const struct net_config *wanted = &m->config->nets[nic->index];
	const unsigned before = count_user_nets_before(m, nic);
	const bool publishes = before == 0;
	const struct nat_config config = {
		.network = NAT_NETWORK + (before << 8), /* a guest's two are not one */
		.host_loopback = wanted->user.host_loopback,
		.restrict_ = wanted->user.restricted,
		.hostname = m->config->name,
		.publishes = m->config->published,
		.publish_count = publishes ? m->config->published_count : 0,
		.leased = lease_came,
		.leased_arg = nic,
	};
	int rc;

	allow_descriptors();
	rc = nat_create(&config, &nic->net, err);
	if (rc == 0) {
		nic->nat = nic->net;
		nic->publishes = publishes;
	}
	return rc;
}

/* Each of its guests has the NAT ready; that of the one that serves is used. */
static int make_shared_nat(struct machine *m, struct nic *nic, struct err *err)
{
	const char *name = m->config->nets[nic->index].name;
	const struct nat_config config = { .network = nat_network_of(name), .many_guests = true };

	for (const struct nic *before = m->nics; before < nic; before++) {
		const char *other = m->config->nets[before->index].name;

		if (before->shared_nat && nat_network_of(other) == config.network)
			return err_set(err, -EEXIST,
				       "it has the same addresses as network=%s; for both on one "
				       "guest give one of them another name",
				       other);
	}
	allow_descriptors();
	return nat_create(&config, &nic->shared_nat, err);
}

static int open_network(struct machine *m, struct nic *nic, struct err *err)
{
	const struct net_config *wanted = &m->config->nets[nic->index];
	struct net_network_config config = { .name = wanted->name,
					     .leased = look_at_leases,
					     .leased_arg = nic };
	int rc = wanted->network.nat ? make_shared_nat(m, nic, err) : 0;

	if (rc < 0)
		return rc;
	config.uplink = nic->shared_nat;
	rc = net_network_open(&config, &nic->net, err);
	if (rc == 0) {
		nic->network = nic->net;
	} else {
		net_close(nic->shared_nat);
		nic->shared_nat = NULL;
	}
	return rc;
}

static int open_backend(struct machine *m, struct nic *nic, struct err *err)
{
	const struct net_config *n = &m->config->nets[nic->index];

	switch (n->kind) {
	case NET_USER:
		return open_user(m, nic, err);
	case NET_TAP:
		return net_tap_open(&(struct net_tap_config){ .name = n->name, .pairs = n->queues },
				    &nic->net, err);
	case NET_BRIDGE:
		return net_tap_open(
			&(struct net_tap_config){ .bridge = n->name, .pairs = n->queues },
			&nic->net, err);
	case NET_SOCKET:
		return net_socket_open(&(struct net_socket_config){ .path = n->name,
								    .mode = n->socket.mode,
								    .listen = n->socket.listen,
								    .local = n->socket.local },
				       &nic->net, err);
	case NET_NETWORK:
		return open_network(m, nic, err);
	}
	return err_set(err, -EINVAL, "no such network");
}

/* What lies between the NIC and its backend: the record is of what the guest sees, so
 * it is above the faults. */
static int open_layers(struct machine *m, struct nic *nic, struct err *err)
{
	struct net_fault_config faults = m->config->nets[nic->index].faults;
	struct net_dump_config dump;
	int rc = 0;

	if (net_fault_wanted(&faults)) {
		faults.below = nic->net;
		rc = net_fault_open(&faults, &nic->net, err);
	}
	if (rc < 0 || nic->index >= m->config->net_dump_count)
		return rc;
	dump.path = m->config->net_dump_paths[nic->index];
	dump.below = nic->net;
	return net_dump_open(&dump, &nic->net, err);
}

/* What was asked for and this network cannot do. */
static int check_limits(const struct net_config *n, const struct net_limits *limits,
			struct err *err)
{
	if (n->queues > limits->pairs_max)
		return err_set(err, -EINVAL, "queues=%u: this network has at most %u", n->queues,
			       limits->pairs_max);
	if (n->mtu > limits->mtu_max)
		return err_set(err, -EINVAL, "mtu=%u: this network's largest is %u", n->mtu,
			       limits->mtu_max);
	return 0;
}

/* Whether an error begins with the text of a published port, as those of them do. */
static bool is_about_port(const struct machine *m, const char *text)
{
	for (unsigned i = 0; i < m->config->published_count; i++) {
		const char *port = m->config->published[i].text;

		if (strncmp(text, port, strlen(port)) == 0)
			return true;
	}
	return false;
}

static int open_one(struct machine *m, unsigned index, struct err *err)
{
	static const char *const kinds[] = {
		[NET_USER] = "user",	 [NET_TAP] = "tap",	    [NET_BRIDGE] = "bridge",
		[NET_SOCKET] = "socket", [NET_NETWORK] = "network",
	};
	const struct net_config *n = &m->config->nets[index];
	struct nic *nic = &m->nics[index];
	struct err why = { "" };
	int rc;

	nic->m = m;
	nic->index = index;
	snprintf(nic->label, sizeof(nic->label), "net%u", index);
	rc = open_backend(m, nic, &why);
	if (rc == 0)
		rc = check_limits(n, &nic->net->limits, &why);
	if (rc == 0)
		rc = open_layers(m, nic, &why);
	nic->shown = nic->net;
	nic->tells_ready = (nic->nat || nic->shared_nat) && !nets_give_address(m);
	if (rc == 0)
		return 0;
	if (is_about_port(m, why.text))
		return err_set(err, rc, "--publish %s", why.text);
	return err_set(err, rc, "--net %s%s%s: %s", kinds[n->kind], n->name ? "=" : "",
		       n->name ? n->name : "", why.text);
}

int nets_open(struct machine *m, struct err *err)
{
	int rc = 0;

	if (m->config->net_count == 0)
		return 0;
	m->lease_source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->lease_source.fd < 0)
		return err_errno(err, -errno, "eventfd");
	for (unsigned i = 0; rc == 0 && i < m->config->net_count; i++)
		rc = open_one(m, i, err);
	if (rc < 0)
		nets_close(m);
	return rc;
}

void nets_close(struct machine *m)
{
	for (unsigned i = 0; i < MACHINE_NETS_MAX; i++) {
		net_close(m->nics[i].net);
		m->nics[i].net = m->nics[i].nat = NULL;
		m->nics[i].network = m->nics[i].shared_nat = NULL;
	}
	if (m->lease_source.fd >= 0)
		close(m->lease_source.fd);
	m->lease_source.fd = -1;
}

/* ---- what is told ------------------------------------------------------------------------ */

static const char *dotted(char text[16], uint32_t ip)
{
	snprintf(text, 16, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 0xff, ip >> 8 & 0xff, ip & 0xff);
	return text;
}

static void announce(struct machine *m, const struct nat_publish *p, unsigned port)
{
	const char *protocol = p->proto == NAT_UDP ? "udp" : "tcp";
	char address[16];
	struct json *j;

	dotted(address, p->host_ip);
	if (p->host_port == 0)
		fprintf(stderr, "bantam: %s:%u is the guest's port %u/%s\n", address, port,
			p->guest_port, protocol);
	if (m->events.fd < 0)
		return;
	j = events_begin(&m->events, "port");
	json_string(j, "protocol", protocol);
	json_string(j, "host", address);
	json_uint(j, "host_port", port);
	json_uint(j, "guest_port", p->guest_port);
	events_end(&m->events);
}

void nets_announce(struct machine *m)
{
	for (unsigned i = 0; i < m->config->net_count; i++) {
		if (!m->nics[i].publishes)
			continue;
		for (unsigned k = 0; k < m->config->published_count; k++)
			announce(m, &m->config->published[k], nat_published(m->nics[i].nat, k));
	}
}

static bool same_lease(const struct net_lease *a, const struct net_lease *b)
{
	return a->ip == b->ip && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 &&
	       strcmp(a->hostname, b->hostname) == 0;
}

static void emit_lease(struct machine *m, const struct nic *nic, const struct lease *lease)
{
	struct json *j;

	if (m->events.fd < 0)
		return;
	j = events_begin(&m->events, "lease");
	json_string(j, "nic", nic->label);
	json_string(j, "mac", lease->mac);
	json_string(j, "address", lease->address);
	if (lease->hostname[0])
		json_string(j, "hostname", lease->hostname);
	events_end(&m->events);
}

static void tell_lease(struct machine *m, const struct nic *nic)
{
	struct lease lease = { .pid = (unsigned)getpid(), .nic = nic->index };

	dotted(lease.address, nic->lease.ip);
	_Static_assert(sizeof(lease.mac) == NET_MAC_TEXT_BYTES, "an address as text");
	net_mac_format(nic->lease.mac, lease.mac);
	snprintf(lease.guest, sizeof(lease.guest), "%s", m->config->name);
	snprintf(lease.hostname, sizeof(lease.hostname), "%s", nic->lease.hostname);
	leases_set(&m->leases, &lease);
	emit_lease(m, nic, &lease);
	if (nic->tells_ready)
		life_ready(m, lease.address);
}

static bool find_lease(const struct nic *nic, struct net_lease *lease)
{
	if (nic->network)
		return net_network_lease(nic->network, lease);
	return nic->nat && nat_lease(nic->nat, lease);
}

static void leases_ready(void *arg, uint32_t events)
{
	struct machine *m = arg;
	uint64_t count;

	(void)events;
	if (read(m->lease_source.fd, &count, sizeof(count)) < 0)
		return;
	for (unsigned i = 0; i < m->config->net_count; i++) {
		struct nic *nic = &m->nics[i];
		struct net_lease lease;

		if (!atomic_exchange(&nic->lease_came, false) || !find_lease(nic, &lease) ||
		    same_lease(&lease, &nic->lease))
			continue;
		nic->lease = lease;
		tell_lease(m, nic);
	}
}

/* A NAT knows nothing of the restart: the guest that starts now may have the same address
 * as before, but it has not taken it yet. */
void nets_begin_again(struct machine *m)
{
	for (unsigned i = 0; i < m->config->net_count; i++) {
		atomic_store(&m->nics[i].lease_came, false);
		m->nics[i].lease = (struct net_lease){ 0 };
	}
}

bool nets_give_address(const struct machine *m)
{
	for (unsigned i = 0; i < m->config->net_count; i++)
		if (m->nics[i].tells_ready)
			return true;
	return false;
}

int nets_watch(struct machine *m, struct err *err)
{
	int rc;

	if (m->config->net_count == 0)
		return 0;
	m->lease_source.ready = leases_ready;
	m->lease_source.arg = m;
	rc = loop_add(&m->loop, &m->lease_source, EPOLLIN);
	return rc < 0 ? err_errno(err, rc, "event loop") : 0;
}

void nets_unwatch(struct machine *m)
{
	leases_close(&m->leases);
}

/* ---- --stats ------------------------------------------------------------------------------ */

void nets_print(const struct machine *m, FILE *out)
{
	for (unsigned i = 0; i < m->config->net_count; i++)
		net_print(m->nics[i].shown, m->nics[i].label, out);
}
