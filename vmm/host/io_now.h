/* host/io_now.h: file I/O that is through before another thread could have begun it.
 *
 * A page-cache hit takes a microsecond; handing it to a thread, or having io_uring
 * do so, which it does for every buffered write on most file systems and for all of
 * tmpfs on older kernels, takes ten.  So a small transfer is tried at once, on the
 * loop's own thread, where it is known or was lately seen not to block:
 *
 *      reads   with RWF_NOWAIT: what is not cached comes back untouched
 *      writes  as they are; one that took long (the file system throttles writers,
 *              or reads metadata) sends the following ones the long way for a while
 *      files in memory (tmpfs)  both, and their syncs, which do nothing
 */
#ifndef BANTAM_HOST_IO_NOW_H
#define BANTAM_HOST_IO_NOW_H

#include <stdatomic.h>

#include "host/ioloop.h"

/* What is known of one file; may be shared by loops.  All zero, but for in_memory,
 * at first. */
struct io_pace {
	bool in_memory;		      /* on a file system without a disk */
	atomic_bool no_nowait;	      /* it does not know RWF_NOWAIT */
	atomic_ullong rest_until_ns;  /* no write at once before (host monotonic) */
};

/* More than this is worth a thread of its own. */
#define IO_NOW_BYTES_MAX (256u << 10)
/* A write that took longer than that blocked; then none is tried for so long. */
#define IO_NOW_SLOW_NS UINT64_C(1000000)
#define IO_NOW_REST_NS UINT64_C(100000000)

/* Try op at once, by its pace (never NULL).  True: it is through, op->result says
 * how; false: nothing happened. */
bool io_now(struct io_op *op);

#endif
