#include "fsread/fat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define CACHE_BLOCK_BYTES 4096u
#define CLUSTERS_12	  4085u /* fewer: FAT12 */
#define CLUSTERS_16	  65525u
#define CLUSTERS_32	  0x0ffffff5u

/* The fields of the boot sector, as they are. */
struct boot {
	uint32_t sector_bytes, cluster_sectors, reserved_sectors, table_count, root_entries;
	uint32_t sector_count, table_sectors;
	bool fat32;
};

static bool is_power_of_two(uint32_t v)
{
	return v && (v & (v - 1)) == 0;
}

/* Section 3.  Boot sectors of other file systems, and MBRs, have something else in
 * at least one of these places. */
static bool boot_take(const uint8_t raw[FAT_SECTOR_BYTES], struct boot *b)
{
	const uint8_t media = raw[21];

	b->sector_bytes = le16_load(raw + 11);
	b->cluster_sectors = raw[13];
	b->reserved_sectors = le16_load(raw + 14);
	b->table_count = raw[16];
	b->root_entries = le16_load(raw + 17);
	b->sector_count = le16_load(raw + 19) ? le16_load(raw + 19) : le32_load(raw + 32);
	b->fat32 = le16_load(raw + 22) == 0;
	b->table_sectors = b->fat32 ? le32_load(raw + 36) : le16_load(raw + 22);
	return is_power_of_two(b->sector_bytes) && b->sector_bytes >= 512 &&
	       b->sector_bytes <= 4096 && is_power_of_two(b->cluster_sectors) &&
	       b->reserved_sectors > 0 && b->table_count >= 1 && b->table_count <= 4 &&
	       (media == 0xf0 || media >= 0xf8) && b->table_sectors > 0 &&
	       (b->fat32 ? b->root_entries == 0 : b->root_entries > 0);
}

/* Lay the volume out: reserved sectors, tables, the root of FAT12 and FAT16, data.
 * No sum wraps: each term is below 2^47. */
static int layout(struct fat *f, const struct boot *b, struct err *err)
{
	const uint64_t table_bytes = (uint64_t)b->table_sectors * b->sector_bytes;
	const uint64_t root_sectors =
		((uint64_t)b->root_entries * FAT_DIRENT_BYTES + b->sector_bytes - 1) /
		b->sector_bytes;
	const uint64_t data_sector =
		b->reserved_sectors + (uint64_t)b->table_count * b->table_sectors + root_sectors;
	uint64_t clusters;

	if (data_sector >= b->sector_count)
		return err_set(err, -EUCLEAN, "vfat's boot sector is damaged: no room for data");
	clusters = (b->sector_count - data_sector) / b->cluster_sectors;
	f->bits = b->fat32 ? 32 : clusters < CLUSTERS_12 ? 12 : 16;
	/* The table must hold an entry for each, and two more. */
	clusters = min_u64(clusters, table_bytes * 8 / f->bits - 2);
	if (clusters == 0 || clusters >= CLUSTERS_32 || (f->bits == 16 && clusters >= CLUSTERS_16))
		return err_set(err, -EUCLEAN,
			       "vfat's boot sector is damaged: %llu clusters are impossible",
			       (unsigned long long)clusters);
	f->cluster_bytes = b->cluster_sectors * b->sector_bytes;
	f->cluster_count = (uint32_t)clusters;
	f->table_at = (uint64_t)b->reserved_sectors * b->sector_bytes;
	f->table_bytes = table_bytes;
	f->root_at = f->table_at + b->table_count * table_bytes;
	f->root_bytes = (uint64_t)b->root_entries * FAT_DIRENT_BYTES;
	f->data_at = data_sector * b->sector_bytes;
	if ((uint64_t)b->sector_count * b->sector_bytes > f->fs.reader->size_bytes)
		f->fs.warnings |= FS_TRUNCATED;
	return 0;
}

static void extras_take(struct fat *f, const struct boot *b, const uint8_t raw[FAT_SECTOR_BYTES])
{
	const uint8_t *extended = raw + (b->fat32 ? 64 : 36);
	const uint16_t flags = b->fat32 ? le16_load(raw + 40) : 0;

	f->root_cluster = b->fat32 ? le32_load(raw + 44) : 0;
	/* FAT32 may have switched its mirrors off: one of the tables counts. */
	if (flags & 0x80 && (flags & 15u) < b->table_count)
		f->table_at += (flags & 15u) * f->table_bytes;
	if (extended[1] & 1) /* Linux: mounted, and not unmounted */
		f->fs.warnings |= FS_DIRTY;
	if (extended[2] != 0x28 && extended[2] != 0x29)
		return;
	f->serial = le32_load(extended + 3);
	if (extended[2] == 0x29 && memcmp(extended + 7, "NO NAME    ", 11) != 0)
		fat_label_text(extended + 7, f->boot_label);
}

/* Windows: one bit of the second entry, which is no cluster's, is cleared while the
 * volume is in use. */
static void dirty_bit_take(struct fat *f)
{
	const uint32_t clean = f->bits == 32 ? 0x08000000 : 0x8000;
	uint32_t entry;

	if (f->bits != 12 && fat_entry(f, 1, &entry) == 0 && !(entry & clean))
		f->fs.warnings |= FS_DIRTY;
}

static int fat_read(struct fs *fs, const struct fs_node *node, uint64_t offset, void *to,
		    size_t len)
{
	struct fat *f = fat_of(fs);
	uint8_t *out = to;

	while (len > 0) {
		const uint32_t within = (uint32_t)(offset % f->cluster_bytes);
		const size_t n = min_u64(len, f->cluster_bytes - within);
		uint32_t cluster;
		int rc = fat_cluster(f, node->fat.first_cluster,
				     (uint32_t)(offset / f->cluster_bytes), &cluster);

		if (rc == 0)
			rc = err_set(&fs->err, -EUCLEAN, "the chain of clusters is too short");
		if (rc < 0)
			return rc;
		rc = reader_read(fs->reader, fat_cluster_at(f, cluster) + within, out, n);
		if (rc < 0)
			return fs_io_error(fs, rc, "cannot read cluster %u", cluster);
		offset += n, out += n, len -= n;
	}
	return 0;
}

/* FAT32 keeps a count of free clusters, but it is no more than a hint. */
static int fat_space(struct fs *fs, struct fs_space *space)
{
	struct fat *f = fat_of(fs);
	uint64_t unused = 0;

	for (uint32_t i = 0; i < f->cluster_count; i++) {
		uint32_t entry;
		const int rc = fat_entry(f, i + 2, &entry);

		if (rc < 0)
			return rc;
		unused += entry == 0;
	}
	space->total_bytes = (uint64_t)f->cluster_count * f->cluster_bytes;
	space->free_bytes = space->available_bytes = unused * f->cluster_bytes;
	return 0;
}

static void fat_close(struct fs *fs)
{
	cache_free(&fs->cache);
	free(fat_of(fs));
}

static const struct fs_ops fat_ops = {
	.load = fat_load,
	.next = fat_next,
	.read = fat_read,
	.space = fat_space,
	.close = fat_close,
	.ignores_case = true,
};

int fat_open(struct fs **fs, const struct reader *reader, struct err *err)
{
	uint8_t raw[FAT_SECTOR_BYTES];
	struct boot boot;
	struct fat *f;
	int rc;

	if (reader->size_bytes < sizeof(raw))
		return -ENOENT;
	rc = reader_read(reader, 0, raw, sizeof(raw));
	if (rc < 0)
		return err_errno(err, rc, "cannot read the disk");
	if (!boot_take(raw, &boot))
		return -ENOENT;
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_set(err, -ENOMEM, "no memory");
	f->fs.ops = &fat_ops;
	f->fs.reader = reader;
	f->fs.type = "vfat";
	rc = layout(f, &boot, err);
	if (rc == 0 && cache_init(&f->fs.cache, reader, CACHE_BLOCK_BYTES) < 0)
		rc = err_set(err, -ENOMEM, "no memory");
	if (rc < 0) {
		free(f);
		return rc;
	}
	extras_take(f, &boot, raw);
	dirty_bit_take(f);
	*fs = &f->fs;
	return 0;
}
