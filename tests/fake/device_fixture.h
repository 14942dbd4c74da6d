/* One device on a fake board, made anew for each test. */
#ifndef BANTAM_TEST_DEVICE_FIXTURE_H
#define BANTAM_TEST_DEVICE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "fake/fake_board.h"

struct fixture {
	struct fake_board fb;
	struct device *dev;
};

/* For a cmocka setup function: create, then reset, as the machine does. */
static inline int fixture_make(void **state, const struct device_type *type, const void *config)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_board_init(&f->fb);
	assert_int_equal(type->create(&f->fb.board, config, &f->dev, NULL), 0);
	assert_ptr_equal(f->dev->type, type);
	type->reset(f->dev);
	*state = f;
	return 0;
}

/* A device that goes leaves no port, no memory and no timer behind. */
static inline int fixture_free(void **state)
{
	struct fixture *f = *state;

	f->dev->type->destroy(f->dev);
	assert_int_equal(f->fb.pio.region_count, 0);
	assert_int_equal(f->fb.mmio.region_count, 0);
	assert_null(f->fb.clock.first);
	free(f);
	return 0;
}

static inline struct fake_board *board_of(void **state)
{
	struct fixture *f = *state;

	return &f->fb;
}

static inline struct device *device_of(void **state)
{
	struct fixture *f = *state;

	return f->dev;
}

/* A row of the test table whose test has a device of its own. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_free)

#endif
