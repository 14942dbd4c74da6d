/* From a file's blocks to the disk's: extents, or the lists of blocks that ext2
 * and ext3 had. */
#include "fsread/ext4.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "fsread/crc.h"

#define EXTENT_MAGIC	   0xf30au
#define EXTENT_BYTES	   12u /* of the header, an index and a leaf alike */
#define EXTENT_DEPTH_MAX   5u
#define EXTENT_WRITTEN_MAX 32768u /* more: allocated, but reads as zeros */

#define DIRECT_COUNT 12u
#define INDIRECT_MAX 3u

static int damaged(struct ext4 *e, const struct fs_node *node, const char *what)
{
	return err_set(&e->fs.err, -EUCLEAN, "inode %llu: %s", (unsigned long long)node->id, what);
}

static bool inside(const struct ext4 *e, uint64_t block, uint64_t count)
{
	return block > 0 && range_inside(block, count, e->block_count);
}

/* *bytes: a block of the map itself. */
static int map_block(struct ext4 *e, const struct fs_node *node, uint64_t block,
		     const uint8_t **bytes, bool *fresh)
{
	int rc;

	if (!inside(e, block, 1))
		return damaged(e, node, "its map points outside the file system");
	rc = cache_block(&e->fs.cache, block, bytes, fresh);
	if (rc < 0)
		return fs_io_error(&e->fs, rc, "cannot read the map of inode %llu",
				   (unsigned long long)node->id);
	return 0;
}

/* A node of the tree: the one in the inode, or a block. */
struct extents {
	const uint8_t *raw;
	uint32_t room; /* bytes */
	uint32_t count;
	uint32_t max;
};

static int extents_check(struct ext4 *e, const struct fs_node *node, unsigned level,
			 struct extents *x)
{
	x->count = le16_load(x->raw + 2);
	x->max = le16_load(x->raw + 4);
	if (le16_load(x->raw) != EXTENT_MAGIC || le16_load(x->raw + 6) != level ||
	    x->count > x->max || x->max > x->room / EXTENT_BYTES - 1)
		return damaged(e, node, "its extent tree is damaged");
	return 0;
}

/* The sum stands behind the last possible entry. */
static void extents_check_sum(struct ext4 *e, const struct fs_node *node, const struct extents *x)
{
	const uint32_t at = EXTENT_BYTES * (x->max + 1);

	if (!(e->ro_compat & EXT4_METADATA_CSUM))
		return;
	if (at > x->room - 4 ||
	    crc32c_run(ext4_inode_seed(e, node), x->raw, at) != le32_load(x->raw + at))
		e->fs.warnings |= FS_CHECKSUM;
}

static const uint8_t *extent_at(const struct extents *x, uint32_t i)
{
	return x->raw + (size_t)EXTENT_BYTES * (i + 1);
}

/* How many entries begin at or before the block.  They should be in order; however
 * they are, the last of these does, and the one behind it does not. */
static uint32_t extents_upto(const struct extents *x, uint64_t block)
{
	uint32_t low = 0, high = x->count;

	while (low < high) {
		const uint32_t middle = (low + high) / 2;

		if (le32_load(extent_at(x, middle)) <= block)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The run that a leaf's entry gives from the block on; a hole behind the entry
 * lasts until `end`. */
static int leaf_take(struct ext4 *e, const struct fs_node *node, const uint8_t *leaf,
		     uint64_t block, uint64_t end, struct ext4_run *run)
{
	const uint64_t start = (uint64_t)le16_load(leaf + 6) << 32 | le32_load(leaf + 8);
	const uint64_t skip = block - le32_load(leaf);
	const uint32_t raw_len = le16_load(leaf + 4);
	const bool written = raw_len <= EXTENT_WRITTEN_MAX;
	const uint32_t len = written ? raw_len : raw_len - EXTENT_WRITTEN_MAX;

	if (skip >= len) {
		*run = (struct ext4_run){ 0, end - block };
		return 0;
	}
	if (!inside(e, start, len))
		return damaged(e, node, "an extent lies outside the file system");
	*run = (struct ext4_run){ written ? start + skip : 0, len - skip };
	return 0;
}

static int extent_find(struct ext4 *e, const struct fs_node *node, uint64_t block,
		       struct ext4_run *run)
{
	struct extents x = { .raw = node->ext4.map, .room = sizeof(node->ext4.map) };
	uint64_t end = UINT64_C(1) << 32; /* where the next entry begins, at any level */
	const unsigned depth = le16_load(x.raw + 6);
	bool fresh = false;

	if (depth > EXTENT_DEPTH_MAX)
		return damaged(e, node, "its extent tree is too deep");
	for (unsigned level = depth;; level--) {
		int rc = extents_check(e, node, level, &x);
		const uint32_t upto = rc < 0 ? 0 : extents_upto(&x, block);
		const uint8_t *entry;

		if (rc < 0)
			return rc;
		if (fresh)
			extents_check_sum(e, node, &x);
		if (upto < x.count)
			end = min_u64(end, le32_load(extent_at(&x, upto)));
		if (upto == 0) {
			*run = (struct ext4_run){ 0, end - block };
			return 0;
		}
		entry = extent_at(&x, upto - 1);
		if (level == 0)
			return leaf_take(e, node, entry, block, end, run);
		rc = map_block(e, node, (uint64_t)le16_load(entry + 8) << 32 | le32_load(entry + 4),
			       &x.raw, &fresh);
		if (rc < 0)
			return rc;
		x.room = e->block_bytes;
	}
}

/* A run from entry i of a list of count block numbers. */
static int list_run(struct ext4 *e, const struct fs_node *node, const uint8_t *list, uint64_t i,
		    uint64_t count, struct ext4_run *run)
{
	const uint32_t first = le32_load(list + 4 * i);

	*run = (struct ext4_run){ first, 1 };
	if (first && !inside(e, first, 1))
		return damaged(e, node, "a block lies outside the file system");
	while (i + run->count < count &&
	       le32_load(list + 4 * (i + run->count)) == (first ? first + run->count : 0))
		run->count++;
	if (first)
		run->count = min_u64(run->count, e->block_count - first);
	return 0;
}

/* Twelve blocks, then a list, a list of lists, and a list of those. */
static int indirect_find(struct ext4 *e, const struct fs_node *node, uint64_t block,
			 struct ext4_run *run)
{
	const unsigned bits = e->block_bits - 2; /* of the count of a list */
	const uint8_t *list = node->ext4.map;
	unsigned level = 1;

	if (block < DIRECT_COUNT)
		return list_run(e, node, list, block, DIRECT_COUNT, run);
	block -= DIRECT_COUNT;
	while (level <= INDIRECT_MAX && block >> (bits * level)) {
		block -= UINT64_C(1) << (bits * level);
		level++;
	}
	if (level > INDIRECT_MAX)
		return damaged(e, node, "it is longer than its map can be");
	list += 4 * (DIRECT_COUNT + level - 1);
	for (uint64_t i = 0;; level--) {
		const uint64_t span = UINT64_C(1) << (bits * level);
		const uint32_t child = le32_load(list + 4 * i);
		int rc;

		if (level == 0)
			return list_run(e, node, list, i, UINT64_C(1) << bits, run);
		if (child == 0) {
			*run = (struct ext4_run){ 0, span - (block & (span - 1)) };
			return 0;
		}
		rc = map_block(e, node, child, &list, NULL);
		if (rc < 0)
			return rc;
		i = block >> (bits * (level - 1)) & ((UINT64_C(1) << bits) - 1);
	}
}

int ext4_map(struct ext4 *e, const struct fs_node *node, uint64_t block, struct ext4_run *run)
{
	if (block > UINT32_MAX)
		return damaged(e, node, "it is longer than a file can be");
	if (node->ext4.flags & EXT4_INODE_EXTENTS)
		return extent_find(e, node, block, run);
	return indirect_find(e, node, block, run);
}
