#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine/leases.h"

static char folder[64];

static int enter(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/bantam-test-XXXXXX");
	return mkdtemp(folder) && setenv("XDG_RUNTIME_DIR", folder, 1) == 0 ? 0 : -1;
}

static int leave(void **state)
{
	char command[80];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static struct lease made(unsigned nic, const char *guest, const char *address)
{
	struct lease l = { .pid = 42, .nic = nic, .mac = "52:54:00:12:34:56" };

	snprintf(l.guest, sizeof(l.guest), "%s", guest);
	snprintf(l.address, sizeof(l.address), "%s", address);
	return l;
}

/* What leases_list() found. */
static struct lease found[16];
static unsigned found_count;

static void keep(void *arg, const struct lease *lease)
{
	(void)arg;
	assert_true(found_count < ARRAY_LEN(found));
	found[found_count++] = *lease;
}

static void list(void)
{
	struct err err = { "" };

	found_count = 0;
	if (leases_list(keep, NULL, &err) < 0)
		fail_msg("%s", err.text);
}

static unsigned count_files(void)
{
	char path[96];
	unsigned count = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/bantam/guests", folder);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

static void without_any_guest_there_is_nothing_and_nothing_is_made(void **state)
{
	struct stat st;
	char path[80];

	(void)state;
	list();
	assert_int_equal(found_count, 0);
	snprintf(path, sizeof(path), "%s/bantam", folder);
	assert_int_equal(stat(path, &st), -1);
}

static void a_guest_is_listed_as_long_as_it_runs(void **state)
{
	struct lease lease = made(0, "web", "10.0.2.15");
	struct leases l;

	(void)state;
	leases_init(&l);
	leases_set(&l, &lease);
	list();
	assert_int_equal(found_count, 1);
	assert_string_equal(found[0].guest, "web");
	assert_string_equal(found[0].address, "10.0.2.15");
	assert_string_equal(found[0].mac, "52:54:00:12:34:56");
	assert_string_equal(found[0].hostname, "");
	assert_int_equal(found[0].pid, 42);
	assert_int_equal(found[0].nic, 0);
	leases_close(&l);
	list();
	assert_int_equal(found_count, 0);
	assert_int_equal(count_files(), 0);
}

static void a_new_address_takes_the_place_of_the_old_one_of_that_nic(void **state)
{
	struct lease first = made(0, "web", "10.0.2.15"), other = made(7, "web", "10.0.3.15");
	struct lease longest = made(0, "", "255.255.255.255");
	struct leases l;

	(void)state;
	memset(longest.guest, 'g', sizeof(longest.guest) - 1);
	memset(longest.hostname, 'h', sizeof(longest.hostname) - 1);
	longest.pid = UINT32_MAX;
	leases_init(&l);
	leases_set(&l, &first);
	leases_set(&l, &other);
	leases_set(&l, &longest);
	list();
	assert_int_equal(found_count, 2);
	assert_memory_equal(&found[0], &longest, sizeof(longest));
	assert_int_equal(found[1].nic, 7);
	assert_string_equal(found[1].address, "10.0.3.15");
	leases_close(&l);
}

static void two_guests_of_one_process_id_are_both_listed(void **state)
{
	struct lease a = made(0, "a", "10.0.2.15"), b = made(0, "b", "10.0.2.15");
	struct leases la, lb;

	(void)state;
	leases_init(&la);
	leases_init(&lb);
	leases_set(&la, &a);
	leases_set(&lb, &b);
	list();
	assert_int_equal(found_count, 2);
	leases_close(&la);
	list();
	assert_int_equal(found_count, 1);
	assert_string_equal(found[0].guest, "b");
	leases_close(&lb);
}

static void a_killed_guest_is_not_listed_and_its_file_is_removed(void **state)
{
	struct lease lease = made(0, "killed", "10.0.2.15");
	int ready[2], status;
	pid_t child;
	char byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		struct leases l;

		leases_init(&l);
		leases_set(&l, &lease);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	list();
	assert_int_equal(found_count, 1);
	assert_int_equal(count_files(), 1);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	list();
	assert_int_equal(found_count, 0);
	assert_int_equal(count_files(), 0);
	close(ready[0]);
	close(ready[1]);
}

/* Another reader that looks at the same time. */
static void a_readers_lock_does_not_make_a_dead_guest_live(void **state)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	struct lease lease = made(0, "x", "10.0.2.15");
	char path[128];
	struct leases l;
	int fd;

	(void)state;
	leases_init(&l);
	leases_set(&l, &lease);
	snprintf(path, sizeof(path), "%s/bantam/guests/%s", folder, l.name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	close(l.fd); /* as its end by SIGKILL would */
	l.fd = -1;
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	list();
	assert_int_equal(found_count, 0);
	leases_close(&l);
	close(fd);
}

static void lines_that_are_none_are_skipped(void **state)
{
	struct lease lease = made(1, "x", "10.0.2.15");
	struct leases l;
	char junk[256];

	(void)state;
	leases_init(&l);
	leases_set(&l, &lease);
	memset(junk, 'A', sizeof(junk));
	assert_int_equal(pwrite(l.fd, junk, sizeof(junk), 2 * 256), sizeof(junk));
	list();
	assert_int_equal(found_count, 1);
	assert_int_equal(found[0].nic, 1);
	leases_close(&l);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_any_guest_there_is_nothing_and_nothing_is_made),
		TEST(a_guest_is_listed_as_long_as_it_runs),
		TEST(a_new_address_takes_the_place_of_the_old_one_of_that_nic),
		TEST(two_guests_of_one_process_id_are_both_listed),
		TEST(a_killed_guest_is_not_listed_and_its_file_is_removed),
		TEST(a_readers_lock_does_not_make_a_dead_guest_live),
		TEST(lines_that_are_none_are_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
