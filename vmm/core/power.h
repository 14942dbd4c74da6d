/* core/power.h: how a device asks the machine for its end.
 *
 * The request is noted and the vCPU that made it does not run another guest
 * instruction; the first request wins. */
#ifndef BANTAM_CORE_POWER_H
#define BANTAM_CORE_POWER_H

#include "base/types.h"

enum power_event {
	POWER_NONE,
	POWER_OFF,          /* S5: the guest powered itself off */
	POWER_RESET,        /* i8042, 0xcf9, port 0x92, ACPI reset register */
	POWER_PANIC,        /* pvpanic: the guest's kernel panicked */
	POWER_CRASH_LOADED, /* pvpanic: it panicked and runs its crash kernel */
	POWER_DEBUG_EXIT,   /* isa-debug-exit: value is what the guest wrote */
	POWER_TRIPLE_FAULT,
	POWER_ERROR,        /* KVM cannot run the guest any further */
};

struct power_sink {
	/* Under the device lock; never blocks.
	 * source  a short static name of who asked, such as "i8042" */
	void (*request)(void *ctx, enum power_event event, uint32_t value, const char *source);
	void *ctx;
};

static inline void power_request(const struct power_sink *p, enum power_event event,
				 uint32_t value, const char *source)
{
	p->request(p->ctx, event, value, source);
}

#endif
