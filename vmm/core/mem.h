/* core/mem.h: guest RAM as the host sees it.
 *
 * A short sorted table of RAM blocks, fixed before the first vCPU runs and
 * thread-safe from then on.  Every guest address goes through mem_span(): this
 * is the door between a guest's number and a host pointer. */
#ifndef BANTAM_CORE_MEM_H
#define BANTAM_CORE_MEM_H

#include <sys/uio.h>

#include "base/types.h"

#define MEM_BLOCKS_MAX 8

struct mem_block {
	gpa_t gpa;      /* first byte, page-aligned */
	uint64_t len;   /* bytes, a multiple of the page size */
	uint8_t *hva;   /* where the host has it mapped */
	int fd;         /* the file that is mapped there, shared; -1: private memory */
	uint64_t fd_offset; /* of the block's first byte in that file */
};

struct mem {
	unsigned block_count;
	struct mem_block blocks[MEM_BLOCKS_MAX];
};

/* Add a block above all blocks so far.  0; -EINVAL if it is empty, unaligned,
 * wraps or overlaps; -ENOSPC if the table is full. */
int mem_add(struct mem *m, gpa_t gpa, uint64_t len, void *hva);

/* As mem_add(), for memory that is a shared mapping of a file such as a memfd.
 * fd      borrowed for the machine's life; -1: private memory after all
 * offset  of the block's first byte in the file, page-aligned */
int mem_add_file(struct mem *m, gpa_t gpa, uint64_t len, void *hva, int fd, uint64_t offset);

/* Borrow [gpa, gpa+len) as host bytes.
 * gpa   guest-physical address in bytes, hostile: any value
 * len   bytes, hostile: any value
 * out   the guest may change the bytes at any time
 * Returns 0; -EINVAL for len 0; -EFAULT if any byte is not RAM, the range wraps
 * or it crosses from one block into another. */
int mem_span(const struct mem *m, gpa_t gpa, uint64_t len, uint8_t **out);

/* Copy out of and into guest RAM; the range may cross blocks that touch.
 * 0, or -EFAULT with nothing copied. */
int mem_read(const struct mem *m, gpa_t gpa, void *dst, uint64_t len);
int mem_write(const struct mem *m, gpa_t gpa, const void *src, uint64_t len);

/* As mem_span(), but the range may cross blocks that touch: it becomes up to
 * iov_max pieces.
 * Returns how many, 1 or more; -EINVAL, -EFAULT as mem_span(); -ENOBUFS if they
 * are more than iov_max. */
int mem_iov(const struct mem *m, gpa_t gpa, uint64_t len, struct iovec *iov, unsigned iov_max);

/* Give the whole pages inside [bytes, bytes+len) back to the host: they read as
 * zeros when they are touched next.  Parts of pages at the ends stay as they are.
 * Any thread, at any time.
 * bytes, len  host bytes of RAM as mem_span() and mem_iov() give them
 * 0; -EFAULT if some of it is no RAM (all before that is done); or -errno of the
 * host. */
int mem_discard(const struct mem *m, uint8_t *bytes, uint64_t len);

/* Bytes of RAM in all blocks. */
uint64_t mem_total(const struct mem *m);

#endif
