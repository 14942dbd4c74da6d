/* block/guard.h: keeps a raw disk raw.
 *
 * A disk whose format was probed would be probed again at the next start, here or
 * by another program: a guest that writes an image header into its first sector
 * would then choose what file of the host it is given as backing (CVE-2008-2004).
 * So such a write ends with EIO. */
#ifndef BANTAM_BLOCK_GUARD_H
#define BANTAM_BLOCK_GUARD_H

#include "block/block.h"

/* below  taken over, if all goes well
 * name   for the warning
 * 0, or -errno with err filled. */
int guard_create(struct block *below, const char *name, struct block **out, struct err *err);

#endif
