#include "machine/timekeeper.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "host/now.h"

#include "base/checked.h"

static uint64_t guest_now(void *ctx)
{
	const struct timekeeper *t = ctx;

	return (t->paused_at_ns ? t->paused_at_ns : host_now_ns()) - t->zero_ns;
}

static void rearm(void *ctx, uint64_t deadline_ns)
{
	const struct timekeeper *t = ctx;
	struct itimerspec at = { 0 }; /* all zeros: disarmed */
	uint64_t host_ns;

	/* A deadline behind the end of the host's time never comes. */
	if (deadline_ns != CLOCK_NEVER && !t->paused_at_ns &&
	    add_u64(deadline_ns, t->zero_ns, &host_ns)) {
		at.it_value.tv_sec = (time_t)(host_ns / NS_PER_S);
		at.it_value.tv_nsec = (long)(host_ns % NS_PER_S);
	}
	timerfd_settime(t->source.fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void expired(void *arg, uint32_t events)
{
	struct timekeeper *t = arg;
	uint64_t count;

	(void)events;
	if (read(t->source.fd, &count, sizeof(count)) < 0)
		return; /* re-armed meanwhile: nothing is due */
	if (t->lock)
		device_lock(t->lock);
	if (!t->paused_at_ns)
		clock_run(&t->clock);
	if (t->lock)
		device_unlock(t->lock);
}

int timekeeper_init(struct timekeeper *t, struct loop *loop, struct device_lock *lock,
		    struct err *err)
{
	int rc;

	*t = (struct timekeeper){
		.clock = { .now_ns = guest_now, .rearm = rearm, .ctx = t },
		.lock = lock,
		.zero_ns = host_now_ns(),
		.source = { .ready = expired, .arg = t },
	};
	t->source.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->source.fd < 0)
		return err_errno(err, -errno, "timerfd");
	rc = loop_add(loop, &t->source, EPOLLIN);
	if (rc < 0) {
		close(t->source.fd);
		return err_errno(err, rc, "timerfd");
	}
	return 0;
}

void timekeeper_close(struct timekeeper *t, struct loop *loop)
{
	loop_remove(loop, &t->source);
	close(t->source.fd);
}

void timekeeper_pause(struct timekeeper *t)
{
	if (!t->paused_at_ns)
		t->paused_at_ns = host_now_ns();
	rearm(t, CLOCK_NEVER);
}

void timekeeper_resume(struct timekeeper *t)
{
	if (t->paused_at_ns)
		t->zero_ns += host_now_ns() - t->paused_at_ns;
	t->paused_at_ns = 0;
	rearm(t, t->clock.first ? t->clock.first->deadline_ns : CLOCK_NEVER);
}
