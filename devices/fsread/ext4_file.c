#include "fsread/ext4.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* A short target stands in the place of the map.  Old kernels told it by the
 * absence of blocks, which for these lengths comes to the same. */
static bool is_short_link(const struct fs_node *node)
{
	return S_ISLNK(node->mode) && node->size_bytes < sizeof(node->ext4.map) &&
	       !(node->ext4.flags & (EXT4_INODE_EXTENTS | EXT4_INODE_INLINE_DATA));
}

static int run_read(struct ext4 *e, const struct fs_node *node, const struct ext4_run *run,
		    uint64_t skip, void *to, size_t len)
{
	int rc;

	if (run->block == 0) {
		memset(to, 0, len);
		return 0;
	}
	rc = reader_read(e->fs.reader, (run->block << e->block_bits) + skip, to, len);
	if (rc < 0)
		return fs_io_error(&e->fs, rc, "cannot read inode %llu",
				   (unsigned long long)node->id);
	return 0;
}

/* A file that was made longer reads as zeros behind what the inode holds. */
static int inline_read(struct ext4 *e, const struct fs_node *node, uint64_t offset, uint8_t *to,
		       size_t len)
{
	uint32_t bytes;
	size_t held;
	int rc = ext4_inline_bytes(e, node, &bytes);

	if (rc < 0)
		return rc;
	held = min_u64(len, bytes - min_u64(offset, bytes));
	memset(to + held, 0, len - held);
	return held ? ext4_inline_copy(e, node, offset, to, held) : 0;
}

int ext4_read(struct fs *fs, const struct fs_node *node, uint64_t offset, void *to, size_t len)
{
	struct ext4 *e = ext4_of(fs);
	uint8_t *out = to;

	if (node->ext4.flags & EXT4_INODE_ENCRYPT)
		return err_set(&fs->err, -ENOKEY, "encrypted: its key is not in the image");
	if (is_short_link(node)) {
		memcpy(to, node->ext4.map + offset, len);
		return 0;
	}
	if (node->ext4.flags & EXT4_INODE_INLINE_DATA)
		return inline_read(e, node, offset, to, len);
	while (len > 0) {
		const uint64_t skip = offset & (e->block_bytes - 1);
		struct ext4_run run;
		size_t n;
		int rc = ext4_map(e, node, offset >> e->block_bits, &run);

		if (rc < 0)
			return rc;
		n = min_u64(len, (run.count << e->block_bits) - skip);
		rc = run_read(e, node, &run, skip, out, n);
		if (rc < 0)
			return rc;
		offset += n, out += n, len -= n;
	}
	return 0;
}
