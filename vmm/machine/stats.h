/* machine/stats.h: --stats: what the guest left KVM for, and how often.
 *
 * Counts per exit kind are always kept, on each vCPU's own line; counts per
 * port and MMIO register only with --stats.  Under the device lock. */
#ifndef BANTAM_MACHINE_STATS_H
#define BANTAM_MACHINE_STATS_H

#include <stdio.h>

#include "base/types.h"
#include "core/bus.h"

#define STATS_PORTS 0x10000u
#define STATS_MMIO_MAX 512u

struct stats {
	struct stats_port {
		uint64_t reads, writes;
	} *ports; /* STATS_PORTS of them; NULL: not asked for */
	struct stats_mmio {
		gpa_t gpa;
		uint64_t reads, writes;
	} *mmio; /* the first STATS_MMIO_MAX addresses seen */
	unsigned mmio_count;
	uint64_t mmio_uncounted; /* accesses to further addresses */
};

/* 0 or -ENOMEM. */
int stats_enable(struct stats *s);
void stats_free(struct stats *s);

static inline bool stats_on(const struct stats *s)
{
	return s->ports != NULL;
}

void stats_pio(struct stats *s, uint16_t port, bool is_write, uint32_t count);
void stats_mmio_access(struct stats *s, gpa_t gpa, bool is_write);

/* A table, most used first; region names from the buses. */
void stats_print(const struct stats *s, const struct bus *pio, const struct bus *mmio, FILE *out);

#endif
