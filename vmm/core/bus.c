#include "core/bus.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

void bus_init(struct bus *bus, const char *name, uint64_t limit)
{
	memset(bus, 0, sizeof(*bus));
	bus->name = name;
	bus->limit = limit;
}

/* Index of the last region whose base is at most addr; -1 if none. */
static int floor_index(const struct bus *bus, uint64_t addr)
{
	int lo = 0, hi = (int)bus->region_count;

	while (lo < hi) {
		const int mid = lo + (hi - lo) / 2;

		if (bus->regions[mid].base <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

const struct bus_region *bus_find(const struct bus *bus, uint64_t addr)
{
	const int i = floor_index(bus, addr);

	if (i < 0 || addr - bus->regions[i].base >= bus->regions[i].len)
		return NULL;
	return &bus->regions[i];
}

int bus_add(struct bus *bus, const struct bus_region *region)
{
	const int below = floor_index(bus, region->base);
	const unsigned at = (unsigned)(below + 1);

	assert(region->ops && region->ops->read && region->ops->write);
	if (region->len == 0 || !range_inside(region->base, region->len, bus->limit))
		return -EINVAL;
	if (below >= 0 && region->base - bus->regions[below].base < bus->regions[below].len)
		return -EEXIST;
	if (at < bus->region_count && bus->regions[at].base - region->base < region->len)
		return -EEXIST;
	if (bus->region_count == BUS_REGIONS_MAX)
		return -ENOSPC;
	memmove(&bus->regions[at + 1], &bus->regions[at],
		(bus->region_count - at) * sizeof(bus->regions[0]));
	bus->regions[at] = *region;
	bus->region_count++;
	return 0;
}

int bus_remove(struct bus *bus, uint64_t base)
{
	const int i = floor_index(bus, base);

	if (i < 0 || bus->regions[i].base != base)
		return -ENOENT;
	bus->region_count--;
	memmove(&bus->regions[i], &bus->regions[i + 1],
		(bus->region_count - (unsigned)i) * sizeof(bus->regions[0]));
	return 0;
}

static void complain_once(struct bus *bus, uint64_t addr, bool is_write)
{
	if (!bus->unclaimed)
		return;
	for (unsigned i = 0; i < bus->seen_count; i++)
		if (bus->seen[i] == addr)
			return;
	if (bus->seen_count == ARRAY_LEN(bus->seen))
		return;
	bus->seen[bus->seen_count++] = addr;
	bus->unclaimed(bus, addr, is_write);
}

/* How many of size bytes at addr go to region r in one access: the largest
 * power of two that fits the region's width, its end and the request. */
static unsigned step_bytes(const struct bus_region *r, uint64_t addr, unsigned size)
{
	const uint64_t room = r->len - (addr - r->base);
	unsigned step = 8;

	while (step > size || step > r->max_access || step > room)
		step /= 2;
	return step;
}

void bus_read(struct bus *bus, uint64_t addr, void *data, unsigned size)
{
	uint8_t *out = data;

	for (unsigned done = 0; done < size;) {
		const struct bus_region *r = bus_find(bus, addr + done);
		unsigned step = 1;

		if (r) {
			step = step_bytes(r, addr + done, size - done);
			le_store(out + done, step,
				 r->ops->read(r->ctx, addr + done - r->base, step));
		} else {
			out[done] = 0xff;
			if (done == 0)
				complain_once(bus, addr, false);
		}
		done += step;
	}
}

void bus_write(struct bus *bus, uint64_t addr, const void *data, unsigned size)
{
	const uint8_t *in = data;

	for (unsigned done = 0; done < size;) {
		const struct bus_region *r = bus_find(bus, addr + done);
		unsigned step = 1;

		if (r) {
			step = step_bytes(r, addr + done, size - done);
			r->ops->write(r->ctx, addr + done - r->base, step,
				      le_load(in + done, step));
		} else if (done == 0) {
			complain_once(bus, addr, true);
		}
		done += step;
	}
}
