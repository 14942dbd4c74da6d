/* Small files and directories inside their inodes: 60 bytes where the map would
 * be, the rest in the attribute "system.data" behind the inode's fields. */
#include "fsread/ext4.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

#define OLD_BYTES    128u
#define MAP_AT	     0x28u
#define MAP_BYTES    60u
#define XATTR_MAGIC  0xea020000u
#define XATTR_ENTRY  16u /* bytes before the name */
#define INDEX_SYSTEM 7u

struct part {
	const uint8_t *bytes;
	uint32_t len;
};

/* The attribute's value; empty without one. */
static struct part find_data(const struct ext4 *e, const uint8_t *raw)
{
	const struct part none = { raw, 0 };
	const uint32_t extra = ext4_extra_bytes(e, raw);
	const uint8_t *area = raw + OLD_BYTES + extra;
	const uint32_t room = e->inode_bytes - OLD_BYTES - extra;
	uint32_t at = 4;

	if (room < 4 || le32_load(area) != XATTR_MAGIC)
		return none;
	/* Offsets of values count from the first entry, behind the magic number. */
	while (at + XATTR_ENTRY <= room && le32_load(area + at) != 0) {
		const uint8_t *entry = area + at;
		const uint32_t name_len = entry[0];
		const uint32_t value_at = 4u + le16_load(entry + 2), len = le32_load(entry + 8);

		at += (XATTR_ENTRY + name_len + 3) & ~3u;
		if (at > room)
			return none;
		if (entry[1] == INDEX_SYSTEM && name_len == 4 &&
		    memcmp(entry + XATTR_ENTRY, "data", 4) == 0)
			return le32_load(entry + 4) == 0 && range_inside(value_at, len, room)
				       ? (struct part){ area + value_at, len }
				       : none;
	}
	return none;
}

/* Copy what of [offset, offset+len) lies in the part that begins at part_at. */
static void part_copy(const struct part *p, uint64_t part_at, uint64_t offset, uint8_t *to,
		      size_t len)
{
	const uint64_t from = max_u64(offset, part_at);
	const uint64_t end = min_u64(offset + len, part_at + p->len);

	if (from < end)
		memcpy(to + (from - offset), p->bytes + (from - part_at), end - from);
}

int ext4_inline_copy(struct ext4 *e, const struct fs_node *node, uint64_t offset, void *to,
		     size_t len)
{
	const uint8_t *raw;
	struct part head, tail;
	int rc = ext4_inode_raw(e, node->id, &raw);

	if (rc < 0)
		return rc;
	head = (struct part){ raw + MAP_AT, MAP_BYTES };
	tail = find_data(e, raw);
	if (!range_inside(offset, len, (uint64_t)MAP_BYTES + tail.len))
		return err_set(&e->fs.err, -EUCLEAN, "inode %llu does not hold all of its data",
			       (unsigned long long)node->id);
	part_copy(&head, 0, offset, to, len);
	part_copy(&tail, MAP_BYTES, offset, to, len);
	return 0;
}

int ext4_inline_bytes(struct ext4 *e, const struct fs_node *node, uint32_t *bytes)
{
	const uint8_t *raw;
	const int rc = ext4_inode_raw(e, node->id, &raw);

	if (rc == 0)
		*bytes = MAP_BYTES + find_data(e, raw).len;
	return rc;
}
