#include "host/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

/* A thread that stays until it is let go. */
struct sleeper {
	pthread_t thread;
	int go[2], up[2];
	const char *name;
	unsigned index;
};

static void *sleep_until_told(void *arg)
{
	struct sleeper *s = arg;
	char c;

	if (s->name)
		thread_name(s->name, s->index);
	if (write(s->up[1], "x", 1) != 1)
		return NULL;
	return read(s->go[0], &c, 1) == 1 ? s : NULL;
}

static void start(struct sleeper *s, const char *name, unsigned index)
{
	char c;

	s->name = name;
	s->index = index;
	assert_int_equal(pipe(s->go), 0);
	assert_int_equal(pipe(s->up), 0);
	assert_int_equal(thread_start(&s->thread, sleep_until_told, s), 0);
	assert_int_equal(read(s->up[0], &c, 1), 1); /* it has its name */
}

/* Let it go; returns what its main returned. */
static void *end(struct sleeper *s)
{
	void *result = NULL;

	assert_int_equal(write(s->go[1], "x", 1), 1);
	assert_int_equal(pthread_join(s->thread, &result), 0);
	close(s->go[0]);
	close(s->go[1]);
	close(s->up[0]);
	close(s->up[1]);
	return result;
}

static void check_name(const char *name, unsigned index, const char *want)
{
	struct sleeper s;
	char got[16] = "";

	start(&s, name, index);
	assert_int_equal(pthread_getname_np(s.thread, got, sizeof(got)), 0);
	end(&s);
	assert_string_equal(got, want);
}

static void a_thread_has_its_name_and_number(void **state)
{
	(void)state;
	check_name("vcpu", 0, "vcpu0");
	check_name("vcpu", 63, "vcpu63");
}

static void a_long_name_is_cut(void **state)
{
	(void)state;
	check_name("a-name-of-16-byte", 7, "a-name-of-16-by");
}

static void it_gets_its_argument_and_can_be_joined(void **state)
{
	struct sleeper s;

	(void)state;
	start(&s, "test", 0);
	assert_ptr_equal(end(&s), &s);
}

static void the_stack_is_small(void **state)
{
	struct sleeper s;
	pthread_attr_t attr;
	size_t bytes = 0;

	(void)state;
	start(&s, "test", 0);
	assert_int_equal(pthread_getattr_np(s.thread, &attr), 0);
	assert_int_equal(pthread_attr_getstacksize(&attr, &bytes), 0);
	pthread_attr_destroy(&attr);
	end(&s);
	assert_in_range(bytes, KIB(64), KIB(256));
}

static void *use_stack(void *arg)
{
	volatile uint8_t room[KIB(64)];

	for (size_t i = 0; i < sizeof(room); i++)
		room[i] = (uint8_t)i;
	return room[sizeof(room) - 1] == (uint8_t)(sizeof(room) - 1) ? arg : NULL;
}

static void half_the_stack_can_be_used(void **state)
{
	pthread_t thread;
	void *result = NULL;
	int arg;

	(void)state;
	assert_int_equal(thread_start(&thread, use_stack, &arg), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, &arg);
}

static void many_threads_run_at_once(void **state)
{
	struct sleeper s[64];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(s); i++)
		start(&s[i], "vcpu", i);
	for (unsigned i = 0; i < ARRAY_LEN(s); i++)
		assert_ptr_equal(end(&s[i]), &s[i]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_has_its_name_and_number),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(it_gets_its_argument_and_can_be_joined),
		cmocka_unit_test(the_stack_is_small),
		cmocka_unit_test(half_the_stack_can_be_used),
		cmocka_unit_test(many_threads_run_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
