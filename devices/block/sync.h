/* block/sync.h: a block used by one who waits: for what is done to an image that no
 * guest runs on.  Any offset and length; what is not whole blocks is read first.
 * All return 0 or -errno. */
#ifndef BANTAM_BLOCK_SYNC_H
#define BANTAM_BLOCK_SYNC_H

#include "block/block.h"

/* Both borrowed.  Used on the loop's thread only. */
struct sync_io {
	struct block *block;
	struct ioloop *loop;
};

int sync_read(const struct sync_io *io, uint64_t offset, void *to, size_t len);
int sync_write(const struct sync_io *io, uint64_t offset, const void *from, size_t len);

/* Let it read as zeros.
 * may_unmap  and give its space back; else have it ready for writes, where the file
 *            system can */
int sync_zero(const struct sync_io *io, uint64_t offset, uint64_t len, bool may_unmap);

/* Its content is not needed any more; a hint. */
int sync_discard(const struct sync_io *io, uint64_t offset, uint64_t len);

/* All that was written before is durable. */
int sync_flush(const struct sync_io *io);

#endif
