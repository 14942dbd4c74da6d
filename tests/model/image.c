#include "model/image.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const struct shape shapes[] = {
	{ .name = "64k", .version = 3, .cluster_bytes = 65536, .refcount_bits = 16 },
	{ .name = "512", .version = 3, .cluster_bytes = 512, .refcount_bits = 16 },
	{ .name = "4k-v2", .version = 2, .cluster_bytes = 4096, .refcount_bits = 16 },
	{ .name = "4k-backed",
	  .version = 3,
	  .cluster_bytes = 4096,
	  .refcount_bits = 16,
	  .backed = true },
	{ .name = "64k-backed-v2",
	  .version = 2,
	  .cluster_bytes = 65536,
	  .refcount_bits = 16,
	  .backed = true },
	{ .name = "16k-extended",
	  .version = 3,
	  .cluster_bytes = 16384,
	  .refcount_bits = 16,
	  .extended_l2 = true },
	{ .name = "64k-extended-backed",
	  .version = 3,
	  .cluster_bytes = 65536,
	  .refcount_bits = 16,
	  .extended_l2 = true,
	  .backed = true },
	{ .name = "4k-refcount-1", .version = 3, .cluster_bytes = 4096, .refcount_bits = 1 },
	{ .name = "8k-refcount-2", .version = 3, .cluster_bytes = 8192, .refcount_bits = 2 },
	{ .name = "4k-refcount-4", .version = 3, .cluster_bytes = 4096, .refcount_bits = 4 },
	{ .name = "1k-refcount-64", .version = 3, .cluster_bytes = 1024, .refcount_bits = 64 },
	{ .name = "64k-refcount-8", .version = 3, .cluster_bytes = 65536, .refcount_bits = 8 },
	{ .name = "4k-refcount-32", .version = 3, .cluster_bytes = 4096, .refcount_bits = 32 },
	{ .name = "64k-lazy",
	  .version = 3,
	  .cluster_bytes = 65536,
	  .refcount_bits = 16,
	  .lazy_refcounts = true },
	{ .name = "4k-zlib",
	  .version = 3,
	  .cluster_bytes = 4096,
	  .refcount_bits = 16,
	  .compressed = true },
	{ .name = "64k-zstd",
	  .version = 3,
	  .cluster_bytes = 65536,
	  .refcount_bits = 16,
	  .compression = QCOW2_ZSTD,
	  .compressed = true },
	{ .name = "2M", .version = 3, .cluster_bytes = 2097152, .refcount_bits = 16 },
	{ .name = "16k-extended-zlib",
	  .version = 3,
	  .cluster_bytes = 16384,
	  .refcount_bits = 16,
	  .extended_l2 = true,
	  .compressed = true },
};
const unsigned shape_count = ARRAY_LEN(shapes);

static const char *backing_path(void)
{
	static char path[80];

	snprintf(path, sizeof(path), "%s.backing", image_path());
	return path;
}

void image_create(struct fake_file *file, struct ioloop *loop, const struct shape *shape,
		  uint64_t size_bytes)
{
	const struct qcow2_create_options options = {
		.size_bytes = size_bytes,
		.version = shape->version,
		.cluster_bytes = shape->cluster_bytes,
		.refcount_bits = shape->refcount_bits,
		.extended_l2 = shape->extended_l2,
		.lazy_refcounts = shape->lazy_refcounts,
		.compression = shape->compression,
		.backing_name = shape->backed ? backing_path() : NULL,
		.backing_format = shape->backed ? "raw" : NULL,
	};
	struct err err;

	if (qcow2_create(&file->block, loop, "the image", &options, NULL, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
}

/* ---- qemu-img ---------------------------------------------------------------------------- */

const char *image_path(void)
{
	static char path[64];

	if (!*path)
		snprintf(path, sizeof(path), "/dev/shm/bantam-test-%d.qcow2", (int)getpid());
	return path;
}

void image_forget(void)
{
	unlink(image_path());
	unlink(backing_path());
}

static void store(const char *path, const uint8_t *bytes, uint64_t len)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static const uint8_t zeros[65536];

	assert(fd >= 0);
	/* Holes stay holes. */
	for (uint64_t at = 0; at < len; at += sizeof(zeros)) {
		const uint64_t n = min_u64(sizeof(zeros), len - at);

		if (memcmp(bytes + at, zeros, n) != 0)
			assert(pwrite(fd, bytes + at, n, (off_t)at) == (ssize_t)n);
	}
	assert(ftruncate(fd, (off_t)len) == 0);
	close(fd);
}

void image_store(const uint8_t *bytes, uint64_t len)
{
	store(image_path(), bytes, len);
}

void image_store_backing(const uint8_t *bytes, uint64_t len)
{
	store(backing_path(), bytes, len);
}

void image_load(struct fake_file *file)
{
	const int fd = open(image_path(), O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert(fd >= 0);
	memset(file->bytes, 0, file->size_bytes);
	file->size_bytes = 0;
	while ((n = pread(fd, file->bytes + file->size_bytes, MIB(1), (off_t)file->size_bytes)) > 0)
		file->size_bytes += (uint64_t)n;
	close(fd);
}

static int run(const char *command)
{
	const int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int image_qemu_io(struct fake_file *file, const char *commands)
{
	char command[256];
	FILE *pipe;
	int status;

	image_store(file->bytes, file->size_bytes);
	snprintf(command, sizeof(command), "qemu-io -f qcow2 -d unmap %s >/dev/null 2>&1",
		 image_path());
	pipe = popen(command, "w");
	assert(pipe);
	fputs(commands, pipe);
	status = pclose(pipe);
	image_load(file);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int image_qemu_check(const uint8_t *bytes, uint64_t len)
{
	char command[256];

	image_store(bytes, len);
	snprintf(command, sizeof(command), "qemu-img check -q -f qcow2 %s >/dev/null 2>&1",
		 image_path());
	return run(command);
}

void image_create_compressed(struct fake_file *file, const struct shape *shape,
			     const uint8_t *bytes, uint64_t len)
{
	char command[512];

	image_store(bytes, len);
	snprintf(command, sizeof(command),
		 "mv %s %s.raw && qemu-img convert -c -f raw -O qcow2 -o "
		 "cluster_size=%u,refcount_bits=%u,extended_l2=%s,compression_type=%s %s.raw %s; "
		 "s=$?; rm -f %s.raw; exit $s",
		 image_path(), image_path(), shape->cluster_bytes, shape->refcount_bits,
		 shape->extended_l2 ? "on" : "off",
		 shape->compression == QCOW2_ZSTD ? "zstd" : "zlib", image_path(), image_path(),
		 image_path());
	if (run(command) != 0)
		abort();
	image_load(file);
}
