/* What ends a machine or changes its course: all decisions are made here, on the
 * main thread, whoever asked. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "chipset/acpi_pm.h"
#include "host/now.h"
#include "host/program.h"
#include "machine/internal.h"

/* After the power button, a guest that listens has this long to shut down. */
#define POWER_BUTTON_GRACE_NS (5 * NS_PER_S)
/* After a panic's last line, the kernel has this long to reset by itself. */
#define PANIC_GRACE_NS (100 * NS_PER_MS)
/* After a timeout's NMI, the guest has this long to say what it has to say. */
#define NMI_GRACE_NS (300 * NS_PER_MS)
/* So long after the start, and after the guest said that it is ready, what that took of
 * this program is not needed any more. */
#define SETTLED_NS NS_PER_S

void life_ask(void *machine, enum power_event event, uint32_t value, const char *source)
{
	struct machine *m = machine;
	const uint64_t one = 1;

	if (m->ask.event != POWER_NONE)
		return; /* the first one stands until it is served */
	m->ask.event = event;
	m->ask.value = value;
	m->ask.source = source;
	/* The asking vCPU must not run another instruction. */
	vcpus_hold(&m->vcpus);
	if (write(m->ask_source.fd, &one, sizeof(one)) < 0)
		log_error("eventfd: %s", strerror(errno)); /* cannot be: the counter is 1 */
}

void life_begin_again(struct machine *m)
{
	watch_end_line(&m->watch);
	m->ready = m->held = m->still = m->panic_seen = m->panic_ended = false;
	m->panic_text[0] = '\0';
	timer_disarm(&m->life.clock, &m->grace);
	device_lock(&m->lock);
	timekeeper_resume(&m->guest_time);
	device_unlock(&m->lock);
}

static void ask_ready(void *arg, uint32_t events)
{
	struct machine *m = arg;
	struct power_ask ask;
	uint64_t count;

	(void)events;
	if (read(m->ask_source.fd, &count, sizeof(count)) < 0)
		return;
	hold_still(m);
	device_lock(&m->lock);
	ask = m->ask;
	m->ask.event = POWER_NONE;
	m->ask.detail[0] = '\0';
	device_unlock(&m->lock);
	if (ask.event == POWER_NONE)
		return;
	if (m->timed_out) /* whatever it does now is its answer to our NMI */
		verdict_set(&m->verdict, m->grace_reason, NULL);
	else
		life_serve(m, &ask);
}

static void begin_grace(struct machine *m, enum end_reason reason, uint64_t ns)
{
	m->grace_reason = reason;
	timer_arm(&m->life.clock, &m->grace, clock_now(&m->life.clock) + ns);
}

void life_ready(struct machine *m, const char *address)
{
	if (m->ready)
		return;
	m->ready = true;
	timer_arm(&m->life.clock, &m->settled, clock_now(&m->life.clock) + SETTLED_NS);
	events_emit(&m->events, "ready", address ? "address" : NULL, address);
}

void life_sign(void *machine, enum watch_sign sign, const char *text)
{
	struct machine *m = machine;

	switch (sign) {
	case WATCH_BOOTED:
		timeline_mark(&m->timeline, "kernel hands over to init");
		events_emit(&m->events, "booted", "text", text);
		if (!nets_give_address(m))
			life_ready(m, NULL);
		break;
	case WATCH_PANIC:
		if (m->panic_seen)
			break;
		m->panic_seen = true;
		snprintf(m->panic_text, sizeof(m->panic_text), "%s", text);
		events_emit(&m->events, "panic", "text", text);
		break;
	case WATCH_PANIC_END:
		if (!m->panic_seen || m->panic_ended || m->timed_out)
			break;
		m->panic_ended = true;
		begin_grace(m, END_PANIC, PANIC_GRACE_NS);
		break;
	case WATCH_NONE:
		break;
	}
}

/* A timeout: look inside, then wake the guest by an NMI, so that a kernel with a
 * watchdog or unknown_nmi_panic can say itself where it was. */
static void time_is_up(struct machine *m, enum end_reason reason, const char *flag)
{
	/* The first one counts; so does a panic's last line, and being told to
	 * end: both are about to end the machine anyway. */
	if (timer_armed(&m->grace))
		return;
	events_emit(&m->events, "timeout", "flag", flag);
	if (!m->held) {
		hold_still(m);
		autopsy_take(&m->autopsy, &m->vcpus, &m->ram.mem);
		vcpus_nmi(&m->vcpus);
		hold_end(m);
	}
	m->timed_out = true;
	begin_grace(m, reason, NMI_GRACE_NS);
}

static void timeout_fired(void *arg, uint64_t now_ns)
{
	(void)now_ns;
	time_is_up(arg, END_TIMEOUT, "--timeout");
}

static void idle_fired(void *arg, uint64_t now_ns)
{
	struct machine *m = arg;
	const uint64_t quiet_ns = host_now_ns() - m->watch.last_output_ns;
	const uint64_t limit_ns = m->config->idle_timeout_ns;

	if (quiet_ns < limit_ns)
		timer_arm(&m->life.clock, &m->idle_timeout, now_ns + (limit_ns - quiet_ns));
	else
		time_is_up(m, END_IDLE_TIMEOUT, "--idle-timeout");
}

static void grace_over(void *arg, uint64_t now_ns)
{
	struct machine *m = arg;

	(void)now_ns;
	hold_still(m);
	switch (m->grace_reason) {
	case END_PANIC:
		life_end_by_panic(m);
		break;
	case END_TIMEOUT:
	case END_IDLE_TIMEOUT:
		autopsy_take(&m->autopsy, &m->vcpus, &m->ram.mem); /* of a held one */
		verdict_set(&m->verdict, m->grace_reason, NULL);
		break;
	default:
		verdict_set(&m->verdict, m->grace_reason, "the guest did not power off in time");
		break;
	}
}

bool life_press_power_button(struct machine *m)
{
	bool listens;

	device_lock(&m->lock);
	listens = acpi_pm_press_power_button(m->acpi_pm);
	device_unlock(&m->lock);
	return listens;
}

/* Told to end: the power button first, then the plug. */
static void told_to_end(struct machine *m, enum end_reason reason)
{
	if (timer_armed(&m->grace) || m->held) { /* asked twice, or nobody is there */
		verdict_set(&m->verdict, reason, NULL);
		return;
	}
	if (!life_press_power_button(m)) {
		verdict_set(&m->verdict, reason, NULL);
		return;
	}
	log_info("power button pressed; the plug follows in %u s",
		 (unsigned)(POWER_BUTTON_GRACE_NS / NS_PER_S));
	begin_grace(m, reason, POWER_BUTTON_GRACE_NS);
}

static void signal_ready(void *arg, uint32_t events)
{
	struct machine *m = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(m->signal_source.fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGHUP:
		told_to_end(m, END_SIGHUP);
		break;
	case SIGINT:
		told_to_end(m, END_SIGINT);
		break;
	case SIGWINCH:
		console_resized(m);
		break;
	default:
		told_to_end(m, END_SIGTERM);
		break;
	}
}

static int open_signals(struct machine *m)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGWINCH);
	/* Before any thread starts: they all inherit it. */
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return -errno;
	/* A reader that left and a file that may not grow are errnos, not our end. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	m->signal_source = (struct loop_source){ .ready = signal_ready, .arg = m };
	m->signal_source.fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->signal_source.fd < 0)
		return -errno;
	return loop_add(&m->loop, &m->signal_source, EPOLLIN);
}

static int open_asks(struct machine *m)
{
	m->ask_source = (struct loop_source){ .ready = ask_ready, .arg = m };
	m->ask_source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->ask_source.fd < 0)
		return -errno;
	return loop_add(&m->loop, &m->ask_source, EPOLLIN);
}

static void settled(void *arg, uint64_t now_ns)
{
	(void)arg;
	(void)now_ns;
	program_trim();
}

int life_open(struct machine *m, struct err *err)
{
	const struct machine_config *config = m->config;
	int rc;

	m->signal_source.fd = m->ask_source.fd = -1;
	rc = timekeeper_init(&m->life, &m->loop, NULL, err);
	if (rc < 0)
		return rc;
	timer_init(&m->timeout, timeout_fired, m);
	timer_init(&m->idle_timeout, idle_fired, m);
	timer_init(&m->grace, grace_over, m);
	timer_init(&m->settled, settled, m);
	rc = open_signals(m);
	if (rc == 0)
		rc = open_asks(m);
	if (rc < 0) {
		life_close(m);
		return err_errno(err, rc, "event loop");
	}
	if (config->timeout_ns)
		timer_arm(&m->life.clock, &m->timeout, config->timeout_ns);
	if (config->idle_timeout_ns)
		timer_arm(&m->life.clock, &m->idle_timeout, config->idle_timeout_ns);
	timer_arm(&m->life.clock, &m->settled, SETTLED_NS);
	return 0;
}

void life_close(struct machine *m)
{
	if (m->signal_source.fd >= 0)
		close(m->signal_source.fd);
	if (m->ask_source.fd >= 0)
		close(m->ask_source.fd);
	timekeeper_close(&m->life, &m->loop);
}

void life_wait(struct machine *m)
{
	while (m->verdict.reason == END_NONE && !m->restart)
		loop_wait(&m->loop, -1);
}
