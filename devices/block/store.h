/* block/store.h: the file or block device that holds a disk's bytes: opening it
 * without surprises, and what there is to know of it. */
#ifndef BANTAM_BLOCK_STORE_H
#define BANTAM_BLOCK_STORE_H

#include "base/err.h"
#include "base/options.h"
#include "base/types.h"

struct store {
	int fd;
	bool is_device;
	bool in_memory;	  /* on a file system without a disk, such as tmpfs */
	bool read_only;
	bool can_discard; /* false: known not to */
	uint64_t size_bytes;
	uint32_t logical_bytes;
	uint32_t physical_bytes;
	uint32_t optimal_bytes; /* 0: not known */
	uint32_t discard_granularity_bytes;
	/* Direct I/O: alignment of memory, and of offsets and lengths; 0: not direct. */
	uint32_t direct_memory_bytes;
	uint32_t direct_offset_bytes;
	char name[QUOTED_BYTES]; /* its path, for messages */
};

/* Open what is there for reading, or for reading and writing.  Only regular files
 * and block devices; nothing that blocks, and nothing that is merely touched by
 * opening it (a watchdog, a tape), is opened.
 * s  owned by the caller until store_close()
 * 0, or -errno with err naming the path and what would be right. */
int store_open(struct store *s, const char *path, bool read_only, struct err *err);

/* An unnamed temporary file of size_bytes, all hole, that nobody else sees.
 * in_memory  in RAM (and swap), else in $TMPDIR or /var/tmp
 * name       of whose data it is for, for messages
 * 0, or -errno with err filled. */
int store_open_scratch(struct store *s, uint64_t size_bytes, bool in_memory, const char *name,
		       struct err *err);

/* From now on past the host's page cache.  0, or -errno with err filled. */
int store_set_direct(struct store *s, struct err *err);

/* The file as it is now; block.h's block_file_size(), _truncate() and _extent().
 * A device cannot be truncated (-EOPNOTSUPP), and all of it is data. */
int store_size(const struct store *s, uint64_t *size_bytes);
int store_truncate(const struct store *s, uint64_t size_bytes);
int store_extent(const struct store *s, uint64_t offset, bool *is_data, uint64_t *end);

void store_close(struct store *s);

#endif
