/* fsread/fs.h: a file system inside a disk, read without a kernel: ext2, ext3,
 * ext4, FAT12, FAT16, FAT32.
 *
 * Every byte of the disk is hostile.  Loops are bounded by sizes that the disk
 * really has or by the limits named here, memory by FS_BLOCK_BYTES_MAX, and no
 * depth on the disk becomes depth of our stack.  Nothing is ever written, and a
 * journal is not replayed: fs->warnings says when that matters.
 *
 * Not thread-safe: one thread for one struct fs. */
#ifndef BANTAM_FSREAD_FS_H
#define BANTAM_FSREAD_FS_H

#include "base/err.h"
#include "fsread/cache.h"
#include "fsread/reader.h"
#include "fsread/utf16.h"

#define FS_BLOCK_BYTES_MAX KIB(64)
#define FS_NAME_BYTES	   UTF8_BYTES(255)
#define FS_ALIAS_BYTES	   UTF8_BYTES(12)
#define FS_LINK_BYTES_MAX  4096u /* of a symbolic link's target, as in Linux */
#define FS_DIR_BYTES_MAX   GIB(4)

enum fs_warning {
	FS_DIRTY = 1,	  /* not unmounted cleanly: the latest changes are in the journal */
	FS_ERRORS = 2,	  /* marked as damaged */
	FS_CHECKSUM = 4,  /* metadata with a wrong sum was met */
	FS_TRUNCATED = 8, /* the disk is smaller than the file system */
};

/* What ext4 says of a file, in fs_node.attributes. */
enum fs_attribute { FS_ENCRYPTED = 1, FS_CASEFOLD = 2, FS_VERITY = 4 };

/* A file, directory, link or device. */
struct fs_node {
	uint64_t id;	     /* for load(), unique in its file system */
	uint64_t size_bytes; /* of what read() gives */
	uint32_t mode;	     /* as of stat(2): type and permissions */
	uint32_t uid, gid;
	uint32_t link_count;
	uint32_t dev_major, dev_minor; /* of a device */
	int64_t mtime_s;	       /* since 1970; with FAT in the guest's own time zone */
	uint32_t mtime_ns;
	uint32_t attributes; /* enum fs_attribute */
	union {		     /* the file system's own */
		struct {
			uint32_t flags;
			uint32_t generation;
			uint8_t map[60];
		} ext4;
		struct {
			uint32_t first_cluster; /* 0: none */
		} fat;
	};
};

struct fs_entry {
	uint64_t id;
	size_t name_len;
	char name[FS_NAME_BYTES];   /* any bytes, a slash and NUL included; NUL behind it */
	char alias[FS_ALIAS_BYTES]; /* FAT's second name for it, or "" */
};

struct fs_space {
	uint64_t total_bytes, free_bytes;
	uint64_t available_bytes;	/* of the free ones, to all users */
	uint64_t file_total, file_free; /* inodes; both 0 with FAT */
};

struct fs;

struct fs_ops {
	/* Fill *node.  id  what next() gave, or fs->root_id. */
	int (*load)(struct fs *fs, uint64_t id, struct fs_node *node);
	/* The entry at *cursor, which moves on; "." and ".." are left out.
	 * cursor  0 for the first
	 * Returns 1; 0 at the end, *entry undefined; -errno. */
	int (*next)(struct fs *fs, const struct fs_node *dir, uint64_t *cursor,
		    struct fs_entry *entry);
	/* Copy bytes of a file, or of a link's target: [offset, offset+len) lies
	 * inside node->size_bytes. */
	int (*read)(struct fs *fs, const struct fs_node *node, uint64_t offset, void *to,
		    size_t len);
	int (*space)(struct fs *fs, struct fs_space *space);
	void (*close)(struct fs *fs);
	bool ignores_case; /* of ASCII letters, when names are looked up */
};

struct fs {
	const struct fs_ops *ops;
	const struct reader *reader; /* borrowed */
	struct cache cache;
	const char *type; /* as blkid calls it: "ext4", "vfat" */
	uint64_t root_id;
	unsigned warnings; /* enum fs_warning, as far as met until now */
	struct err err;	   /* why the last call failed */
};

/* Find and open the file system that fills the disk.
 * reader  borrowed until fs_close()
 * Returns 0; -ENOENT when there is none that we know; -EOPNOTSUPP for a feature
 * that we do not; -EUCLEAN when it is damaged beyond reading; -ENOMEM; or what
 * the reader said; err filled then. */
int fs_open(struct fs **fs, const struct reader *reader, struct err *err);
void fs_close(struct fs *fs);

/* The following return -errno with fs->err filled: -EUCLEAN for damage, -EIO for
 * what lies behind the end of the disk, -ENOKEY for what is encrypted,
 * -EOPNOTSUPP, or what the reader said. */
int fs_load(struct fs *fs, uint64_t id, struct fs_node *node);

/* -ENOTDIR also.  See fs_ops. */
int fs_next(struct fs *fs, const struct fs_node *dir, uint64_t *cursor, struct fs_entry *entry);

/* Copy up to len bytes of a regular file from offset on.
 * Returns how many, less than len only at the end; -EISDIR, -EINVAL for what is
 * neither a file nor a directory. */
int64_t fs_read(struct fs *fs, const struct fs_node *node, uint64_t offset, void *to, size_t len);

/* The target of a symbolic link, NUL-terminated; it may hold a NUL itself.
 * Returns its length, or -EINVAL for what is no link. */
int fs_readlink(struct fs *fs, const struct fs_node *node, char to[FS_LINK_BYTES_MAX + 1]);

int fs_space(struct fs *fs, struct fs_space *space);

/* A line of text for the lowest warning in *warnings, which is taken away; NULL:
 * none is left. */
const char *fs_warning_text(unsigned *warnings);

/* For file systems: "TEXT: strerror", for what the cache or reader said. */
int fs_io_error(struct fs *fs, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
