/* fsread/cache.h: the few metadata blocks that were read last.  A walk through a
 * file system asks for the same tables again and again; file data goes past it. */
#ifndef BANTAM_FSREAD_CACHE_H
#define BANTAM_FSREAD_CACHE_H

#include "fsread/reader.h"

#define CACHE_SLOTS 16u

struct cache {
	const struct reader *reader; /* borrowed */
	uint8_t *bytes;		     /* CACHE_SLOTS blocks */
	uint32_t block_bytes;
	uint64_t clock;
	struct cache_slot {
		uint64_t block;
		uint64_t used; /* the clock when last asked for; 0: empty */
	} slots[CACHE_SLOTS];
};

/* block_bytes  1..64 KiB
 * Returns 0 or -ENOMEM. */
int cache_init(struct cache *c, const struct reader *reader, uint32_t block_bytes);
void cache_free(struct cache *c);

/* *bytes: the block, good until the next call.  A last block that the disk cuts
 * short goes on with zeros.
 * block  any value
 * fresh  set to whether it was read just now, and so not looked at before; or NULL
 * Returns 0, -EIO behind the end of the disk, or what the reader said. */
int cache_block(struct cache *c, uint64_t block, const uint8_t **bytes, bool *fresh);

/* Copy [offset, offset+len) of the disk.  Errors as of cache_block(). */
int cache_copy(struct cache *c, uint64_t offset, void *to, size_t len);

#endif
