#include "fsread_fixture.h"

#include <sys/stat.h>

#include "fsread/fat.h"

static struct fs_node node_of(struct disk *d, const char *path)
{
	struct fs_node node;

	assert_int_equal(path_walk(d->fs, path, true, &node), 0);
	return node;
}

/* Set an entry of the table of FAT16 or FAT32. */
static void set_next(struct disk *d, uint32_t cluster, uint32_t next)
{
	const struct fat *f = fat_of(d->fs);

	if (f->bits == 32)
		le32_store(d->bytes + f->table_at + 4 * cluster, next);
	else
		le16_store(d->bytes + f->table_at + 2 * cluster, (uint16_t)next);
}

static void each_width_holds_the_same_files(void **state)
{
	static const char *const seeds[] = { "fat12", "fat16" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
		struct disk *d = disk_open(seeds[i]);
		char text[8192], want[8192] = "";

		for (unsigned n = 1, len = 0; n <= 900; n++)
			len += (unsigned)snprintf(want + len, sizeof(want) - len, "%u\n", n);
		assert_int_equal(fat_of(d->fs)->bits, i ? 16 : 12);
		assert_file(d, "d/c", want);
		assert_file(d, "LONG name OF a file.TEXT", "hello\n");
		assert_file(d, "longna~1.tex", "hello\n");
		assert_file(d, "D/5", "");
		assert_int_equal(read_text(d, "nothing", text, sizeof(text)), -ENOENT);
		assert_int_equal(count_entries(d, "/"), 2);
		disk_free(d);
	}
}

static void fat32_keeps_its_root_in_clusters(void **state)
{
	struct disk *d = disk_open("fat32");
	struct fs_node node = node_of(d, "dir/b");

	(void)state;
	assert_int_equal(fat_of(d->fs)->bits, 32);
	assert_int_equal(count_entries(d, "/"), 2);
	assert_int_equal(node.size_bytes, 600);
	assert_int_equal(node.mode, S_IFREG | 0555);
	assert_int_equal(node_of(d, "a.txt").mode, S_IFREG | 0755);
	disk_free(d);
}

/* 0x5a77 0x6000: 2025-03-23 12:00. */
static void dates_become_seconds(void **state)
{
	struct disk *d = disk_open("fat32");
	const struct fs_node node = node_of(d, "a.txt");
	static const struct {
		uint16_t date;
		int64_t days;
	} dates[] = {
		{ 0x0021, 3652 },		    /* 1980-01-01 */
		{ 0x005d, 3652 + 31 + 28 },	    /* 1980-02-29 */
		{ 0x0061, 3652 + 31 + 29 },	    /* 1980-03-01 */
		{ 120 << 9 | 3 << 5 | 1, 47541 },   /* 2100-03-01: no leap year */
		{ 127 << 9 | 12 << 5 | 31, 50402 }, /* 2107-12-31 */
	};

	(void)state;
	assert_int_equal(node.mtime_s, 1742731200);
	for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
		struct fs_node at;

		le16_store(d->bytes + node.id + 24, dates[i].date);
		le16_store(d->bytes + node.id + 22, 0);
		disk_reopen(d);
		assert_int_equal(fs_load(d->fs, node.id, &at), 0);
		assert_int_equal(at.mtime_s, dates[i].days * 86400);
	}
	disk_free(d);
}

static void a_chain_that_bites_its_tail_ends(void **state)
{
	struct disk *d = disk_open("fat16");
	const struct fs_node file = node_of(d, "d/c"), dir = node_of(d, "d");
	char text[8192];
	struct fs_node node;

	(void)state;
	set_next(d, file.fat.first_cluster, file.fat.first_cluster);
	set_next(d, dir.fat.first_cluster, dir.fat.first_cluster);
	/* No entry that ends the directory. */
	for (unsigned i = 0; i < 16; i++) {
		uint8_t *e =
			d->bytes + fat_cluster_at(fat_of(d->fs), dir.fat.first_cluster) + 32 * i;

		memset(e, 'x', 11);
		e[11] = 0x20;
	}
	disk_reopen(d);
	assert_int_equal(fs_read(d->fs, &file, 0, text, file.size_bytes), file.size_bytes);
	assert_int_equal(count_entries(d, "d"), 65536);
	le32_store(d->bytes + file.id + 28, UINT32_MAX);
	disk_reopen(d);
	assert_int_equal(fs_load(d->fs, file.id, &node), 0);
	assert_int_equal(fs_read(d->fs, &node, UINT32_MAX - 1, text, 1), -EUCLEAN);
	disk_free(d);
}

static void chains_that_leave_the_table_are_refused(void **state)
{
	static const uint32_t bad[] = { 0, 1, 0x7000, 0xfff7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct disk *d = disk_open("fat16");
		char text[8192];

		set_next(d, node_of(d, "d/c").fat.first_cluster, bad[i]);
		disk_reopen(d);
		assert_int_equal(read_text(d, "d/c", text, sizeof(text)), -EUCLEAN);
		disk_free(d);
	}
}

static void a_file_longer_than_its_chain_is_refused(void **state)
{
	struct disk *d = disk_open("fat16");
	const struct fs_node node = node_of(d, "d/c");
	char text[8192];

	(void)state;
	set_next(d, node.fat.first_cluster, 0xffff);
	disk_reopen(d);
	assert_int_equal(read_text(d, "d/c", text, sizeof(text)), -EUCLEAN);
	assert_non_null(strstr(d->fs->err.text, "too short"));
	le16_store(d->bytes + node.id + 26, 0); /* none at all */
	disk_reopen(d);
	assert_int_equal(read_text(d, "d/c", text, sizeof(text)), -EUCLEAN);
	disk_free(d);
}

static void a_file_is_read_in_any_order(void **state)
{
	struct disk *d = disk_open("fat16");
	const struct fs_node node = node_of(d, "d/c");
	char all[4096], piece[4];

	(void)state;
	assert_int_equal(fs_read(d->fs, &node, 0, all, sizeof(all)), node.size_bytes);
	for (uint64_t at = node.size_bytes - 4; at > 300; at -= 300) {
		assert_int_equal(fs_read(d->fs, &node, at, piece, 4), 4);
		assert_memory_equal(piece, all + at, 4);
	}
	disk_free(d);
}

static void signs_of_a_mount_that_did_not_end_are_told(void **state)
{
	struct disk *d = disk_open("fat16");

	(void)state;
	assert_int_equal(d->fs->warnings, FS_TRUNCATED); /* the seed is cut */
	d->bytes[37] = 1;
	disk_reopen(d);
	assert_int_equal(d->fs->warnings, FS_TRUNCATED | FS_DIRTY);
	d->bytes[37] = 0;
	set_next(d, 1, 0x7fff);
	disk_reopen(d);
	assert_int_equal(d->fs->warnings, FS_TRUNCATED | FS_DIRTY);
	disk_free(d);
}

static void boot_sectors_without_sense_are_none(void **state)
{
	static const struct {
		unsigned at;
		uint16_t value;
		int rc;
	} bad[] = {
		{ 11, 0, -ENOENT },	  { 11, 513, -ENOENT },	    { 11, 8192, -ENOENT },
		{ 14, 0, -ENOENT },	  { 22, 0, -ENOENT },	    { 17, 0, -ENOENT },
		{ 14, 0xffff, -EUCLEAN }, { 22, 0xffff, -EUCLEAN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct disk *d = disk_new("fat12");
		struct fs *fs;
		struct err err = { "" };

		le16_store(d->bytes + bad[i].at, bad[i].value);
		assert_int_equal(fs_open(&fs, &d->reader, &err), bad[i].rc);
		assert_true(err.text[0]);
		disk_free(d);
	}
}

static void clusters_that_the_table_does_not_have_are_none(void **state)
{
	struct disk *d = disk_open("fat12");

	(void)state;
	assert_int_equal(le16_load(d->bytes + 22), 1);
	le16_store(d->bytes + 19, 4000);
	disk_reopen(d);
	assert_int_equal(fat_of(d->fs)->bits, 12);
	assert_int_equal(fat_of(d->fs)->cluster_count, 512 * 8 / 12 - 2);
	disk_free(d);
}

static void without_mirrors_the_active_table_counts(void **state)
{
	struct disk *d = disk_open("fat32");
	uint64_t first;

	(void)state;
	d->bytes[16] = 2;
	disk_reopen(d);
	first = fat_of(d->fs)->table_at;
	le16_store(d->bytes + 40, 1); /* the mirrors are on */
	disk_reopen(d);
	assert_int_equal(fat_of(d->fs)->table_at, first);
	le16_store(d->bytes + 40, 0x81);
	disk_reopen(d);
	assert_int_equal(fat_of(d->fs)->table_at, first + fat_of(d->fs)->table_bytes);
	le16_store(d->bytes + 40, 0x82); /* there is no third */
	disk_reopen(d);
	assert_int_equal(fat_of(d->fs)->table_at, first);
	disk_free(d);
}

static void free_clusters_are_counted(void **state)
{
	struct disk *d = disk_open("fat12");
	struct fs_space before, after;
	const struct fat *f = fat_of(d->fs);

	(void)state;
	assert_int_equal(fs_space(d->fs, &before), 0);
	assert_true(before.free_bytes > 0 && before.free_bytes < before.total_bytes);
	memset(d->bytes + f->table_at, 0, f->table_bytes);
	disk_reopen(d);
	assert_int_equal(fs_space(d->fs, &after), 0);
	assert_int_equal(after.free_bytes, before.total_bytes);
	disk_free(d);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_width_holds_the_same_files),
		cmocka_unit_test(fat32_keeps_its_root_in_clusters),
		cmocka_unit_test(dates_become_seconds),
		cmocka_unit_test(a_chain_that_bites_its_tail_ends),
		cmocka_unit_test(chains_that_leave_the_table_are_refused),
		cmocka_unit_test(a_file_longer_than_its_chain_is_refused),
		cmocka_unit_test(a_file_is_read_in_any_order),
		cmocka_unit_test(signs_of_a_mount_that_did_not_end_are_told),
		cmocka_unit_test(boot_sectors_without_sense_are_none),
		cmocka_unit_test(clusters_that_the_table_does_not_have_are_none),
		cmocka_unit_test(without_mirrors_the_active_table_counts),
		cmocka_unit_test(free_clusters_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
