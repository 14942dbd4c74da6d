#include "fsread/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

int cache_init(struct cache *c, const struct reader *reader, uint32_t block_bytes)
{
	*c = (struct cache){ .reader = reader, .block_bytes = block_bytes };
	c->bytes = malloc((size_t)CACHE_SLOTS * block_bytes);
	return c->bytes ? 0 : -ENOMEM;
}

void cache_free(struct cache *c)
{
	free(c->bytes);
	c->bytes = NULL;
}

/* The slot that holds the block, or else the one that was not used for longest. */
static struct cache_slot *find_slot(struct cache *c, uint64_t block)
{
	struct cache_slot *oldest = &c->slots[0];

	for (unsigned i = 0; i < CACHE_SLOTS; i++) {
		struct cache_slot *slot = &c->slots[i];

		if (slot->used && slot->block == block)
			return slot;
		if (slot->used < oldest->used)
			oldest = slot;
	}
	return oldest;
}

int cache_block(struct cache *c, uint64_t block, const uint8_t **bytes, bool *fresh)
{
	struct cache_slot *slot = find_slot(c, block);
	uint8_t *to = c->bytes + (size_t)(slot - c->slots) * c->block_bytes;
	const bool miss = !slot->used || slot->block != block;
	uint64_t offset, len;
	int rc;

	if (miss) {
		if (!mul_u64(block, c->block_bytes, &offset) || offset >= c->reader->size_bytes)
			return -EIO;
		len = min_u64(c->block_bytes, c->reader->size_bytes - offset);
		slot->used = 0; /* until it is whole */
		rc = reader_read(c->reader, offset, to, len);
		if (rc < 0)
			return rc;
		memset(to + len, 0, c->block_bytes - len);
		slot->block = block;
	}
	slot->used = ++c->clock;
	*bytes = to;
	if (fresh)
		*fresh = miss;
	return 0;
}

int cache_copy(struct cache *c, uint64_t offset, void *to, size_t len)
{
	const uint8_t *bytes;
	size_t done = 0;

	if (!range_inside(offset, len, c->reader->size_bytes))
		return -EIO;
	while (done < len) {
		const uint32_t within = (uint32_t)((offset + done) % c->block_bytes);
		const size_t n = min_u64(len - done, c->block_bytes - within);
		const int rc = cache_block(c, (offset + done) / c->block_bytes, &bytes, NULL);

		if (rc < 0)
			return rc;
		memcpy((uint8_t *)to + done, bytes + within, n);
		done += n;
	}
	return 0;
}
