/* fsread/ext4.h: ext2, ext3 and ext4, as of the kernel's
 * Documentation/filesystems/ext4.  For fs.c; the rest of the folder's ext4_*.c
 * share what is declared below. */
#ifndef BANTAM_FSREAD_EXT4_H
#define BANTAM_FSREAD_EXT4_H

#include "fsread/fs.h"

/* As fs_open(); -ENOENT without the superblock's magic number. */
int ext4_open(struct fs **fs, const struct reader *reader, struct err *err);

#define EXT4_SUPER_AT	   1024u
#define EXT4_ROOT_INODE	   2u
#define EXT4_GROUPS_SUMMED (UINT32_C(1) << 20) /* 128 TiB in groups of 128 MiB */

enum ext4_incompat {
	EXT4_META_BG = 0x10,
	EXT4_EXTENTS = 0x40,
	EXT4_64BIT = 0x80,
	EXT4_CSUM_SEED = 0x2000,
	EXT4_LARGEDIR = 0x4000,
};

enum ext4_compat {
	EXT4_JOURNAL = 0x4,
	EXT4_SPARSE_SUPER2 = 0x200,
};

enum ext4_ro_compat {
	EXT4_SPARSE_SUPER = 0x1,
	EXT4_GDT_CSUM = 0x10,
	EXT4_BIGALLOC = 0x200,
	EXT4_METADATA_CSUM = 0x400,
};

enum ext4_inode_flag {
	EXT4_INODE_ENCRYPT = 0x800,
	EXT4_INODE_EXTENTS = 0x80000,
	EXT4_INODE_VERITY = 0x100000,
	EXT4_INODE_INLINE_DATA = 0x10000000,
	EXT4_INODE_CASEFOLD = 0x40000000,
};

/* What the superblock says, checked: no sum or product of these can wrap, and
 * none is 0 that something is divided by. */
struct ext4 {
	struct fs fs;
	unsigned block_bits; /* 10..16 */
	uint32_t block_bytes;
	uint64_t block_count; /* at most what fits on 2^63 bytes */
	uint32_t first_data_block;
	uint32_t blocks_per_group;
	uint32_t inodes_per_group;
	uint32_t inode_count;
	uint32_t inode_bytes; /* a power of two, at most a block */
	uint32_t desc_bytes;  /* of a group descriptor: 32, or a power of two up to 1024 */
	uint32_t group_count;
	uint32_t first_meta_bg;
	uint32_t compat, incompat, ro_compat;
	unsigned cluster_bits; /* blocks in a cluster of bigalloc, else 0 */
	uint64_t reserved_blocks, free_blocks, overhead_blocks;
	uint32_t free_inodes;
	uint32_t reserved_descs; /* blocks in each group with a superblock */
	uint32_t journal_inode;
	uint32_t backup_groups[2]; /* of sparse_super2 */
	uint32_t sum_seed;	   /* of metadata_csum */
	uint8_t uuid[16];
};

static inline struct ext4 *ext4_of(struct fs *fs)
{
	return container_of(fs, struct ext4, fs);
}

/* ---- ext4_group.c ---- */

/* What a group's descriptor says, unchecked. */
struct ext4_group {
	uint64_t inode_table; /* block */
	uint32_t free_blocks; /* clusters with bigalloc */
};

/* group  below group_count */
int ext4_group(struct ext4 *e, uint32_t group, struct ext4_group *out);

/* Blocks that no file can ever have. */
uint64_t ext4_overhead(struct ext4 *e);

/* ---- ext4_inode.c ---- */

int ext4_load(struct fs *fs, uint64_t id, struct fs_node *node);

/* *raw: inode_bytes bytes, good until the next call that reads.
 * number  any value */
int ext4_inode_raw(struct ext4 *e, uint64_t number, const uint8_t **raw);

/* What sums over an inode's own blocks begin with. */
uint32_t ext4_inode_seed(const struct ext4 *e, const struct fs_node *node);

/* Bytes of an inode above the first 128 that are in use. */
uint32_t ext4_extra_bytes(const struct ext4 *e, const uint8_t *raw);

/* ---- ext4_map.c ---- */

struct ext4_run {
	uint64_t block; /* on the disk, all of the run inside it; 0: zeros */
	uint64_t count; /* blocks, 1 or more */
};

/* Where the block of a file is, and how many behind it lie in a row.
 * block  any value */
int ext4_map(struct ext4 *e, const struct fs_node *node, uint64_t block, struct ext4_run *run);

/* ---- ext4_inline.c ---- */

/* Bytes that an inode itself holds of its file: [offset, offset+len).
 * -EUCLEAN when it has fewer. */
int ext4_inline_copy(struct ext4 *e, const struct fs_node *node, uint64_t offset, void *to,
		     size_t len);

/* How many there are: 60, and the length of the attribute that holds the rest. */
int ext4_inline_bytes(struct ext4 *e, const struct fs_node *node, uint32_t *bytes);

/* ---- ext4_dir.c, ext4_file.c ---- */

int ext4_next(struct fs *fs, const struct fs_node *dir, uint64_t *cursor, struct fs_entry *entry);
int ext4_read(struct fs *fs, const struct fs_node *node, uint64_t offset, void *to, size_t len);

#endif
