/* net/network.h: named networks: guests of one user that were started with the same name
 * are on one switch, and on no other.
 *
 *	guest ── network.c ──┐             ┌── network.c ── guest
 *	                     ├─ switch_ ───┤
 *	guest ── network.c ──┘  server.c   └── uplink (NAT, if any)
 *
 * There is no daemon: the first guest's process serves, in a thread of its own, and when
 * it ends, however it does, one of the others takes over within some milliseconds.
 * Offloads pass from guest to guest: a frame may be a whole segment of 64 KiB.
 *
 * Sockets are in $XDG_RUNTIME_DIR/bantam/net, or /tmp/bantam-UID/net where that is not
 * set, folders that only their owner may enter. */
#ifndef BANTAM_NET_NETWORK_H
#define BANTAM_NET_NETWORK_H

#include "net/lease.h"

#define NET_NETWORK_NAME_MAX 32u /* letters, digits, '-', '_' and '.', the first one no '.' */
#define NET_NETWORK_PORTS    64u

struct net_network_config {
	const char *name;
	/* What is behind the switch besides guests, for instance a NAT; NULL: nothing,
	 * the network is isolated.  All its guests must agree whether there is one.  Only
	 * that of the process that serves is in use: when service moves, connections
	 * through it break.  Ours, and closed with the network, if the open succeeds. */
	struct net *uplink;
	/* On the pair's loop: the guest may have been given an address by the uplink, in
	 * whatever process that is; see net_network_lease().  May be NULL. */
	void (*leased)(void *arg);
	void *leased_arg;
	const char *dir; /* instead of the above; NULL */
};

/* out  owned by the caller until net_close()
 * 0, or -errno with err saying what is wrong and what would help. */
int net_network_open(const struct net_network_config *config, struct net **out, struct err *err);

/* Any thread.  Whether the guest has an address by DHCP, as far as we were told, and which:
 * if it has several, the one that was given last. */
bool net_network_lease(struct net *n, struct net_lease *out);

/* Whether name may be a network's; if not, -EINVAL with err saying why. */
int net_network_check_name(const char *name, struct err *err);

#endif
