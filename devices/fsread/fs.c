#include "fsread/fs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fsread/ext4.h"
#include "fsread/fat.h"

int fs_open(struct fs **fs, const struct reader *reader, struct err *err)
{
	static int (*const openers[])(struct fs **, const struct reader *, struct err *) = {
		ext4_open,
		fat_open,
	};

	for (size_t i = 0; i < ARRAY_LEN(openers); i++) {
		const int rc = openers[i](fs, reader, err);

		if (rc != -ENOENT)
			return rc;
	}
	return err_set(err, -ENOENT, "no file system that can be read: ext2, ext3, ext4 or FAT");
}

void fs_close(struct fs *fs)
{
	if (fs)
		fs->ops->close(fs);
}

int fs_load(struct fs *fs, uint64_t id, struct fs_node *node)
{
	return fs->ops->load(fs, id, node);
}

int fs_next(struct fs *fs, const struct fs_node *dir, uint64_t *cursor, struct fs_entry *entry)
{
	if (!S_ISDIR(dir->mode))
		return err_set(&fs->err, -ENOTDIR, "not a directory");
	return fs->ops->next(fs, dir, cursor, entry);
}

int64_t fs_read(struct fs *fs, const struct fs_node *node, uint64_t offset, void *to, size_t len)
{
	size_t n;
	int rc;

	if (S_ISDIR(node->mode))
		return err_set(&fs->err, -EISDIR, "a directory");
	if (!S_ISREG(node->mode))
		return err_set(&fs->err, -EINVAL, "neither a file nor a directory");
	if (offset >= node->size_bytes)
		return 0;
	n = min_u64(len, node->size_bytes - offset);
	rc = fs->ops->read(fs, node, offset, to, n);
	return rc < 0 ? rc : (int64_t)n;
}

int fs_readlink(struct fs *fs, const struct fs_node *node, char to[FS_LINK_BYTES_MAX + 1])
{
	int rc;

	if (!S_ISLNK(node->mode))
		return err_set(&fs->err, -EINVAL, "not a symbolic link");
	if (node->size_bytes > FS_LINK_BYTES_MAX)
		return err_set(&fs->err, -EUCLEAN, "a symbolic link of %llu bytes",
			       (unsigned long long)node->size_bytes);
	rc = fs->ops->read(fs, node, 0, to, node->size_bytes);
	if (rc < 0)
		return rc;
	to[node->size_bytes] = '\0';
	return (int)node->size_bytes;
}

int fs_space(struct fs *fs, struct fs_space *space)
{
	*space = (struct fs_space){ 0 };
	return fs->ops->space(fs, space);
}

const char *fs_warning_text(unsigned *warnings)
{
	static const struct {
		enum fs_warning warning;
		const char *text;
	} texts[] = {
		{ FS_DIRTY, "it was not unmounted cleanly: the latest changes may be missing" },
		{ FS_ERRORS, "it is marked as damaged" },
		{ FS_CHECKSUM, "some of its metadata has a wrong check sum" },
		{ FS_TRUNCATED, "the disk ends before it does" },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (*warnings & texts[i].warning) {
			*warnings &= ~(unsigned)texts[i].warning;
			return texts[i].text;
		}
	}
	return NULL;
}

int fs_io_error(struct fs *fs, int code, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_errno(&fs->err, code, "%s", text);
}
