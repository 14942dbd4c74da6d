/* chipset/ports.h: the ports of a chipset device as a table.
 *
 * A fixed device says once, in a const table, which ports it answers; create()
 * claims all rows or none, destroy() gives them back. */
#ifndef BANTAM_CHIPSET_PORTS_H
#define BANTAM_CHIPSET_PORTS_H

#include "base/err.h"
#include "base/types.h"
#include "core/bus.h"

struct port_row {
	const char *name;    /* static; for the log */
	uint16_t port;	     /* the first */
	uint16_t len;	     /* ports, 1 or more */
	unsigned max_access; /* bytes: 1, 2 or 4; the bus splits wider accesses */
	const struct bus_ops *ops;
};

/* Claim every row on bus for ctx (borrowed until ports_release()).
 * 0; or the -errno of bus_add() with err (may be NULL) filled and nothing
 * claimed. */
int ports_claim(struct bus *bus, const struct port_row *rows, size_t count, void *ctx,
		struct err *err);

/* Give back the rows that ports_claim() took. */
void ports_release(struct bus *bus, const struct port_row *rows, size_t count);

#endif
