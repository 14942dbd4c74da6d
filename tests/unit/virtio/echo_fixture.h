/* The echo device of fake/fake_echo.h in the fixture of fake/virtio_fixture.h, made
 * anew for each test. */
#ifndef BANTAM_TEST_ECHO_FIXTURE_H
#define BANTAM_TEST_ECHO_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "fake/fake_echo.h"
#include "fake/virtio_fixture.h"

struct echo_fixture {
	struct virtio_fixture f; /* first: what most calls want */
	struct fake_echo e;
};

static inline int setup(void **state)
{
	struct echo_fixture *t = calloc(1, sizeof(*t));
	struct virtio_pci_place place;

	assert_non_null(t);
	virtio_fixture_init(&t->f);
	place = virtio_fixture_place(&t->f);
	assert_int_equal(fake_echo_init(&t->e, &t->f.fb.board, &place, NULL), 0);
	virtio_fixture_take(&t->f, &t->e.vp);
	*state = t;
	return 0;
}

static inline int teardown(void **state)
{
	struct echo_fixture *t = *state;

	for (unsigned i = 0; i < FAKE_ECHO_QUEUES; i++)
		fake_echo_answer_all(&t->e, i);
	virtio_fixture_free(&t->f);
	free(t);
	return 0;
}

/* Offer queue i a chain: text to read, room of the same length; its id. */
static inline uint16_t say(struct echo_fixture *t, unsigned i, const char *text)
{
	const uint32_t len = (uint32_t)strlen(text);
	const struct fake_buf bufs[] = {
		{ .gpa = VIRTIO_FIXTURE_DATA + 0x2000u * i, .len = len },
		{ .gpa = VIRTIO_FIXTURE_DATA + 0x2000u * i + 0x1000, .len = len, .writable = true },
	};
	int id;

	memcpy(t->f.ram + bufs[0].gpa, text, len);
	id = fake_driver_add(&t->f.queues[i], bufs, 2);
	assert_true(id >= 0);
	return (uint16_t)id;
}

/* The next used chain of queue i is id with this text. */
static inline void assert_heard(struct echo_fixture *t, unsigned i, uint16_t id, const char *text)
{
	uint16_t used_id;
	uint32_t len;

	assert_true(fake_driver_used(&t->f.queues[i], &used_id, &len));
	assert_int_equal(used_id, id);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(t->f.ram + VIRTIO_FIXTURE_DATA + 0x2000u * i + 0x1000, text, len);
}

static inline bool nothing_heard(struct echo_fixture *t, unsigned i)
{
	return !fake_driver_used(&t->f.queues[i], &(uint16_t){ 0 }, &(uint32_t){ 0 });
}

/* Say, kick, run, hear. */
static inline void assert_echo(struct echo_fixture *t, unsigned i)
{
	const uint16_t id = say(t, i, "hello");

	virtio_fixture_kick(&t->f, i);
	virtio_fixture_run(&t->f);
	assert_heard(t, i, id, "hello");
}

#define ECHO(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
