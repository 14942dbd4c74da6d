/* net/tap_setup.h: how tap.c gets its interface.  Private to tap.c. */
#ifndef BANTAM_NET_TAP_SETUP_H
#define BANTAM_NET_TAP_SETUP_H

#include <net/if.h>

#include "net/tap.h"

struct tap_interface {
	char name[IFNAMSIZ];
	int fds[NET_PAIRS_MAX]; /* one a pair, non-blocking */
	unsigned fd_count;
	bool multi_queue; /* queues can be detached */
	bool ours;	  /* made by us: goes away with us */
	unsigned mtu;
};

/* Everything of net_tap_open() that concerns the kernel: afterwards the interface is
 * there, up if we may, and in its bridge; its offloads are off.
 * 0; or -errno with err filled, and nothing left open. */
int tap_setup(const struct net_tap_config *config, struct tap_interface *i, struct err *err);

void tap_teardown(struct tap_interface *i);

/* 0 or -errno; the interface is ours. */
int tap_set_mtu(const struct tap_interface *i, unsigned mtu);

#endif
