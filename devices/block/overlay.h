/* block/overlay.h: a disk that is only read, and a throw-away copy of what was
 * written to it since. */
#ifndef BANTAM_BLOCK_OVERLAY_H
#define BANTAM_BLOCK_OVERLAY_H

#include "block/block.h"

#define OVERLAY_SIZE_MAX (UINT64_C(64) << 40)

/* base  never written
 * top   writable, zeros of base's size or more, and only ours
 * name  for messages
 * Both are taken over, if all goes well.  0, or -errno with err filled: -EFBIG
 * above OVERLAY_SIZE_MAX. */
int overlay_create(struct block *base, struct block *top, const char *name, struct block **out,
		   struct err *err);

#endif
