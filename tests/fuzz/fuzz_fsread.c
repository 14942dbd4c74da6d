/* Hostile disks: whatever the bytes, looking through all partitions and file
 * systems ends, stays inside the disk, and tells each file's bytes or what is wrong.
 *
 * Input: the disk.  tests/fuzz/corpus/fsread/ holds small ones, made by mkfs and
 * sfdisk; zeros at their end are cut off: the disk goes on with up to 64 KiB. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "fsread/fs.h"
#include "fsread/identify.h"
#include "fsread/partition.h"
#include "fsread/path.h"

#define DISK_BYTES KIB(64)
#define FILES_MAX  256u /* looked into, per file system */
#define DIRS_MAX   64u
#define READ_BYTES KIB(32)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *at;
	size_t len;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static int read_bytes(void *ctx, uint64_t offset, void *to, size_t len)
{
	const struct bytes *b = ctx;
	size_t n = 0;

	must(range_inside(offset, len, DISK_BYTES));
	if (offset < b->len) {
		n = min_u64(len, b->len - offset);
		memcpy(to, b->at + offset, n);
	}
	memset((uint8_t *)to + n, 0, len - n);
	return 0;
}

/* Failing is fine, but never without a reason. */
static void check_error(const struct fs *fs, int64_t rc)
{
	must(rc >= 0 || fs->err.text[0]);
}

/* The beginning, what lies across a multiple of blocks, and the end. */
static void read_file(struct fs *fs, const struct fs_node *node)
{
	static uint8_t buf[READ_BYTES];
	const uint64_t offsets[] = { 0,
				     12 * 1024 - 1,
				     268 * 1024 + 7,
				     node->size_bytes / 2,
				     node->size_bytes - min_u64(node->size_bytes, 5),
				     node->size_bytes };

	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		const int64_t n = fs_read(fs, node, offsets[i], buf, sizeof(buf));
		const uint64_t left = node->size_bytes - min_u64(node->size_bytes, offsets[i]);

		check_error(fs, n);
		must(n < 0 || (uint64_t)n == min_u64(left, sizeof(buf)));
	}
}

static void look_at(struct fs *fs, uint64_t id, struct fs_node *node)
{
	char target[FS_LINK_BYTES_MAX + 1];
	int rc = fs_load(fs, id, node);

	check_error(fs, rc);
	if (rc < 0) {
		node->mode = 0;
		return;
	}
	if (S_ISREG(node->mode))
		read_file(fs, node);
	rc = fs_readlink(fs, node, target);
	check_error(fs, rc);
	must(rc < 0 || (size_t)rc == node->size_bytes);
}

static void walk(struct fs *fs)
{
	uint64_t dirs[DIRS_MAX] = { fs->root_id };
	unsigned dir_count = 1, files = 0;
	struct fs_entry entry;
	struct fs_node dir, node;
	uint64_t cursor;
	int rc;

	for (unsigned i = 0; i < dir_count; i++) {
		cursor = 0;
		look_at(fs, dirs[i], &dir);
		while ((rc = fs_next(fs, &dir, &cursor, &entry)) > 0 && files++ < FILES_MAX) {
			must(entry.name_len < sizeof(entry.name) && !entry.name[entry.name_len]);
			look_at(fs, entry.id, &node);
			if (S_ISDIR(node.mode) && dir_count < DIRS_MAX)
				dirs[dir_count++] = entry.id;
			rc = path_walk(fs, entry.name, true, &node);
			check_error(fs, rc);
		}
		check_error(fs, rc);
	}
}

/* To the end of each directory, however long, without looking at the files. */
static void count_all(struct fs *fs)
{
	struct fs_entry entry;
	struct fs_node root;
	uint64_t cursor = 0;

	if (fs_load(fs, fs->root_id, &root) == 0)
		while (fs_next(fs, &root, &cursor, &entry) > 0)
			;
}

static void look_into(const struct reader *disk)
{
	struct identity id;
	struct fs_space space;
	struct err err = { "" };
	struct fs *fs;
	int rc;

	must(identify(disk, &id, &err) == 0);
	must(strlen(id.label) < sizeof(id.label) && strlen(id.uuid) < sizeof(id.uuid));
	rc = fs_open(&fs, disk, &err);
	must(rc == 0 || err.text[0]);
	if (rc < 0)
		return;
	walk(fs);
	count_all(fs);
	rc = fs_space(fs, &space);
	check_error(fs, rc);
	must(rc < 0 ||
	     (space.free_bytes <= space.total_bytes && space.available_bytes <= space.free_bytes));
	path_walk(fs, "a/../../d/./link/x", true, &(struct fs_node){ 0 });
	fs_close(fs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct partition_table table;
	struct bytes bytes = { data, min_u64(size, DISK_BYTES) };
	const struct reader disk = { read_bytes, &bytes, DISK_BYTES };
	struct err err = { "" };

	look_into(&disk);
	if (partition_read(&disk, &table, &err) < 0) {
		must(err.text[0]);
		return 0;
	}
	for (unsigned i = 0; i < table.count; i++) {
		const struct partition *p = &table.entries[i];
		struct window window;
		const struct reader part =
			window_open(&window, &disk, p->start_bytes, p->size_bytes);

		must(p->size_bytes > 0 && range_inside(p->start_bytes, p->size_bytes, DISK_BYTES));
		if (i < 4)
			look_into(&part);
	}
	return 0;
}
