#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "host/crew.h"

#define TASKS 500

struct sum {
	struct crew_task task;
	uint64_t n, result;
	pthread_t worker;
	unsigned *done_count;
};

static void work(void *arg)
{
	struct sum *s = arg;

	for (uint64_t i = 1; i <= s->n; i++)
		s->result += i;
	s->worker = pthread_self();
}

static void done(void *arg)
{
	struct sum *s = arg;

	/* On the loop's thread, with what the other one wrote. */
	assert_false(pthread_equal(s->worker, pthread_self()));
	assert_int_equal(s->result, s->n * (s->n + 1) / 2);
	(*s->done_count)++;
}

static void every_task_is_done_once_on_the_loops_thread(void **state)
{
	static struct sum sums[TASKS];
	unsigned done_count = 0;
	struct ioloop *loop;
	struct crew *crew;
	struct err err;

	(void)state;
	assert_int_equal(ioloop_create(IO_ENGINE_AUTO, &loop, &err), 0);
	assert_int_equal(crew_create(loop, 3, &crew), 0);
	for (unsigned i = 0; i < TASKS; i++) {
		sums[i] = (struct sum){ .n = i, .done_count = &done_count };
		sums[i].task = (struct crew_task){ .work = work, .done = done, .arg = &sums[i] };
		crew_submit(crew, &sums[i].task);
	}
	while (done_count < TASKS)
		ioloop_round(loop, -1);
	crew_destroy(crew);
	ioloop_destroy(loop);
}

static void a_crew_without_work_goes_at_once(void **state)
{
	struct ioloop *loop;
	struct crew *crew;
	struct err err;

	(void)state;
	assert_int_equal(ioloop_create(IO_ENGINE_THREADS, &loop, &err), 0);
	assert_int_equal(crew_create(loop, 2, &crew), 0);
	crew_destroy(crew);
	crew_destroy(NULL);
	ioloop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_is_done_once_on_the_loops_thread),
		cmocka_unit_test(a_crew_without_work_goes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
