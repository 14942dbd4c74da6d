#include "said.h"

#include <pthread.h>
#include <stdlib.h>

#include "host/now.h"
#include "machine/timeline.h"

static const char *printed(const struct timeline *t)
{
	static char text[16384];
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	timeline_print(t, out);
	fputc('\0', out);
	fclose(out);
	return text;
}

static void set_mark(struct timeline *t, const char *what, uint64_t t_ns)
{
	const unsigned i = atomic_fetch_add(&t->count, 1);

	t->marks[i].what = what;
	t->marks[i].t_ns = t_ns;
}

static void nothing_marked_prints_nothing(void **state)
{
	struct timeline t = { 0 };

	(void)state;
	assert_string_equal(printed(&t), "");
}

static void a_line_has_the_time_since_start_and_since_the_line_before(void **state)
{
	struct timeline t = { 0 };

	(void)state;
	set_mark(&t, "options read", 250 * NS_PER_US);
	set_mark(&t, "first KVM_RUN", 12 * NS_PER_MS + 3 * NS_PER_US + 999);
	set_mark(&t, "ended", 61 * NS_PER_S);
	assert_string_equal(printed(&t),
			    "timeline:        0.250 ms  +       0.250 ms  options read\n"
			    "timeline:       12.003 ms  +      11.753 ms  first KVM_RUN\n"
			    "timeline:    61000.000 ms  +   60987.996 ms  ended\n");
}

static void marks_of_two_threads_print_in_order_of_time(void **state)
{
	struct timeline t = { 0 };

	(void)state;
	set_mark(&t, "c", 3 * NS_PER_MS);
	set_mark(&t, "a", 1 * NS_PER_MS);
	set_mark(&t, "d", 3 * NS_PER_MS);
	set_mark(&t, "b", 2 * NS_PER_MS);
	assert_string_equal(printed(&t), "timeline:        1.000 ms  +       1.000 ms  a\n"
					 "timeline:        2.000 ms  +       1.000 ms  b\n"
					 "timeline:        3.000 ms  +       1.000 ms  c\n"
					 "timeline:        3.000 ms  +       0.000 ms  d\n");
}

static void a_mark_takes_the_time_since_the_programs_start(void **state)
{
	struct timeline t = { .zero_ns = host_now_ns() - NS_PER_S };
	const uint64_t before_ns = timeline_now(&t);

	(void)state;
	assert_true(before_ns >= NS_PER_S);
	timeline_mark(&t, "now");
	assert_int_equal(t.count, 1);
	assert_string_equal(t.marks[0].what, "now");
	assert_true(before_ns <= t.marks[0].t_ns && t.marks[0].t_ns <= timeline_now(&t));
}

static void more_marks_than_fit_are_dropped(void **state)
{
	struct {
		struct timeline t;
		uint8_t behind[64];
	} s = { 0 };

	(void)state;
	for (unsigned i = 0; i < TIMELINE_MARKS_MAX; i++)
		timeline_mark(&s.t, "kept");
	for (unsigned i = 0; i < 1000; i++)
		timeline_mark(&s.t, "dropped");
	for (size_t i = 0; i < sizeof(s.behind); i++)
		assert_int_equal(s.behind[i], 0);
	assert_int_equal(count_of(printed(&s.t), "kept"), TIMELINE_MARKS_MAX);
	assert_int_equal(count_of(printed(&s.t), "dropped"), 0);
}

static void *mark_some(void *arg)
{
	for (unsigned i = 0; i < TIMELINE_MARKS_MAX / 2; i++)
		timeline_mark(arg, "other");
	return NULL;
}

static void two_threads_marking_at_once_lose_nothing(void **state)
{
	struct timeline t = { .zero_ns = host_now_ns() };
	pthread_t other;

	(void)state;
	assert_int_equal(pthread_create(&other, NULL, mark_some, &t), 0);
	for (unsigned i = 0; i < TIMELINE_MARKS_MAX / 2; i++)
		timeline_mark(&t, "own");
	pthread_join(other, NULL);
	assert_int_equal(count_of(printed(&t), "other"), TIMELINE_MARKS_MAX / 2);
	assert_int_equal(count_of(printed(&t), "own"), TIMELINE_MARKS_MAX / 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_marked_prints_nothing),
		cmocka_unit_test(a_line_has_the_time_since_start_and_since_the_line_before),
		cmocka_unit_test(marks_of_two_threads_print_in_order_of_time),
		cmocka_unit_test(a_mark_takes_the_time_since_the_programs_start),
		cmocka_unit_test(more_marks_than_fit_are_dropped),
		cmocka_unit_test(two_threads_marking_at_once_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
