/* Disks in a folder of their own, a loop of either engine, and requests that are
 * waited for. */
#ifndef BANTAM_BLOCK_FIXTURE_H
#define BANTAM_BLOCK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "block/disk.h"
#include "host/ioloop.h"
#include "host/now.h"
#include "unit/machine/said.h"

#define BENCH_IOVS 2100u

struct block_bench {
	struct ioloop *loop;
	enum io_engine engine;
	char dir[64];
	char path[96]; /* dir/disk */
	struct disk_config config;
	struct block *disk;
	struct err err;
	struct iovec iov[BENCH_IOVS];
};

/* A request with its end. */
struct waited {
	struct block_req req;
	bool ended;
	int status;
	struct iovec iov;
};

static inline int bench_open_with(void **state, enum io_engine engine)
{
	struct block_bench *b = calloc(1, sizeof(*b));

	/* Where io_uring is forbidden both kinds of tests use threads. */
	if (io_uring_usable(NULL) < 0)
		engine = IO_ENGINE_THREADS;
	b->engine = engine;
	assert_int_equal(ioloop_create(engine, &b->loop, &b->err), 0);
	strcpy(b->dir, "/tmp/bantam-block-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->path, sizeof(b->path), "%s/disk", b->dir);
	b->config = (struct disk_config){
		.path = b->path,
		.engine = engine,
		.discard = true,
	};
	*state = b;
	return 0;
}

static inline int bench_open_uring(void **state)
{
	return bench_open_with(state, IO_ENGINE_URING);
}

static inline int bench_open_threads(void **state)
{
	return bench_open_with(state, IO_ENGINE_THREADS);
}

static inline int bench_close(void **state)
{
	struct block_bench *b = *state;

	block_close(b->disk);
	ioloop_destroy(b->loop);
	snprintf(b->path, sizeof(b->path), "%s/disk", b->dir);
	unlink(b->path);
	rmdir(b->dir);
	free(b);
	return 0;
}

/* A test by io_uring and once more by threads. */
/* clang-format off */
#define BLOCK_TEST(f)                                                  \
	{ #f "_by_io_uring", f, bench_open_uring, bench_close, NULL }, \
	{ #f "_by_threads", f, bench_open_threads, bench_close, NULL }
/* clang-format on */

/* The byte that a fresh disk has at that place: no two sectors are alike. */
static inline uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at / 512 * 37 + at % 509 + 1);
}

static inline void make_file(struct block_bench *b, uint64_t size)
{
	FILE *f = fopen(b->path, "w");

	assert_non_null(f);
	for (uint64_t at = 0; at < size; at++)
		putc(pattern(at), f);
	assert_int_equal(fclose(f), 0);
}

static inline int disk_up(struct block_bench *b)
{
	b->err.text[0] = '\0';
	return disk_open(&b->config, &b->disk, &b->err);
}

static inline void disk_down(struct block_bench *b)
{
	block_close(b->disk);
	b->disk = NULL;
}

static inline void waited_done(struct block_req *req, int status)
{
	struct waited *w = container_of(req, struct waited, req);

	assert_false(w->ended);
	w->ended = true;
	w->status = status;
}

static inline void start_request(struct block_bench *b, struct waited *w)
{
	w->ended = false;
	w->req.loop = b->loop;
	w->req.done = waited_done;
	block_submit(b->disk, &w->req);
	assert_false(w->ended); /* never from within submit */
}

/* What raw submitted last for the request. */
static inline const struct io_op *op_of(const struct waited *w)
{
	return (const struct io_op *)(const void *)w->req.private_bytes;
}

/* Rounds until it ended, a minute at most: a busy host's disk takes seconds. */
static inline int wait_request(struct block_bench *b, struct waited *w)
{
	const uint64_t end_ns = host_now_ns() + 60 * NS_PER_S;

	while (!w->ended && host_now_ns() < end_ns)
		ioloop_round(b->loop, 100);
	assert_true(w->ended);
	return w->status;
}

static inline int run_request(struct block_bench *b, struct waited *w)
{
	start_request(b, w);
	return wait_request(b, w);
}

/* One request of one piece of memory. */
static inline void fill_request(struct waited *w, enum block_op op, uint64_t offset, void *bytes,
				uint64_t len)
{
	memset(w, 0xa5, sizeof(*w)); /* nobody relies on what is not ours to fill */
	w->iov = (struct iovec){ .iov_base = bytes, .iov_len = len };
	w->req.op = op;
	w->req.durable = false;
	w->req.may_unmap = false;
	w->req.iov = NULL;
	w->req.iov_count = 0;
	w->req.offset = offset;
	w->req.len = len;
	if (op == BLOCK_READ || op == BLOCK_WRITE) {
		w->req.iov = &w->iov;
		w->req.iov_count = 1;
	}
}

static inline int run_op(struct block_bench *b, enum block_op op, uint64_t offset, void *bytes,
			 uint64_t len)
{
	struct waited w;

	fill_request(&w, op, offset, bytes, len);
	return run_request(b, &w);
}

/* The disk's open file, by its name. */
static inline int descriptor_of(const char *path)
{
	char link[64], target[128];

	for (int fd = 3; fd < 100; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (strcmp(target, path) == 0)
			return fd;
	}
	fail_msg("%s is not open", path);
	return -1;
}

static inline uint8_t *buffer(size_t len, int fill)
{
	uint8_t *p = aligned_alloc(4096, (len + 4095) / 4096 * 4096);

	assert_non_null(p);
	memset(p, fill, len);
	return p;
}

static inline bool is_all(const uint8_t *bytes, uint8_t value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != value)
			return false;
	}
	return true;
}

static inline bool is_pattern(const uint8_t *bytes, uint64_t at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != pattern(at + i))
			return false;
	}
	return true;
}

/* What is in the file itself. */
static inline void read_file(const char *path, uint8_t *bytes, size_t len, uint64_t offset)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, bytes, len, (off_t)offset), len);
	close(fd);
}

static inline void write_file(const char *path, const void *bytes, size_t len, uint64_t offset)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, (off_t)offset), len);
	close(fd);
}

/* Blocks of 512 bytes that the file really takes. */
static inline uint64_t file_blocks(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_blocks;
}

/* In a child: from now on the kernel answers this system call with an error; with
 * `second` not 0 only where that is its second argument. */
static inline void forbid(unsigned call, unsigned second, unsigned error)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(second ? BPF_JMP | BPF_JEQ | BPF_K : BPF_JMP | BPF_JGE | BPF_K, second, 0,
			 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { ARRAY_LEN(code), (struct sock_filter *)code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(77);
}

static inline int exit_status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void assert_says(const struct block_bench *b, const char *words)
{
	if (!strstr(b->err.text, words))
		fail_msg("'%s' is not in '%s'", words, b->err.text);
}

#endif
