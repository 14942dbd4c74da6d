/* net/switch_server.h: a switch whose ports are sockets of this host's processes, and an
 * uplink: what one of the guests' processes does for all of them.  All on one loop. */
#ifndef BANTAM_NET_SWITCH_SERVER_H
#define BANTAM_NET_SWITCH_SERVER_H

#include "net/network_place.h"

struct switch_server;

/* uplink  borrowed, or NULL; attached here, so nobody else may
 * loop    whose thread makes the other calls; borrowed
 * out     owned by the caller until switch_server_destroy()
 * 0 or -ENOMEM. */
int switch_server_create(const struct network_place *place, struct net *uplink, struct ioloop *loop,
			 struct switch_server **out);

/* Serve, if nobody does.  On the loop's thread, like the next.
 * 0: we do; -EAGAIN: someone else does; another -errno: nobody does, and we cannot. */
int switch_server_try(struct switch_server *s);

/* Hand service over. */
void switch_server_stop(struct switch_server *s);

/* What was counted, by the loop's thread, since the server was made; any thread reads. */
struct switch_stats {
	_Atomic uint64_t frames;  /* that came in */
	_Atomic uint64_t dropped; /* once for each port that lost one; mostly full ones */
};

const struct switch_stats *switch_server_stats(const struct switch_server *s);

/* After the stop. */
void switch_server_destroy(struct switch_server *s);

#endif
