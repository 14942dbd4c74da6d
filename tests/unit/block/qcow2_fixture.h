/* Images in memory, and a judge that shares no code with what made them. */
#ifndef BANTAM_QCOW2_FIXTURE_H
#define BANTAM_QCOW2_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "block/qcow2_data.h"
#include "block/qcow2_ops.h"
#include "fake/fake_block.h"
#include "fake/fake_file.h"
#include "fake/qcow2_judge.h"

#define CLUSTER KIB(16) /* of the images here, unless a test wants another */

struct qcow2_bench {
	struct ioloop *loop;
	struct fake_file *file;
	struct qcow2_create_options options;
	struct qcow2_meta m;
	bool open;
	struct err err;
};

static inline int bench_up(void **state)
{
	struct qcow2_bench *b = calloc(1, sizeof(*b));

	assert_int_equal(ioloop_create(IO_ENGINE_THREADS, &b->loop, &b->err), 0);
	b->file = fake_file_open(NULL, 0);
	b->options =
		(struct qcow2_create_options){ .size_bytes = MIB(8), .cluster_bytes = CLUSTER };
	*state = b;
	return 0;
}

static inline void shut(struct qcow2_bench *b)
{
	if (b->open)
		qcow2_meta_close(&b->m);
	b->open = false;
}

static inline int bench_down(void **state)
{
	struct qcow2_bench *b = *state;

	shut(b);
	fake_file_close(b->file);
	ioloop_destroy(b->loop);
	free(b);
	return 0;
}

#define QCOW2_TEST(f) cmocka_unit_test_setup_teardown(f, bench_up, bench_down)

static inline int make(struct qcow2_bench *b)
{
	return qcow2_create(&b->file->block, b->loop, "x.qcow2", &b->options, NULL, &b->err);
}

static inline int open_for(struct qcow2_bench *b, enum qcow2_use use)
{
	int rc;

	shut(b);
	b->err.text[0] = '\0';
	rc = qcow2_meta_open(&b->m, &b->file->block, b->loop, "x.qcow2", use, &b->err);
	b->open = rc == 0;
	return rc;
}

static inline void made(struct qcow2_bench *b)
{
	if (make(b) < 0 || open_for(b, QCOW2_WRITE) < 0)
		fail_msg("%s", b->err.text);
}

static inline void assert_ok(const struct qcow2_bench *b, int rc)
{
	if (rc < 0)
		fail_msg("%d: %s", rc, b->err.text);
}

static inline void assert_says(const struct qcow2_bench *b, const char *words)
{
	if (!strstr(b->err.text, words))
		fail_msg("'%s' is not in '%s'", words, b->err.text);
}

/* Clusters [first, first+count) of the disk are full of that byte. */
static inline void fill(struct qcow2_bench *b, uint64_t first, uint64_t count, uint8_t byte)
{
	uint8_t *bytes = malloc(qcow2_cluster_bytes(&b->m.h));
	struct qcow2_data d;
	int rc = qcow2_data_open(&d, &b->m, NULL, &b->err);

	memset(bytes, byte, qcow2_cluster_bytes(&b->m.h));
	for (uint64_t i = first; rc == 0 && i < first + count; i++)
		rc = qcow2_data_put(&d, i, bytes, &b->err);
	if (rc == 0)
		rc = qcow2_data_finish(&d, &b->err);
	qcow2_data_close(&d);
	free(bytes);
	assert_ok(b, rc);
	assert_ok(b, qcow2_meta_commit(&b->m, &b->err));
}

static inline struct qcow2_judge judged(const struct qcow2_bench *b)
{
	struct qcow2_judge j;

	if (qcow2_judge_open(&j, b->file->bytes, b->file->size_bytes) < 0)
		fail_msg("judge: %s", j.why);
	qcow2_judge_check(&j);
	return j;
}

static inline struct qcow2_check_result checked(struct qcow2_bench *b, enum qcow2_repair repair)
{
	struct qcow2_check_result result;

	assert_ok(b, open_for(b, QCOW2_REPAIR));
	assert_ok(b, qcow2_check(&b->m, repair, &result, NULL, NULL, &b->err));
	shut(b);
	return result;
}

/* Nothing wrong, nothing lost, in the eyes of both.  Closes the image. */
static inline void assert_sound(struct qcow2_bench *b)
{
	const struct qcow2_judge j = judged(b);
	const struct qcow2_check_result r = checked(b, QCOW2_REPAIR_NONE);

	if (j.corruptions > 0 || j.leaks > 0)
		fail_msg("judge: %llu corruptions, %llu leaks: %s",
			 (unsigned long long)j.corruptions, (unsigned long long)j.leaks, j.why);
	assert_int_equal(r.corruptions, 0);
	assert_int_equal(r.leaks, 0);
	assert_int_equal(r.check_errors, 0);
}

/* The byte that fills a sector of the disk; `backing` is below it. */
static inline uint8_t byte_over(const struct qcow2_bench *b, const struct fake_block *backing,
				uint64_t offset)
{
	struct qcow2_judge j = judged(b);
	uint8_t sector[512];

	if (backing) {
		j.backing = backing->bytes;
		j.backing_len = backing->block.limits.size_bytes;
	}
	if (qcow2_judge_read(&j, NULL, offset, sector, sizeof(sector)) < 0)
		fail_msg("judge: %s", j.why);
	for (unsigned i = 1; i < sizeof(sector); i++)
		assert_int_equal(sector[i], sector[0]);
	return sector[0];
}

static inline uint8_t byte_at(const struct qcow2_bench *b, uint64_t offset)
{
	return byte_over(b, NULL, offset);
}

#endif
