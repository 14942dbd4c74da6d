/* net/socket.h: frames over a UNIX socket, to another program: passt, QEMU's `-netdev
 * stream` and `-netdev dgram`, a switch, another Bantam.
 *
 *	stream  each frame behind its length, 4 bytes, big-endian
 *	dgram   a datagram a frame
 *
 * Frames are finished: no offloads.  The link is up while there is a peer; the side that
 * connects tries again and again when the peer went away, the side that listens waits for
 * the next one. */
#ifndef BANTAM_NET_SOCKET_H
#define BANTAM_NET_SOCKET_H

#include "net/net.h"

enum net_socket_mode { NET_SOCKET_STREAM, NET_SOCKET_DGRAM };

struct net_socket_config {
	const char *path; /* the peer's, or with listen ours */
	enum net_socket_mode mode;
	bool listen;
	/* DGRAM without listen: a path of our own for the peer to answer to (QEMU's
	 * remote.path); NULL: a name that only this peer learns. */
	const char *local;
};

/* Without listen, someone must be there already.
 * out  owned by the caller until net_close(), which removes the paths we made
 * 0, or -errno with err saying what is wrong and what would help. */
int net_socket_open(const struct net_socket_config *config, struct net **out, struct err *err);

#endif
