#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/irq_or.h"
#include "fake/fake_board.h"

static struct fake_board fb;
static struct irq line;

static int setup(void **state)
{
	(void)state;
	fake_board_init(&fb);
	line = board_irq(&fb.board, 4);
	return 0;
}

static void a_line_of_its_own_follows_each_change(void **state)
{
	(void)state;
	irq_or_change(NULL, &line, 1);
	assert_int_equal(fb.irq_level[4], 1);
	irq_or_change(NULL, &line, 0);
	assert_int_equal(fb.irq_level[4], 0);
	assert_int_equal(fb.irq_calls[4], 2);
}

static void a_shared_line_is_high_while_any_source_asks(void **state)
{
	struct irq_or node = { 0 };

	(void)state;
	irq_or_change(&node, &line, 1);
	irq_or_change(&node, &line, 1);
	assert_int_equal(fb.irq_edges[4], 1);
	irq_or_change(&node, &line, 0);
	assert_int_equal(fb.irq_level[4], 1);
	irq_or_change(&node, &line, 0);
	assert_int_equal(fb.irq_level[4], 0);
	irq_or_change(&node, &line, 1);
	assert_int_equal(fb.irq_edges[4], 2);
	assert_int_equal(fb.irq_calls[4], 3); /* only real changes reach it */
}

static void a_pulse_is_one_edge(void **state)
{
	(void)state;
	irq_pulse(&line);
	irq_pulse(&line);
	assert_int_equal(fb.irq_edges[4], 2);
	assert_int_equal(fb.irq_level[4], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_line_of_its_own_follows_each_change, setup),
		cmocka_unit_test_setup(a_shared_line_is_high_while_any_source_asks, setup),
		cmocka_unit_test_setup(a_pulse_is_one_edge, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
