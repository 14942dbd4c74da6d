/* A disk in memory, filled with one of the fuzzer's seeds: small file systems that
 * mkfs made of the same tree:
 *
 *   a "hello", link -> a, s (290 KiB of hole, "x", a hole up to 300 KiB),
 *   d/b (73 bytes), d/c (seq 900), d/e/, d/f ("piece" every 2 KiB), d/1..9,
 *   d/long -> ../x{70} */
#ifndef BANTAM_TESTS_UNIT_FSREAD_FIXTURE_H
#define BANTAM_TESTS_UNIT_FSREAD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fsread/fs.h"
#include "fsread/path.h"

#define DISK_BYTES KIB(64)

struct disk {
	struct reader reader;
	struct fs *fs;
	int fails; /* what each read returns */
	uint8_t bytes[DISK_BYTES];
};

static inline int disk_read(void *ctx, uint64_t offset, void *to, size_t len)
{
	const struct disk *d = ctx;

	assert_true(offset <= DISK_BYTES && len <= DISK_BYTES - offset);
	memcpy(to, d->bytes + offset, len);
	return d->fails;
}

/* seed  a name in tests/fuzz/corpus/fsread; NULL: zeros */
static inline struct disk *disk_new(const char *seed)
{
	struct disk *d = calloc(1, sizeof(*d));
	char path[128];
	FILE *f;

	assert_non_null(d);
	d->reader = (struct reader){ disk_read, d, DISK_BYTES };
	if (!seed)
		return d;
	snprintf(path, sizeof(path), "tests/fuzz/corpus/fsread/%s", seed);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_true(fread(d->bytes, 1, DISK_BYTES, f) > 0);
	fclose(f);
	return d;
}

static inline struct disk *disk_open(const char *seed)
{
	struct disk *d = disk_new(seed);

	assert_int_equal(fs_open(&d->fs, &d->reader, NULL), 0);
	return d;
}

/* Once more, after the test changed bytes. */
static inline void disk_reopen(struct disk *d)
{
	fs_close(d->fs);
	d->fs = NULL;
	assert_int_equal(fs_open(&d->fs, &d->reader, NULL), 0);
}

static inline void disk_free(struct disk *d)
{
	fs_close(d->fs);
	free(d);
}

/* The whole file as text.  Returns its length or -errno. */
static inline int64_t read_text(struct disk *d, const char *path, char *to, size_t room)
{
	struct fs_node node;
	int64_t n;
	const int rc = path_walk(d->fs, path, true, &node);

	if (rc < 0)
		return rc;
	n = fs_read(d->fs, &node, 0, to, room - 1);
	if (n >= 0)
		to[n] = '\0';
	return n;
}

#define assert_file(d, path, text)                                              \
	do {                                                                    \
		char text_[8192];                                               \
		assert_true(read_text(d, path, text_, sizeof(text_)) >= 0);     \
		assert_string_equal(text_, text);                               \
	} while (0)

#define assert_walk(d, path, rc)                                                \
	do {                                                                    \
		struct fs_node node_;                                           \
		assert_int_equal(path_walk((d)->fs, path, true, &node_), rc);   \
	} while (0)

/* How many entries the directory has, or -errno. */
static inline int count_entries(struct disk *d, const char *path)
{
	struct fs_entry entry;
	struct fs_node dir;
	uint64_t cursor = 0;
	int rc = path_walk(d->fs, path, true, &dir), count = 0;

	if (rc < 0)
		return rc;
	while ((rc = fs_next(d->fs, &dir, &cursor, &entry)) > 0)
		count++;
	return rc < 0 ? rc : count;
}

#endif
