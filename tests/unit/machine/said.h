/* What a test's subject says on stderr, and files that live in memory only. */
#ifndef BANTAM_TEST_SAID_H
#define BANTAM_TEST_SAID_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int said_file, said_stderr;

/* Between the two, stderr is ours; said_end() returns what was written. */
static inline void said_begin(void)
{
	said_file = memfd_create("said", MFD_CLOEXEC);
	said_stderr = dup(STDERR_FILENO);
	dup2(said_file, STDERR_FILENO);
}

static inline const char *said_end(void)
{
	static char text[8192];
	ssize_t n;

	dup2(said_stderr, STDERR_FILENO);
	close(said_stderr);
	n = pread(said_file, text, sizeof(text) - 1, 0);
	close(said_file);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static inline unsigned count_of(const char *text, const char *word)
{
	unsigned count = 0;

	for (const char *p = text; (p = strstr(p, word)); p += strlen(word))
		count++;
	return count;
}

/* A file in memory that also has a name. */
struct memory_file {
	int fd;
	char path[32];
};

static inline void memory_file_open(struct memory_file *f)
{
	f->fd = memfd_create("test", MFD_CLOEXEC);
	assert_true(f->fd >= 0);
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
}

/* All of it, NUL-terminated, up to 16 KiB. */
static inline const char *memory_file_text(const struct memory_file *f)
{
	static char text[16384];
	const ssize_t n = pread(f->fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

#endif
