/* Standard input and output, whatever they are: a terminal in raw mode, pipes,
 * sockets, files, /dev/null, or not open at all.
 *
 * The tick, twice a second, runs only while a terminal needs it: while we are in
 * its background (a shell's `fg` does not tell a running job that it is in front
 * now), and while the in ring is full (the guest may hang, and Ctrl-A x must
 * still be seen). */
#include <errno.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "char/backend.h"
#include "host/term.h"

#define TICK_NS (500 * NS_PER_MS)

static uint32_t in_tail(const struct chardev *c)
{
	return atomic_load_explicit(&c->in.tail, memory_order_relaxed);
}

static void tick_set(struct chardev *c, bool on)
{
	struct stdio_state *s = &c->stdio;
	const uint64_t ns = on ? TICK_NS : 0;
	const struct itimerspec when = { .it_value.tv_nsec = (long)ns,
					 .it_interval.tv_nsec = (long)ns };

	if (s->in_kind != HOSTFD_TTY)
		return;
	s->last_tail = in_tail(c);
	timerfd_settime(s->tick.source.fd, 0, &when, NULL);
}

static void input_ended(struct chardev *c)
{
	struct stdio_state *s = &c->stdio;

	hostfd_watch_set(&s->in, 0);
	tick_set(c, false);
	s->in_kind = HOSTFD_NONE;
	log_info("stdio: standard input ended; the guest runs on");
}

static void on_input(void *arg, uint32_t events)
{
	struct chardev *c = arg;
	struct stdio_state *s = &c->stdio;
	ssize_t n;

	(void)events;
	if (s->in_kind == HOSTFD_TTY && !term_foreground(STDIN_FILENO)) {
		/* Reading from the background would stop us by SIGTTIN. */
		hostfd_watch_set(&s->in, 0);
		tick_set(c, true);
		return;
	}
	n = char_pull(c, STDIN_FILENO, false);
	if (n == 0 || (n < 0 && n != -EAGAIN))
		input_ended(c);
}

static void on_tick(void *arg, uint32_t events)
{
	struct chardev *c = arg;
	struct stdio_state *s = &c->stdio;
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t ticks;

	(void)events;
	if (read(s->tick.source.fd, &ticks, sizeof(ticks)) < 0)
		return;
	if (s->in_kind != HOSTFD_TTY || !term_foreground(STDIN_FILENO))
		return;
	term_raw(STDIN_FILENO);
	if (!c->in_paused) {
		tick_set(c, false);
		hostfd_watch_set(&s->in, EPOLLIN);
	} else if (in_tail(c) == s->last_tail && poll(&p, 1, 0) > 0) {
		if (char_pull(c, STDIN_FILENO, true) == 0)
			input_ended(c);
	}
	s->last_tail = in_tail(c);
}

static void stdio_watch_input(struct chardev *c, bool on)
{
	struct stdio_state *s = &c->stdio;

	if (s->in_kind == HOSTFD_NONE)
		return;
	if (s->in_plain) {
		/* Always ready: a ring full a turn, or to its end. */
		for (ssize_t n = 1; on && n > 0 && !c->in_paused;) {
			n = char_pull(c, STDIN_FILENO, false);
			if (n == 0 || (n < 0 && n != -EAGAIN))
				input_ended(c);
		}
		return;
	}
	tick_set(c, !on);
	hostfd_watch_set(&s->in, on ? EPOLLIN : 0);
}

static void on_output(void *arg, uint32_t events)
{
	(void)events;
	char_writable(arg);
}

static int open_terminal(struct chardev *c, struct err *err)
{
	struct stdio_state *s = &c->stdio;
	const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_errno(err, -errno, "stdio: timer");
	hostfd_watch_init(&s->tick, c->loop, fd, on_tick, c);
	rc = hostfd_watch_set(&s->tick, EPOLLIN);
	if (rc < 0) {
		close(fd);
		return err_errno(err, rc, "stdio: timer");
	}
	c->escape_on = c->config.escape != NULL;
	rc = term_raw(STDIN_FILENO);
	if (rc < 0 && rc != -EAGAIN)
		log_warn("stdio: the terminal refuses raw mode; keys reach the guest by lines");
	tick_set(c, rc == -EAGAIN);
	return rc == -EAGAIN ? 0 : 1;
}

/* Whether input shall be watched already: 1 or 0; -errno with err filled. */
static int open_input(struct chardev *c, struct err *err)
{
	struct stdio_state *s = &c->stdio;

	s->in_kind = hostfd_kind(STDIN_FILENO);
	hostfd_watch_init(&s->in, c->loop, STDIN_FILENO, on_input, c);
	if (s->in_kind == HOSTFD_TTY)
		return open_terminal(c, err);
	return s->in_kind != HOSTFD_NONE;
}

static void stdio_close(struct chardev *c)
{
	struct stdio_state *s = &c->stdio;

	hostfd_watch_set(&s->in, 0);
	hostfd_watch_set(&s->out, 0);
	if (s->tick.loop) {
		hostfd_watch_set(&s->tick, 0);
		close(s->tick.source.fd);
		term_restore();
	}
}

static int stdio_open(struct chardev *c, struct err *err)
{
	struct stdio_state *s = &c->stdio;
	int rc;

	s->out_kind = hostfd_kind(STDOUT_FILENO);
	hostfd_watch_init(&s->out, c->loop, STDOUT_FILENO, on_output, c);
	c->out_fd = s->out_kind == HOSTFD_NONE ? -1 : STDOUT_FILENO;
	rc = open_input(c, err);
	if (rc <= 0)
		return rc;
	rc = hostfd_watch_set(&s->in, EPOLLIN);
	if (rc == -EPERM) {
		s->in_plain = true;
		char_pull_later(c);
		return 0;
	}
	if (rc < 0) {
		stdio_close(c);
		if (rc == -EEXIST)
			return err_set(err, rc, "stdio: is another port's already; give it to one");
		return err_errno(err, rc, "stdio");
	}
	return 0;
}

static size_t stdio_write(struct chardev *c, const uint8_t *bytes, size_t len)
{
	struct stdio_state *s = &c->stdio;
	ssize_t n;

	n = hostfd_write(STDOUT_FILENO, s->out_kind, bytes, len);
	if (n >= 0)
		return (size_t)n;
	/* Nobody reads any more, or there never was a stdout. */
	char_drop(c, len);
	return len;
}

static void stdio_watch_output(struct chardev *c, bool on)
{
	hostfd_watch_set(&c->stdio.out, on ? EPOLLOUT : 0);
}

const struct char_backend char_stdio = {
	.open = stdio_open,
	.close = stdio_close,
	.write = stdio_write,
	.watch_output = stdio_watch_output,
	.watch_input = stdio_watch_input,
};
