/* machine/leases.h: which guest has which address, for `bantam net leases`.
 *
 * There is no daemon: a guest that was given an address notes it in a small file in
 * the user's runtime folder (host/rundir.h), and holds a lock on it as long as it runs.
 * The lock ends with the process, however that ends: a file that nobody has locked is
 * nobody's, and whoever reads it removes it. */
#ifndef BANTAM_MACHINE_LEASES_H
#define BANTAM_MACHINE_LEASES_H

#include "base/err.h"
#include "base/types.h"

#define LEASES_MAX 8u /* NICs of a guest */

struct lease {
	char guest[65];
	unsigned pid;
	unsigned nic;
	char mac[18];
	char address[16];
	char hostname[64]; /* what the guest calls itself; "": nothing */
};

struct leases {
	int dir_fd, fd; /* -1: not yet */
	char name[40];
	bool refused; /* it did not work once: said and left alone */
};

void leases_init(struct leases *l);
/* Note that NIC `nic` of this guest has that address now.  Trouble is said in a
 * warning: a guest does not end for want of a note. */
void leases_set(struct leases *l, const struct lease *lease);
/* The guest ends: nobody has these addresses any longer. */
void leases_close(struct leases *l);

/* What all running guests of this user noted.
 * found  called for each, in no order
 * 0, or -errno with err filled. */
int leases_list(void (*found)(void *arg, const struct lease *lease), void *arg, struct err *err);

#endif
