/* nat/nat.h: a network of the guest's own, or of the guests on a switch, made of this
 * process's sockets: no root, no tun device, no helper.
 *
 * The guest sees 10.0.2.0/24 with a router at .2 and a name server at .3, and is given
 * .15 itself; many are given .16 to .254.  What it sends is not routed: its TCP
 * connections, UDP datagrams and pings are opened again as sockets of the host's, which
 * therefore sees only an ordinary program.  From outside only published ports lead in, and
 * only to a guest that is alone.
 *
 * IPv4 only; no fragments, no multicast. */
#ifndef BANTAM_NAT_NAT_H
#define BANTAM_NAT_NAT_H

#include "net/lease.h"

#define NAT_NETWORK	 UINT32_C(0x0a000200) /* 10.0.2.0, the default */
#define NAT_NETMASK	 UINT32_C(0xffffff00)
#define NAT_LOOPBACK	 UINT32_C(0x7f000001)
#define NAT_HOST_GATEWAY 2u /* the last byte of addresses in the network */
#define NAT_HOST_DNS	 3u
#define NAT_HOST_GUEST	 15u

#define NAT_PUBLISHES_MAX 64u
#define NAT_NAME_MAX	  64u /* bytes of a host name, with its end */

enum nat_proto { NAT_TCP, NAT_UDP };

/* A port of the host's that leads to one of the guest's. */
struct nat_publish {
	enum nat_proto proto;
	uint32_t host_ip;    /* NAT_LOOPBACK, or whoever shall reach it; 0: any address */
	uint16_t host_port;  /* 0: the host chooses */
	uint16_t guest_port; /* not 0 */
	const char *text;    /* what the user wrote, for messages; borrowed for nat_create() */
};

struct nat_config {
	uint32_t network;	 /* of 256 addresses; 0: NAT_NETWORK */
	bool host_loopback;	 /* the router's address leads to the host's 127.0.0.1 */
	bool restrict_;		 /* the guest reaches nothing; only published ports work */
	const char *hostname;	 /* for the guest (DHCP option 12); NULL: none */
	const char *domain;	 /* DHCP option 15; NULL: resolv.conf's, if any */
	const char *resolv_conf; /* NULL: /etc/resolv.conf; for tests */
	const struct nat_publish *publishes;
	unsigned publish_count; /* at most NAT_PUBLISHES_MAX */
	/* There are many guests: behind the NIC is a switch.  Each is given an address of
	 * its own, and the NIC's leased() is told. */
	bool many_guests;
	/* On the pair's loop, each time that the one guest took its address: when it starts,
	 * and to keep it.  May be NULL. */
	void (*leased)(void *arg, const struct net_lease *lease);
	void *leased_arg;
	/* A clock of a test's, in nanoseconds; NULL: the host's. */
	uint64_t (*now_ns)(void *arg);
	void *now_arg;
};

/* The addresses of a network that many guests find by its name: 10.0.16.0/24 to
 * 10.0.255.0/24, the same ones in every process, and others than those of the networks
 * that a guest has for itself. */
uint32_t nat_network_of(const char *name);

/* Make the network; published ports are bound at once.
 * config  read during the call, but for what its callbacks need; strings are copied
 * out     owned by the caller until net_close()
 * 0; -EADDRINUSE, -EACCES ... with err naming the port that cannot be published;
 * -EINVAL for a config that breaks a rule above; -ENOMEM, -EMFILE. */
int nat_create(const struct nat_config *config, struct net **out, struct err *err);

/* Any thread.  The host's port of publish i, below publish_count: the chosen one where
 * 0 was asked for. */
uint16_t nat_published(const struct net *n, unsigned i);

/* Any thread.  Whether the one guest has its address by DHCP, and who has it. */
bool nat_lease(struct net *n, struct net_lease *out);

/* What was counted; written on the pair's loop, read by any thread. */
struct nat_stats {
	_Atomic uint64_t malformed;   /* frames of the guest's with a wrong length or checksum */
	_Atomic uint64_t fragments;   /* dropped */
	_Atomic uint64_t unsupported; /* of a protocol that there is not */
	_Atomic uint64_t refused;     /* to where the guest may not go */
	_Atomic uint64_t no_room;     /* for the guest, which had no buffers */
	_Atomic uint64_t flows;	      /* UDP flows and pings that were opened */
	_Atomic uint64_t evicted;     /* of these, closed early to make room */
	_Atomic uint64_t no_socket;   /* the host gave no socket */
	_Atomic uint64_t queries;     /* DNS */
	_Atomic uint64_t no_address;  /* a guest asked for one, and all were taken */
};

const struct nat_stats *nat_stats(const struct net *n);

#endif
