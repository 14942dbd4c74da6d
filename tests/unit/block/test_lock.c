#include "block_fixture.h"

#include "block/lock.h"

static int open_image(const char *path, bool writer)
{
	const int fd = open(path, (writer ? O_RDWR : O_RDONLY) | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Another process that holds the image as reader or writer until it is let go. */
struct holder {
	pid_t pid;
	int go; /* closing it ends the holder */
};

static struct holder hold(const char *path, bool writer)
{
	int ready[2], go[2];
	struct holder h;
	char byte;

	assert_int_equal(pipe(ready) | pipe(go), 0);
	h.pid = fork();
	if (h.pid == 0) {
		prctl(PR_SET_NAME, "other-program");
		close(go[1]);
		byte = image_lock(open_image(path, writer), writer, "x", NULL) == 0 ? 'y' : 'n';
		if (write(ready[1], &byte, 1) == 1)
			byte = (char)read(go[0], &byte, 1);
		_exit(0);
	}
	close(ready[1]);
	close(go[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	close(ready[0]);
	h.go = go[1];
	return h;
}

static void let_go(struct holder *h)
{
	close(h->go);
	assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
}

static void a_writer_is_alone_and_readers_share(void **state)
{
	static const struct {
		bool first, second;
		int rc;
	} pairs[] = {
		{ true, true, -EBUSY },
		{ true, false, -EBUSY },
		{ false, true, -EBUSY },
		{ false, false, 0 },
	};
	struct block_bench *b = *state;

	make_file(b, 4096);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct holder h = hold(b->path, pairs[i].first);
		int fd = open_image(b->path, pairs[i].second);

		assert_int_equal(image_lock(fd, pairs[i].second, b->path, &b->err), pairs[i].rc);
		close(fd);
		let_go(&h);
		fd = open_image(b->path, pairs[i].second);
		assert_int_equal(image_lock(fd, pairs[i].second, b->path, &b->err), 0);
		close(fd);
	}
}

static void the_message_names_the_holder_and_what_it_does(void **state)
{
	struct block_bench *b = *state;
	struct holder h;
	char expected[64];
	int fd;

	make_file(b, 4096);
	h = hold(b->path, true);
	fd = open_image(b->path, false);
	assert_int_equal(image_lock(fd, false, "d.raw", &b->err), -EBUSY);
	snprintf(expected, sizeof(expected), "d.raw is in use by other-program (pid %d)", h.pid);
	assert_says(b, expected);
	assert_says(b, "writes");
	close(fd);
	let_go(&h);
	h = hold(b->path, false);
	fd = open_image(b->path, true);
	assert_int_equal(image_lock(fd, true, "d.raw", &b->err), -EBUSY);
	snprintf(expected, sizeof(expected), "(pid %d), which reads it", h.pid);
	assert_says(b, expected);
	close(fd);
	let_go(&h);
}

static void the_same_file_twice_is_said_so(void **state)
{
	struct block_bench *b = *state;
	int first, second;

	make_file(b, 4096);
	first = open_image(b->path, true);
	second = open_image(b->path, false);
	assert_int_equal(image_lock(first, true, "d.raw", &b->err), 0);
	assert_int_equal(image_lock(second, false, "d.raw", &b->err), -EBUSY);
	assert_says(b, "d.raw is given twice");
	close(first);
	close(second);
}

/* What QEMU 7.2 was seen to lock: a writer 100, 101 and 201, a reader 100 and 201. */
static void the_bytes_are_those_of_qemu(void **state)
{
	static const struct {
		bool writer;
		short byte;
		bool locked;
	} bytes[] = {
		{ true, 100, true },   { true, 101, true },   { true, 102, false },
		{ true, 103, false },  { true, 200, false },  { true, 201, true },
		{ true, 202, false },  { true, 203, true },   { false, 100, true },
		{ false, 101, false }, { false, 103, false }, { false, 201, true },
		{ false, 203, true },  { false, 0, false },
	};
	struct block_bench *b = *state;

	make_file(b, 4096);
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		const int ours = open_image(b->path, bytes[i].writer);
		const int theirs = open_image(b->path, true);
		struct flock lock = {
			.l_type = F_WRLCK,
			.l_whence = SEEK_SET,
			.l_start = bytes[i].byte,
			.l_len = 1,
		};

		assert_int_equal(image_lock(ours, bytes[i].writer, "d", NULL), 0);
		assert_int_equal(fcntl(theirs, F_OFD_GETLK, &lock), 0);
		assert_int_equal(lock.l_type == F_RDLCK, bytes[i].locked);
		close(ours);
		close(theirs);
	}
}

/* Run a command with our path as $1; its status. */
static int shell(const char *command, const char *path)
{
	const pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
		_exit(127);
	}
	return exit_status_of(pid);
}

static bool have_qemu_io(void)
{
	return shell("command -v qemu-io >/dev/null", "") == 0;
}

static bool qemu_writes(const char *path)
{
	return shell("qemu-io -f raw -c 'write 0 512' \"$1\" >/dev/null 2>&1", path) == 0;
}

static bool qemu_reads(const char *path)
{
	return shell("qemu-io -r -f raw -c 'read 0 512' \"$1\" >/dev/null 2>&1", path) == 0;
}

static void qemu_notices_us(void **state)
{
	struct block_bench *b = *state;
	int fd;

	if (!have_qemu_io())
		skip();
	make_file(b, 65536);
	assert_true(qemu_writes(b->path));
	fd = open_image(b->path, false);
	assert_int_equal(image_lock(fd, false, "d", NULL), 0);
	assert_false(qemu_writes(b->path));
	assert_true(qemu_reads(b->path));
	close(fd);
	fd = open_image(b->path, true);
	assert_int_equal(image_lock(fd, true, "d", NULL), 0);
	assert_false(qemu_writes(b->path));
	close(fd);
}

static void we_notice_qemu(void **state)
{
	struct block_bench *b = *state;
	int to_qemu[2], fd = -1, rc = 0;
	char expected[64];
	pid_t pid;

	if (!have_qemu_io())
		skip();
	make_file(b, 65536);
	assert_int_equal(pipe(to_qemu), 0);
	pid = fork();
	if (pid == 0) {
		const int null = open("/dev/null", O_RDWR);

		dup2(to_qemu[0], 0);
		dup2(null, 1);
		dup2(null, 2);
		close(to_qemu[1]);
		execlp("qemu-io", "qemu-io", "-f", "raw", b->path, (char *)NULL);
		_exit(127);
	}
	close(to_qemu[0]);
	for (unsigned i = 0; i < 500 && rc == 0; i++) { /* until it is up */
		fd = open_image(b->path, true);
		rc = image_lock(fd, true, "d.raw", &b->err);
		close(fd);
		usleep(10000);
	}
	close(to_qemu[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(rc, -EBUSY);
	snprintf(expected, sizeof(expected), "d.raw is in use by qemu-io (pid %d)", pid);
	assert_says(b, expected);
}

static void without_locks_it_is_said_and_goes_on(void **state)
{
	struct block_bench *b = *state;
	const char *said;
	pid_t pid;
	int status;

	make_file(b, 4096);
	said_begin();
	pid = fork();
	if (pid == 0) {
		forbid(SYS_fcntl, F_OFD_SETLK, ENOLCK); /* some network file systems */
		_exit(image_lock(open_image(b->path, true), true, "d.raw", NULL) == 0 ? 0 : 1);
	}
	status = exit_status_of(pid);
	said = said_end();
	assert_int_equal(status, 0);
	assert_int_equal(count_of(said, "\n"), 1);
	assert_non_null(strstr(said, "d.raw: its file system has no locks"));
}

#define LOCK_TEST(f) cmocka_unit_test_setup_teardown(f, bench_open_threads, bench_close)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LOCK_TEST(a_writer_is_alone_and_readers_share),
		LOCK_TEST(the_message_names_the_holder_and_what_it_does),
		LOCK_TEST(the_same_file_twice_is_said_so),
		LOCK_TEST(the_bytes_are_those_of_qemu),
		LOCK_TEST(qemu_notices_us),
		LOCK_TEST(we_notice_qemu),
		LOCK_TEST(without_locks_it_is_said_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
