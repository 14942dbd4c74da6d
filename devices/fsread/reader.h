/* fsread/reader.h: where bytes of a disk come from: a raw file, a qcow2 image, a
 * snapshot, a part of any of them.  Read-only. */
#ifndef BANTAM_FSREAD_READER_H
#define BANTAM_FSREAD_READER_H

#include "base/types.h"

struct reader {
	/* Copy [offset, offset+len), which lies inside the disk.  0 or -errno. */
	int (*read)(void *ctx, uint64_t offset, void *to, size_t len);
	void *ctx;
	uint64_t size_bytes;
};

/* Copy [offset, offset+len).  0; -EIO when that is not all inside the disk; or
 * what the reader said.
 * offset  in bytes, any value */
int reader_read(const struct reader *r, uint64_t offset, void *to, size_t len);

/* A part of a disk as a disk of its own. */
struct window {
	const struct reader *under; /* borrowed */
	uint64_t start_bytes;
};

/* Returns a reader of [start, start+size) of under; w is its ctx and lives as
 * long.  A part that reaches behind the end of under is cut there. */
struct reader window_open(struct window *w, const struct reader *under, uint64_t start_bytes,
			  uint64_t size_bytes);

#endif
