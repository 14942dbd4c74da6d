#include "machine/verdict.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "machine/events.h"

static const struct {
	const char *name;
	int status;
	bool quiet; /* the guest did as it was told: nothing to say */
	const char *words;
} ends[END_REASONS] = {
	[END_NONE]         = { "none", 255, false, "the guest ended without a verdict" },
	[END_POWEROFF]     = { "poweroff", 0, true, "the guest powered itself off" },
	[END_REBOOT]       = { "reset", 0, true, "the guest reset itself" },
	[END_DEBUG_EXIT]   = { "debug-exit", 0, true, "the guest wrote its status to isa-debug-exit" },
	[END_PANIC]        = { "panic", 255, false, "the guest's kernel panicked" },
	[END_TRIPLE_FAULT] = { "triple-fault", 255, false, "the guest ended by a triple fault" },
	[END_KVM_ERROR]    = { "error", 255, false, "KVM cannot run the guest any further" },
	[END_TIMEOUT]      = { "timeout", 124, false, "--timeout expired" },
	[END_IDLE_TIMEOUT] = { "timeout", 124, false, "--idle-timeout expired" },
	[END_SIGHUP]       = { "signal", 129, false, "ended by SIGHUP" },
	[END_SIGINT]       = { "signal", 130, false, "ended by SIGINT" },
	[END_SIGTERM]      = { "signal", 143, false, "ended by SIGTERM" },
	[END_ESCAPE]       = { "signal", 130, false, "ended by Ctrl-A x" },
	[END_HOST_ERROR]   = { "error", 125, false, "cannot run the guest" },
};

static bool decide(struct verdict *v, enum end_reason reason)
{
	if (v->reason != END_NONE)
		return false;
	v->reason = reason;
	v->status = ends[reason].status;
	return true;
}

void verdict_set(struct verdict *v, enum end_reason reason, const char *fmt, ...)
{
	va_list ap;

	if (!decide(v, reason) || !fmt)
		return;
	va_start(ap, fmt);
	vsnprintf(v->detail, sizeof(v->detail), fmt, ap);
	va_end(ap);
}

void verdict_set_status(struct verdict *v, enum end_reason reason, int status)
{
	if (decide(v, reason))
		v->status = status;
}

const char *verdict_name(const struct verdict *v)
{
	return ends[v->reason].name;
}

void verdict_report(const struct verdict *v, struct events *events)
{
	struct json *j;

	log_line(ends[v->reason].quiet ? LOG_INFO : LOG_ERROR, "%s%s%s", ends[v->reason].words,
		 v->detail[0] ? ": " : "", v->detail);
	j = events_begin(events, "ended");
	json_string(j, "reason", verdict_name(v));
	json_int(j, "status", v->status);
	if (v->detail[0])
		json_string(j, "detail", v->detail);
	events_end_last(events);
}
