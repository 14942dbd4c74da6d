/* machine/timekeeper.h: drives the guest's clock (core/clock.h) by the host's
 * monotonic clock and a timerfd in the main loop. */
#ifndef BANTAM_MACHINE_TIMEKEEPER_H
#define BANTAM_MACHINE_TIMEKEEPER_H

#include "base/err.h"
#include "core/clock.h"
#include "core/lock.h"
#include "host/loop.h"

struct timekeeper {
	struct clock clock;
	struct device_lock *lock;  /* NULL: only the main thread arms timers */
	struct loop_source source; /* the timerfd */
	uint64_t zero_ns;          /* host time of guest time 0 */
	uint64_t paused_at_ns;     /* host time of the pause; 0: running */
};

/* Start guest time at 0 and serve its timers from loop, under lock (may be
 * NULL).  0, or -errno with err filled. */
int timekeeper_init(struct timekeeper *t, struct loop *loop, struct device_lock *lock,
		    struct err *err);
void timekeeper_close(struct timekeeper *t, struct loop *loop);

/* Guest time stands still between the two.  Under the device lock. */
void timekeeper_pause(struct timekeeper *t);
void timekeeper_resume(struct timekeeper *t);

#endif
