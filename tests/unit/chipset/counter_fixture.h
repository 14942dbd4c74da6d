/* One counter of an 8254, programmed at tick 0, and what its tests look at. */
#ifndef BANTAM_TEST_COUNTER_FIXTURE_H
#define BANTAM_TEST_COUNTER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/types.h"
#include "chipset/i8254_counter.h"

/* Control words: both bytes, or one; binary. */
#define BOTH(mode) (uint8_t)(0x30 | (mode) << 1)
#define LSB(mode)  (uint8_t)(0x10 | (mode) << 1)
#define MSB(mode)  (uint8_t)(0x20 | (mode) << 1)
#define BCD	   1u

#define STATUS_OUT  0x80
#define STATUS_NULL 0x40

/* Program at tick 0, so that the count is loaded at tick 1. */
static inline struct i8254_counter programmed(uint8_t control, uint16_t count, bool gate)
{
	struct i8254_counter c;

	counter_init(&c, gate);
	counter_control(&c, control, 0);
	if ((control & 0x30) != 0x20)
		counter_write(&c, (uint8_t)count, 0);
	if ((control & 0x30) != 0x10)
		counter_write(&c, (uint8_t)(count >> 8), 0);
	return c;
}

/* The live count, read as the programmed access wants it, at one tick. */
static inline unsigned count_of(struct i8254_counter *c, uint64_t tick)
{
	const unsigned first = counter_read(c, tick);

	switch (c->control & 0x30) {
	case 0x10:
		return first;
	case 0x20:
		return first << 8;
	default:
		return first | (unsigned)counter_read(c, tick) << 8;
	}
}

static inline uint8_t status_of(struct i8254_counter *c, uint64_t tick)
{
	counter_latch_status(c, tick);
	return counter_read(c, tick);
}

/* OUT at ticks from, from+1, ... must look like wave: '1' high, '0' low. */
static inline void assert_wave(struct i8254_counter *c, uint64_t from, const char *wave)
{
	for (unsigned i = 0; wave[i]; i++)
		if (counter_out(c, from + i) != (wave[i] == '1'))
			fail_msg("OUT at tick %u is not %c", (unsigned)from + i, wave[i]);
}

static inline void assert_counts(struct i8254_counter *c, uint64_t from, const unsigned *counts,
				 unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (count_of(c, from + i) != counts[i])
			fail_msg("count at tick %u is not %u", (unsigned)from + i, counts[i]);
}

#define ASSERT_COUNTS(c, from, ...)                               \
	assert_counts(c, from, (const unsigned[]){ __VA_ARGS__ }, \
		      ARRAY_LEN(((const unsigned[]){ __VA_ARGS__ })))

#endif
