/* A queue on fake RAM with a fake driver on its other side, made anew for each test. */
#ifndef BANTAM_TEST_RING_FIXTURE_H
#define BANTAM_TEST_RING_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake/fake_driver.h"

#define RING_GPA  UINT64_C(0x1000)
#define DATA_GPA  UINT64_C(0x10000)
#define TABLE_GPA UINT64_C(0x80000)
#define SIZE	  8u

struct ring_fixture {
	struct fake_ram ram;
	struct fake_driver d;
	struct vq q;
	struct chain c;
	struct iovec iov[64];
};

/* For a cmocka setup function: a queue of size entries that runs. */
static inline int ring_make(void **state, uint16_t size, uint64_t features)
{
	struct ring_fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_ram_init(&f->ram);
	fake_driver_init(&f->d, &f->ram.mem, RING_GPA, size, features);
	assert_int_equal(vq_start(&f->q, &f->d.setup), 0);
	f->c.iov = f->iov;
	f->c.iov_max = ARRAY_LEN(f->iov);
	*state = f;
	return 0;
}

static inline int ring_free(void **state)
{
	struct ring_fixture *f = *state;

	vq_stop(&f->q);
	vq_free(&f->q);
	fake_ram_free(&f->ram);
	free(f);
	return 0;
}

/* One buffer, which differs from one n to the next. */
static inline struct fake_buf buffer(unsigned n, uint32_t len, bool writable)
{
	return (struct fake_buf){ .gpa = DATA_GPA + 0x1000u * n, .len = len, .writable = writable };
}

/* Offer a chain of a readable and a writable buffer, 16 bytes each; its id. */
static inline uint16_t offer_pair(struct ring_fixture *f)
{
	const struct fake_buf bufs[] = { buffer(0, 16, false), buffer(1, 16, true) };
	const int id = fake_driver_add(&f->d, bufs, 2);

	assert_true(id >= 0);
	return (uint16_t)id;
}

/* Offer one writable buffer of 16 bytes: one slot; its id. */
static inline uint16_t offer_one(struct ring_fixture *f)
{
	const struct fake_buf one = buffer(0, 16, true);
	const int id = fake_driver_add(&f->d, &one, 1);

	assert_true(id >= 0);
	return (uint16_t)id;
}

static inline struct chain take(struct ring_fixture *f)
{
	assert_int_equal(vq_pop(&f->q, &f->c), 1);
	return f->c;
}

/* The driver finds exactly this used. */
static inline void assert_used(struct ring_fixture *f, uint16_t want_id, uint32_t want_len)
{
	uint16_t id;
	uint32_t len;

	assert_true(fake_driver_used(&f->d, &id, &len));
	assert_int_equal(id, want_id);
	assert_int_equal(len, want_len);
}

static inline void assert_none_used(struct ring_fixture *f)
{
	uint16_t id;
	uint32_t len;

	assert_false(fake_driver_used(&f->d, &id, &len));
}

/* The next pop finds that rule broken at ring position at; all later ones say so, too,
 * and what was in flight can still be given back. */
static inline void assert_refused(struct ring_fixture *f, enum vq_fault fault, uint16_t at)
{
	assert_int_equal(vq_pop(&f->q, &f->c), -EBADMSG);
	assert_int_equal(f->q.fault, fault);
	assert_int_equal(f->q.fault_at, at);
	assert_int_equal(vq_pop(&f->q, &f->c), -EBADMSG);
	assert_int_equal(f->q.fault, fault);
	assert_false(vq_pending(&f->q));
	assert_false(vq_enable_kicks(&f->q));
}

#endif
