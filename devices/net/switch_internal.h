/* net/switch_internal.h: what switch_server.c (who comes and goes), switch_port.c (frames
 * of one port) and switch_uplink.c (the port that is no socket) share. */
#ifndef BANTAM_NET_SWITCH_INTERNAL_H
#define BANTAM_NET_SWITCH_INTERNAL_H

#include "net/network_place.h"
#include "net/switch_packet.h"
#include "net/switch_server.h"
#include "net/switch_table.h"

#define SWITCH_UPLINK_PORT 0u /* guests are at 1..63 */
/* What waits for a guest that is slow, besides its socket's buffer.  Little: a queue
 * that is always full only makes everything late. */
#define SWITCH_BACKLOG_BYTES (1u << 20)
/* Each has a part of its own, so that guests who never stop do not silence the uplink: what
 * came from other guests, which nobody can ask to wait, and what came from there. */
#define SWITCH_BACKLOG_GUESTS (SWITCH_BACKLOG_BYTES / 10 * 5)
#define SWITCH_BACKLOG_UPLINK (SWITCH_BACKLOG_BYTES / 10 * 2)
/* With so much from the uplink it is asked to keep what it has for that guest. */
#define SWITCH_BACKLOG_SLOW (SWITCH_BACKLOG_BYTES / 10)
#define SWITCH_BURST	    64u /* messages of one port before others have their turn */

struct switch_port {
	struct switch_server *server;
	unsigned index;
	int fd; /* -1: free */
	struct io_source source;
	bool waits;	   /* for room in the socket */
	bool uplink_waits; /* for less of its own in the backlog */
	uint64_t dropped;
	/* [start, end): messages, each behind its length and origin; NULL before the first */
	uint8_t *backlog;
	uint32_t start, end;
	uint32_t uplink_bytes; /* of them: of messages from the uplink */
};

struct switch_uplink {
	struct net *net; /* NULL: none */
	struct net_nic nic;
	struct iovec iov[2]; /* the first one is spare */
};

struct switch_server {
	struct network_place place;
	struct ioloop *loop;
	int lock_fd; /* -1: others serve */
	int listen_fd;
	struct io_source listener;
	struct io_timer rest; /* armed: the listener rests */
	bool rest_told;
	uint64_t joined; /* mask of ports that said hello */
	struct switch_port ports[SWITCH_PORTS_MAX];
	struct switch_uplink uplink;
	struct switch_table table;
	struct switch_stats stats;
	uint8_t from_port[SWITCH_PACKET_BYTES_MAX];
	uint8_t from_uplink[SWITCH_PACKET_BYTES_MAX];
};

/* A message with a frame came from a port: to whom it belongs.  The message may be
 * changed.
 * len  SWITCH_HEADER_BYTES + NET_HEADER_BYTES..SWITCH_PACKET_BYTES_MAX */
void switch_forward(struct switch_server *s, unsigned from, uint8_t *message, size_t len);

/* ---- switch_port.c ---- */

/* 0 or -errno; fd is the port's in any case. */
int switch_port_open(struct switch_port *p, int fd);
void switch_port_close(struct switch_port *p);
/* A frame of this port, or for it, is lost. */
void switch_port_drop(struct switch_port *p);
/* Send, or keep, or drop, what came from that port. */
void switch_port_send(struct switch_port *p, unsigned from, const uint8_t *message, size_t len);
/* Whether what the uplink has for it waits long; if so, that is told when it does no more. */
bool switch_port_is_slow(struct switch_port *p);

/* ---- switch_uplink.c ---- */

void switch_uplink_init(struct switch_server *s, struct net *uplink);
void switch_uplink_start(struct switch_server *s);
void switch_uplink_stop(struct switch_server *s);
void switch_uplink_send(struct switch_server *s, uint8_t *message, size_t len);
/* The end of a burst. */
void switch_uplink_flush(struct switch_server *s);
/* A guest that was slow is no more. */
void switch_uplink_resume(struct switch_server *s);

#endif
