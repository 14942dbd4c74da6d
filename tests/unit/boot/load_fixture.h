/* A guest of 64 MiB and kernel files made in memory, for the loader's tests. */
#ifndef BANTAM_TEST_LOAD_FIXTURE_H
#define BANTAM_TEST_LOAD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "boot/boot.h"
#include "boot/layout.h"
#include "boot/loader.h"

#define GUEST_BYTES MIB(64)

struct fake_file {
	const uint8_t *bytes; /* NULL reads as zeros */
	uint64_t size_bytes;
	unsigned fail_at; /* this read, counted from 1, says -EIO; 0: none */
	unsigned reads;
	uint64_t bytes_read;
};

struct fixture {
	uint8_t *ram;
	uint8_t *image; /* the kernel file, IMAGE_BYTES of zeros at first */
	struct mem mem;
	struct fake_file kernel_file;
	struct fake_file initrd_files[BOOT_INITRDS_MAX];
	struct boot_file kernel;
	struct boot_file initrds[BOOT_INITRDS_MAX];
	struct boot_request req;
	struct boot_result out;
	struct err err;
};

#define IMAGE_BYTES KIB(256)

static int fake_read(void *ctx, uint64_t offset, void *dst, size_t len)
{
	struct fake_file *f = ctx;

	f->reads++;
	if (f->reads == f->fail_at || !range_inside(offset, len, f->size_bytes))
		return -EIO;
	f->bytes_read += len;
	if (f->bytes)
		memcpy(dst, f->bytes + offset, len);
	else
		memset(dst, 0, len);
	return 0;
}

/* Begin again with fresh RAM of the given size; the kernel file stays. */
static inline void guest_ram(struct fixture *f, uint64_t bytes)
{
	f->mem.block_count = 0;
	assert_int_equal(mem_add(&f->mem, 0, bytes, f->ram), 0);
}

static int load_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->ram = mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(f->ram != MAP_FAILED);
	f->image = calloc(1, IMAGE_BYTES);
	guest_ram(f, GUEST_BYTES);
	f->kernel_file = (struct fake_file){ .bytes = f->image, .size_bytes = IMAGE_BYTES };
	f->kernel = (struct boot_file){ fake_read, &f->kernel_file, IMAGE_BYTES };
	f->req = (struct boot_request){ .mem = &f->mem,
					.kernel = &f->kernel,
					.initrds = f->initrds,
					.cmdline = "console=ttyS0",
					.cpu_count = 1 };
	*state = f;
	return 0;
}

static int load_teardown(void **state)
{
	struct fixture *f = *state;

	munmap(f->ram, GUEST_BYTES);
	free(f->image);
	free(f);
	return 0;
}

static inline void set_kernel_size(struct fixture *f, uint64_t bytes)
{
	f->kernel_file.size_bytes = f->kernel.size_bytes = bytes;
}

static inline void add_initrd(struct fixture *f, const char *bytes, uint64_t len)
{
	const unsigned i = f->req.initrd_count++;

	f->initrd_files[i] =
		(struct fake_file){ .bytes = (const uint8_t *)bytes, .size_bytes = len };
	f->initrds[i] = (struct boot_file){ fake_read, &f->initrd_files[i], len };
}

static inline int load(struct fixture *f)
{
	return boot_load(&f->req, &f->out, &f->err);
}

/* Load and expect refusal by rc, with words in the text. */
static inline void assert_refused(struct fixture *f, int rc, const char *words)
{
	f->err.text[0] = '\0';
	assert_int_equal(load(f), rc);
	if (!strstr(f->err.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, f->err.text);
	assert_true(strncmp(f->err.text, "kernel: ", 8) == 0 ||
		    strncmp(f->err.text, "initrd ", 7) == 0);
}

static inline void assert_loaded(struct fixture *f)
{
	const int rc = load(f);

	if (rc != 0)
		fail_msg("refused with %d: %s", rc, f->err.text);
}

/* The region of that name; fails when there is none. */
static inline struct boot_region region(const struct fixture *f, const char *what)
{
	for (unsigned i = 0; i < f->out.region_count; i++) {
		if (strcmp(f->out.regions[i].what, what) == 0)
			return f->out.regions[i];
	}
	fail_msg("no region \"%s\"", what);
	return (struct boot_region){ 0 };
}

#define LOAD_TEST(name) cmocka_unit_test_setup_teardown(name, load_setup, load_teardown)

#endif
