#include "block_fixture.h"

#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

static void refused(struct block_bench *b, int code, const char *words)
{
	assert_int_equal(disk_up(b), code);
	assert_says(b, words);
	assert_null(strchr(b->err.text, '\n'));
	assert_null(b->disk);
}

/* ---- what is no disk ---------------------------------------------------------------- */

static void what_is_no_disk_is_refused_and_never_waited_for(void **state)
{
	struct block_bench *b = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	refused(b, -ENOENT, "disk: No such file or directory");
	assert_int_equal(mkdir(b->path, 0700), 0);
	refused(b, -EINVAL, "disk is a directory; a disk is a file or a block device");
	rmdir(b->path);
	assert_int_equal(mkfifo(b->path, 0600), 0);
	refused(b, -EINVAL, "disk is a FIFO");
	b->config.read_only = true;
	refused(b, -EINVAL, "disk is a FIFO");
	b->config.read_only = false;
	unlink(b->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(address.sun_path, b->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	refused(b, -EINVAL, "disk is a socket");
	close(fd);
	unlink(b->path);
	b->config.path = "/dev/zero";
	refused(b, -EINVAL, "/dev/zero is a character device");
}

static void sizes_that_cannot_be_are_refused_and_odd_ones_said(void **state)
{
	struct block_bench *b = *state;
	const char *said;

	make_file(b, 0);
	refused(b, -EINVAL, "disk is empty; 'truncate -s 10G");
	make_file(b, 511);
	refused(b, -EINVAL, "disk has 511 bytes; a disk has at least 512");
	make_file(b, 1500);
	said_begin();
	assert_int_equal(disk_up(b), 0);
	said = said_end();
	assert_int_equal(b->disk->limits.size_bytes, 1024);
	assert_int_equal(count_of(said, "\n"), 1);
	assert_non_null(strstr(said, "the last 476 bytes are out of the guest's reach"));
}

/* As a user to whom permissions mean something. */
static void what_may_only_be_read_asks_for_ro(void **state)
{
	struct block_bench *b = *state;

	make_file(b, 4096);
	chmod(b->dir, 0755);
	chmod(b->path, 0444);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	refused(b, -EACCES, "disk can be read but not written (Permission denied); add ,ro");
	b->config.read_only = true;
	assert_int_equal(disk_up(b), 0);
	assert_true(b->disk->limits.read_only);
	disk_down(b);
	b->config.read_only = false;
	b->config.snapshot = true;
	assert_int_equal(disk_up(b), 0);
	assert_false(b->disk->limits.read_only);
	disk_down(b);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	chmod(b->path, 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	refused(b, -EACCES, "disk: Permission denied");
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

static void a_long_path_is_named_by_its_ends(void **state)
{
	struct block_bench *b = *state;
	char path[400];

	memset(path, 'p', sizeof(path));
	memcpy(path, "/begin\n", 7);
	strcpy(path + 200, "/end.raw");
	b->config.path = path;
	assert_int_equal(disk_up(b), -ENOENT);
	assert_says(b, "/begin?pp");
	assert_says(b, "pp/end.raw: No such file");
}

/* ---- formats ----------------------------------------------------------------------------- */

static void an_image_of_another_format_is_named(void **state)
{
	struct block_bench *b = *state;

	make_file(b, 65536);
	write_file(b->path, "QFI\xfb\0\0\0\x03", 8, 0);
	refused(b, -EINVAL, "disk: clusters of 2^");
	b->config.read_only = true;
	refused(b, -EINVAL, "disk: clusters of 2^");
	b->config.snapshot = true;
	refused(b, -EINVAL, "disk: clusters of 2^");
	b->config.format = DISK_FORMAT_QCOW2;
	refused(b, -EINVAL, "disk: clusters of 2^");
	b->config.format = DISK_FORMAT_RAW; /* the user knows better */
	assert_int_equal(disk_up(b), 0);
	disk_down(b);
	b->config.format = DISK_FORMAT_PROBE;
	write_file(b->path, "KDMV", 4, 0);
	refused(b, -EOPNOTSUPP, "disk is a VMDK image");
}

static void a_probed_disk_is_guarded_and_a_raw_one_is_not(void **state)
{
	struct block_bench *b = *state;
	uint8_t bytes[512] = "QFI\xfb\0\0\0\x03";

	make_file(b, 65536);
	assert_int_equal(disk_up(b), 0);
	said_begin();
	assert_int_equal(run_op(b, BLOCK_WRITE, 0, bytes, 512), -EIO);
	assert_int_equal(count_of(said_end(), "format=raw"), 1);
	disk_down(b);
	read_file(b->path, bytes, 512, 0);
	assert_true(is_pattern(bytes, 0, 512));
	b->config.format = DISK_FORMAT_RAW;
	memcpy(bytes, "QFI\xfb\0\0\0\x03", 8);
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(run_op(b, BLOCK_WRITE, 0, bytes, 512), 0);
	disk_down(b);
	read_file(b->path, bytes, 512, 0);
	assert_memory_equal(bytes, "QFI\xfb\0\0\0\x03", 8);
}

/* ---- options ------------------------------------------------------------------------------ */

static void a_read_only_disk_cannot_be_written(void **state)
{
	struct block_bench *b = *state;
	uint8_t bytes[512] = { 0 };

	make_file(b, 65536);
	b->config.read_only = true;
	b->config.snapshot = true; /* nothing to keep apart */
	assert_int_equal(disk_up(b), 0);
	assert_true(b->disk->limits.read_only);
	assert_int_equal(run_op(b, BLOCK_WRITE, 0, bytes, 512), -EROFS);
	assert_int_equal(run_op(b, BLOCK_READ, 0, bytes, 512), 0);
	assert_int_equal(run_op(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	assert_true(is_pattern(bytes, 0, 512));
}

static void discards_that_are_not_wanted_are_not_offered(void **state)
{
	struct block_bench *b = *state;

	make_file(b, 65536);
	b->config.discard = false;
	assert_int_equal(disk_up(b), 0);
	assert_false(b->disk->limits.can_discard);
	assert_true(b->disk->limits.can_zero);
	assert_int_equal(run_op(b, BLOCK_DISCARD, 0, NULL, 512), -EOPNOTSUPP);
}

/* In b->dir. */
static const char *beside(const struct block_bench *b, char path[128], const char *name)
{
	snprintf(path, 128, "%s/%s", b->dir, name);
	return path;
}

static void an_overlay_in_a_file_keeps_what_was_written(void **state)
{
	struct block_bench *b = *state;
	uint8_t sector[512];
	char path[128];

	make_file(b, 65536);
	b->config.overlay = beside(b, path, "changes.qcow2");
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(disk_up(b), 0);
		assert_string_equal(b->disk->ops->name, "qcow2");
		assert_int_equal(b->disk->limits.size_bytes, 65536);
		assert_int_equal(run_op(b, BLOCK_READ, 0, sector, 512), 0);
		assert_true(i == 0 ? is_pattern(sector, 0, 512) : is_all(sector, 'o', 512));
		memset(sector, 'o', sizeof(sector));
		assert_int_equal(run_op(b, BLOCK_WRITE, 0, sector, 512), 0);
		assert_int_equal(run_op(b, BLOCK_READ, 512, sector, 512), 0);
		assert_true(is_pattern(sector, 512, 512));
		disk_down(b);
	}
	read_file(b->path, sector, 512, 0);
	assert_true(is_pattern(sector, 0, 512));
	/* By itself it is a disk, too. */
	b->config.overlay = NULL;
	b->config.path = path;
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(run_op(b, BLOCK_READ, 0, sector, 512), 0);
	assert_true(is_all(sector, 'o', 512));
	disk_down(b);
	unlink(path);
}

static void an_overlay_of_another_base_or_not_new_is_refused(void **state)
{
	struct block_bench *b = *state;
	char path[128], other[128];

	make_file(b, 65536);
	b->config.overlay = beside(b, path, "changes.qcow2");
	assert_int_equal(disk_up(b), 0);
	disk_down(b);
	b->config.keep = DISK_KEEP_OK;
	refused(b, -EEXIST, "changes.qcow2 is there already; keep=ok");
	b->config.keep = DISK_KEEP_ALWAYS;
	assert_int_equal(rename(b->path, beside(b, other, "other")), 0);
	make_file(b, 65536);
	b->config.path = other;
	refused(b, -EINVAL, "changes.qcow2 is no overlay of");
	b->config.path = b->path;
	b->config.overlay = other;
	refused(b, -EINVAL, "other is no qcow2 image");
	/* What fails leaves nothing behind. */
	unlink(path);
	b->config.overlay = path;
	b->config.path = b->dir;
	refused(b, -EINVAL, "is a directory");
	assert_int_equal(access(path, F_OK), -1);
	unlink(other);
}

static void snapshots_change_nothing_on_the_host(void **state)
{
	static const char *const overlays[] = { NULL, "mem" };
	struct block_bench *b = *state;
	uint8_t *bytes = buffer(65536, 0x5e);

	make_file(b, 65536);
	chmod(b->path, 0400);
	for (size_t i = 0; i < ARRAY_LEN(overlays); i++) {
		b->config.snapshot = overlays[i] == NULL;
		b->config.overlay = overlays[i];
		assert_int_equal(disk_up(b), 0);
		assert_string_equal(b->disk->ops->name, "overlay");
		memset(bytes, 0x5e, 65536);
		assert_int_equal(run_op(b, BLOCK_WRITE, 512, bytes, 65024), 0);
		assert_int_equal(run_op(b, BLOCK_FLUSH, 0, NULL, 0), 0);
		memset(bytes, 0, 65536);
		assert_int_equal(run_op(b, BLOCK_READ, 0, bytes, 65536), 0);
		assert_true(is_pattern(bytes, 0, 512));
		assert_true(is_all(bytes + 512, 0x5e, 65024));
		disk_down(b);
		read_file(b->path, bytes, 65536, 0);
		assert_true(is_pattern(bytes, 0, 65536));
	}
	free(bytes);
}

static void a_snapshot_without_room_says_enospc_and_goes_on(void **state)
{
	struct block_bench *b = *state;
	uint8_t *bytes;
	char dir[80];
	int full, base, small;

	snprintf(dir, sizeof(dir), "%s/tmp", b->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	if (mount("tmpfs", dir, "tmpfs", 0, "size=256k") < 0) {
		rmdir(dir);
		skip();
	}
	bytes = buffer(MIB(1), 0x5e);
	make_file(b, MIB(1));
	setenv("TMPDIR", dir, 1);
	b->config.snapshot = true;
	said_begin();
	assert_int_equal(disk_up(b), 0);
	full = run_op(b, BLOCK_WRITE, 0, bytes, MIB(1));
	base = run_op(b, BLOCK_READ, 0, bytes, 512);
	assert_int_equal(run_op(b, BLOCK_DISCARD, 0, NULL, MIB(1)), 0);
	small = run_op(b, BLOCK_WRITE, 4096, bytes, 65536);
	said_end();
	unsetenv("TMPDIR");
	disk_down(b);
	umount(dir);
	rmdir(dir);
	assert_int_equal(full, -ENOSPC);
	assert_int_equal(base, 0);
	assert_true(is_pattern(bytes, 0, 512));
	assert_int_equal(small, 0);
	free(bytes);
}

/* The overlay is on a file system of 1 MiB: full, then with room again. */
static void an_overlay_without_room_says_enospc_and_goes_on(void **state)
{
	struct block_bench *b = *state;
	int fd, full, again, flushed, reopened, kept;
	char dir[80], overlay[128], filler[128];
	uint8_t *bytes;

	snprintf(dir, sizeof(dir), "%s/tmp", b->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	if (mount("tmpfs", dir, "tmpfs", 0, "size=1m") < 0) {
		rmdir(dir);
		skip();
	}
	bytes = buffer(MIB(2), 0x42);
	make_file(b, MIB(2));
	snprintf(overlay, sizeof(overlay), "%s/o.qcow2", dir);
	snprintf(filler, sizeof(filler), "%s/filler", dir);
	b->config.overlay = overlay;
	said_begin();
	assert_int_equal(disk_up(b), 0);
	fd = open(filler, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_int_equal(pwrite(fd, bytes, 384 * 1024, 0), 384 * 1024);
	close(fd);
	full = run_op(b, BLOCK_WRITE, 0, bytes, MIB(2));
	kept = run_op(b, BLOCK_READ, MIB(1), bytes, 512);
	unlink(filler);
	memset(bytes, 0x42, 512);
	again = run_op(b, BLOCK_WRITE, MIB(1), bytes, 65536);
	flushed = run_op(b, BLOCK_FLUSH, 0, NULL, 0);
	disk_down(b);
	reopened = disk_up(b);
	memset(bytes, 0, 65536);
	if (reopened == 0 && run_op(b, BLOCK_READ, MIB(1), bytes, 65536) == 0)
		disk_down(b);
	said_end();
	umount(dir);
	rmdir(dir);
	assert_int_equal(full, -ENOSPC);
	assert_int_equal(kept, 0);
	assert_int_equal(again, 0);
	assert_int_equal(flushed, 0);
	assert_int_equal(reopened, 0);
	assert_true(is_all(bytes, 0x42, 65536));
	free(bytes);
}

static void no_folder_for_temporary_files_is_said(void **state)
{
	struct block_bench *b = *state;

	make_file(b, 65536);
	b->config.snapshot = true;
	setenv("TMPDIR", "/nowhere", 1);
	refused(b, -ENOENT, "no temporary file in /nowhere (TMPDIR=DIR, or overlay=mem)");
	unsetenv("TMPDIR");
}

static void a_disk_given_twice_is_refused(void **state)
{
	struct block_bench *b = *state;
	struct block *second = NULL;

	make_file(b, 65536);
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(disk_open(&b->config, &second, &b->err), -EBUSY);
	assert_says(b, "disk is given twice");
	disk_down(b);
	b->config.snapshot = true; /* both only read it */
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(disk_open(&b->config, &second, &b->err), 0);
	block_close(second);
}

static void threads_serve_a_disk_on_a_loop_of_io_uring(void **state)
{
	struct block_bench *b = *state;
	uint8_t bytes[512];
	struct waited w;

	make_file(b, 65536);
	b->config.engine = IO_ENGINE_THREADS;
	assert_int_equal(disk_up(b), 0);
	fill_request(&w, BLOCK_READ, 512, bytes, 512);
	assert_int_equal(run_request(b, &w), 0);
	assert_true(op_of(&w)->by_thread);
	assert_true(is_pattern(bytes, 512, 512));
}

static void io_uring_by_force_where_it_is_forbidden_is_refused(void **state)
{
	struct block_bench *b = *state;
	pid_t pid;

	make_file(b, 65536);
	pid = fork();
	if (pid == 0) {
		forbid(SYS_io_uring_setup, 0, EPERM);
		b->config.engine = IO_ENGINE_AUTO;
		if (disk_up(b) != 0)
			_exit(1);
		disk_down(b);
		b->config.engine = IO_ENGINE_URING;
		if (disk_up(b) >= 0 || !strstr(b->err.text, "disk: aio=io_uring: "))
			_exit(2);
		_exit(0);
	}
	assert_int_equal(exit_status_of(pid), 0);
}

/* io_uring would answer EAGAIN where a read has to wait. */
static void the_open_file_is_one_that_waits(void **state)
{
	struct block_bench *b = *state;

	make_file(b, 65536);
	assert_int_equal(disk_up(b), 0);
	assert_false(fcntl(descriptor_of(b->path), F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(descriptor_of(b->path), F_GETFD) & FD_CLOEXEC);
}

/* ---- block devices --------------------------------------------------------------------------- */

/* A loop device over the bench's file until it is closed; skips without. */
static int loop_up(struct block_bench *b, int block_size, char path[32])
{
	const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop_config config = {
		.block_size = (unsigned)block_size,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int number, fd;

	number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	if (control >= 0)
		close(control);
	if (number < 0)
		skip();
	snprintf(path, 32, "/dev/loop%d", number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	config.fd = (unsigned)open(b->path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config) < 0) {
		close((int)config.fd);
		close(fd);
		skip();
	}
	close((int)config.fd);
	b->config.path = path;
	return fd;
}

static void a_block_device_is_served_with_its_own_sizes(void **state)
{
	struct block_bench *b = *state;
	uint8_t *bytes;
	char path[32];
	int fd;

	make_file(b, MIB(1));
	fd = loop_up(b, 4096, path);
	bytes = buffer(65536, 0x47);
	b->config.format = DISK_FORMAT_RAW;
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(b->disk->limits.size_bytes, MIB(1));
	assert_int_equal(b->disk->limits.logical_bytes, 4096);
	assert_true(b->disk->limits.physical_bytes >= 4096);
	assert_int_equal(run_op(b, BLOCK_WRITE, 4096, bytes, 65536), 0);
	assert_int_equal(run_op(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(run_op(b, BLOCK_READ, 4096, bytes, 512), -EINVAL);
	memset(bytes, 0, 65536);
	assert_int_equal(run_op(b, BLOCK_READ, 4096, bytes, 65536), 0);
	assert_true(is_all(bytes, 0x47, 65536));
	assert_int_equal(run_op(b, BLOCK_ZERO, 4096, NULL, 8192), 0);
	assert_int_equal(run_op(b, BLOCK_DISCARD, 65536, NULL, 65536), 0);
	assert_int_equal(run_op(b, BLOCK_READ, 0, bytes, 65536), 0);
	assert_true(is_pattern(bytes, 0, 4096));
	assert_true(is_all(bytes + 4096, 0, 8192));
	assert_true(is_all(bytes + 12288, 0x47, 65536 - 12288));
	disk_down(b);
	b->config.cache = DISK_CACHE_NONE;
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(run_op(b, BLOCK_READ, 0, bytes + 1, 4096), 0);
	assert_true(is_pattern(bytes + 1, 0, 4096));
	disk_down(b);
	close(fd);
	free(bytes);
}

static void a_block_device_in_use_is_refused_for_writing(void **state)
{
	struct block_bench *b = *state;
	char path[32];
	int fd, claim;

	make_file(b, MIB(1));
	fd = loop_up(b, 512, path);
	claim = open(path, O_RDONLY | O_EXCL | O_CLOEXEC); /* as a mount does */
	assert_true(claim >= 0);
	refused(b, -EBUSY, "is mounted or in use on this host; unmount it, or add ,ro");
	b->config.read_only = true;
	assert_int_equal(disk_up(b), 0);
	disk_down(b);
	close(claim);
	b->config.read_only = false;
	assert_int_equal(disk_up(b), 0);
	disk_down(b);
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BLOCK_TEST(what_is_no_disk_is_refused_and_never_waited_for),
		BLOCK_TEST(sizes_that_cannot_be_are_refused_and_odd_ones_said),
		BLOCK_TEST(what_may_only_be_read_asks_for_ro),
		BLOCK_TEST(a_long_path_is_named_by_its_ends),
		BLOCK_TEST(an_image_of_another_format_is_named),
		BLOCK_TEST(a_probed_disk_is_guarded_and_a_raw_one_is_not),
		BLOCK_TEST(a_read_only_disk_cannot_be_written),
		BLOCK_TEST(discards_that_are_not_wanted_are_not_offered),
		BLOCK_TEST(an_overlay_in_a_file_keeps_what_was_written),
		BLOCK_TEST(an_overlay_of_another_base_or_not_new_is_refused),
		BLOCK_TEST(snapshots_change_nothing_on_the_host),
		BLOCK_TEST(a_snapshot_without_room_says_enospc_and_goes_on),
		BLOCK_TEST(an_overlay_without_room_says_enospc_and_goes_on),
		BLOCK_TEST(no_folder_for_temporary_files_is_said),
		BLOCK_TEST(a_disk_given_twice_is_refused),
		BLOCK_TEST(threads_serve_a_disk_on_a_loop_of_io_uring),
		BLOCK_TEST(io_uring_by_force_where_it_is_forbidden_is_refused),
		BLOCK_TEST(the_open_file_is_one_that_waits),
		BLOCK_TEST(a_block_device_is_served_with_its_own_sizes),
		BLOCK_TEST(a_block_device_in_use_is_refused_for_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
