#include "fsread/ext4.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fsread/crc.h"

#define SUPER_BYTES 1024u
#define MAGIC	    0xef53u

enum state { STATE_CLEAN = 1, STATE_ERRORS = 2 };

#define INCOMPAT_RECOVER 0x4u

/* Of the incompatible features, those that change nothing for a reader or that
 * the code knows.  Multiple-mount protection, flex_bg and bigalloc only say where
 * things may be allocated. */
#define INCOMPAT_KNOWN 0x3e7d6u

/* blkid tells the three names apart by what ext3 had. */
#define EXT3_INCOMPAT  0x16u
#define EXT3_RO_COMPAT 0x7u

static const char *unknown_feature(uint32_t unknown)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{ 0x1, "compression" },
		{ 0x8, "journal_dev (the disk holds a journal only)" },
		{ 0x1000, "dirdata" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (unknown & names[i].bit)
			return names[i].name;
	}
	return "one from the future";
}

/* The 64-bit forms of counts: low halves at lo, high ones at hi. */
static uint64_t count64(const struct ext4 *e, const uint8_t *sb, unsigned lo, unsigned hi)
{
	const uint64_t high = e->incompat & EXT4_64BIT ? le32_load(sb + hi) : 0;

	return high << 32 | le32_load(sb + lo);
}

static void features_take(struct ext4 *e, const uint8_t *sb)
{
	const bool old = le32_load(sb + 0x4c) == 0; /* revision 0 has no features */

	e->compat = old ? 0 : le32_load(sb + 0x5c);
	e->incompat = old ? 0 : le32_load(sb + 0x60);
	e->ro_compat = old ? 0 : le32_load(sb + 0x64);
	e->inode_bytes = old ? 128 : le16_load(sb + 0x58);
	e->desc_bytes = e->incompat & EXT4_64BIT ? le16_load(sb + 0xfe) : 32;
	if (e->incompat & ~EXT3_INCOMPAT || e->ro_compat & ~EXT3_RO_COMPAT)
		e->fs.type = "ext4";
	else
		e->fs.type = e->compat & EXT4_JOURNAL ? "ext3" : "ext2";
}

static bool power_of_two_within(uint32_t v, uint32_t least, uint32_t most)
{
	return v >= least && v <= most && (v & (v - 1)) == 0;
}

/* Take the shape of the file system; the words of what is wrong with it, or NULL. */
static const char *shape_take(struct ext4 *e, const uint8_t *sb)
{
	const uint32_t log_block = le32_load(sb + 0x18);
	uint64_t groups;

	if (log_block > 6)
		return "its blocks are larger than 64 KiB";
	e->block_bits = 10 + log_block;
	e->block_bytes = UINT32_C(1) << e->block_bits;
	e->block_count = count64(e, sb, 0x4, 0x150);
	e->first_data_block = le32_load(sb + 0x14);
	e->blocks_per_group = le32_load(sb + 0x20);
	e->inodes_per_group = le32_load(sb + 0x28);
	e->inode_count = le32_load(sb);
	e->first_meta_bg = le32_load(sb + 0x104);
	if (e->block_count > (uint64_t)INT64_MAX >> e->block_bits)
		return "its size is beyond all limits";
	if (e->first_data_block > 1 || e->first_data_block >= e->block_count)
		return "its first block is not where it can be";
	if (!power_of_two_within(e->inode_bytes, 128, e->block_bytes))
		return "the size of its inodes is impossible";
	if (!power_of_two_within(e->desc_bytes, e->incompat & EXT4_64BIT ? 64 : 32, 1024))
		return "the size of its group descriptors is impossible";
	if (e->blocks_per_group == 0 || e->inodes_per_group == 0)
		return "its groups are empty";
	groups = (e->block_count - e->first_data_block + e->blocks_per_group - 1) /
		 e->blocks_per_group;
	if (groups > UINT32_MAX)
		return "it has too many groups";
	e->group_count = (uint32_t)groups;
	return NULL;
}

static void counts_take(struct ext4 *e, const uint8_t *sb)
{
	const uint32_t log_cluster = le32_load(sb + 0x1c);
	const uint32_t log_block = le32_load(sb + 0x18);

	e->free_blocks = count64(e, sb, 0xc, 0x158);
	e->reserved_blocks = count64(e, sb, 0x8, 0x154);
	e->free_inodes = le32_load(sb + 0x10);
	e->overhead_blocks = le32_load(sb + 0x248);
	e->backup_groups[0] = le32_load(sb + 0x24c);
	e->backup_groups[1] = le32_load(sb + 0x250);
	if (e->ro_compat & EXT4_BIGALLOC && log_cluster > log_block && log_cluster < 31)
		e->cluster_bits = log_cluster - log_block;
	e->overhead_blocks <<= e->cluster_bits;
	e->reserved_descs = le16_load(sb + 0xce);
	e->journal_inode = le32_load(sb + 0xe0);
	memcpy(e->uuid, sb + 0x68, sizeof(e->uuid));
}

static void state_take(struct ext4 *e, const uint8_t *sb)
{
	const uint16_t state = le16_load(sb + 0x3a);
	struct fs *fs = &e->fs;

	e->sum_seed = e->incompat & EXT4_CSUM_SEED ? le32_load(sb + 0x270)
						   : crc32c_run(UINT32_MAX, e->uuid, 16);
	if (e->incompat & INCOMPAT_RECOVER || !(state & STATE_CLEAN))
		fs->warnings |= FS_DIRTY;
	if (state & STATE_ERRORS)
		fs->warnings |= FS_ERRORS;
	if (fs->reader->size_bytes >> e->block_bits < e->block_count)
		fs->warnings |= FS_TRUNCATED;
	if (e->ro_compat & EXT4_METADATA_CSUM &&
	    crc32c_run(UINT32_MAX, sb, 0x3fc) != le32_load(sb + 0x3fc))
		fs->warnings |= FS_CHECKSUM;
}

static int super_take(struct ext4 *e, const uint8_t sb[SUPER_BYTES], struct err *err)
{
	const char *wrong;

	features_take(e, sb);
	if (e->incompat & ~INCOMPAT_KNOWN)
		return err_set(err, -EOPNOTSUPP, "%s has a feature that is not understood: %s",
			       e->fs.type, unknown_feature(e->incompat & ~INCOMPAT_KNOWN));
	wrong = shape_take(e, sb);
	if (wrong)
		return err_set(err, -EUCLEAN, "the superblock of %s is damaged: %s", e->fs.type,
			       wrong);
	counts_take(e, sb);
	state_take(e, sb);
	return 0;
}

/* The groups know better than the superblock, which the kernel updates rarely. */
static uint64_t free_blocks(struct ext4 *e)
{
	struct ext4_group group;
	uint64_t sum = 0;

	if (e->group_count > EXT4_GROUPS_SUMMED)
		return e->free_blocks;
	for (uint32_t g = 0; g < e->group_count; g++) {
		if (ext4_group(e, g, &group) < 0)
			return e->free_blocks;
		sum += (uint64_t)group.free_blocks << e->cluster_bits;
	}
	return sum;
}

static int ext4_space(struct fs *fs, struct fs_space *space)
{
	struct ext4 *e = ext4_of(fs);
	const uint64_t total = e->block_count - min_u64(ext4_overhead(e), e->block_count);
	const uint64_t unused = min_u64(free_blocks(e), total);
	const uint64_t reserved = min_u64(e->reserved_blocks, unused);

	space->total_bytes = total << e->block_bits;
	space->free_bytes = unused << e->block_bits;
	space->available_bytes = (unused - reserved) << e->block_bits;
	space->file_total = e->inode_count;
	space->file_free = min_u64(e->free_inodes, e->inode_count);
	return 0;
}

static void ext4_close(struct fs *fs)
{
	cache_free(&fs->cache);
	free(ext4_of(fs));
}

static const struct fs_ops ext4_ops = {
	.load = ext4_load,
	.next = ext4_next,
	.read = ext4_read,
	.space = ext4_space,
	.close = ext4_close,
};

int ext4_open(struct fs **fs, const struct reader *reader, struct err *err)
{
	uint8_t sb[SUPER_BYTES];
	struct ext4 *e;
	int rc;

	if (reader->size_bytes < EXT4_SUPER_AT + SUPER_BYTES)
		return -ENOENT;
	rc = reader_read(reader, EXT4_SUPER_AT, sb, sizeof(sb));
	if (rc < 0)
		return err_errno(err, rc, "cannot read the disk");
	if (le16_load(sb + 0x38) != MAGIC)
		return -ENOENT;
	e = calloc(1, sizeof(*e));
	if (!e)
		return err_set(err, -ENOMEM, "no memory");
	e->fs.ops = &ext4_ops;
	e->fs.reader = reader;
	e->fs.root_id = EXT4_ROOT_INODE;
	rc = super_take(e, sb, err);
	if (rc == 0 && cache_init(&e->fs.cache, reader, e->block_bytes) < 0)
		rc = err_set(err, -ENOMEM, "no memory");
	if (rc < 0) {
		free(e);
		return rc;
	}
	*fs = &e->fs;
	return 0;
}
