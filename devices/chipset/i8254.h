/* chipset/i8254.h: the interval timer at 0x40..0x43 and system control port B
 * at 0x61, which has the gate and the output of its channel 2.
 *
 * Channel 0 drives GSI_PIT, one edge for each rise of OUT, at exactly the
 * programmed average rate: a deadline is a tick counted from when the counter
 * was loaded.  A Linux that counts jiffies by these interrupts loses time with
 * each one lost, and an interrupt controller merges edges that come before the
 * guest took the first.  So edges that a late host missed are counted (at most
 * I8254_BACKLOG_MAX, older ones are gone) and delivered in between the regular
 * ones, half a period apart, until the guest has caught up.  The phase never
 * shifts.
 *
 * No two interrupts come closer than I8254_GAP_MIN_NS, whatever is programmed,
 * and while no rise can come (a one-shot that expired, no count) no timer is
 * armed: an idle guest costs no wake-ups. */
#ifndef BANTAM_CHIPSET_I8254_H
#define BANTAM_CHIPSET_I8254_H

#include "core/device.h"

#define I8254_HZ	  1193182u
#define I8254_BACKLOG_MAX 128u
#define I8254_GAP_MIN_NS  (100 * NS_PER_US)

/* No config: pass NULL. */
extern const struct device_type i8254_type;

#endif
