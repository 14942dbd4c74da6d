/* A PIT on a fake board, and how it is programmed. */
#ifndef BANTAM_TEST_PIT_FIXTURE_H
#define BANTAM_TEST_PIT_FIXTURE_H

#include "chipset/i8254.h"

#include "core/platform.h"
#include "fake/device_fixture.h"

#define CONTROL	     (PORT_PIT + 3)
#define CHANNEL(n)   (uint16_t)(PORT_PIT + (n))
#define SELECT(n)    (uint8_t)((n) << 6)
#define BOTH_MODE(m) (uint8_t)(0x30 | (m) << 1)
#define OUT2	     0x20

/* Linux, HZ=250: PIT_LATCH. */
#define LATCH_250 4773u

static inline int setup(void **state)
{
	return fixture_make(state, &i8254_type, NULL);
}

static inline void program(struct fake_board *fb, unsigned channel, unsigned mode, uint16_t count)
{
	fake_out8(fb, CONTROL, SELECT(channel) | BOTH_MODE(mode));
	fake_out8(fb, CHANNEL(channel), (uint8_t)count);
	fake_out8(fb, CHANNEL(channel), (uint8_t)(count >> 8));
}

/* The host slept: time passes, and the clock runs only at the end of it. */
static inline void be_late(struct fake_board *fb, uint64_t ns)
{
	fb->now_ns += ns;
	clock_run(&fb->clock);
}

static inline uint64_t ns_of(uint64_t ticks)
{
	return ticks_to_ns(ticks, I8254_HZ);
}

#endif
