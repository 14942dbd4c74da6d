/* core/bus.h: who answers at a port or an MMIO address.
 *
 * The same bus type serves ports (PIO) and guest-physical space (MMIO).  A
 * region is a row of data: base, length, widest access, ops.  An access that is
 * wider than the region takes, or that runs over its end, is split into
 * naturally ordered smaller ones, as an ISA bridge does; bytes that nobody
 * claims read as all ones and swallow writes.  All calls under the device
 * lock. */
#ifndef BANTAM_CORE_BUS_H
#define BANTAM_CORE_BUS_H

#include "base/types.h"

struct bus_ops {
	/* size is 1, 2, 4 or 8, at most the region's max_access; offset is
	 * within the region, and so is offset + size - 1.  The guest chooses
	 * both: any value in these bounds comes. */
	uint64_t (*read)(void *ctx, uint64_t offset, unsigned size);
	void (*write)(void *ctx, uint64_t offset, unsigned size, uint64_t value);
};

struct bus_region {
	const char *name;
	uint64_t base;
	uint64_t len;        /* bytes, 1 or more */
	unsigned max_access; /* bytes: 1, 2, 4 or 8 */
	const struct bus_ops *ops;
	void *ctx;
};

#define BUS_REGIONS_MAX 128

struct bus {
	const char *name;      /* "port" or "mmio", for the log */
	uint64_t limit;        /* addresses are below this */
	unsigned region_count; /* sorted by base, never overlapping */
	struct bus_region regions[BUS_REGIONS_MAX];
	/* Called for the first access to each unclaimed 1-byte address seen (a
	 * small memory: at most 64 addresses are remembered).  May be NULL. */
	void (*unclaimed)(const struct bus *bus, uint64_t addr, bool is_write);
	uint64_t seen[64];
	unsigned seen_count;
};

void bus_init(struct bus *bus, const char *name, uint64_t limit);

/* Add a region (copied).  0; -EEXIST if it overlaps one; -ENOSPC if the bus is
 * full; -EINVAL if it is empty or beyond the limit. */
int bus_add(struct bus *bus, const struct bus_region *region);

/* Remove the region that starts at base; -ENOENT if there is none. */
int bus_remove(struct bus *bus, uint64_t base);

/* An access as the guest made it: addr any value, size 1..8. */
void bus_read(struct bus *bus, uint64_t addr, void *data, unsigned size);
void bus_write(struct bus *bus, uint64_t addr, const void *data, unsigned size);

/* The region that claims addr, or NULL. */
const struct bus_region *bus_find(const struct bus *bus, uint64_t addr);

#endif
