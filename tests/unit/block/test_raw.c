#include "block_fixture.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "block/raw.h"

static void a_write_is_read_back_and_is_in_the_file(void **state)
{
	struct block_bench *b = *state;
	uint8_t *out = buffer(8192, 0xa1), *in = buffer(8192, 0);

	make_file(b, MIB(1));
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(b->disk->limits.size_bytes, MIB(1));
	assert_int_equal(run_op(b, BLOCK_WRITE, 512 * 3, out, 8192), 0);
	assert_int_equal(run_op(b, BLOCK_READ, 512 * 3, in, 8192), 0);
	assert_memory_equal(in, out, 8192);
	read_file(b->path, in, 8192, 512 * 2);
	assert_true(is_pattern(in, 512 * 2, 512));
	assert_true(is_all(in + 512, 0xa1, 8192 - 512));
	assert_int_equal(run_op(b, BLOCK_READ, MIB(1) - 512, in, 512), 0);
	assert_true(is_pattern(in, MIB(1) - 512, 512));
	free(out);
	free(in);
}

static void many_requests_are_in_flight_at_once(void **state)
{
	struct block_bench *b = *state;
	struct waited *w = calloc(256, sizeof(*w));
	uint8_t *bytes = buffer(256 * 4096, 0);

	make_file(b, MIB(1));
	assert_int_equal(disk_up(b), 0);
	for (unsigned i = 0; i < 256; i++) {
		fill_request(&w[i], BLOCK_READ, i * 4096, bytes + i * 4096, 4096);
		start_request(b, &w[i]);
	}
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(wait_request(b, &w[i]), 0);
	assert_true(is_pattern(bytes, 0, MIB(1)));
	free(bytes);
	free(w);
}

static void memory_in_more_pieces_than_the_kernel_takes_at_once_is_served(void **state)
{
	struct block_bench *b = *state;
	uint8_t *bytes = buffer(BENCH_IOVS * 512, 0);
	struct waited w;

	make_file(b, MIB(2));
	assert_int_equal(disk_up(b), 0);
	fill_request(&w, BLOCK_READ, 512, NULL, BENCH_IOVS * 512);
	for (unsigned i = 0; i < BENCH_IOVS; i++) /* backwards, to see who mixes them up */
		b->iov[i] = (struct iovec){ bytes + (BENCH_IOVS - 1 - i) * 512, 512 };
	w.req.iov = b->iov;
	w.req.iov_count = BENCH_IOVS;
	assert_int_equal(run_request(b, &w), 0);
	for (unsigned i = 0; i < BENCH_IOVS; i++)
		assert_true(is_pattern(bytes + (BENCH_IOVS - 1 - i) * 512, 512 + i * 512, 512));
	assert_int_equal(w.req.len, BENCH_IOVS * 512);
	assert_int_equal(w.req.offset, 512);
	free(bytes);
}

static void a_file_that_shrank_gives_an_error_behind_its_end_only(void **state)
{
	struct block_bench *b = *state;
	uint8_t *bytes = buffer(4096, 0);

	make_file(b, 65536);
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(truncate(b->path, 10000), 0);
	said_begin();
	assert_int_equal(run_op(b, BLOCK_READ, 32768, bytes, 4096), -EIO);
	assert_int_equal(run_op(b, BLOCK_READ, 8192, bytes, 4096), -EIO); /* half of it */
	assert_int_equal(count_of(said_end(), "disk: read of 4096 bytes at 32768"), 1);
	assert_int_equal(run_op(b, BLOCK_READ, 4096, bytes, 4096), 0);
	assert_true(is_pattern(bytes, 4096, 4096));
	memset(bytes, 0x77, 4096);
	assert_int_equal(run_op(b, BLOCK_WRITE, 61440, bytes, 4096), 0);
	memset(bytes, 0, 4096);
	assert_int_equal(run_op(b, BLOCK_READ, 61440, bytes, 4096), 0);
	assert_true(is_all(bytes, 0x77, 4096));
	free(bytes);
}

static void a_file_that_grew_has_the_size_it_had(void **state)
{
	struct block_bench *b = *state;
	uint8_t bytes[512];

	make_file(b, 4096);
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(truncate(b->path, 65536), 0);
	assert_int_equal(b->disk->limits.size_bytes, 4096);
	assert_int_equal(run_op(b, BLOCK_READ, 4096, bytes, 512), -EINVAL);
}

/* RLIMIT_FSIZE cuts the write that crosses it short: what is left must be tried,
 * and fail. */
static void a_file_that_may_not_grow_gives_efbig_and_works_on(void **state)
{
	struct block_bench *b = *state;
	uint8_t *bytes = buffer(8192, 0x31);
	struct rlimit old, low;
	int crossing, behind, before;

	make_file(b, 65536);
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(truncate(b->path, 4096), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	low = old;
	low.rlim_cur = 16384;
	said_begin();
	setrlimit(RLIMIT_FSIZE, &low);
	crossing = run_op(b, BLOCK_WRITE, 12288, bytes, 8192);
	behind = run_op(b, BLOCK_WRITE, 20480, bytes, 4096);
	before = run_op(b, BLOCK_WRITE, 8192, bytes, 4096);
	setrlimit(RLIMIT_FSIZE, &old);
	said_end();
	assert_int_equal(crossing, -EFBIG);
	assert_int_equal(behind, -EFBIG);
	assert_int_equal(before, 0);
	assert_int_equal(run_op(b, BLOCK_WRITE, 20480, bytes, 4096), 0);
	free(bytes);
}

/* A file system of 1 MiB: full, then with room again. */
static void a_full_disk_gives_enospc_and_works_on_when_there_is_room(void **state)
{
	struct block_bench *b = *state;
	int fd, full, again, in_place;
	char filler[128];
	uint8_t *bytes;

	if (mount("tmpfs", b->dir, "tmpfs", 0, "size=1m") < 0)
		skip();
	bytes = buffer(MIB(1), 0x42);
	fd = open(b->path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, (off_t)MIB(4)), 0);
	close(fd);
	snprintf(filler, sizeof(filler), "%s/filler", b->dir);
	fd = open(filler, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_int_equal(pwrite(fd, bytes, 700 * 1024, 0), 700 * 1024);
	close(fd);
	said_begin();
	assert_int_equal(disk_up(b), 0);
	in_place = run_op(b, BLOCK_WRITE, 0, bytes, 65536);
	full = run_op(b, BLOCK_WRITE, 65536, bytes, MIB(1));
	unlink(filler);
	again = run_op(b, BLOCK_WRITE, 65536, bytes, 512 * 1024);
	said_end();
	memset(bytes, 0, MIB(1));
	assert_int_equal(run_op(b, BLOCK_READ, 0, bytes, 65536 + 512 * 1024), 0);
	disk_down(b);
	umount(b->dir);
	assert_int_equal(in_place, 0);
	assert_int_equal(full, -ENOSPC);
	assert_int_equal(again, 0);
	assert_true(is_all(bytes, 0x42, 65536 + 512 * 1024));
	free(bytes);
}

static void flushes_and_durable_writes_succeed(void **state)
{
	struct block_bench *b = *state;
	uint8_t *bytes = buffer(4096, 0x11);
	struct waited w;

	make_file(b, 65536);
	assert_int_equal(disk_up(b), 0);
	fill_request(&w, BLOCK_WRITE, 4096, bytes, 4096);
	assert_int_equal(run_request(b, &w), 0);
	assert_int_equal(op_of(&w)->flags, 0);
	fill_request(&w, BLOCK_WRITE, 4096, bytes, 4096);
	w.req.durable = true;
	assert_int_equal(run_request(b, &w), 0);
	assert_int_equal(op_of(&w)->flags, RWF_DSYNC);
	fill_request(&w, BLOCK_FLUSH, 0, NULL, 0);
	assert_int_equal(run_request(b, &w), 0);
	assert_int_equal(op_of(&w)->kind, IO_SYNC);
	disk_down(b);
	b->config.cache = DISK_CACHE_WRITETHROUGH;
	assert_int_equal(disk_up(b), 0);
	assert_true(b->disk->limits.durable_writes);
	fill_request(&w, BLOCK_WRITE, 0, bytes, 4096);
	assert_int_equal(run_request(b, &w), 0);
	assert_int_equal(op_of(&w)->flags, RWF_DSYNC);
	fill_request(&w, BLOCK_ZERO, 0, NULL, 4096);
	assert_int_equal(run_request(b, &w), 0);
	assert_int_equal(op_of(&w)->kind, IO_SYNC); /* what came last */
	free(bytes);
}

/* fdatasync(2) of a pipe fails.  The kernel reports a failed write-back once, and
 * what was in it is lost: no later flush may claim that all is well. */
static void after_a_failed_flush_no_flush_succeeds(void **state)
{
	struct block_bench *b = *state;
	uint8_t bytes[512] = { 0 };
	int fd, saved, pipes[2];

	make_file(b, 65536);
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(run_op(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	fd = descriptor_of(b->path);
	saved = dup(fd);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	dup2(pipes[0], fd);
	said_begin();
	assert_int_equal(run_op(b, BLOCK_FLUSH, 0, NULL, 0), -EINVAL);
	assert_int_equal(count_of(said_end(), "flush"), 1);
	dup2(saved, fd);
	assert_int_equal(run_op(b, BLOCK_FLUSH, 0, NULL, 0), -EINVAL);
	assert_int_equal(run_op(b, BLOCK_WRITE, 0, bytes, 512), 0);
	close(saved);
	close(pipes[0]);
	close(pipes[1]);
}

static void a_discard_gives_the_space_back(void **state)
{
	struct block_bench *b = *state;
	uint64_t before;
	uint8_t *bytes = buffer(MIB(1), 1);

	make_file(b, MIB(2));
	assert_int_equal(disk_up(b), 0);
	assert_true(b->disk->limits.can_discard);
	assert_true(b->disk->limits.discard_granularity_bytes >= 512);
	run_op(b, BLOCK_FLUSH, 0, NULL, 0);
	before = file_blocks(b->path);
	assert_int_equal(run_op(b, BLOCK_DISCARD, MIB(1), NULL, MIB(1)), 0);
	if (file_blocks(b->path) > before - MIB(1) / 512)
		fail_msg("%llu of %llu blocks", (unsigned long long)file_blocks(b->path),
			 (unsigned long long)before);
	assert_int_equal(run_op(b, BLOCK_READ, MIB(1), bytes, MIB(1)), 0);
	assert_true(is_all(bytes, 0, MIB(1)));
	assert_int_equal(run_op(b, BLOCK_READ, 0, bytes, MIB(1)), 0);
	assert_true(is_pattern(bytes, 0, MIB(1)));
	free(bytes);
}

static void zeroing_keeps_the_space_unless_it_may_be_given_back(void **state)
{
	struct block_bench *b = *state;
	uint8_t *bytes = buffer(MIB(1), 1);
	uint64_t before;
	struct waited w;

	make_file(b, MIB(2));
	assert_int_equal(disk_up(b), 0);
	run_op(b, BLOCK_FLUSH, 0, NULL, 0);
	before = file_blocks(b->path);
	fill_request(&w, BLOCK_ZERO, 512, NULL, MIB(1));
	assert_int_equal(run_request(b, &w), 0);
	assert_int_equal(op_of(&w)->kind, IO_ALLOCATE); /* not by a MiB of zeros */
	assert_true(file_blocks(b->path) >= before);
	assert_int_equal(run_op(b, BLOCK_READ, 512, bytes, MIB(1)), 0);
	assert_true(is_all(bytes, 0, MIB(1)));
	fill_request(&w, BLOCK_ZERO, 0, NULL, MIB(1));
	w.req.may_unmap = true;
	assert_int_equal(run_request(b, &w), 0);
	assert_true(file_blocks(b->path) <= before - MIB(1) / 512);
	assert_int_equal(run_op(b, BLOCK_READ, MIB(1), bytes, 1024), 0);
	assert_true(is_all(bytes, 0, 512));
	assert_true(is_pattern(bytes + 512, MIB(1) + 512, 512));
	free(bytes);
}

/* A file in memory knows holes, but no FALLOC_FL_ZERO_RANGE. */
static void a_file_system_that_cannot_zero_gets_zeros_written(void **state)
{
	struct block_bench *b = *state;
	const struct raw_options options = { .by_thread = b->engine == IO_ENGINE_THREADS };
	uint8_t *bytes = buffer(MIB(1), 0x99);
	struct store s;

	assert_int_equal(store_open_scratch(&s, MIB(2), true, "memory", &b->err), 0);
	assert_int_equal(raw_create(&s, &options, &b->disk, &b->err), 0);
	assert_int_equal(run_op(b, BLOCK_WRITE, 0, bytes, MIB(1)), 0);
	assert_int_equal(run_op(b, BLOCK_WRITE, MIB(1), bytes, MIB(1)), 0);
	assert_int_equal(run_op(b, BLOCK_ZERO, 4096, NULL, MIB(1)), 0);
	assert_int_equal(run_op(b, BLOCK_ZERO, 4096, NULL, 512), 0); /* known by now */
	assert_int_equal(run_op(b, BLOCK_READ, 4096, bytes, MIB(1)), 0);
	assert_true(is_all(bytes, 0, MIB(1)));
	assert_int_equal(run_op(b, BLOCK_READ, 0, bytes, 4096), 0);
	assert_true(is_all(bytes, 0x99, 4096));
	assert_int_equal(run_op(b, BLOCK_READ, MIB(1) + 4096, bytes, 4096), 0);
	assert_true(is_all(bytes, 0x99, 4096));
	free(bytes);
}

/* Files of /proc know no fallocate(2): one of them in the disk's place. */
static void a_discard_that_nobody_takes_is_no_error(void **state)
{
	struct block_bench *b = *state;
	int fd;

	make_file(b, 65536);
	assert_int_equal(disk_up(b), 0);
	fd = open("/proc/self/comm", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	dup2(fd, descriptor_of(b->path));
	close(fd);
	assert_int_equal(run_op(b, BLOCK_DISCARD, 0, NULL, 4096), 0);
	assert_int_equal(run_op(b, BLOCK_DISCARD, 0, NULL, 4096), 0);
}

/* Skips the test where the file system has no direct I/O. */
static void direct_up(struct block_bench *b, uint64_t size)
{
	make_file(b, size);
	b->config.cache = DISK_CACHE_NONE;
	if (disk_up(b) < 0)
		skip();
}

static void direct_io_serves_aligned_and_misaligned_memory(void **state)
{
	struct block_bench *b = *state;
	uint8_t *bytes, *more;
	struct waited w;

	direct_up(b, MIB(2));
	bytes = buffer(MIB(2), 0);
	more = buffer(MIB(2), 0);
	assert_true(fcntl(descriptor_of(b->path), F_GETFL) & O_DIRECT);
	assert_int_equal(run_op(b, BLOCK_READ, 0, bytes, MIB(2)), 0);
	assert_true(is_pattern(bytes, 0, MIB(2)));
	/* One byte off, and more than a piece long. */
	memset(bytes, 0, MIB(2));
	assert_int_equal(run_op(b, BLOCK_READ, 512, bytes + 1, MIB(1)), 0);
	assert_true(is_pattern(bytes + 1, 512, MIB(1)));
	assert_int_equal(bytes[0] | bytes[MIB(1) + 1], 0);
	/* Odd lengths. */
	memset(bytes, 0x66, MIB(1));
	fill_request(&w, BLOCK_WRITE, 1024, NULL, 600 * 1024);
	b->iov[0] = (struct iovec){ bytes, 7 };
	b->iov[1] = (struct iovec){ bytes, 0 };
	b->iov[2] = (struct iovec){ bytes + 7, 300 * 1024 };
	b->iov[3] = (struct iovec){ bytes + 7 + 300 * 1024, 300 * 1024 - 7 };
	w.req.iov = b->iov;
	w.req.iov_count = 4;
	assert_int_equal(run_request(b, &w), 0);
	assert_int_equal(run_op(b, BLOCK_READ, 0, more, MIB(2)), 0);
	assert_true(is_pattern(more, 0, 1024));
	assert_true(is_all(more + 1024, 0x66, 600 * 1024));
	assert_true(is_pattern(more + 1024 + 600 * 1024, 1024 + 600 * 1024,
			       MIB(2) - 1024 - 600 * 1024));
	free(bytes);
	free(more);
}

/* Some kernels take pieces of odd length and some do not: they get none. */
static void direct_io_of_odd_lengths_is_not_left_to_the_kernel(void **state)
{
	struct block_bench *b = *state;
	struct waited w;
	uint8_t *bytes;

	direct_up(b, 65536);
	bytes = buffer(12288, 0);
	fill_request(&w, BLOCK_READ, 0, NULL, 4096);
	b->iov[0] = (struct iovec){ bytes, 256 };
	b->iov[1] = (struct iovec){ bytes + 4096, 4096 - 256 };
	w.req.iov = b->iov;
	w.req.iov_count = 2;
	assert_int_equal(run_request(b, &w), 0);
	assert_int_equal(op_of(&w)->iov_count, 1);
	assert_true(is_pattern(bytes, 0, 256));
	assert_true(is_pattern(bytes + 4096, 256, 4096 - 256));
	fill_request(&w, BLOCK_READ, 0, NULL, 4096);
	b->iov[0] = (struct iovec){ bytes, 1024 };
	b->iov[1] = (struct iovec){ bytes + 8192, 3072 };
	w.req.iov = b->iov;
	w.req.iov_count = 2;
	assert_int_equal(run_request(b, &w), 0);
	assert_int_equal(op_of(&w)->iov_count, 2); /* no copy without need */
	assert_true(is_pattern(bytes + 8192, 1024, 3072));
	free(bytes);
}

/* More than there are pieces: the others wait, and all end. */
static void misaligned_requests_wait_for_their_turn(void **state)
{
	struct block_bench *b = *state;
	struct waited *w;
	uint8_t *bytes;

	direct_up(b, MIB(1));
	w = calloc(100, sizeof(*w));
	bytes = buffer(100 * 8192 + 8192, 0);
	for (unsigned wave = 0; wave < 2; wave++) {
		memset(bytes, 0, 100 * 8192);
		for (unsigned i = 0; i < 100; i++) {
			fill_request(&w[i], BLOCK_READ, i * 8192, bytes + i * 8192 + 3, 8192);
			start_request(b, &w[i]);
		}
		for (unsigned i = 0; i < 100; i++)
			assert_int_equal(wait_request(b, &w[i]), 0);
		assert_true(is_pattern(bytes + 3, 0, 100 * 8192));
	}
	free(bytes);
	free(w);
}

static void a_shrunken_file_is_an_error_for_direct_io_too(void **state)
{
	struct block_bench *b = *state;
	uint8_t *bytes;

	direct_up(b, 65536);
	bytes = buffer(8192, 0);
	assert_int_equal(truncate(b->path, 10000), 0);
	said_begin();
	assert_int_equal(run_op(b, BLOCK_READ, 8192, bytes, 4096), -EIO);
	assert_int_equal(run_op(b, BLOCK_READ, 8192, bytes + 1, 4096), -EIO);
	assert_int_equal(run_op(b, BLOCK_READ, 32768, bytes, 4096), -EIO);
	said_end();
	assert_int_equal(run_op(b, BLOCK_READ, 4096, bytes, 4096), 0);
	free(bytes);
}

/* ---- files that hold images ------------------------------------------------------------ */

/* make_file()'s, as what it is for an image; cache as the configuration has it. */
static void growable_up(struct block_bench *b)
{
	const struct raw_options options = {
		.by_thread = b->engine == IO_ENGINE_THREADS,
		.growable = true,
	};
	struct store s;

	assert_int_equal(store_open(&s, b->path, false, &b->err), 0);
	if (b->config.cache == DISK_CACHE_NONE && store_set_direct(&s, &b->err) < 0) {
		store_close(&s);
		skip();
	}
	assert_int_equal(raw_create(&s, &options, &b->disk, &b->err), 0);
	assert_int_equal(b->disk->limits.size_bytes, BLOCK_FILE_BYTES_MAX);
}

static void behind_an_images_end_are_zeros_and_room(struct block_bench *b, uint64_t end)
{
	uint8_t *bytes = buffer(16384, 0x5a);
	uint64_t size;

	make_file(b, end);
	growable_up(b);
	assert_int_equal(block_file_size(b->disk, &size), 0);
	assert_int_equal(size, end);
	assert_int_equal(run_op(b, BLOCK_READ, 0, bytes, 16384), 0); /* over the end */
	assert_true(is_pattern(bytes, 0, end));
	assert_true(is_all(bytes + end, 0, 16384 - end));
	assert_int_equal(run_op(b, BLOCK_READ, MIB(1), bytes, 4096), 0);
	assert_true(is_all(bytes, 0, 4096));
	/* Misaligned memory goes step by step through our own with direct I/O. */
	assert_int_equal(run_op(b, BLOCK_READ, 4096, bytes + 1, 8192), 0);
	assert_true(is_pattern(bytes + 1, 4096, end - 4096));
	assert_true(is_all(bytes + 1 + end - 4096, 0, 8192 - (end - 4096)));
	memset(bytes, 0x5a, 4096);
	assert_int_equal(run_op(b, BLOCK_WRITE, MIB(1), bytes, 4096), 0);
	assert_int_equal(block_file_size(b->disk, &size), 0);
	assert_int_equal(size, MIB(1) + 4096);
	assert_int_equal(run_op(b, BLOCK_READ, MIB(1) - 4096, bytes + 4096, 8192), 0);
	assert_true(is_all(bytes + 4096, 0, 4096));
	assert_true(is_all(bytes + 8192, 0x5a, 4096));
	free(bytes);
}

static void behind_an_images_end_there_are_zeros_and_there_is_room(void **state)
{
	behind_an_images_end_are_zeros_and_room(*state, 8192);
}

static void also_where_it_ends_in_the_middle_of_a_sector(void **state)
{
	behind_an_images_end_are_zeros_and_room(*state, 5000);
}

static void also_by_direct_io(void **state)
{
	struct block_bench *b = *state;

	b->config.cache = DISK_CACHE_NONE;
	behind_an_images_end_are_zeros_and_room(b, 8192);
	disk_down(b);
	behind_an_images_end_are_zeros_and_room(b, 5000);
}

static void an_image_is_cut_off_and_knows_its_holes(void **state)
{
	struct block_bench *b = *state;
	uint8_t bytes[4096];
	uint64_t size, end;
	bool is_data;

	make_file(b, 65536);
	growable_up(b);
	assert_int_equal(block_file_truncate(b->disk, 32768), 0);
	assert_int_equal(block_file_truncate(b->disk, MIB(1)), 0);
	assert_int_equal(block_file_size(b->disk, &size), 0);
	assert_int_equal(size, MIB(1));
	assert_int_equal(run_op(b, BLOCK_READ, 32768, bytes, 4096), 0);
	assert_true(is_all(bytes, 0, 4096));
	assert_int_equal(block_file_truncate(b->disk, UINT64_MAX), -EFBIG);
	assert_int_equal(block_file_extent(b->disk, 100, &is_data, &end), 0);
	assert_true(is_data);
	assert_int_equal(end, 32768);
	assert_int_equal(block_file_extent(b->disk, 40000, &is_data, &end), 0);
	assert_false(is_data);
	assert_int_equal(end, UINT64_MAX);
	memset(bytes, 1, sizeof(bytes));
	assert_int_equal(run_op(b, BLOCK_WRITE, 524288, bytes, 4096), 0);
	assert_int_equal(block_file_extent(b->disk, 40000, &is_data, &end), 0);
	assert_false(is_data);
	assert_int_equal(end, 524288);
	assert_int_equal(block_file_extent(b->disk, GIB(1), &is_data, &end), 0);
	assert_false(is_data);
	b->disk->limits.read_only = true;
	assert_int_equal(block_file_truncate(b->disk, 0), -EROFS);
}

static void a_disk_is_no_file_that_grows(void **state)
{
	struct block_bench *b = *state;
	uint8_t bytes[512];
	uint64_t size;

	make_file(b, 65536);
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(run_op(b, BLOCK_READ, 65536, bytes, 512), -EINVAL);
	assert_int_equal(block_file_truncate(b->disk, 0), -EOPNOTSUPP);
	assert_int_equal(block_file_size(b->disk, &size), -EOPNOTSUPP);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BLOCK_TEST(a_write_is_read_back_and_is_in_the_file),
		BLOCK_TEST(many_requests_are_in_flight_at_once),
		BLOCK_TEST(memory_in_more_pieces_than_the_kernel_takes_at_once_is_served),
		BLOCK_TEST(a_file_that_shrank_gives_an_error_behind_its_end_only),
		BLOCK_TEST(a_file_that_grew_has_the_size_it_had),
		BLOCK_TEST(a_file_that_may_not_grow_gives_efbig_and_works_on),
		BLOCK_TEST(a_full_disk_gives_enospc_and_works_on_when_there_is_room),
		BLOCK_TEST(flushes_and_durable_writes_succeed),
		BLOCK_TEST(after_a_failed_flush_no_flush_succeeds),
		BLOCK_TEST(a_discard_gives_the_space_back),
		BLOCK_TEST(zeroing_keeps_the_space_unless_it_may_be_given_back),
		BLOCK_TEST(a_file_system_that_cannot_zero_gets_zeros_written),
		BLOCK_TEST(a_discard_that_nobody_takes_is_no_error),
		BLOCK_TEST(direct_io_serves_aligned_and_misaligned_memory),
		BLOCK_TEST(direct_io_of_odd_lengths_is_not_left_to_the_kernel),
		BLOCK_TEST(misaligned_requests_wait_for_their_turn),
		BLOCK_TEST(a_shrunken_file_is_an_error_for_direct_io_too),
		BLOCK_TEST(behind_an_images_end_there_are_zeros_and_there_is_room),
		BLOCK_TEST(also_where_it_ends_in_the_middle_of_a_sector),
		BLOCK_TEST(also_by_direct_io),
		BLOCK_TEST(an_image_is_cut_off_and_knows_its_holes),
		BLOCK_TEST(a_disk_is_no_file_that_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
