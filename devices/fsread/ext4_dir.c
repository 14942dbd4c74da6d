/* Directories, read from end to end: an index (htree) hides in what looks like
 * unused entries, so that whoever does not know it sees a plain list. */
#include "fsread/ext4.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "fsread/crc.h"

#define ENTRY_HEAD   8u	 /* bytes before the name */
#define TAIL_BYTES   12u /* an unused entry that holds the block's sum */
#define TAIL_TYPE    0xdeu
#define INLINE_FIRST 4u	 /* an inline directory begins with its parent's number */
#define INLINE_SPLIT 60u /* no entry crosses from the inode into the attribute */

/* An entry's head, checked against the bytes that are left. */
struct dirent_head {
	uint32_t inode;
	uint32_t len; /* to the next entry */
	uint32_t name_len;
};

static bool head_take(const uint8_t raw[ENTRY_HEAD], uint32_t left, uint32_t block_bytes,
		      struct dirent_head *h)
{
	const uint32_t raw_len = le16_load(raw + 4);

	h->inode = le32_load(raw);
	h->name_len = raw[6];
	/* 16 bits do not hold 64 KiB, nor does any length use the lowest two. */
	if (block_bytes == FS_BLOCK_BYTES_MAX && (raw_len == 0 || raw_len == UINT16_MAX))
		h->len = block_bytes;
	else
		h->len = (raw_len & 0xfffc) | (raw_len & 3) << 16;
	return h->len >= ENTRY_HEAD && h->len <= left && ENTRY_HEAD + h->name_len <= h->len;
}

static bool is_dot(const char *name, size_t len)
{
	return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

/* Whether the entry is one to show: used, and not "." or "..". */
static bool entry_take(const struct dirent_head *h, const void *name, struct fs_entry *entry)
{
	if (h->inode == 0 || is_dot(name, h->name_len))
		return false;
	entry->id = h->inode;
	entry->name_len = h->name_len;
	memcpy(entry->name, name, h->name_len);
	entry->name[h->name_len] = '\0';
	entry->alias[0] = '\0';
	return true;
}

static int damaged(struct ext4 *e, const struct fs_node *dir, const char *what)
{
	return err_set(&e->fs.err, -EUCLEAN, "directory %llu: %s", (unsigned long long)dir->id,
		       what);
}

/* Blocks of the index have their sum elsewhere; they hold no names. */
static void check_sum(struct ext4 *e, const struct fs_node *dir, const uint8_t *block)
{
	const uint32_t at = e->block_bytes - TAIL_BYTES;
	const uint8_t *tail = block + at;

	if (!(e->ro_compat & EXT4_METADATA_CSUM) || le32_load(tail) != 0 ||
	    le16_load(tail + 4) != TAIL_BYTES || tail[6] != 0 || tail[7] != TAIL_TYPE)
		return;
	if (crc32c_run(ext4_inode_seed(e, dir), block, at) != le32_load(tail + 8))
		e->fs.warnings |= FS_CHECKSUM;
}

static int dir_block(struct ext4 *e, const struct fs_node *dir, uint64_t n, const uint8_t **bytes)
{
	struct ext4_run run;
	bool fresh;
	int rc = ext4_map(e, dir, n, &run);

	if (rc < 0)
		return rc;
	if (run.block == 0) {
		damaged(e, dir, "a block of it is missing");
		return -EUCLEAN;
	}
	rc = cache_block(&e->fs.cache, run.block, bytes, &fresh);
	if (rc < 0) {
		fs_io_error(&e->fs, rc, "cannot read directory %llu", (unsigned long long)dir->id);
		return rc;
	}
	if (fresh)
		check_sum(e, dir, *bytes);
	return 0;
}

static int inline_next(struct ext4 *e, const struct fs_node *dir, uint64_t *cursor,
		       struct fs_entry *entry)
{
	uint32_t bytes;
	int rc = ext4_inline_bytes(e, dir, &bytes);

	if (rc < 0)
		return rc;
	if (*cursor < INLINE_FIRST)
		*cursor = INLINE_FIRST;
	while (*cursor + ENTRY_HEAD <= bytes) {
		const uint64_t at = *cursor;
		const uint64_t left = (at < INLINE_SPLIT ? INLINE_SPLIT : bytes) - at;
		uint8_t raw[ENTRY_HEAD], name[UINT8_MAX];
		struct dirent_head h;

		rc = ext4_inline_copy(e, dir, at, raw, sizeof(raw));
		if (rc < 0)
			return rc;
		if (!head_take(raw, (uint32_t)left, e->block_bytes, &h))
			return damaged(e, dir, "an entry of it is impossible");
		rc = ext4_inline_copy(e, dir, at + ENTRY_HEAD, name, h.name_len);
		if (rc < 0)
			return rc;
		*cursor = at + h.len;
		if (entry_take(&h, name, entry))
			return 1;
	}
	return 0;
}

int ext4_next(struct fs *fs, const struct fs_node *dir, uint64_t *cursor, struct fs_entry *entry)
{
	struct ext4 *e = ext4_of(fs);

	if (dir->ext4.flags & EXT4_INODE_INLINE_DATA)
		return inline_next(e, dir, cursor, entry);
	/* A directory has no holes: it cannot be longer than the disk. */
	if (dir->size_bytes > min_u64(FS_DIR_BYTES_MAX, fs->reader->size_bytes))
		return damaged(e, dir, "its size is impossible");
	while (*cursor < dir->size_bytes) {
		const uint32_t within = (uint32_t)(*cursor & (e->block_bytes - 1));
		const uint8_t *block;
		struct dirent_head h;
		int rc = dir_block(e, dir, *cursor >> e->block_bits, &block);

		if (rc < 0)
			return rc;
		if (within > e->block_bytes - ENTRY_HEAD ||
		    !head_take(block + within, e->block_bytes - within, e->block_bytes, &h))
			return damaged(e, dir, "an entry of it is impossible");
		*cursor += h.len;
		if (entry_take(&h, block + within + ENTRY_HEAD, entry))
			return 1;
	}
	return 0;
}
