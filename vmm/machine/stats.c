#include "machine/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

int stats_enable(struct stats *s)
{
	s->ports = calloc(STATS_PORTS, sizeof(s->ports[0]));
	s->mmio = calloc(STATS_MMIO_MAX, sizeof(s->mmio[0]));
	s->mmio_count = 0;
	if (!s->ports || !s->mmio) {
		stats_free(s);
		return -ENOMEM;
	}
	return 0;
}

void stats_free(struct stats *s)
{
	free(s->ports);
	free(s->mmio);
	s->ports = NULL;
	s->mmio = NULL;
}

void stats_pio(struct stats *s, uint16_t port, bool is_write, uint32_t count)
{
	if (is_write)
		s->ports[port].writes += count;
	else
		s->ports[port].reads += count;
}

void stats_mmio_access(struct stats *s, gpa_t gpa, bool is_write)
{
	unsigned i = 0;

	while (i < s->mmio_count && s->mmio[i].gpa != gpa)
		i++;
	if (i == STATS_MMIO_MAX) {
		s->mmio_uncounted++;
		return;
	}
	if (i == s->mmio_count)
		s->mmio[s->mmio_count++].gpa = gpa;
	if (is_write)
		s->mmio[i].writes++;
	else
		s->mmio[i].reads++;
}

struct row {
	const char *bus;
	uint64_t addr, reads, writes;
	const char *name;
};

static int by_use(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	const uint64_t p = x->reads + x->writes, q = y->reads + y->writes;

	if (p != q)
		return p < q ? 1 : -1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static const char *region_name(const struct bus *bus, uint64_t addr)
{
	const struct bus_region *r = bus_find(bus, addr);

	return r ? r->name : "(nothing there)";
}

void stats_print(const struct stats *s, const struct bus *pio, const struct bus *mmio, FILE *out)
{
	unsigned count = s->mmio_count, n = 0;
	struct row *rows;

	for (unsigned i = 0; i < STATS_PORTS; i++)
		count += s->ports[i].reads || s->ports[i].writes;
	rows = calloc(count ? count : 1, sizeof(rows[0]));
	if (!rows)
		return;
	for (unsigned i = 0; i < STATS_PORTS; i++)
		if (s->ports[i].reads || s->ports[i].writes)
			rows[n++] = (struct row){ "port", i, s->ports[i].reads,
						  s->ports[i].writes, region_name(pio, i) };
	for (unsigned i = 0; i < s->mmio_count; i++)
		rows[n++] = (struct row){ "mmio", s->mmio[i].gpa, s->mmio[i].reads,
					  s->mmio[i].writes, region_name(mmio, s->mmio[i].gpa) };
	qsort(rows, n, sizeof(rows[0]), by_use);
	fprintf(out, "stats: %-4s %-18s %10s %10s  %s\n", "", "address", "reads", "writes",
		"device");
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "stats: %s %#-18" PRIx64 " %10" PRIu64 " %10" PRIu64 "  %s\n",
			rows[i].bus, rows[i].addr, rows[i].reads, rows[i].writes, rows[i].name);
	if (s->mmio_uncounted)
		fprintf(out, "stats: mmio elsewhere: %" PRIu64 "\n", s->mmio_uncounted);
	free(rows);
}
