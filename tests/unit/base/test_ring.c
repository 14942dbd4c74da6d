#include "base/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

static void bytes_come_out_in_the_order_they_went_in(void **state)
{
	uint8_t room[8];
	struct ring r;

	(void)state;
	ring_init(&r, room, sizeof(room));
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(ring_put(&r, (uint8_t)i));
		assert_true(ring_put(&r, (uint8_t)(i + 1)));
		assert_int_equal(ring_get(&r), (uint8_t)i);
		assert_int_equal(ring_get(&r), (uint8_t)(i + 1));
	}
	assert_int_equal(ring_get(&r), -1);
}

static void a_full_ring_refuses_and_an_empty_one_says_so(void **state)
{
	uint8_t room[4];
	struct ring r;

	(void)state;
	ring_init(&r, room, sizeof(room));
	assert_int_equal(ring_get(&r), -1);
	assert_int_equal(ring_room(&r), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_true(ring_put(&r, (uint8_t)i));
	assert_false(ring_put(&r, 9));
	assert_int_equal(ring_room(&r), 0);
	assert_int_equal(ring_used(&r), 4);
	assert_int_equal(ring_get(&r), 0);
	assert_true(ring_put(&r, 9));
}

static void peek_gives_the_run_up_to_the_end_of_the_memory(void **state)
{
	uint8_t room[4];
	const uint8_t *run;
	struct ring r;

	(void)state;
	ring_init(&r, room, sizeof(room));
	assert_int_equal(ring_peek(&r, &run), 0);
	for (unsigned i = 0; i < 3; i++)
		ring_put(&r, (uint8_t)('a' + i));
	assert_int_equal(ring_peek(&r, &run), 3);
	assert_memory_equal(run, "abc", 3);
	ring_skip(&r, 2);
	ring_put(&r, 'd');
	ring_put(&r, 'e');
	assert_int_equal(ring_peek(&r, &run), 2);
	assert_memory_equal(run, "cd", 2);
	ring_skip(&r, 2);
	assert_int_equal(ring_peek(&r, &run), 1);
	assert_memory_equal(run, "e", 1);
	ring_skip(&r, 1);
	assert_int_equal(ring_peek(&r, &run), 0);
}

static void a_run_of_bytes_goes_round_the_end_of_the_memory(void **state)
{
	uint8_t room[8], out[8] = { 0 };
	struct ring r;

	(void)state;
	ring_init(&r, room, sizeof(room));
	assert_int_equal(ring_write(&r, (const uint8_t *)"abcde", 5), 5);
	assert_int_equal(ring_read(&r, out, 3), 3);
	assert_memory_equal(out, "abc", 3);
	assert_int_equal(ring_write(&r, (const uint8_t *)"fghijklm", 8), 6);
	assert_int_equal(ring_write(&r, (const uint8_t *)"x", 1), 0);
	assert_int_equal(ring_used(&r), 8);
	assert_int_equal(ring_read(&r, out, sizeof(out)), 8);
	assert_memory_equal(out, "defghijk", 8);
	assert_int_equal(ring_read(&r, out, sizeof(out)), 0);
}

static void the_counters_may_wrap(void **state)
{
	uint8_t room[4];
	struct ring r;

	(void)state;
	ring_init(&r, room, sizeof(room));
	atomic_store(&r.head, UINT32_MAX - 1);
	atomic_store(&r.tail, UINT32_MAX - 1);
	for (unsigned i = 0; i < 4; i++)
		assert_true(ring_put(&r, (uint8_t)i));
	assert_false(ring_put(&r, 4));
	for (int i = 0; i < 4; i++)
		assert_int_equal(ring_get(&r), i);
	assert_int_equal(ring_get(&r), -1);
}

static void the_counters_may_wrap_within_a_run(void **state)
{
	uint8_t room[4], out[4];
	struct ring r;

	(void)state;
	ring_init(&r, room, sizeof(room));
	atomic_store(&r.head, UINT32_MAX - 1);
	atomic_store(&r.tail, UINT32_MAX - 1);
	assert_int_equal(ring_write(&r, (const uint8_t *)"abcde", 5), 4);
	assert_int_equal(ring_read(&r, out, 4), 4);
	assert_memory_equal(out, "abcd", 4);
}

#define THREAD_BYTES 500000u

static void *produce(void *arg)
{
	for (unsigned i = 0; i < THREAD_BYTES; i++)
		while (!ring_put(arg, (uint8_t)(i * 7)))
			sched_yield();
	return NULL;
}

static void two_threads_lose_nothing(void **state)
{
	uint8_t room[64];
	pthread_t producer;
	struct ring r;

	(void)state;
	ring_init(&r, room, sizeof(room));
	assert_int_equal(pthread_create(&producer, NULL, produce, &r), 0);
	for (unsigned i = 0; i < THREAD_BYTES; i++) {
		int byte;

		while ((byte = ring_get(&r)) < 0)
			sched_yield();
		if (byte != (uint8_t)(i * 7))
			fail_msg("byte %u is wrong", i);
	}
	pthread_join(producer, NULL);
	assert_int_equal(ring_used(&r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_in_the_order_they_went_in),
		cmocka_unit_test(a_full_ring_refuses_and_an_empty_one_says_so),
		cmocka_unit_test(peek_gives_the_run_up_to_the_end_of_the_memory),
		cmocka_unit_test(a_run_of_bytes_goes_round_the_end_of_the_memory),
		cmocka_unit_test(the_counters_may_wrap),
		cmocka_unit_test(the_counters_may_wrap_within_a_run),
		cmocka_unit_test(two_threads_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
