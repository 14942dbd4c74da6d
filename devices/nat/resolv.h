/* nat/resolv.h: the host's resolvers, as resolv.conf(5) names them at the moment. */
#ifndef BANTAM_NAT_RESOLV_H
#define BANTAM_NAT_RESOLV_H

#include <sys/socket.h>
#include <time.h>

#include "nat/nat.h"

#define RESOLV_SERVERS_MAX 3u /* MAXNS of <resolv.h>: more are for nobody */
#define RESOLV_DOMAIN_MAX  256u

struct resolv_server {
	struct sockaddr_storage address; /* IPv4 or IPv6, with its port */
	socklen_t len;
};

struct resolv {
	unsigned server_count; /* 1 or more */
	struct resolv_server servers[RESOLV_SERVERS_MAX];
	char domain[RESOLV_DOMAIN_MAX]; /* where short names are searched first; "": unknown */
};

/* Understand a resolv.conf; no servers in it means one on this host, as resolv.conf(5)
 * says. */
void resolv_parse(const char *text, size_t len, struct resolv *out);

/* The file, and what it said when it was last looked at. */
struct resolv_file {
	const char *path; /* owned by whoever made this */
	struct timespec changed;
	uint64_t inode, size_bytes;
	bool known;
	struct resolv now;
};

/* Read it again if it has changed.  One that cannot be read leaves what was known. */
const struct resolv *resolv_look(struct resolv_file *f);

struct nat;
/* Of n's own file, looked at now. */
const char *nat_resolv_domain(const struct nat *n);

#endif
