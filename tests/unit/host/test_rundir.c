#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/rundir.h"

static char folder[64], top[96];

static int enter(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/bantam-test-XXXXXX");
	if (!mkdtemp(folder) || setenv("XDG_RUNTIME_DIR", folder, 1) < 0)
		return -1;
	snprintf(top, sizeof(top), "%s/bantam", folder);
	return 0;
}

static int leave(void **state)
{
	char command[80];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void a_folder_is_made_for_its_owner_alone(void **state)
{
	struct err err = { "" };
	char path[128];
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(rundir_open("x", false, &err), -ENOENT);
	fd = rundir_open("x", true, &err);
	assert_true(fd >= 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/x", top);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	fd = rundir_open("x", false, &err);
	assert_true(fd >= 0);
	close(fd);
}

static void a_folder_that_others_may_enter_is_refused(void **state)
{
	struct err err = { "" };
	char expected[192];

	(void)state;
	assert_int_equal(mkdir(top, 0755), 0);
	assert_int_equal(rundir_open("x", true, &err), -EPERM);
	snprintf(expected, sizeof(expected),
		 "%s is not this user's alone: remove it, or set XDG_RUNTIME_DIR", top);
	assert_string_equal(err.text, expected);
}

static void a_link_in_place_of_the_folder_is_refused(void **state)
{
	struct err err = { "" };

	(void)state;
	assert_int_equal(symlink("/tmp", top), 0);
	assert_true(rundir_open("x", true, &err) < 0);
	assert_int_equal(unlink(top), 0);
}

static void a_variable_that_names_no_folder_of_ours_is_not_used(void **state)
{
	static const char *const values[] = { "", "here", "/nowhere" };
	struct err err = { "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		assert_int_equal(setenv("XDG_RUNTIME_DIR", values[i], 1), 0);
		assert_int_equal(rundir_open("no-such-folder", false, &err), -ENOENT);
		snprintf(top, sizeof(top), "/tmp/bantam-%u", geteuid());
		assert_memory_equal(err.text, top, strlen(top));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_folder_is_made_for_its_owner_alone),
		TEST(a_folder_that_others_may_enter_is_refused),
		TEST(a_link_in_place_of_the_folder_is_refused),
		TEST(a_variable_that_names_no_folder_of_ours_is_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
