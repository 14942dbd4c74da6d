/* machine/verdict.h: how a run ended, for the user (one line), for programs (the
 * last event) and for the shell (the exit status).  The table in verdict.c is
 * the contract of the manual page's EXIT STATUS. */
#ifndef BANTAM_MACHINE_VERDICT_H
#define BANTAM_MACHINE_VERDICT_H

#include "base/types.h"

struct events;

enum end_reason {
	END_NONE,
	END_POWEROFF,
	END_REBOOT,
	END_DEBUG_EXIT,
	END_PANIC,
	END_TRIPLE_FAULT,
	END_KVM_ERROR,
	END_TIMEOUT,
	END_IDLE_TIMEOUT,
	END_SIGHUP,
	END_SIGINT,
	END_SIGTERM,
	END_ESCAPE,
	END_HOST_ERROR,
	END_REASONS,
};

struct verdict {
	enum end_reason reason;
	int status;       /* exit status of the run */
	char detail[240]; /* what exactly; may be empty */
};

/* Decide, if nothing is decided yet: the first verdict stands.
 * fmt  the detail, or NULL */
void verdict_set(struct verdict *v, enum end_reason reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As verdict_set() with a status of the guest's own. */
void verdict_set_status(struct verdict *v, enum end_reason reason, int status);

/* The name that events carry, such as "triple-fault". */
const char *verdict_name(const struct verdict *v);

/* The last event, and one line on stderr for an end that is not the guest's own
 * wish (with -v for any end). */
void verdict_report(const struct verdict *v, struct events *events);

#endif
