/* What the guest may ask for, and what it gets: a row a request.  Main thread, all
 * vCPUs paused. */
#include "base/log.h"
#include "machine/internal.h"
#include "machine/vmcore.h"

static void dump(struct machine *m)
{
	struct err err;

	if (vmcore_write(m->config->dump_path, &m->vcpus, &m->ram.mem, &err) < 0)
		log_error("--on-panic dump=%s: %s", m->config->dump_path, err.text);
	else
		log_info("memory dumped to %s", m->config->dump_path);
}

void life_end_by_panic(struct machine *m)
{
	const char *text = m->panic_text[0] ? m->panic_text : "told by pvpanic";

	if (!m->panic_seen)
		events_emit(&m->events, "panic", "text", text);
	m->panic_seen = true;
	switch (m->config->on_panic) {
	case ON_PANIC_PAUSE:
		if (!m->held)
			log_error("guest panicked (%s) and is paused; end it by Ctrl-A x or a "
				  "signal", text);
		m->held = true;
		return;
	case ON_PANIC_DUMP:
		dump(m);
		break;
	case ON_PANIC_EXIT:
		break;
	}
	verdict_set(&m->verdict, END_PANIC, "%s", text);
}

/* True if the guest ends because a signal told us to end and we pressed its
 * power button: that signal is the reason then, not the guest's own wish. */
static bool ended_by_signal(struct machine *m)
{
	if (!timer_armed(&m->grace))
		return false;
	switch (m->grace_reason) {
	case END_SIGHUP:
	case END_SIGINT:
	case END_SIGTERM:
		verdict_set(&m->verdict, m->grace_reason, "the guest shut down");
		return true;
	default:
		return false;
	}
}

static void served_reset(struct machine *m, const struct power_ask *ask)
{
	if (m->panic_seen) {
		life_end_by_panic(m);
		return;
	}
	events_emit(&m->events, "reset", "source", ask->source);
	if (ended_by_signal(m))
		return;
	if (m->config->on_reboot == ON_REBOOT_RESTART)
		m->restart = true;
	else
		verdict_set(&m->verdict, END_REBOOT, "by %s", ask->source);
}

static void served_off(struct machine *m, const struct power_ask *ask)
{
	/* A crash kernel that saved the dump powers off too: still a panic. */
	if (m->panic_seen) {
		life_end_by_panic(m);
		return;
	}
	if (!ended_by_signal(m))
		verdict_set(&m->verdict, END_POWEROFF, "by %s", ask->source);
}

static void served_panic(struct machine *m, const struct power_ask *ask)
{
	(void)ask;
	life_end_by_panic(m);
}

/* The panicked kernel boots its crash kernel: that one's end counts. */
static void served_crash_loaded(struct machine *m, const struct power_ask *ask)
{
	(void)ask;
	events_emit(&m->events, "panic", "text", "told by pvpanic; a crash kernel takes over");
	if (!m->held)
		hold_end(m);
}

/* QEMU's formula, which test suites know. */
static void served_debug_exit(struct machine *m, const struct power_ask *ask)
{
	const int status = (int)((ask->value << 1 | 1) & 0xff);
	struct json *j = events_begin(&m->events, "exit");

	json_int(j, "status", status);
	events_end(&m->events);
	verdict_set_status(&m->verdict, END_DEBUG_EXIT, status);
}

static void served_triple_fault(struct machine *m, const struct power_ask *ask)
{
	if (m->panic_seen) {
		life_end_by_panic(m);
		return;
	}
	autopsy_take(&m->autopsy, &m->vcpus, &m->ram.mem);
	events_emit(&m->events, "triple-fault", NULL, NULL);
	verdict_set(&m->verdict, END_TRIPLE_FAULT, ask->detail[0] ? "%s" : NULL, ask->detail);
}

static void served_error(struct machine *m, const struct power_ask *ask)
{
	autopsy_take(&m->autopsy, &m->vcpus, &m->ram.mem);
	events_emit(&m->events, "error", "text", ask->detail);
	verdict_set(&m->verdict, END_KVM_ERROR, "%s", ask->detail);
}

static void (*const servants[])(struct machine *m, const struct power_ask *ask) = {
	[POWER_OFF] = served_off,
	[POWER_RESET] = served_reset,
	[POWER_PANIC] = served_panic,
	[POWER_CRASH_LOADED] = served_crash_loaded,
	[POWER_DEBUG_EXIT] = served_debug_exit,
	[POWER_TRIPLE_FAULT] = served_triple_fault,
	[POWER_ERROR] = served_error,
};

void life_serve(struct machine *m, const struct power_ask *ask)
{
	servants[ask->event](m, ask);
}
