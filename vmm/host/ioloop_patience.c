/* What io_patience.h found out, for the scheduler. */
#include <sched.h>

#include "host/ioloop_internal.h"

static bool set_policy(int policy)
{
	const struct sched_param none = { 0 };

	return sched_setscheduler(0, policy, &none) == 0;
}

void ioloop_choose_policy(struct ioloop *l, uint64_t now_ns)
{
	const bool before = l->patience.patient;
	const bool patient = io_patience_woken(&l->patience, now_ns, l->chains);

	l->chains = 0;
	/* It may be forbidden, by seccomp. */
	if (patient != before && !set_policy(patient ? SCHED_BATCH : SCHED_OTHER))
		atomic_store(&l->may_wait, false);
}

/* A policy that was chosen by somebody else stays. */
void ioloop_be_patient(struct ioloop *l)
{
	l->may_wait = sched_getscheduler(0) == SCHED_OTHER;
}

/* Who does the file I/O has nobody to be patient with. */
void ioloop_leave_patience(const struct ioloop *l)
{
	if (l->may_wait)
		set_policy(SCHED_OTHER);
}

void ioloop_gave_back(struct ioloop *l, unsigned chains)
{
	l->chains += chains;
}
