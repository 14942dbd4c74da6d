/* block/chain_disk.h: a chain's disk as a block, for those who want one: reads go on
 * in the loop; writes to a qcow2 image are done when submit returns (it runs rounds of
 * the loop), into clusters that a fill chose, and are true with its commit. */
#ifndef BANTAM_BLOCK_CHAIN_DISK_H
#define BANTAM_BLOCK_CHAIN_DISK_H

#include "block/chain_read.h"
#include "block/qcow2_fill.h"

/* chain  borrowed; the disk is that of link `first`
 * fill   borrowed: of the first link's meta when that is qcow2 and is to be written;
 *        else NULL, and a qcow2 disk is read-only
 * out    owned by the caller until block_close()
 * 0 or -errno. */
int chain_disk_create(struct chain *chain, unsigned first, struct qcow2_fill *fill,
		      struct block **out);

#endif
