/* tests/boot/fsx.c: FILE STEPS SEED: random steps on a file, beside a copy in memory.
 *
 * Writes, reads, truncations, holes, mapped writes, syncs; buffered and direct in
 * turn.  What is read must be what the copy says, at every step and at the end
 * once more with nothing cached.  Status 0; 1 with the step that went wrong. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_BYTES  (1u << 20)
#define STEP_BYTES  (64u << 10)
#define ALIGN_BYTES 4096u

struct file {
	int fd, direct_fd;
	uint8_t *copy;    /* what the file should hold */
	uint8_t *buffer;  /* aligned, STEP_BYTES */
	uint32_t size;
	uint32_t random;  /* xorshift32 */
	unsigned step;
	const char *what;
};

static void fail(const struct file *f, const char *text, long at)
{
	fprintf(stderr, "fsx: step %u, %s: %s at %ld (%s)\n", f->step, f->what, text, at,
		strerror(errno));
	exit(1);
}

static uint32_t draw(struct file *f, uint32_t below)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 17;
	f->random ^= f->random << 5;
	return f->random % below;
}

/* A range inside the first `limit` bytes; whole blocks if aligned. */
static void draw_range(struct file *f, uint32_t limit, int aligned, uint32_t *at, uint32_t *len)
{
	*at = draw(f, limit);
	*len = 1 + draw(f, STEP_BYTES);
	if (aligned) {
		*at -= *at % ALIGN_BYTES;
		*len = (*len + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
	}
	if (*len > limit - *at)
		*len = limit - *at;
}

static void grow(struct file *f, uint32_t end)
{
	if (end > f->size)
		f->size = end; /* the copy is zeros behind the size */
}

static void step_write(struct file *f, int direct)
{
	uint32_t at, len;

	draw_range(f, FILE_BYTES, direct, &at, &len);
	for (uint32_t i = 0; i < len; i++)
		f->buffer[i] = (uint8_t)(f->step + i * 7);
	if (pwrite(direct ? f->direct_fd : f->fd, f->buffer, len, at) != (ssize_t)len)
		fail(f, "write", at);
	memcpy(f->copy + at, f->buffer, len);
	grow(f, at + len);
}

static void step_read(struct file *f, int direct)
{
	uint32_t at, len, expected;
	ssize_t got;

	draw_range(f, FILE_BYTES, direct, &at, &len);
	got = pread(direct ? f->direct_fd : f->fd, f->buffer, len, at);
	expected = at >= f->size ? 0 : f->size - at < len ? f->size - at : len;
	if (got != (ssize_t)expected)
		fail(f, "length read", at);
	for (uint32_t i = 0; i < expected; i++)
		if (f->buffer[i] != f->copy[at + i])
			fail(f, "data", (long)(at + i));
}

static void step_truncate(struct file *f)
{
	const uint32_t size = draw(f, FILE_BYTES);

	if (ftruncate(f->fd, size) < 0)
		fail(f, "truncate", size);
	if (size < f->size)
		memset(f->copy + size, 0, f->size - size);
	f->size = size;
}

static void step_punch(struct file *f, int mode)
{
	uint32_t at, len;

	draw_range(f, FILE_BYTES, 0, &at, &len);
	if (fallocate(f->fd, mode | FALLOC_FL_KEEP_SIZE, at, len) < 0)
		fail(f, "fallocate", at);
	memset(f->copy + at, 0, len);
}

static void step_map(struct file *f)
{
	uint32_t at, len;
	uint8_t *map;

	if (f->size == 0)
		return;
	draw_range(f, f->size, 0, &at, &len);
	map = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (map == MAP_FAILED)
		fail(f, "mmap", at);
	for (uint32_t i = 0; i < len; i++) {
		if (map[at + i] != f->copy[at + i])
			fail(f, "mapped data", (long)(at + i));
		map[at + i] = f->copy[at + i] = (uint8_t)(f->step * 3 + i);
	}
	if (draw(f, 2) && msync(map, FILE_BYTES, MS_SYNC) < 0)
		fail(f, "msync", 0);
	munmap(map, FILE_BYTES);
}

static void step_sync(struct file *f)
{
	if (fsync(f->fd) < 0)
		fail(f, "fsync", 0);
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static void one_step(struct file *f)
{
	switch (draw(f, 10)) {
	case 0: f->what = "write"; step_write(f, 0); break;
	case 1: case 2: f->what = "direct write"; step_write(f, 1); break;
	case 3: f->what = "read"; step_read(f, 0); break;
	case 4: case 5: f->what = "direct read"; step_read(f, 1); break;
	case 6: f->what = "truncate"; step_truncate(f); break;
	case 7: f->what = "punch"; step_punch(f, FALLOC_FL_PUNCH_HOLE); break;
	case 8: f->what = "map"; step_map(f); break;
	default: f->what = "sync"; step_sync(f); break;
	}
}

int main(int argc, char **argv)
{
	struct file f = { .what = "start" };
	unsigned steps;

	if (argc != 4) {
		fprintf(stderr, "usage: fsx FILE STEPS SEED\n");
		return 2;
	}
	steps = (unsigned)strtoul(argv[2], NULL, 10);
	f.random = (uint32_t)strtoul(argv[3], NULL, 10) | 1;
	f.copy = calloc(1, FILE_BYTES);
	f.buffer = aligned_alloc(ALIGN_BYTES, STEP_BYTES);
	f.fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0644);
	f.direct_fd = open(argv[1], O_RDWR | O_DIRECT);
	if (!f.copy || !f.buffer || f.fd < 0 || f.direct_fd < 0)
		fail(&f, "open", 0);
	for (f.step = 0; f.step < steps; f.step++)
		one_step(&f);
	step_sync(&f);
	f.what = "last look";
	for (uint32_t at = 0; at < f.size; at += STEP_BYTES) {
		const uint32_t len = f.size - at < STEP_BYTES ? f.size - at : STEP_BYTES;

		if (pread(f.fd, f.buffer, len, at) != (ssize_t)len || memcmp(f.buffer, f.copy + at, len))
			fail(&f, "data", at);
	}
	printf("fsx: %u steps, %u bytes\n", steps, f.size);
	return 0;
}
