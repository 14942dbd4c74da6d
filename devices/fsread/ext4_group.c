#include "fsread/ext4.h"

#include <string.h>

#include "base/bytes.h"
#include "fsread/crc.h"

#define DESC_BYTES_MAX 64u /* as far as anything is known in it */
#define DESC_SUM       0x1eu

/* ext4_bg_has_super() of the kernel: which groups hold a copy of the superblock. */
static bool has_super(const struct ext4 *e, uint32_t group)
{
	static const uint32_t bases[] = { 3, 5, 7 };

	if (group == 0)
		return true;
	if (e->compat & EXT4_SPARSE_SUPER2)
		return group == e->backup_groups[0] || group == e->backup_groups[1];
	if (group == 1 || !(e->ro_compat & EXT4_SPARSE_SUPER))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		uint64_t power = bases[i];

		while (power < group)
			power *= bases[i];
		if (power == group)
			return true;
	}
	return false;
}

/* The block that holds the descriptor of a group. */
static uint64_t desc_block(const struct ext4 *e, uint32_t group)
{
	const uint32_t per_block = e->block_bytes / e->desc_bytes;
	const uint32_t n = group / per_block;
	uint64_t first;

	if (!(e->incompat & EXT4_META_BG) || n < e->first_meta_bg)
		return (EXT4_SUPER_AT >> e->block_bits) + 1 + n;
	/* With meta_bg they lie in the first of the groups that they describe. */
	first = e->first_data_block + (uint64_t)n * per_block * e->blocks_per_group;
	return first + has_super(e, n * per_block) +
	       (n == 0 && e->block_bits == 10 && e->first_data_block == 0);
}

/* Documentation/filesystems/ext4, "Checksums": over the descriptor with its own
 * sum as zero, or, in the older kind, left out. */
static bool sum_right(const struct ext4 *e, uint32_t group, const uint8_t raw[DESC_BYTES_MAX])
{
	const uint32_t bytes = (uint32_t)min_u64(e->desc_bytes, DESC_BYTES_MAX);
	const uint32_t after = bytes - DESC_SUM - 2;
	static const uint8_t zero[2];
	uint8_t number[4];

	le32_store(number, group);
	if (e->ro_compat & EXT4_METADATA_CSUM) {
		uint32_t crc = crc32c_run(e->sum_seed, number, sizeof(number));

		crc = crc32c_run(crc, raw, DESC_SUM);
		crc = crc32c_run(crc, zero, sizeof(zero));
		crc = crc32c_run(crc, raw + DESC_SUM + 2, after);
		return (uint16_t)crc == le16_load(raw + DESC_SUM);
	}
	if (e->ro_compat & EXT4_GDT_CSUM) {
		uint16_t crc = crc16_run(UINT16_MAX, e->uuid, sizeof(e->uuid));

		crc = crc16_run(crc, number, sizeof(number));
		crc = crc16_run(crc, raw, DESC_SUM);
		crc = crc16_run(crc, raw + DESC_SUM + 2, after);
		return crc == le16_load(raw + DESC_SUM);
	}
	return true;
}

int ext4_group(struct ext4 *e, uint32_t group, struct ext4_group *out)
{
	const uint32_t within = group % (e->block_bytes / e->desc_bytes) * e->desc_bytes;
	const uint64_t block = desc_block(e, group);
	uint8_t raw[DESC_BYTES_MAX] = { 0 };
	const uint8_t *bytes;
	int rc = cache_block(&e->fs.cache, block, &bytes, NULL);

	if (rc < 0)
		return fs_io_error(&e->fs, rc, "cannot read the descriptor of group %u", group);
	memcpy(raw, bytes + within, min_u64(e->desc_bytes, sizeof(raw)));
	/* A longer descriptor's sum covers more than what is known of it. */
	if (e->desc_bytes <= DESC_BYTES_MAX && !sum_right(e, group, raw))
		e->fs.warnings |= FS_CHECKSUM;
	out->inode_table = le32_load(raw + 0x8) | (uint64_t)le32_load(raw + 0x28) << 32;
	out->free_blocks = le16_load(raw + 0xc) | (uint32_t)le16_load(raw + 0x2c) << 16;
	return 0;
}

/* The kernel leaves out of the total what no file can ever have.  mke2fs notes it
 * since 1.47; before that it must be counted. */
uint64_t ext4_overhead(struct ext4 *e)
{
	const uint64_t table =
		((uint64_t)e->inodes_per_group * e->inode_bytes + e->block_bytes - 1) >>
		e->block_bits;
	const uint64_t descs =
		((uint64_t)e->group_count * e->desc_bytes + e->block_bytes - 1) >> e->block_bits;
	struct fs_node journal;
	uint64_t sum = e->first_data_block;

	if (e->overhead_blocks)
		return e->overhead_blocks;
	if (e->group_count > EXT4_GROUPS_SUMMED)
		return 0;
	for (uint32_t g = 0; g < e->group_count; g++) {
		sum += table + 2;
		if (has_super(e, g))
			sum += 1 + e->reserved_descs + (e->incompat & EXT4_META_BG ? 1 : descs);
	}
	if (e->compat & EXT4_JOURNAL && e->journal_inode &&
	    ext4_load(&e->fs, e->journal_inode, &journal) == 0)
		sum += journal.size_bytes >> e->block_bits;
	return sum;
}
