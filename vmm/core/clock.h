/* core/clock.h: the guest's clock and the timers that hang on it.
 *
 * Guest time is monotonic, in nanoseconds, starts near 0 when the machine is
 * made and stands still while the machine is paused.  Devices never ask the
 * host for time, so tests drive them by a fake clock.  All calls under the
 * device lock. */
#ifndef BANTAM_CORE_CLOCK_H
#define BANTAM_CORE_CLOCK_H

#include "base/types.h"

#define CLOCK_NEVER UINT64_MAX

struct timer {
	uint64_t deadline_ns; /* CLOCK_NEVER when not armed */
	void (*fire)(void *arg, uint64_t now_ns);
	void *arg;
	struct timer *next; /* clock's list, earliest first */
};

struct clock {
	uint64_t (*now_ns)(void *ctx);
	/* Told when the earliest deadline changed (CLOCK_NEVER: no timer). */
	void (*rearm)(void *ctx, uint64_t deadline_ns);
	void *ctx;
	struct timer *first;
	struct timer *due; /* cut off by clock_run(), not fired yet */
};

static inline uint64_t clock_now(const struct clock *c)
{
	return c->now_ns(c->ctx);
}

/* Bind fire and arg to a timer that is not armed. */
void timer_init(struct timer *t, void (*fire)(void *arg, uint64_t now_ns), void *arg);

/* Arm, or move, t to fire once at deadline_ns (guest time; a past one fires at
 * the next clock_run()). */
void timer_arm(struct clock *c, struct timer *t, uint64_t deadline_ns);

/* Harmless when t is not armed. */
void timer_disarm(struct clock *c, struct timer *t);

static inline bool timer_armed(const struct timer *t)
{
	return t->deadline_ns != CLOCK_NEVER;
}

/* Fire each timer that was due when the call began, in order of deadline; one
 * that re-arms itself waits for the next call, so the loop is bounded.  Calls
 * rearm() once at the end with what is now first. */
void clock_run(struct clock *c);

/* ticks of a hz oscillator in ns nanoseconds and back; exact to a tick over
 * centuries, rounds down.  hz 1..2^32-1. */
uint64_t ns_to_ticks(uint64_t ns, uint32_t hz);
/* The first nanosecond at which ns_to_ticks() gives ticks: rounds up. */
uint64_t ticks_to_ns(uint64_t ticks, uint32_t hz);

#endif
