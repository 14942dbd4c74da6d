/* net/tap.h: a network of the host's kernel: a tap interface, perhaps a port of a bridge.
 *
 * An interface that exists is used, if this user may (`ip tuntap add dev NAME mode tap
 * user USER`); else one is made, for which CAP_NET_ADMIN is needed, and it goes away with
 * us.  Checksums and segmentation are left to the kernel as far as it knows them. */
#ifndef BANTAM_NET_TAP_H
#define BANTAM_NET_TAP_H

#include "net/net.h"

struct net_tap_config {
	const char *name;   /* of the interface; NULL: the kernel chooses, "bantam0", ... */
	const char *bridge; /* that it becomes a port of, or NULL */
	unsigned pairs;	    /* 1..NET_PAIRS_MAX; more than 1 needs a multi-queue interface */
};

/* out  owned by the caller until net_close()
 * 0, or -errno with err saying what is wrong and what would help. */
int net_tap_open(const struct net_tap_config *config, struct net **out, struct err *err);

#endif
