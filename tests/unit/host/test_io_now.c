#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/io_now.h"
#include "host/now.h"

struct fixture {
	struct io_pace pace;
	struct io_op op;
	struct iovec iov;
	uint8_t bytes[4096];
	unsigned done;
	int64_t result;
};

static void note_done(struct io_op *op, int64_t result)
{
	struct fixture *f = container_of(op, struct fixture, op);

	f->done++;
	f->result = result;
}

static struct io_op *op_of(struct fixture *f, enum io_kind kind, int fd, uint64_t offset)
{
	f->iov = (struct iovec){ f->bytes, sizeof(f->bytes) };
	f->op = (struct io_op){
		.kind = kind, .fd = fd, .offset = offset, .pace = &f->pace, .iov = &f->iov,
		.iov_count = kind == IO_READ || kind == IO_WRITE, .done = note_done,
	};
	return &f->op;
}

static int memory_file(void)
{
	const int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* On the build folder's file system, which has pages that can be dropped. */
static int disk_file(void)
{
	char path[] = "./bantam-now-XXXXXX";
	const int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static void what_is_in_memory_is_read_written_and_synced_at_once(void **state)
{
	struct fixture f = { .pace.in_memory = true };
	const int fd = memory_file();

	(void)state;
	memset(f.bytes, 0x5a, sizeof(f.bytes));
	assert_true(io_now(op_of(&f, IO_WRITE, fd, 4096)));
	assert_int_equal(f.op.result, sizeof(f.bytes));
	memset(f.bytes, 0, sizeof(f.bytes));
	assert_true(io_now(op_of(&f, IO_READ, fd, 4096)));
	assert_int_equal(f.op.result, sizeof(f.bytes));
	assert_int_equal(f.bytes[4095], 0x5a);
	assert_true(io_now(op_of(&f, IO_READ, fd, 8192)));
	assert_int_equal(f.op.result, 0); /* the end */
	assert_true(io_now(op_of(&f, IO_SYNC, fd, 0)));
	assert_int_equal(f.op.result, 0);
	close(fd);
}

static void a_read_that_would_wait_for_the_disk_is_left_alone(void **state)
{
	struct fixture f = { .done = 0 };
	const int fd = disk_file();

	(void)state;
	assert_int_equal(pwrite(fd, f.bytes, sizeof(f.bytes), 0), sizeof(f.bytes));
	if (!io_now(op_of(&f, IO_READ, fd, 0))) {
		close(fd);
		skip(); /* this file system does not know RWF_NOWAIT */
	}
	assert_int_equal(f.op.result, sizeof(f.bytes));
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	assert_false(io_now(op_of(&f, IO_READ, fd, 0)));
	close(fd);
}

static void a_sync_or_a_durable_write_to_a_disk_is_left_alone(void **state)
{
	struct fixture f = { .done = 0 };
	const int fd = disk_file();

	(void)state;
	assert_false(io_now(op_of(&f, IO_SYNC, fd, 0)));
	op_of(&f, IO_WRITE, fd, 0)->flags = RWF_DSYNC;
	assert_false(io_now(&f.op));
	assert_false(io_now(op_of(&f, IO_ALLOCATE, fd, 0)));
	assert_true(io_now(op_of(&f, IO_WRITE, fd, 0)));
	close(fd);
}

static void after_a_slow_write_none_is_tried_for_a_while(void **state)
{
	struct fixture f = { .done = 0 };
	const int fd = disk_file();

	(void)state;
	atomic_store(&f.pace.rest_until_ns, host_now_ns() + IO_NOW_REST_NS);
	assert_false(io_now(op_of(&f, IO_WRITE, fd, 0)));
	atomic_store(&f.pace.rest_until_ns, host_now_ns());
	assert_true(io_now(op_of(&f, IO_WRITE, fd, 0)));
	close(fd);
}

static void what_is_large_is_left_alone(void **state)
{
	struct fixture f = { .pace.in_memory = true };
	const size_t len = IO_NOW_BYTES_MAX / 2 + 1;
	uint8_t *bytes = calloc(1, len);
	struct iovec iov[2] = { { bytes, len }, { bytes, len } };
	const int fd = memory_file();

	(void)state;
	op_of(&f, IO_WRITE, fd, 0)->iov = iov;
	assert_true(io_now(&f.op));
	f.op.iov_count = 2;
	assert_false(io_now(&f.op));
	free(bytes);
	close(fd);
}

static void a_failing_write_says_why(void **state)
{
	struct fixture f = { .done = 0 };
	const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(io_now(op_of(&f, IO_WRITE, fd, 0)));
	assert_int_equal(f.op.result, -EBADF);
	close(fd);
}

static void the_loop_calls_back_in_a_later_round_and_never_from_submit(void **state)
{
	struct fixture f = { .pace.in_memory = true };
	const int fd = memory_file();
	struct ioloop *l;

	(void)state;
	assert_int_equal(ioloop_create(IO_ENGINE_AUTO, &l, NULL), 0);
	ioloop_submit(l, op_of(&f, IO_WRITE, fd, 0));
	assert_int_equal(f.done, 0);
	assert_int_equal(ioloop_in_flight(l), 1);
	/* It does not go to sleep over it. */
	assert_int_equal(ioloop_round(l, -1), 1);
	assert_int_equal(f.done, 1);
	assert_int_equal(f.result, sizeof(f.bytes));
	assert_int_equal(ioloop_in_flight(l), 0);
	assert_int_equal(ioloop_round(l, 0), 0);
	ioloop_destroy(l);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_memory_is_read_written_and_synced_at_once),
		cmocka_unit_test(a_read_that_would_wait_for_the_disk_is_left_alone),
		cmocka_unit_test(a_sync_or_a_durable_write_to_a_disk_is_left_alone),
		cmocka_unit_test(after_a_slow_write_none_is_tried_for_a_while),
		cmocka_unit_test(what_is_large_is_left_alone),
		cmocka_unit_test(a_failing_write_says_why),
		cmocka_unit_test(the_loop_calls_back_in_a_later_round_and_never_from_submit),
	};

	return cmocka_run_group_tests_name("io_now", tests, NULL, NULL);
}
