/* A character device with its event loop and a device side that remembers. */
#ifndef BANTAM_CHAR_FIXTURE_H
#define BANTAM_CHAR_FIXTURE_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "char/chardev.h"
#include "host/loop.h"

struct char_bench {
	struct loop loop;
	struct chardev *c;
	unsigned ready_count;
	unsigned tap_count;
	uint64_t tap_bytes;
	char keys[16]; /* escape commands */
	char dir[32];
	char path[64]; /* dir/x */
};

static inline int bench_open(void **state)
{
	struct char_bench *b = calloc(1, sizeof(*b));

	assert_int_equal(loop_init(&b->loop), 0);
	strcpy(b->dir, "/tmp/bantam-char-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->path, sizeof(b->path), "%s/x", b->dir);
	*state = b;
	return 0;
}

static inline int bench_close(void **state)
{
	struct char_bench *b = *state;

	chardev_close(b->c);
	loop_close(&b->loop);
	/* Not b->path: a test may have pointed that at anything. */
	snprintf(b->path, sizeof(b->path), "%s/x", b->dir);
	unlink(b->path);
	rmdir(b->dir);
	free(b);
	return 0;
}

static inline void note_ready(void *ctx)
{
	struct char_bench *b = ctx;

	b->ready_count++;
}

static inline void note_tap(void *ctx, const uint8_t *bytes, size_t len)
{
	struct char_bench *b = ctx;

	(void)bytes;
	b->tap_count++;
	b->tap_bytes += len;
}

static inline void note_key(void *ctx, uint8_t key)
{
	struct char_bench *b = ctx;

	b->keys[strlen(b->keys)] = (char)key;
}

static inline int open_kind(struct char_bench *b, enum chardev_kind kind, struct err *err)
{
	const struct chardev_config config = {
		.kind = kind,
		.path = kind == CHARDEV_FILE || kind == CHARDEV_UNIX ? b->path : NULL,
		.ready = note_ready,
		.tap = note_tap,
		.escape = note_key,
		.ctx = b,
	};

	return chardev_open(&b->loop, &config, &b->c, err);
}

static inline uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Run the event loop for ms; returns how many events it served. */
static inline unsigned pump(struct char_bench *b, unsigned ms)
{
	const uint64_t end = now_ms() + ms;
	unsigned served = 0;

	for (uint64_t now = now_ms(); now < end; now = now_ms())
		served += (unsigned)loop_wait(&b->loop, (int)(end - now));
	/* On a busy machine the time may be over before we ran at all. */
	for (unsigned i = 0; i < 1000 && loop_wait(&b->loop, 0) > 0; i++)
		served++;
	return served;
}

static inline void put_text(struct char_bench *b, const char *text)
{
	for (; *text; text++)
		chardev_put(b->c, (uint8_t)*text);
}

/* n bytes of a pattern that repeats after 251. */
static inline void put_pattern(struct char_bench *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		while (!chardev_can_put(b->c))
			loop_wait(&b->loop, 200);
		chardev_put(b->c, (uint8_t)(i % 251));
	}
}

/* All input there is, as a string. */
static inline const char *got_text(struct char_bench *b)
{
	static char text[256];
	size_t n = 0;

	for (int byte; n < sizeof(text) - 1 && (byte = chardev_get(b->c)) >= 0;)
		text[n++] = (char)byte;
	text[n] = '\0';
	return text;
}

/* Such input comes, if only after a while: the kernel hands on what is typed at a
 * terminal by a thread of its own. */
static inline void expect_text(struct char_bench *b, const char *want)
{
	char text[256] = "";

	for (unsigned i = 0; i < 1000 && strlen(text) < strlen(want); i++) {
		pump(b, 10);
		strncat(text, got_text(b), sizeof(text) - 1 - strlen(text));
	}
	assert_string_equal(text, want);
}

#define CHAR_TEST(f) cmocka_unit_test_setup_teardown(f, bench_open, bench_close)

#endif
