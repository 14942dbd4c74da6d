#include "boot/e820.h"

#include <assert.h>

#include "boot/layout.h"

#define HOLE_BASE (LAYOUT_EBDA + LAYOUT_EBDA_BYTES)
#define NOT_TOLD  0u /* neither RAM nor reserved */

struct carve {
	gpa_t start, end;
	uint32_t type;
};

/* What is never RAM to the guest, ascending. */
static const struct carve carves[] = {
	{ LAYOUT_EBDA, HOLE_BASE, E820_RESERVED },
	{ HOLE_BASE, LAYOUT_ACPI, NOT_TOLD },
	{ LAYOUT_ACPI, LAYOUT_KERNEL, E820_RESERVED },
	{ ECAM_BASE, ECAM_BASE + ECAM_BYTES, E820_RESERVED },
	{ KVM_IDENTITY_GPA, RAM_HIGH_BASE, E820_RESERVED },
};

_Static_assert(MEM_BLOCKS_MAX + 2 * ARRAY_LEN(carves) <= E820_MAX,
	       "each carve adds itself and splits one block at most");

/* Insert in order of address; RAM that touches the RAM before it becomes one. */
static void map_add(struct e820_map *map, gpa_t start, gpa_t end, uint32_t type)
{
	unsigned at = map->count;

	assert(map->count < E820_MAX && start < end);
	for (; at > 0 && map->entries[at - 1].gpa > start; at--)
		map->entries[at] = map->entries[at - 1];
	if (at > 0 && map->entries[at - 1].type == type && at == map->count &&
	    map->entries[at - 1].gpa + map->entries[at - 1].len == start) {
		map->entries[at - 1].len += end - start;
		return;
	}
	map->entries[at] = (struct e820_entry){ .gpa = start, .len = end - start, .type = type };
	map->count++;
}

static void add_ram(struct e820_map *map, gpa_t start, gpa_t end)
{
	for (unsigned i = 0; i < ARRAY_LEN(carves) && start < end; i++) {
		const struct carve *c = &carves[i];

		if (c->end <= start || c->start >= end)
			continue;
		if (c->start > start)
			map_add(map, start, c->start, E820_RAM);
		start = c->end;
	}
	if (start < end)
		map_add(map, start, end, E820_RAM);
}

void e820_build(const struct mem *mem, struct e820_map *map)
{
	map->count = 0;
	for (unsigned i = 0; i < mem->block_count; i++) {
		const struct mem_block *b = &mem->blocks[i];

		add_ram(map, b->gpa, b->gpa + b->len);
	}
	for (unsigned i = 0; i < ARRAY_LEN(carves); i++) {
		if (carves[i].type != NOT_TOLD)
			map_add(map, carves[i].start, carves[i].end, carves[i].type);
	}
}
