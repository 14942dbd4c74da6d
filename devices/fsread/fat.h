/* fsread/fat.h: FAT12, FAT16 and FAT32 with long names, as of Microsoft's "FAT:
 * General Overview of On-Disk Format" 1.03; where it and Linux differ, Linux.
 * For fs.c and identify.c; the fat_*.c share what is declared below. */
#ifndef BANTAM_FSREAD_FAT_H
#define BANTAM_FSREAD_FAT_H

#include "fsread/fs.h"

/* As fs_open(); -ENOENT when the first sector is not that of a FAT. */
int fat_open(struct fs **fs, const struct reader *reader, struct err *err);

#define FAT_SECTOR_BYTES 512u
#define FAT_LABEL_BYTES	 UTF8_BYTES(11)

/* Where things are, checked: no sum or product of these can wrap. */
struct fat {
	struct fs fs;
	unsigned bits; /* of an entry of the table: 12, 16 or 32 */
	uint32_t cluster_bytes;
	uint32_t cluster_count; /* numbered from 2 */
	uint64_t table_at, table_bytes;
	uint64_t root_at, root_bytes; /* of FAT12 and FAT16; 0 bytes with FAT32 */
	uint64_t data_at;
	uint32_t root_cluster; /* of FAT32 */
	uint32_t serial;
	char boot_label[FAT_LABEL_BYTES]; /* of the boot sector, or "" */
	/* Where the walk along a chain last was: reading on does not begin anew. */
	struct {
		uint32_t first, index, cluster;
	} place;
};

static inline struct fat *fat_of(struct fs *fs)
{
	return container_of(fs, struct fat, fs);
}

/* ---- fat_table.c ---- */

/* The entry of a cluster.
 * cluster  below cluster_count + 2 */
int fat_entry(struct fat *f, uint32_t cluster, uint32_t *entry);

/* *cluster: the one at `index` of the chain that begins with first.
 * Returns 1; 0 when the chain ends before; -EUCLEAN when it is damaged. */
int fat_cluster(struct fat *f, uint32_t first, uint32_t index, uint32_t *cluster);

static inline uint64_t fat_cluster_at(const struct fat *f, uint32_t cluster)
{
	return f->data_at + (uint64_t)(cluster - 2) * f->cluster_bytes;
}

/* ---- fat_dir.c ---- */

int fat_load(struct fs *fs, uint64_t id, struct fs_node *node);
int fat_next(struct fs *fs, const struct fs_node *dir, uint64_t *cursor, struct fs_entry *entry);

/* The label in the root directory, or "". */
int fat_root_label(struct fat *f, char label[FAT_LABEL_BYTES]);

/* ---- fat_name.c: pure ---- */

#define FAT_DIRENT_BYTES 32u
#define FAT_LONG_UNITS	 260u /* 20 pieces of 13 */

/* Pieces of a long name, which stand before the entry that they name, the last
 * piece first.  All zeros: none so far. */
struct fat_long {
	uint16_t units[FAT_LONG_UNITS];
	unsigned missing; /* pieces that must still come */
	unsigned count;	  /* of pieces; 0: no long name */
	uint8_t sum;
};

/* Take one piece; out of order, it undoes the others. */
void fat_long_piece(struct fat_long *l, const uint8_t raw[FAT_DIRENT_BYTES]);

/* The long name as UTF-8, if there is a whole one that belongs to this entry, else
 * 0.  Returns its length. */
size_t fat_long_text(const struct fat_long *l, const uint8_t raw[FAT_DIRENT_BYTES],
		     char to[FS_NAME_BYTES]);

/* "NAME.EXT" of an entry as UTF-8, code page 437.  Returns its length. */
size_t fat_short_text(const uint8_t raw[FAT_DIRENT_BYTES], char to[FS_ALIAS_BYTES]);

/* Eleven bytes of a label without the blanks behind it. */
void fat_label_text(const uint8_t raw[11], char to[FAT_LABEL_BYTES]);

#endif
