#include "fsread/ext4.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "fsread/crc.h"

#define OLD_BYTES 128u /* of an inode of revision 0; all else is "extra" */
#define SUM_LOW	  0x7cu
#define SUM_HIGH  0x82u

static const uint8_t zero[4];

uint32_t ext4_extra_bytes(const struct ext4 *e, const uint8_t *raw)
{
	const uint32_t raw_extra = e->inode_bytes > OLD_BYTES ? le16_load(raw + OLD_BYTES) : 0;

	/* One that claims too much has none that can be trusted. */
	return raw_extra <= e->inode_bytes - OLD_BYTES ? raw_extra : 0;
}

int ext4_inode_raw(struct ext4 *e, uint64_t number, const uint8_t **raw)
{
	const uint64_t index = (number - 1) % e->inodes_per_group;
	const uint64_t group_number = (number - 1) / e->inodes_per_group;
	const uint64_t offset = index * e->inode_bytes;
	struct ext4_group group;
	const uint8_t *bytes;
	uint64_t block;
	int rc;

	if (number == 0 || number > e->inode_count || group_number >= e->group_count) {
		err_set(&e->fs.err, -EUCLEAN, "there is no inode %llu", (unsigned long long)number);
		return -EUCLEAN;
	}
	rc = ext4_group(e, (uint32_t)group_number, &group);
	if (rc < 0)
		return rc;
	if (group.inode_table >= e->block_count) {
		err_set(&e->fs.err, -EUCLEAN, "the inodes of group %llu are nowhere",
			(unsigned long long)group_number);
		return -EUCLEAN;
	}
	block = group.inode_table + (offset >> e->block_bits);
	rc = cache_block(&e->fs.cache, block, &bytes, NULL);
	if (rc < 0) {
		fs_io_error(&e->fs, rc, "cannot read inode %llu", (unsigned long long)number);
		return rc;
	}
	*raw = bytes + (offset & (e->block_bytes - 1));
	return 0;
}

static uint32_t seed_of(const struct ext4 *e, uint64_t number, uint32_t generation)
{
	uint8_t words[8];

	le32_store(words, (uint32_t)number);
	le32_store(words + 4, generation);
	return crc32c_run(e->sum_seed, words, sizeof(words));
}

uint32_t ext4_inode_seed(const struct ext4 *e, const struct fs_node *node)
{
	return seed_of(e, node->id, node->ext4.generation);
}

/* Over the whole inode, both halves of the sum as zeros. */
static bool sum_right(const struct ext4 *e, uint64_t number, const uint8_t *raw)
{
	const bool high = ext4_extra_bytes(e, raw) >= SUM_HIGH + 2 - OLD_BYTES;
	const uint32_t old_end = e->inode_bytes > OLD_BYTES ? SUM_HIGH : OLD_BYTES;
	uint32_t crc = seed_of(e, number, le32_load(raw + 0x64));
	uint32_t sum = le16_load(raw + SUM_LOW);

	crc = crc32c_run(crc, raw, SUM_LOW);
	crc = crc32c_run(crc, zero, 2);
	crc = crc32c_run(crc, raw + SUM_LOW + 2, old_end - SUM_LOW - 2);
	if (e->inode_bytes > OLD_BYTES) {
		crc = crc32c_run(crc, high ? zero : raw + SUM_HIGH, 2);
		crc = crc32c_run(crc, raw + SUM_HIGH + 2, e->inode_bytes - SUM_HIGH - 2);
	}
	if (high)
		return crc == (sum | (uint32_t)le16_load(raw + SUM_HIGH) << 16);
	return (uint16_t)crc == sum;
}

/* Seconds are signed; the extra word has two more bits of them and the rest. */
static void time_take(const struct ext4 *e, const uint8_t *raw, struct fs_node *node)
{
	node->mtime_s = (int32_t)le32_load(raw + 0x10);
	if (ext4_extra_bytes(e, raw) >= 0x8c - OLD_BYTES) {
		const uint32_t extra = le32_load(raw + 0x88);

		node->mtime_s += (int64_t)(extra & 3) << 32;
		node->mtime_ns = extra >> 2;
	}
}

/* The old form has 8 bits each; the new one stands in the second word. */
static void device_take(struct fs_node *node)
{
	const uint32_t old = le32_load(node->ext4.map), wide = le32_load(node->ext4.map + 4);

	if (old) {
		node->dev_major = old >> 8 & 0xff;
		node->dev_minor = old & 0xff;
	} else {
		node->dev_major = wide >> 8 & 0xfff;
		node->dev_minor = (wide & 0xff) | (wide >> 12 & 0xfff00);
	}
}

static uint32_t attributes_of(uint32_t flags)
{
	return (flags & EXT4_INODE_ENCRYPT ? FS_ENCRYPTED : 0u) |
	       (flags & EXT4_INODE_CASEFOLD ? FS_CASEFOLD : 0u) |
	       (flags & EXT4_INODE_VERITY ? FS_VERITY : 0u);
}

int ext4_load(struct fs *fs, uint64_t id, struct fs_node *node)
{
	struct ext4 *e = ext4_of(fs);
	const uint8_t *raw;
	int rc = ext4_inode_raw(e, id, &raw);

	if (rc < 0)
		return rc;
	*node = (struct fs_node){ .id = id };
	node->mode = le16_load(raw);
	node->uid = le16_load(raw + 0x2) | (uint32_t)le16_load(raw + 0x78) << 16;
	node->gid = le16_load(raw + 0x18) | (uint32_t)le16_load(raw + 0x7a) << 16;
	node->link_count = le16_load(raw + 0x1a);
	node->size_bytes = le32_load(raw + 0x4);
	/* In directories the high half was once something else. */
	if (S_ISREG(node->mode) || e->incompat & EXT4_LARGEDIR)
		node->size_bytes |= (uint64_t)le32_load(raw + 0x6c) << 32;
	time_take(e, raw, node);
	node->ext4.flags = le32_load(raw + 0x20);
	node->ext4.generation = le32_load(raw + 0x64);
	node->attributes = attributes_of(node->ext4.flags);
	memcpy(node->ext4.map, raw + 0x28, sizeof(node->ext4.map));
	if (S_ISCHR(node->mode) || S_ISBLK(node->mode))
		device_take(node);
	if (e->ro_compat & EXT4_METADATA_CSUM && !sum_right(e, id, raw))
		fs->warnings |= FS_CHECKSUM;
	if (node->mode == 0)
		return err_set(&fs->err, -EUCLEAN, "inode %llu is not in use",
			       (unsigned long long)id);
	if (node->size_bytes > INT64_MAX)
		return err_set(&fs->err, -EUCLEAN, "inode %llu has an impossible size",
			       (unsigned long long)id);
	return 0;
}
