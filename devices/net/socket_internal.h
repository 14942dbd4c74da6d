/* net/socket_internal.h: what socket.c (peers that come and go) shares with
 * socket_stream.c and socket_dgram.c (frames). */
#ifndef BANTAM_NET_SOCKET_INTERNAL_H
#define BANTAM_NET_SOCKET_INTERNAL_H

#include "host/unix_path.h"
#include "net/socket.h"
#include "net/stream.h"

#define SOCKET_BURST 64u /* frames or reads before others have their turn */

struct net_socket;

/* How frames pass.  All on the pair's loop. */
struct socket_mode {
	int type; /* SOCK_STREAM, SOCK_DGRAM */
	/* A new peer: forget what was under way with the last one. */
	void (*reset)(struct net_socket *s);
	/* There is input. */
	void (*receive)(struct net_socket *s);
	/* There is room for output again. */
	void (*writable)(struct net_socket *s);
	/* As struct net_ops. */
	int (*send)(struct net_socket *s, const struct net_frame *f);
	void (*flush)(struct net_socket *s);
};

extern const struct socket_mode socket_stream, socket_dgram;

struct net_socket {
	struct net net;
	struct net_nic *nic;
	const struct socket_mode *mode;
	bool listens;
	struct sockaddr_un peer; /* without listen: whom to connect to */
	struct unix_name name;	 /* ours, if there is one */
	char *local;		 /* DGRAM without listen: to bind to, or NULL */
	int listen_fd;		 /* STREAM: -1 without listen */
	struct io_source listener;

	struct ioloop *loop; /* NULL: stopped */
	int fd;		     /* -1: no peer.  DGRAM with listen: always there */
	bool has_peer;
	struct io_source source;
	bool watched;	 /* source is on the loop */
	uint32_t events; /* that source waits for */
	struct io_timer retry;
	uint64_t retry_ns, found_ns; /* the next wait; when the last peer came, or 0 */
	struct stream_in *in;	     /* STREAM */
	struct stream_out *out;
};

/* What source waits for: bits are set, and cleared. */
void socket_wait(struct net_socket *s, uint32_t set, uint32_t clear);

/* The peer went away, or is sent away; why: one line for the user, or NULL. */
void socket_lose_peer(struct net_socket *s, const char *why);
void socket_found_peer(struct net_socket *s);

#endif
