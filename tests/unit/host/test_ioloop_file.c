/* The I/O loop: file I/O, on both engines. */
#include "host/ioloop_internal.h"

#include "fake/both_engines.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct req {
	struct io_op op;
	struct iovec iov;
	unsigned done;
	int64_t result;
};

static void on_done(struct io_op *op, int64_t result)
{
	struct req *r = container_of(op, struct req, op);

	r->done++;
	r->result = result;
}

static int make_file(void)
{
	char path[] = "/tmp/bantam-ioloop-XXXXXX";
	const int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static struct req request(enum io_kind kind, int fd, uint64_t offset, void *data, size_t len)
{
	return (struct req){
		.op = { .kind = kind, .fd = fd, .offset = offset, .iov_count = 1, .done = on_done },
		.iov = { .iov_base = data, .iov_len = len },
	};
}

static void submit(struct ioloop *l, struct req *r)
{
	if (!r->op.iov)
		r->op.iov = &r->iov;
	ioloop_submit(l, &r->op);
}

static void finish_all(struct ioloop *l)
{
	while (ioloop_in_flight(l) > 0)
		ioloop_round(l, -1);
}

static int64_t run(struct ioloop *l, struct req *r)
{
	submit(l, r);
	assert_int_equal(r->done, 0); /* never from within */
	finish_all(l);
	assert_int_equal(r->done, 1);
	return r->result;
}

static int64_t run_again(struct ioloop *l, struct req *r)
{
	r->done = 0;
	return run(l, r);
}

static int64_t write_at(struct ioloop *l, int fd, uint64_t offset, const char *text)
{
	struct req r = request(IO_WRITE, fd, offset, (void *)(uintptr_t)text, strlen(text));

	return run(l, &r);
}

static int64_t read_at(struct ioloop *l, int fd, uint64_t offset, void *to, size_t len)
{
	struct req r = request(IO_READ, fd, offset, to, len);

	return run(l, &r);
}

static void what_was_written_is_read_back(void **state)
{
	struct ioloop *l = loop_of(state);
	const int fd = make_file();
	char got[6] = "";

	assert_int_equal(write_at(l, fd, UINT64_C(5) << 30, "hello"), 5);
	assert_int_equal(read_at(l, fd, UINT64_C(5) << 30, got, 5), 5);
	assert_string_equal(got, "hello");
	close(fd);
}

static void vectors_are_gathered_and_scattered(void **state)
{
	struct ioloop *l = loop_of(state);
	const int fd = make_file();
	char a[4] = "abc", b[6] = "defgh", all[9] = "";
	const struct iovec iov[3] = { { a, 3 }, { NULL, 0 }, { b, 5 } };
	struct req r = request(IO_WRITE, fd, 10, NULL, 0);

	r.op.iov = iov;
	r.op.iov_count = 3;
	assert_int_equal(run(l, &r), 8);
	assert_int_equal(read_at(l, fd, 10, all, 8), 8);
	assert_string_equal(all, "abcdefgh");
	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	r = request(IO_READ, fd, 10, NULL, 0);
	r.op.iov = iov;
	r.op.iov_count = 3;
	assert_int_equal(run(l, &r), 8);
	assert_string_equal(a, "abc");
	assert_string_equal(b, "defgh");
	close(fd);
}

static void the_longest_vector_goes_at_once(void **state)
{
	struct ioloop *l = loop_of(state);
	const int fd = make_file();
	static uint8_t bytes[2 * IO_IOV_MAX], back[2 * IO_IOV_MAX];
	static struct iovec iov[IO_IOV_MAX];
	struct req r = request(IO_WRITE, fd, 0, NULL, 0);

	for (unsigned i = 0; i < IO_IOV_MAX; i++) {
		bytes[2 * i] = (uint8_t)i;
		bytes[2 * i + 1] = (uint8_t)(i >> 8);
		iov[i] = (struct iovec){ &bytes[2 * i], 2 };
	}
	r.op.iov = iov;
	r.op.iov_count = IO_IOV_MAX;
	assert_int_equal(run(l, &r), sizeof(bytes));
	assert_int_equal(read_at(l, fd, 0, back, sizeof(back)), sizeof(back));
	assert_memory_equal(back, bytes, sizeof(bytes));
	close(fd);
}

static void a_read_across_the_end_is_short(void **state)
{
	struct ioloop *l = loop_of(state);
	const int fd = make_file();
	char got[8] = "";

	assert_int_equal(write_at(l, fd, 0, "12345"), 5);
	assert_int_equal(read_at(l, fd, 3, got, sizeof(got)), 2);
	assert_int_equal(read_at(l, fd, 5, got, sizeof(got)), 0);
	assert_int_equal(read_at(l, fd, 500, got, sizeof(got)), 0);
	close(fd);
}

static void sync_and_durable_writes_succeed(void **state)
{
	struct ioloop *l = loop_of(state);
	const int fd = make_file();
	struct req r = request(IO_WRITE, fd, 0, (void *)(uintptr_t) "x", 1);
	struct req sync = { .op = { .kind = IO_SYNC, .fd = fd, .done = on_done } };

	r.op.flags = RWF_DSYNC;
	assert_int_equal(run(l, &r), 1);
	assert_int_equal(run(l, &sync), 0);
	close(fd);
}

static void flags_reach_the_kernel(void **state)
{
	struct ioloop *l = loop_of(state);
	const int fd = make_file();
	struct req r = request(IO_WRITE, fd, 0, (void *)(uintptr_t) "abc", 3);

	assert_int_equal(run(l, &r), 3);
	r = request(IO_WRITE, fd, 0, (void *)(uintptr_t) "def", 3);
	r.op.flags = RWF_APPEND;
	assert_int_equal(run(l, &r), 3);
	assert_int_equal(lseek(fd, 0, SEEK_END), 6);
	r = request(IO_WRITE, fd, 0, (void *)(uintptr_t) "x", 1);
	r.op.flags = 0x40000000; /* none of RWF_* */
	assert_true(run(l, &r) < 0);
	r.op.kind = IO_READ;
	assert_true(run_again(l, &r) < 0);
	close(fd);
}

static int64_t allocate(struct ioloop *l, int fd, int mode, uint64_t offset, uint64_t len)
{
	struct req r = { .op = { .kind = IO_ALLOCATE,
				 .fd = fd,
				 .flags = mode,
				 .offset = offset,
				 .len = len,
				 .done = on_done } };

	return run(l, &r);
}

static void allocate_grows_and_punches(void **state)
{
	struct ioloop *l = loop_of(state);
	const int fd = memfd_create("test", MFD_CLOEXEC);
	char got[4] = "xxx";
	struct stat st;

	assert_int_equal(allocate(l, fd, 0, 4096, 8192), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 12288);
	assert_int_equal(write_at(l, fd, 4096, "abc"), 3);
	assert_int_equal(allocate(l, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096),
			 0);
	assert_int_equal(read_at(l, fd, 4096, got, 3), 3);
	assert_memory_equal(got, "\0\0\0", 3);
	assert_int_equal(allocate(l, fd, 0, 0, 0), -EINVAL);
	close(fd);
}

static void errors_come_as_results(void **state)
{
	struct ioloop *l = loop_of(state);
	const int full = open("/dev/full", O_RDWR | O_CLOEXEC);
	const int null_ro = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct req sync = { .op = { .kind = IO_SYNC, .fd = -1, .done = on_done } };
	char c;

	assert_true(full >= 0 && null_ro >= 0);
	assert_int_equal(read_at(l, -1, 0, &c, 1), -EBADF);
	assert_int_equal(run(l, &sync), -EBADF);
	assert_int_equal(write_at(l, full, 0, "x"), -ENOSPC);
	assert_int_equal(write_at(l, null_ro, 0, "x"), -EBADF);
	assert_int_equal(read_at(l, full, 0, (void *)(uintptr_t)16, 1), -EFAULT);
	assert_int_equal(allocate(l, null_ro, 0, 0, 1), -EBADF);
	close(full);
	close(null_ro);
}

static void an_error_leaves_the_others_alone(void **state)
{
	struct ioloop *l = loop_of(state);
	const int fd = make_file();
	struct req r[9];

	for (unsigned i = 0; i < ARRAY_LEN(r); i++) {
		r[i] = request(IO_WRITE, i % 3 == 1 ? -1 : fd, i, (void *)(uintptr_t) "x", 1);
		submit(l, &r[i]);
	}
	finish_all(l);
	for (unsigned i = 0; i < ARRAY_LEN(r); i++)
		assert_int_equal(r[i].result, i % 3 == 1 ? -EBADF : 1);
	close(fd);
}

/* More than the ring has room for, orders and results alike. */
#define MANY 5000u

static void thousands_at_once_are_all_done_once(void **state)
{
	struct ioloop *l = loop_of(state);
	const int fd = make_file();
	struct req *r = calloc(MANY, sizeof(*r));
	uint32_t *data = calloc(MANY, sizeof(*data)), *back = calloc(MANY, sizeof(*back));

	for (uint32_t i = 0; i < MANY; i++) {
		data[i] = i * 2654435761u;
		r[i] = request(IO_WRITE, fd, 4 * i, &data[i], 4);
		submit(l, &r[i]);
	}
	assert_int_equal(ioloop_in_flight(l), MANY);
	finish_all(l);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(r[i].done, 1);
		assert_int_equal(r[i].result, 4);
		r[i] = request(IO_READ, fd, 4 * i, &back[i], 4);
		submit(l, &r[i]);
	}
	finish_all(l);
	assert_memory_equal(back, data, 4 * MANY);
	free(r);
	free(data);
	free(back);
	close(fd);
}

/* A request that submits itself again when it is done. */
struct again {
	struct req r;
	struct ioloop *l;
	unsigned left;
};

static void submit_again(struct io_op *op, int64_t result)
{
	struct again *a = container_of(op, struct again, r.op);

	assert_int_equal(result, 1);
	if (a->left-- > 0)
		ioloop_submit(a->l, op);
}

static void a_completion_may_submit_the_next(void **state)
{
	struct ioloop *l = loop_of(state);
	const int fd = make_file();
	struct again a[20];

	for (unsigned i = 0; i < ARRAY_LEN(a); i++) {
		a[i].r = request(IO_WRITE, fd, i, (void *)(uintptr_t) "x", 1);
		a[i].r.op.done = submit_again;
		a[i].l = l;
		a[i].left = 100;
		submit(l, &a[i].r);
	}
	finish_all(l);
	for (unsigned i = 0; i < ARRAY_LEN(a); i++)
		assert_int_equal(a[i].left, UINT32_MAX);
	close(fd);
}

static void a_thread_does_it_when_asked(void **state)
{
	struct ioloop *l = loop_of(state);
	const int fd = make_file();
	struct req r[50];

	for (unsigned i = 0; i < ARRAY_LEN(r); i++) {
		r[i] = request(IO_WRITE, fd, i, (void *)(uintptr_t) "x", 1);
		r[i].op.by_thread = true;
		submit(l, &r[i]);
	}
	finish_all(l);
	for (unsigned i = 0; i < ARRAY_LEN(r); i++)
		assert_int_equal(r[i].result, 1);
	assert_in_range(l->workers.thread_count, 1, IO_WORKERS_MAX);
	close(fd);
}

static void io_uring_needs_no_threads_and_the_other_does(void **state)
{
	struct ioloop *l = loop_of(state);
	const int fd = make_file();

	assert_int_equal(write_at(l, fd, 0, "x"), 1);
	if (ioloop_engine(l) == IO_ENGINE_URING)
		assert_int_equal(l->workers.thread_count, 0);
	else
		assert_int_equal(l->workers.thread_count, 1);
	close(fd);
}

/* A pipe that does not block says -EAGAIN while it is empty. */
static void again_is_tried_again_until_it_works(void **state)
{
	struct ioloop *l = loop_of(state);
	char got[2] = "";
	struct req r;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	r = request(IO_READ, ends[0], UINT64_MAX, got, 1);
	submit(l, &r);
	for (unsigned i = 0; i < 5; i++)
		ioloop_round(l, 1);
	assert_int_equal(r.done, 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	finish_all(l);
	assert_int_equal(r.result, 1);
	assert_string_equal(got, "x");
	close(ends[0]);
	close(ends[1]);
}

/* io_uring waits for such a pipe instead: see test_ioloop_uring.c for its -EIO. */
static void again_for_ever_becomes_an_error(void **state)
{
	struct ioloop *l = *state;
	struct req r;
	int ends[2];
	char c;

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	r = request(IO_READ, ends[0], UINT64_MAX, &c, 1);
	assert_int_equal(run(l, &r), -EIO);
	close(ends[0]);
	close(ends[1]);
}

static int auto_falls_back(void)
{
	struct req r;
	struct ioloop *l;
	struct err err = { "" };
	const int fd = make_file();

	if (ioloop_create(IO_ENGINE_URING, &l, &err) != -EPERM || !strstr(err.text, "seccomp"))
		return 1;
	if (ioloop_create(IO_ENGINE_AUTO, &l, &err) != 0)
		return 2;
	if (ioloop_engine(l) != IO_ENGINE_THREADS)
		return 3;
	r = request(IO_WRITE, fd, 0, (void *)(uintptr_t) "x", 1);
	if (run(l, &r) != 1)
		return 4;
	ioloop_destroy(l);
	return 0;
}

static void where_io_uring_is_forbidden_threads_do_it(void **state)
{
	(void)state;
	assert_int_equal(without_io_uring(EPERM, auto_falls_back), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BOTH_ENGINES(what_was_written_is_read_back),
		BOTH_ENGINES(vectors_are_gathered_and_scattered),
		BOTH_ENGINES(the_longest_vector_goes_at_once),
		BOTH_ENGINES(a_read_across_the_end_is_short),
		BOTH_ENGINES(sync_and_durable_writes_succeed),
		BOTH_ENGINES(flags_reach_the_kernel),
		BOTH_ENGINES(allocate_grows_and_punches),
		BOTH_ENGINES(errors_come_as_results),
		BOTH_ENGINES(an_error_leaves_the_others_alone),
		BOTH_ENGINES(thousands_at_once_are_all_done_once),
		BOTH_ENGINES(a_completion_may_submit_the_next),
		BOTH_ENGINES(a_thread_does_it_when_asked),
		BOTH_ENGINES(io_uring_needs_no_threads_and_the_other_does),
		BOTH_ENGINES(again_is_tried_again_until_it_works),
		{ "again_for_ever_becomes_an_error", again_for_ever_becomes_an_error, both_setup,
		  both_teardown, (void *)(uintptr_t)IO_ENGINE_THREADS },
		cmocka_unit_test(where_io_uring_is_forbidden_threads_do_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
