#include "fsread_fixture.h"

#include <sys/stat.h>

#include "fsread/ext4.h"

/* Let a link point elsewhere. */
static void aim_at(struct disk *d, const char *link, const char *target)
{
	struct ext4 *e = ext4_of(d->fs);
	struct ext4_group group;
	struct fs_node node;
	uint8_t *inode;

	assert_int_equal(path_walk(d->fs, link, false, &node), 0);
	assert_int_equal(ext4_group(e, 0, &group), 0);
	inode = d->bytes + group.inode_table * e->block_bytes + (node.id - 1) * e->inode_bytes;
	assert_true(strlen(target) < 60);
	memcpy(inode + 0x28, target, strlen(target));
	le32_store(inode + 4, (uint32_t)strlen(target));
	disk_reopen(d);
}

static void aim(struct disk *d, const char *target)
{
	aim_at(d, "link", target);
}

static void names_lead_to_files(void **state)
{
	struct disk *d = disk_open("ext2");

	(void)state;
	assert_file(d, "a", "hello\n");
	assert_file(d, "//d/.///../a", "hello\n");
	assert_walk(d, "", 0);
	assert_walk(d, "/", 0);
	assert_walk(d, "d/", 0);
	assert_walk(d, "nothing", -ENOENT);
	assert_walk(d, "A", -ENOENT);
	assert_walk(d, "a/x", -ENOTDIR);
	assert_walk(d, "a/..", -ENOTDIR);
	assert_walk(d, "a/.", -ENOTDIR);
	disk_free(d);
}

static void the_root_has_nothing_above(void **state)
{
	struct disk *d = disk_open("ext2");

	(void)state;
	assert_file(d, "../../../a", "hello\n");
	assert_file(d, "d/../../../d/../a", "hello\n");
	aim(d, "../../../../../d/../../a");
	assert_file(d, "link", "hello\n");
	aim(d, "/a");
	assert_file(d, "d/../link", "hello\n");
	aim_at(d, "d/long", "/a");
	assert_file(d, "d/long", "hello\n");
	aim_at(d, "d/long", "/d/../d/5");
	assert_file(d, "d/long", "");
	disk_free(d);
}

static void links_are_followed_where_they_must(void **state)
{
	struct disk *d = disk_open("ext2");
	struct fs_node node;

	(void)state;
	assert_file(d, "link", "hello\n");
	assert_int_equal(path_walk(d->fs, "link", false, &node), 0);
	assert_true(S_ISLNK(node.mode));
	aim(d, "d");
	assert_int_equal(path_walk(d->fs, "link/", false, &node), 0);
	assert_true(S_ISDIR(node.mode));
	assert_int_equal(path_walk(d->fs, "link/5", false, &node), 0);
	assert_walk(d, "link/../a", 0);
	assert_walk(d, "d/long", -ENOENT);
	disk_free(d);
}

static void links_that_go_in_circles_end(void **state)
{
	struct disk *d = disk_open("ext2");

	(void)state;
	aim(d, "link");
	assert_walk(d, "link", -ELOOP);
	aim(d, "d/../link/x");
	assert_walk(d, "link", -ELOOP);
	disk_free(d);
}

static void paths_have_an_end(void **state)
{
	struct disk *d = disk_open("ext2");
	char path[PATH_BYTES_MAX + 2];

	(void)state;
	memset(path, '/', sizeof(path));
	path[PATH_BYTES_MAX] = '\0';
	assert_walk(d, path, 0);
	path[PATH_BYTES_MAX] = '/';
	path[PATH_BYTES_MAX + 1] = '\0';
	assert_walk(d, path, -ENAMETOOLONG);
	/* The link's target and what is behind it, together. */
	memcpy(path, "link", 4);
	path[PATH_BYTES_MAX - 1] = '\0';
	aim(d, "d/../d/../d");
	assert_walk(d, path, -ENAMETOOLONG);
	disk_free(d);
}

/* A directory may say anything of ".." and of itself. */
static void the_way_back_is_the_way_we_came(void **state)
{
	struct disk *d = disk_open("ext2");
	struct ext4_run run;
	struct fs_node node, root;
	char path[PATH_BYTES_MAX + 1] = "";

	(void)state;
	assert_int_equal(path_walk(d->fs, "d", true, &node), 0);
	assert_int_equal(ext4_map(ext4_of(d->fs), &node, 0, &run), 0);
	le32_store(d->bytes + run.block * KIB(1) + 12, 11); /* "..": some other inode */
	assert_int_equal(ext4_map(ext4_of(d->fs), &node, 0, &run), 0);
	disk_reopen(d);
	assert_int_equal(path_walk(d->fs, "d/..", true, &root), 0);
	assert_int_equal(root.id, EXT4_ROOT_INODE);
	/* The first entry behind ".." now is the directory itself. */
	le32_store(d->bytes + run.block * KIB(1) + 24, (uint32_t)node.id);
	d->bytes[run.block * KIB(1) + 24 + 6] = 1;
	d->bytes[run.block * KIB(1) + 24 + 8] = 'x';
	disk_reopen(d);
	strcat(path, "d");
	for (unsigned i = 0; i < PATH_DEPTH_MAX - 2; i++)
		strcat(path, "/x");
	assert_walk(d, path, 0);
	strcat(path, "/x");
	assert_walk(d, path, -ENAMETOOLONG);
	disk_free(d);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_lead_to_files),
		cmocka_unit_test(the_root_has_nothing_above),
		cmocka_unit_test(links_are_followed_where_they_must),
		cmocka_unit_test(links_that_go_in_circles_end),
		cmocka_unit_test(paths_have_an_end),
		cmocka_unit_test(the_way_back_is_the_way_we_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
