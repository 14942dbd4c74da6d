#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "fsread/fat.h"

#define DIR_ENTRIES_MAX 65536u /* what the specification and Linux allow */

enum dirent_attribute {
	ATTR_READ_ONLY = 0x01,
	ATTR_LABEL = 0x08,
	ATTR_DIR = 0x10,
	ATTR_LONG = 0x0f, /* a piece of a long name: all of the lowest four */
	ATTR_LONG_MASK = 0x3f,
};

#define NAME_END     0x00u /* this entry and all behind it were never used */
#define NAME_DELETED 0xe5u

/* The directory's entry number `index`, and where on the disk it is.
 * Returns 1; 0 behind the last; -errno. */
static int dirent_read(struct fat *f, const struct fs_node *dir, uint64_t index,
		       uint8_t raw[FAT_DIRENT_BYTES], uint64_t *at)
{
	const uint64_t offset = index * FAT_DIRENT_BYTES;
	uint32_t cluster;
	int rc;

	if (index >= DIR_ENTRIES_MAX)
		return 0;
	if (dir->id == 0 && f->bits != 32) {
		if (offset >= f->root_bytes)
			return 0;
		*at = f->root_at + offset;
	} else {
		rc = fat_cluster(f, dir->fat.first_cluster, (uint32_t)(offset / f->cluster_bytes),
				 &cluster);
		if (rc <= 0)
			return rc;
		*at = fat_cluster_at(f, cluster) + offset % f->cluster_bytes;
	}
	rc = cache_copy(&f->fs.cache, *at, raw, FAT_DIRENT_BYTES);
	if (rc < 0)
		return fs_io_error(&f->fs, rc, "cannot read a directory");
	return raw[0] == NAME_END ? 0 : 1;
}

static bool is_piece(const uint8_t raw[FAT_DIRENT_BYTES])
{
	return (raw[11] & ATTR_LONG_MASK) == ATTR_LONG;
}

static void entry_take(const uint8_t raw[FAT_DIRENT_BYTES], const struct fat_long *l,
		       struct fs_entry *entry)
{
	const size_t alias_len = fat_short_text(raw, entry->alias);

	entry->name_len = fat_long_text(l, raw, entry->name);
	if (entry->name_len > 0)
		return;
	memcpy(entry->name, entry->alias, alias_len + 1);
	entry->name_len = alias_len;
	entry->alias[0] = '\0';
}

int fat_next(struct fs *fs, const struct fs_node *dir, uint64_t *cursor, struct fs_entry *entry)
{
	struct fat *f = fat_of(fs);
	struct fat_long l = { .count = 0 };
	uint8_t raw[FAT_DIRENT_BYTES];
	int rc;

	while ((rc = dirent_read(f, dir, *cursor, raw, &entry->id)) > 0) {
		++*cursor;
		if (raw[0] != NAME_DELETED && is_piece(raw)) {
			fat_long_piece(&l, raw);
			continue;
		}
		/* Nor are the label, "." and ".." files. */
		if (raw[0] != NAME_DELETED && !(raw[11] & ATTR_LABEL) && raw[0] != '.') {
			entry_take(raw, &l, entry);
			return 1;
		}
		l.count = 0;
	}
	return rc;
}

/* Days from 1970-01-01 to a day of 1980..2107; a month or day that does not exist
 * comes out as some other day. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	static const uint16_t before[12] = {
		0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334
	};
	const unsigned m = month >= 1 && month <= 12 ? month - 1 : 0;
	const bool leap = year % 4 == 0 && year != 2100;
	const unsigned leaps = (year - 1969) / 4 - (year > 2100);

	return (int64_t)(year - 1970) * 365 + leaps + before[m] + (leap && m > 1) + day - 1;
}

static int64_t time_of(uint16_t date, uint16_t time)
{
	return days_of(1980u + (date >> 9), date >> 5 & 15, date & 31) * 86400 +
	       (time >> 11) * 3600 + (time >> 5 & 63) * 60 + (time & 31) * 2;
}

/* All files are the superuser's, and programs, as a mount has it. */
static void root_take(struct fat *f, struct fs_node *node)
{
	*node = (struct fs_node){ .mode = S_IFDIR | 0755, .link_count = 1 };
	node->fat.first_cluster = f->bits == 32 ? f->root_cluster : 0;
}

int fat_load(struct fs *fs, uint64_t id, struct fs_node *node)
{
	struct fat *f = fat_of(fs);
	uint8_t raw[FAT_DIRENT_BYTES];
	int rc;

	root_take(f, node);
	if (id == 0)
		return 0;
	rc = cache_copy(&fs->cache, id, raw, sizeof(raw));
	if (rc < 0)
		return fs_io_error(fs, rc, "cannot read a directory");
	node->id = id;
	node->mode =
		(raw[11] & ATTR_DIR ? S_IFDIR : S_IFREG) | (raw[11] & ATTR_READ_ONLY ? 0555 : 0755);
	node->size_bytes = raw[11] & ATTR_DIR ? 0 : le32_load(raw + 28);
	node->mtime_s = time_of(le16_load(raw + 24), le16_load(raw + 22));
	node->fat.first_cluster = le16_load(raw + 26);
	if (f->bits == 32)
		node->fat.first_cluster |= (uint32_t)le16_load(raw + 20) << 16;
	return 0;
}

int fat_root_label(struct fat *f, char label[FAT_LABEL_BYTES])
{
	uint8_t raw[FAT_DIRENT_BYTES];
	struct fs_node root;
	uint64_t at;
	int rc;

	root_take(f, &root);
	label[0] = '\0';
	for (uint64_t i = 0; (rc = dirent_read(f, &root, i, raw, &at)) > 0; i++) {
		if (raw[0] == NAME_DELETED || is_piece(raw) || !(raw[11] & ATTR_LABEL))
			continue;
		fat_label_text(raw, label);
		return 0;
	}
	return rc;
}
