#include "host/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN (HUGE_PAGE_BYTES * 3 + 4096) /* not a multiple of the alignment */

/* What the host says of huge pages; NULL: it has no such files. */
static const char *shmem_enabled, *enabled;

static int text_file(const char *text)
{
	const int fd = memfd_create("thp", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return fd;
}

int open(const char *path, int flags, ...)
{
	const char *text = strstr(path, "shmem_enabled") ? shmem_enabled : enabled;

	if (!strstr(path, "transparent_hugepage"))
		return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0);
	errno = ENOENT;
	return text ? text_file(text) : -1;
}

static int map(void **state, bool private)
{
	static struct pages p;
	int rc;

	shmem_enabled = private ? "always within_size advise [never] deny force\n" : NULL;
	enabled = private ? "always [madvise] never\n" : NULL;
	rc = pages_map(&p, "test", LEN);
	*state = &p;
	return rc == 0 && private == (p.fd < 0) ? 0 : -1;
}

static int setup_private(void **state)
{
	return map(state, true);
}

static int setup_shared(void **state)
{
	return map(state, false);
}

static int teardown(void **state)
{
	pages_unmap(*state);
	return 0;
}

static bool is_zero(const struct pages *p)
{
	for (uint64_t i = 0; i < p->len; i++)
		if (p->bytes[i])
			return false;
	return true;
}

static void memory_is_private_only_where_that_alone_gets_huge_pages(void **state)
{
	static const struct {
		const char *shmem, *any;
		bool private;
	} rows[] = {
		{ "always within_size advise [never] deny force", "[always] madvise never", true },
		{ "always within_size advise never [deny] force", "always [madvise] never", true },
		{ "always within_size advise [never] deny force", "always madvise [never]", false },
		{ "always within_size [advise] never deny force", "[always] madvise never", false },
		{ "[always] within_size advise never deny force", "[always] madvise never", false },
		{ NULL, "[always] madvise never", false },
		{ NULL, NULL, false },
		{ "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pages p;

		shmem_enabled = rows[i].shmem;
		enabled = rows[i].any;
		assert_int_equal(pages_map(&p, "test", LEN), 0);
		assert_int_equal(p.fd < 0, rows[i].private);
		pages_unmap(&p);
	}
}

static void the_area_is_aligned_for_huge_pages(void **state)
{
	const struct pages *p = *state;

	assert_int_equal((uintptr_t)p->bytes % HUGE_PAGE_BYTES, 0);
	assert_int_equal(p->len, LEN);
}

static void all_bytes_are_zero_at_first(void **state)
{
	assert_true(is_zero(*state));
}

static void every_byte_can_be_written(void **state)
{
	struct pages *p = *state;

	for (uint64_t i = 0; i < p->len; i++)
		p->bytes[i] = (uint8_t)(i * 7 + 1);
	for (uint64_t i = 0; i < p->len; i++)
		assert_int_equal(p->bytes[i], (uint8_t)(i * 7 + 1));
}

static void clearing_makes_every_byte_zero_again(void **state)
{
	struct pages *p = *state;

	for (unsigned round = 0; round < 2; round++) {
		p->bytes[0] = p->bytes[LEN / 2] = p->bytes[LEN - 1] = 0x5a;
		assert_int_equal(pages_clear(p), 0);
		assert_true(is_zero(p));
	}
}

/* Resident and shared pages of this process. */
static long resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, rss = -1;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &size, &rss), 2);
	fclose(f);
	return rss;
}

static void clearing_gives_the_memory_back(void **state)
{
	struct pages *p = *state;
	long before;

	for (uint64_t i = 0; i < p->len; i += 4096)
		p->bytes[i] = 1;
	before = resident();
	assert_int_equal(pages_clear(p), 0);
	assert_true(resident() <= before - (long)(LEN / 4096 / 2));
}

static void a_large_area_costs_nothing_until_it_is_touched(void **state)
{
	const long before = resident();
	struct pages p;

	(void)state;
	assert_int_equal(pages_map(&p, "test", GIB(8)), 0);
	assert_true(resident() - before < 1024);
	p.bytes[GIB(8) - 1] = 1;
	assert_int_equal(p.bytes[GIB(8) - 1], 1);
	pages_unmap(&p);
}

static void more_than_there_are_addresses_is_refused(void **state)
{
	static const uint64_t sizes[] = { UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 50 };
	struct pages p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_true(pages_map(&p, "test", sizes[i] & ~UINT64_C(4095)) < 0);
		assert_null(p.bytes);
		assert_int_equal(p.fd, -1);
		pages_unmap(&p);
	}
}

/* The kernel's word on whether the page at p is mapped. */
static bool is_mapped(const void *p)
{
	unsigned char in_core;

	return mincore((void *)(uintptr_t)p, 4096, &in_core) == 0;
}

static void unmapping_leaves_neither_memory_nor_descriptor(void **state)
{
	struct pages p;
	uint8_t *first;
	int fd;

	(void)state;
	assert_int_equal(pages_map(&p, "test", LEN), 0);
	first = p.bytes;
	fd = p.fd;
	assert_true(is_mapped(first) && is_mapped(first + LEN - 4096));
	pages_unmap(&p);
	assert_false(is_mapped(first));
	assert_false(is_mapped(first + LEN - 4096));
	assert_true(fd < 0 || dup(fd) < 0);
	pages_unmap(&p); /* again */
}

static long address_space(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size = -1;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld", &size), 1);
	fclose(f);
	return size;
}

static void the_reserve_for_alignment_is_given_back(void **state)
{
	long before;
	struct pages p;

	(void)state;
	before = address_space();
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(pages_map(&p, "test", LEN), 0);
		assert_true(address_space() - before < (long)((LEN + HUGE_PAGE_BYTES) / 4096));
		pages_unmap(&p);
	}
}

static void a_child_has_no_part_in_it(void **state)
{
	const struct pages *p = *state;
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int ends[2];
		ssize_t n = 0;

		/* The kernel looks, so that no handler of a sanitizer does. */
		if (pipe(ends) == 0)
			n = write(ends[1], p->bytes, 1);
		_exit(n < 0 && errno == EFAULT ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A row for each kind of memory. */
#define BOTH(f)                                                         \
	{ "private_" #f, f, setup_private, teardown, NULL },            \
	{ "shared_" #f, f, setup_shared, teardown, NULL }

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_private_only_where_that_alone_gets_huge_pages),
		BOTH(the_area_is_aligned_for_huge_pages),
		BOTH(all_bytes_are_zero_at_first),
		BOTH(every_byte_can_be_written),
		BOTH(clearing_makes_every_byte_zero_again),
		BOTH(clearing_gives_the_memory_back),
		BOTH(a_large_area_costs_nothing_until_it_is_touched),
		BOTH(more_than_there_are_addresses_is_refused),
		BOTH(unmapping_leaves_neither_memory_nor_descriptor),
		BOTH(the_reserve_for_alignment_is_given_back),
		BOTH(a_child_has_no_part_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
