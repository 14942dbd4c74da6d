/* host/pages.h: a large area of zeroed memory, touched on demand, for guest RAM.
 *
 * A memfd, so that others can map it too, unless this host gives huge pages to
 * private memory only (transparent_hugepage/shmem_enabled is "never", as most
 * distributions ship it): then private memory.  Huge pages are worth that: a
 * stock Linux boot takes 30,000 nested page faults without them and 400 with,
 * which under nested virtualization is a third of the boot's time. */
#ifndef BANTAM_HOST_PAGES_H
#define BANTAM_HOST_PAGES_H

#include "base/types.h"

#define HUGE_PAGE_BYTES MIB(2)

struct pages {
	int fd;         /* the memfd; -1: private memory */
	uint8_t *bytes; /* aligned to HUGE_PAGE_BYTES, so that huge pages fit */
	uint64_t len;
};

/* len bytes of zeros that cost nothing until they are touched.
 * name  of the memfd, for /proc/PID/maps
 * 0 or -errno. */
int pages_map(struct pages *p, const char *name, uint64_t len);

/* No huge pages in [offset, offset+len), page-aligned: there only a few bytes are
 * touched, and zeroing 2 MiB for them would cost more than they are worth. */
void pages_keep_small(struct pages *p, uint64_t offset, uint64_t len);

/* Make all bytes zero again and give the memory back.  0 or -errno. */
int pages_clear(struct pages *p);

void pages_unmap(struct pages *p);

#endif
