#include "fsread_fixture.h"

#include <sys/stat.h>

#include "fsread/ext4.h"

static const char *const seeds[] = { "ext2", "ext4", "ext4-inline", "ext4-plain", "ext4-meta_bg" };

/* Where the inode of a file stands on the disk: all seeds have one group. */
static uint8_t *inode_bytes(struct disk *d, uint64_t number)
{
	struct ext4 *e = ext4_of(d->fs);
	struct ext4_group group;

	assert_int_equal(ext4_group(e, 0, &group), 0);
	return d->bytes + group.inode_table * e->block_bytes + (number - 1) * e->inode_bytes;
}

static uint8_t *inode_of(struct disk *d, const char *path)
{
	struct fs_node node;

	assert_int_equal(path_walk(d->fs, path, false, &node), 0);
	return inode_bytes(d, node.id);
}

static uint8_t *block_of(struct disk *d, const char *path, uint64_t block)
{
	struct ext4_run run;
	struct fs_node node;

	assert_int_equal(path_walk(d->fs, path, false, &node), 0);
	assert_int_equal(ext4_map(ext4_of(d->fs), &node, block, &run), 0);
	assert_true(run.block > 0);
	return d->bytes + run.block * ext4_of(d->fs)->block_bytes;
}

static uint8_t *super(struct disk *d)
{
	return d->bytes + EXT4_SUPER_AT;
}

static int reopened(struct disk *d, struct err *err)
{
	struct fs *fs;
	const int rc = fs_open(&fs, &d->reader, err);

	if (rc == 0)
		fs_close(fs);
	return rc;
}

static void each_kind_holds_the_same_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
		struct disk *d = disk_open(seeds[i]);
		char text[8192], want[8192] = "";

		for (unsigned n = 1, len = 0; n <= 900; n++)
			len += (unsigned)snprintf(want + len, sizeof(want) - len, "%u\n", n);
		assert_file(d, "/d/c", want);
		assert_file(d, "/a", "hello\n");
		assert_file(d, "/d/b",
			    "longer than sixty bytes, so that inline data needs the attribute as "
			    "well\n");
		assert_file(d, "/d/5", "");
		assert_int_equal(count_entries(d, "d"), 14);
		assert_int_equal(read_text(d, "/d/f", text, sizeof(text)), sizeof(text) - 1);
		assert_string_equal(text + 2048, "piece\n");
		assert_int_equal(d->fs->warnings, 0);
		disk_free(d);
	}
}

static void holes_read_as_zeros(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
		struct disk *d = disk_open(seeds[i]);
		struct fs_node node;
		char byte = 1;

		assert_int_equal(path_walk(d->fs, "s", true, &node), 0);
		assert_int_equal(fs_read(d->fs, &node, 5, &byte, 1), 1);
		assert_int_equal(byte, 0);
		assert_int_equal(fs_read(d->fs, &node, 290 * 1024, &byte, 1), 1);
		assert_int_equal(byte, 'x');
		assert_int_equal(fs_read(d->fs, &node, node.size_bytes, &byte, 1), 0);
		assert_int_equal(fs_read(d->fs, &node, UINT64_MAX, &byte, 1), 0);
		disk_free(d);
	}
}

static void links_of_all_lengths_tell_their_target(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
		struct disk *d = disk_open(seeds[i]);
		char target[FS_LINK_BYTES_MAX + 1];
		struct fs_node node;

		assert_int_equal(path_walk(d->fs, "link", false, &node), 0);
		assert_true(S_ISLNK(node.mode));
		assert_int_equal(fs_readlink(d->fs, &node, target), 1);
		assert_string_equal(target, "a");
		assert_int_equal(path_walk(d->fs, "d/long", false, &node), 0);
		assert_int_equal(fs_readlink(d->fs, &node, target), 73);
		assert_true(strncmp(target, "../xxx", 6) == 0 && target[72] == 'x');
		disk_free(d);
	}
}

static void unknown_features_are_refused_by_name(void **state)
{
	struct disk *d = disk_open("ext4");
	struct err err = { "" };

	(void)state;
	le32_store(super(d) + 0x60, le32_load(super(d) + 0x60) | 1);
	assert_int_equal(reopened(d, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "compression"));
	le32_store(super(d) + 0x60, UINT32_C(0x80000000));
	assert_int_equal(reopened(d, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "future"));
	disk_free(d);
}

static void a_superblock_that_divides_by_zero_is_refused(void **state)
{
	static const struct {
		unsigned at;
		uint32_t value;
	} bad[] = {
		{ 0x18, 7 }, { 0x18, UINT32_MAX }, { 0x20, 0 },	      { 0x28, 0 },    { 0x14, 2 },
		{ 0x04, 0 }, { 0x58, 0x30080 },	   { 0x58, 0x3007f }, { 0x58, 2048 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct disk *d = disk_open("ext2");
		struct err err = { "" };
		const bool fine = bad[i].value == 0x30080; /* the upper half is another's */

		le32_store(super(d) + bad[i].at, bad[i].value);
		assert_int_equal(reopened(d, &err), fine ? 0 : -EUCLEAN);
		assert_true(fine || strstr(err.text, "damaged"));
		disk_free(d);
	}
}

static void a_dirty_journal_and_noted_errors_are_told(void **state)
{
	struct disk *d = disk_open("ext2");

	(void)state;
	le16_store(super(d) + 0x3a, 0);
	disk_reopen(d);
	assert_int_equal(d->fs->warnings, FS_DIRTY);
	le16_store(super(d) + 0x3a, 3);
	disk_reopen(d);
	assert_int_equal(d->fs->warnings, FS_ERRORS);
	le16_store(super(d) + 0x3a, 1);
	le32_store(super(d) + 0x60, le32_load(super(d) + 0x60) | 4);
	disk_reopen(d);
	assert_int_equal(d->fs->warnings, FS_DIRTY);
	disk_free(d);
}

static void a_cut_disk_is_told_and_read_as_far_as_it_goes(void **state)
{
	struct disk *d = disk_open("ext4");

	(void)state;
	d->reader.size_bytes = KIB(40);
	disk_reopen(d);
	assert_int_equal(d->fs->warnings, FS_TRUNCATED);
	assert_true(count_entries(d, "/") > 0);
	d->reader.size_bytes = KIB(4);
	disk_reopen(d);
	assert_int_equal(count_entries(d, "/"), -EIO);
	assert_true(strstr(d->fs->err.text, "cannot read"));
	disk_free(d);
}

/* A wrong sum is told, and what it covers is shown all the same. */
static void wrong_sums_are_told(void **state)
{
	for (unsigned i = 0; i < 5; i++) {
		struct disk *d = disk_open("ext4");
		uint8_t *const places[] = {
			super(d) + 0x88,		    /* where it was mounted last */
			d->bytes + KIB(2) + 0x10,	    /* directories in the group */
			inode_of(d, "/d") + 8,		    /* when it was read last */
			block_of(d, "/d", 0) + KIB(1) - 13, /* behind the last name */
			inode_of(d, "/d") + 0x90,	    /* when it was made */
		};

		*places[i] ^= 1;
		disk_reopen(d);
		assert_int_equal(count_entries(d, "d"), 14);
		assert_int_equal(d->fs->warnings, FS_CHECKSUM);
		disk_free(d);
	}
	(void)state;
}

static void extents_outside_the_disk_are_refused(void **state)
{
	struct disk *d = disk_open("ext4");
	uint8_t *map = inode_of(d, "/d/c") + 0x28;
	char text[8];

	(void)state;
	le32_store(map + 12 + 8, UINT32_MAX);
	disk_reopen(d);
	assert_int_equal(read_text(d, "/d/c", text, sizeof(text)), -EUCLEAN);
	le32_store(map + 12 + 8, 0); /* the superblock's is nobody's data */
	disk_reopen(d);
	assert_int_equal(read_text(d, "/d/c", text, sizeof(text)), -EUCLEAN);
	disk_free(d);
}

/* The inode has room for four. */
static void more_extents_than_fit_are_refused(void **state)
{
	struct disk *d = disk_open("ext4");
	uint8_t *map = inode_of(d, "/d/c") + 0x28;
	char text[8];

	(void)state;
	le16_store(map + 4, 5);
	disk_reopen(d);
	assert_int_equal(read_text(d, "/d/c", text, sizeof(text)), -EUCLEAN);
	disk_free(d);
}

static void an_extent_tree_that_points_to_itself_ends(void **state)
{
	struct disk *d = disk_open("ext4");
	uint8_t *map = inode_of(d, "/d/c") + 0x28, *block = block_of(d, "/d/c", 0);
	const uint32_t number = (uint32_t)((size_t)(block - d->bytes) / KIB(1));
	char text[8];

	(void)state;
	memset(map, 0, 60);
	le16_store(map, 0xf30a);
	le16_store(map + 2, 1);
	le16_store(map + 4, 4);
	le16_store(map + 6, 5);
	le32_store(map + 16, number);
	memset(block, 0, KIB(1));
	memcpy(block, map, 60);
	le16_store(block + 6, 4);
	disk_reopen(d);
	assert_int_equal(read_text(d, "/d/c", text, sizeof(text)), -EUCLEAN);
	assert_non_null(strstr(d->fs->err.text, "extent tree"));
	le16_store(map + 6, 6);
	disk_reopen(d);
	assert_int_equal(read_text(d, "/d/c", text, sizeof(text)), -EUCLEAN);
	assert_non_null(strstr(d->fs->err.text, "too deep"));
	disk_free(d);
}

static void lists_of_blocks_that_point_outside_are_refused(void **state)
{
	struct disk *d = disk_open("ext2");
	uint8_t *map = inode_of(d, "/s") + 0x28;
	struct fs_node node;
	char byte, two[2];

	(void)state;
	le32_store(map + 4 * 13, UINT32_MAX);
	disk_reopen(d);
	assert_int_equal(path_walk(d->fs, "s", true, &node), 0);
	assert_int_equal(fs_read(d->fs, &node, 290 * 1024, &byte, 1), -EUCLEAN);
	le32_store(map, 64);
	disk_reopen(d);
	assert_int_equal(path_walk(d->fs, "s", true, &node), 0);
	assert_int_equal(fs_read(d->fs, &node, 0, &byte, 1), -EUCLEAN);
	le32_store(map, 63); /* one inside, and one behind it */
	le32_store(map + 4, 64);
	disk_reopen(d);
	assert_int_equal(path_walk(d->fs, "s", true, &node), 0);
	assert_int_equal(fs_read(d->fs, &node, 1023, &byte, 1), 1);
	assert_int_equal(fs_read(d->fs, &node, 1023, two, 2), -EUCLEAN);
	disk_free(d);
}

static void a_file_longer_than_extents_can_say_is_refused(void **state)
{
	struct disk *d = disk_open("ext4");
	struct fs_node node;
	char byte;

	(void)state;
	le32_store(inode_of(d, "/s") + 0x6c, 0x7fffffff);
	disk_reopen(d);
	assert_int_equal(path_walk(d->fs, "s", true, &node), 0);
	assert_int_equal(fs_read(d->fs, &node, (GIB(4) << 10) - 1, &byte, 1), 1);
	assert_int_equal(byte, 0);
	assert_int_equal(fs_read(d->fs, &node, GIB(4) << 10, &byte, 1), -EUCLEAN);
	disk_free(d);
}

static void a_file_longer_than_its_map_is_refused(void **state)
{
	struct disk *d = disk_open("ext2");
	struct fs_node node;
	char byte;

	(void)state;
	le32_store(inode_of(d, "/s") + 0x6c, 0x7fffffff);
	disk_reopen(d);
	assert_int_equal(path_walk(d->fs, "s", true, &node), 0);
	assert_int_equal(fs_read(d->fs, &node, node.size_bytes - 1, &byte, 1), -EUCLEAN);
	assert_int_equal(fs_read(d->fs, &node, GIB(64), &byte, 1), -EUCLEAN);
	disk_free(d);
}

/* Three levels of lists reach 16 GiB with blocks of 1 KiB. */
static void a_hole_behind_all_lists_is_one_run(void **state)
{
	struct disk *d = disk_open("ext2");
	struct fs_node node;
	struct ext4_run run;

	(void)state;
	assert_int_equal(path_walk(d->fs, "s", true, &node), 0);
	assert_int_equal(ext4_map(ext4_of(d->fs), &node, 12 + 256 + 65536 + 5, &run), 0);
	assert_int_equal(run.block, 0);
	assert_int_equal(run.count, (1 << 24) - 5);
	disk_free(d);
}

static void impossible_directory_entries_are_refused(void **state)
{
	static const uint16_t lengths[] = { 0, 4, 7, 1024, 0xfffc };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct disk *d = disk_open("ext4-plain");

		le16_store(block_of(d, "/d", 0) + 12 + 4, lengths[i]);
		disk_reopen(d);
		assert_int_equal(count_entries(d, "/d"), -EUCLEAN);
		assert_non_null(strstr(d->fs->err.text, "entry"));
		disk_free(d);
	}
}

static void a_name_longer_than_its_entry_is_refused(void **state)
{
	struct disk *d = disk_open("ext4-plain");

	(void)state;
	block_of(d, "/d", 0)[12 + 6] = 200;
	disk_reopen(d);
	assert_int_equal(count_entries(d, "/d"), -EUCLEAN);
	disk_free(d);
}

static void a_directory_longer_than_the_disk_is_refused(void **state)
{
	struct disk *d = disk_open("ext4-plain");

	(void)state;
	le32_store(inode_of(d, "/d") + 4, DISK_BYTES + 1024);
	disk_reopen(d);
	assert_int_equal(count_entries(d, "/d"), -EUCLEAN);
	assert_non_null(strstr(d->fs->err.text, "size"));
	le32_store(inode_of(d, "/d") + 4, 2048); /* its second block does not exist */
	disk_reopen(d);
	assert_int_equal(count_entries(d, "/d"), -EUCLEAN);
	assert_non_null(strstr(d->fs->err.text, "missing"));
	disk_free(d);
}

static void entries_without_an_inode_are_refused(void **state)
{
	struct disk *d = disk_open("ext4-plain");
	struct fs_node node;

	(void)state;
	assert_int_equal(fs_load(d->fs, 0, &node), -EUCLEAN);
	assert_int_equal(fs_load(d->fs, 33, &node), -EUCLEAN);
	assert_int_equal(fs_load(d->fs, UINT64_MAX, &node), -EUCLEAN);
	assert_int_equal(fs_load(d->fs, 32, &node), -EUCLEAN);
	assert_non_null(strstr(d->fs->err.text, "not in use"));
	le32_store(super(d), 20); /* fewer than the group has room for */
	disk_reopen(d);
	assert_int_equal(fs_load(d->fs, 20, &node), 0);
	assert_int_equal(fs_load(d->fs, 21, &node), -EUCLEAN);
	disk_free(d);
}

static void inline_data_that_lies_outside_the_inode_is_refused(void **state)
{
	struct disk *d = disk_open("ext4-inline");
	uint8_t *inode = inode_of(d, "/d/b");
	uint8_t *entry = inode + 128 + le16_load(inode + 128) + 4;
	char text[128];

	(void)state;
	assert_memory_equal(entry + 16, "data", 4);
	memset(text, 'y', sizeof(text));
	le16_store(entry + 2, 0xffff); /* where the value is: gone, and the file with it */
	disk_reopen(d);
	assert_int_equal(read_text(d, "/d/b", text, sizeof(text)), 73);
	assert_memory_equal(text, "longer than sixty bytes, so that inline data needs the attri",
			    60);
	assert_int_equal(text[60], 0);
	le16_store(inode + 128, 0xffff);
	disk_reopen(d);
	assert_int_equal(read_text(d, "/d/b", text, sizeof(text)), 73);
	disk_free(d);
}

static void inline_directories_end_where_their_inode_does(void **state)
{
	struct disk *d = disk_open("ext4-inline");
	uint8_t *inode = inode_of(d, "/d/e"), *map = inode + 0x28;
	uint8_t *entry = inode + 128 + le16_load(inode + 128) + 4;

	(void)state;
	assert_int_equal(count_entries(d, "/d/e"), 0);
	assert_memory_equal(entry + 16, "data", 4);
	le16_store(entry + 2, 40); /* a second part of unused entries */
	le32_store(entry + 8, 24);
	memset(entry + 40, 0, 24);
	le16_store(entry + 40 + 4, 24);
	disk_reopen(d);
	assert_int_equal(count_entries(d, "/d/e"), 0);
	le16_store(entry + 40 + 8, 20); /* were it one part, it would go on here */
	le16_store(map + 4 + 4, 60);	/* across the end of the first part */
	disk_reopen(d);
	assert_int_equal(count_entries(d, "/d/e"), -EUCLEAN);
	disk_free(d);
}

static void encrypted_files_are_refused(void **state)
{
	struct disk *d = disk_open("ext4-plain");
	uint8_t *inode = inode_of(d, "/a");
	struct fs_node node;
	char text[8];

	(void)state;
	le32_store(inode + 0x20, le32_load(inode + 0x20) | EXT4_INODE_ENCRYPT);
	disk_reopen(d);
	assert_int_equal(read_text(d, "/a", text, sizeof(text)), -ENOKEY);
	assert_int_equal(path_walk(d->fs, "/a", true, &node), 0);
	assert_int_equal(node.attributes, FS_ENCRYPTED);
	disk_free(d);
}

static void devices_of_both_forms_have_their_numbers(void **state)
{
	struct disk *d = disk_open("ext4-plain");
	uint8_t *inode = inode_of(d, "/a");
	struct fs_node node;

	(void)state;
	le16_store(inode, S_IFCHR | 0600);
	le32_store(inode + 0x28, 5 << 8 | 1);
	disk_reopen(d);
	assert_int_equal(path_walk(d->fs, "/a", true, &node), 0);
	assert_true(node.dev_major == 5 && node.dev_minor == 1);
	assert_int_equal(fs_read(d->fs, &node, 0, &(char){ 0 }, 1), -EINVAL);
	le32_store(inode + 0x28, 0);
	le32_store(inode + 0x2c, (70000 & 0xff) | 259 << 8 | (70000 & ~0xff) << 12);
	disk_reopen(d);
	assert_int_equal(path_walk(d->fs, "/a", true, &node), 0);
	assert_true(node.dev_major == 259 && node.dev_minor == 70000);
	disk_free(d);
}

static void times_reach_from_1901_to_2446(void **state)
{
	struct disk *d = disk_open("ext4");
	uint8_t *inode = inode_of(d, "/a");
	struct fs_node node;

	(void)state;
	le32_store(inode + 0x10, 0x80000000);
	le32_store(inode + 0x88, 0);
	disk_reopen(d);
	assert_int_equal(path_walk(d->fs, "/a", true, &node), 0);
	assert_int_equal(node.mtime_s, INT32_MIN);
	le32_store(inode + 0x10, 0x7fffffff);
	le32_store(inode + 0x88, 999999999u << 2 | 3);
	disk_reopen(d);
	assert_int_equal(path_walk(d->fs, "/a", true, &node), 0);
	assert_int_equal(node.mtime_s, INT64_C(0x37fffffff));
	assert_int_equal(node.mtime_ns, 999999999);
	disk_free(d);
}

static void numbers_of_space_never_cross(void **state)
{
	struct disk *d = disk_open("ext2");
	struct fs_space space;

	(void)state;
	assert_int_equal(fs_space(d->fs, &space), 0);
	assert_true(space.total_bytes > 0 && space.total_bytes < DISK_BYTES);
	assert_true(space.free_bytes > 0 && space.free_bytes < space.total_bytes);
	assert_int_equal(space.file_total, 32);
	le16_store(d->bytes + KIB(2) + 0xc, 0xffff); /* free, says the group */
	le32_store(super(d) + 0x8, UINT32_MAX);	     /* reserved */
	le32_store(super(d) + 0x10, UINT32_MAX);     /* free inodes */
	disk_reopen(d);
	assert_int_equal(fs_space(d->fs, &space), 0);
	assert_int_equal(space.free_bytes, space.total_bytes);
	assert_int_equal(space.available_bytes, 0);
	assert_int_equal(space.file_free, 32);
	disk_free(d);
}

/* mke2fs notes what the metadata takes; older ones did not. */
static void the_counted_overhead_is_the_noted_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
		struct disk *d = disk_open(seeds[i]);
		struct ext4 *e = ext4_of(d->fs);
		const uint64_t noted = e->overhead_blocks;

		assert_true(noted > 0);
		e->overhead_blocks = 0;
		assert_int_equal(ext4_overhead(e), noted);
		disk_free(d);
	}
}

static void what_the_reader_says_goes_up(void **state)
{
	struct disk *d = disk_open("ext4");
	struct err err = { "" };

	(void)state;
	d->fails = -ETIMEDOUT;
	assert_int_equal(reopened(d, &err), -ETIMEDOUT);
	assert_walk(d, "/a", -ETIMEDOUT);
	assert_non_null(strstr(d->fs->err.text, "cannot read"));
	disk_free(d);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_holds_the_same_files),
		cmocka_unit_test(holes_read_as_zeros),
		cmocka_unit_test(links_of_all_lengths_tell_their_target),
		cmocka_unit_test(unknown_features_are_refused_by_name),
		cmocka_unit_test(a_superblock_that_divides_by_zero_is_refused),
		cmocka_unit_test(a_dirty_journal_and_noted_errors_are_told),
		cmocka_unit_test(a_cut_disk_is_told_and_read_as_far_as_it_goes),
		cmocka_unit_test(wrong_sums_are_told),
		cmocka_unit_test(extents_outside_the_disk_are_refused),
		cmocka_unit_test(more_extents_than_fit_are_refused),
		cmocka_unit_test(an_extent_tree_that_points_to_itself_ends),
		cmocka_unit_test(lists_of_blocks_that_point_outside_are_refused),
		cmocka_unit_test(a_file_longer_than_extents_can_say_is_refused),
		cmocka_unit_test(a_file_longer_than_its_map_is_refused),
		cmocka_unit_test(a_hole_behind_all_lists_is_one_run),
		cmocka_unit_test(impossible_directory_entries_are_refused),
		cmocka_unit_test(a_name_longer_than_its_entry_is_refused),
		cmocka_unit_test(a_directory_longer_than_the_disk_is_refused),
		cmocka_unit_test(entries_without_an_inode_are_refused),
		cmocka_unit_test(inline_data_that_lies_outside_the_inode_is_refused),
		cmocka_unit_test(inline_directories_end_where_their_inode_does),
		cmocka_unit_test(encrypted_files_are_refused),
		cmocka_unit_test(devices_of_both_forms_have_their_numbers),
		cmocka_unit_test(times_reach_from_1901_to_2446),
		cmocka_unit_test(numbers_of_space_never_cross),
		cmocka_unit_test(the_counted_overhead_is_the_noted_one),
		cmocka_unit_test(what_the_reader_says_goes_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
