/* block/qcow2_bitmaps.h: what the bitmaps of an image occupy. */
#ifndef BANTAM_BLOCK_QCOW2_BITMAPS_H
#define BANTAM_BLOCK_QCOW2_BITMAPS_H

#include "block/qcow2_meta.h"

struct qcow2_bitmap_visitor {
	/* [offset, offset+bytes) from a cluster's start on is in use: a directory, a
	 * table, a cluster of bits.  0 to go on, or -errno with err filled. */
	int (*used)(void *arg, uint64_t offset, uint64_t bytes, struct err *err);
	void *arg;
};

/* Every piece of every bitmap, once for each that names it.  0; what used() returned;
 * -EUCLEAN, err filled, where they are damaged.  Nothing without bitmaps. */
int qcow2_bitmaps_walk(struct qcow2_meta *m, const struct qcow2_bitmap_visitor *v, struct err *err);

#endif
