/* net/network_place.h: where a named network is in the file system: a folder that only
 * its user may enter, with a lock, whose holder serves, and the server's socket.
 * Private to network.c and switch_server.c. */
#ifndef BANTAM_NET_NETWORK_PLACE_H
#define BANTAM_NET_NETWORK_PLACE_H

#include <sys/un.h>

#include "base/err.h"
#include "net/network.h"

struct network_place {
	char name[NET_NETWORK_NAME_MAX + 1];
	char lock_path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct sockaddr_un address;
};

/* Make and check the folder.
 * dir  instead of the usual one, or NULL
 * 0, or -errno with err filled. */
int network_place_find(const char *name, const char *dir, struct network_place *out,
		       struct err *err);

/* The right to serve, until the descriptor is closed.
 * The descriptor; -EAGAIN: someone else serves; another -errno. */
int network_place_lock(const struct network_place *p);

/* With the lock: a socket that listens, non-blocking.
 * Descriptor; -EAGAIN: someone else serves all the same; another -errno. */
int network_place_listen(const struct network_place *p);
/* With the lock: no more. */
void network_place_leave(const struct network_place *p);

/* A connection to the server, non-blocking.  Descriptor or -errno. */
int network_place_connect(const struct network_place *p);

/* The next connection to the server, non-blocking.
 * Descriptor; -EAGAIN: there is none; -EPERM: one of another user's, which is closed;
 * another -errno. */
int network_place_accept(int listen_fd);

#endif
