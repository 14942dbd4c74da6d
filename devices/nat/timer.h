/* nat/timer.h: many timers on one of the loop's: a pairing heap, for there may be one
 * a connection.
 *
 * To move a timer to a later time is free: it stays where it is, and is put right when
 * its old time has come.  So timers that each packet pushes on cost nothing. */
#ifndef BANTAM_NAT_TIMER_H
#define BANTAM_NAT_TIMER_H

#include "base/types.h"

#define NAT_NEVER UINT64_MAX

struct nat_timer {
	uint64_t deadline_ns; /* NAT_NEVER: not armed */
	/* May arm and disarm any timer, and free this one. */
	void (*fire)(struct nat_timer *t, uint64_t now_ns);
	/* the heap's own */
	uint64_t key_ns; /* <= deadline_ns while armed */
	struct nat_timer *child, *sibling;
	struct nat_timer **link; /* what points here; NULL: in no heap */
};

struct nat_timers {
	struct nat_timer *root;
	struct nat_timer *due; /* cut off by nat_timers_run(), not fired yet */
};

static inline void nat_timer_init(struct nat_timer *t,
				  void (*fire)(struct nat_timer *t, uint64_t now_ns))
{
	*t = (struct nat_timer){ .deadline_ns = NAT_NEVER, .fire = fire };
}

void nat_timers_arm(struct nat_timers *h, struct nat_timer *t, uint64_t deadline_ns);
void nat_timers_disarm(struct nat_timers *h, struct nat_timer *t);
/* When nat_timers_run() is to be called next. */
uint64_t nat_timers_next_ns(const struct nat_timers *h);
/* Fire what is due, each once: one that is armed again, even in the past, waits for the
 * next call. */
void nat_timers_run(struct nat_timers *h, uint64_t now_ns);

#endif
