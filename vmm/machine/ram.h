/* machine/ram.h: guest RAM: one area, cut at the hole below 4 GiB. */
#ifndef BANTAM_MACHINE_RAM_H
#define BANTAM_MACHINE_RAM_H

#include "base/err.h"
#include "core/mem.h"
#include "host/pages.h"

struct ram {
	struct pages pages;
	struct mem mem;
};

/* size_bytes of RAM: up to 3 GiB from 0 on, the rest from 4 GiB on.
 * size_bytes  RAM_MIN_BYTES or more, a multiple of 4096
 * 0, or -errno with err filled. */
int ram_create(struct ram *r, uint64_t size_bytes, struct err *err);
void ram_destroy(struct ram *r);

#endif
