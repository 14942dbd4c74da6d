/* Raw mode and all its ends, on a pseudo-terminal.  The actor is a child in its
 * own session; between it and us stands a small "shell" process, because a
 * process group without a parent in its session cannot be stopped by SIGTSTP. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/term.h"

struct tty {
	int master;
	int slave;
};

static int open_tty(void **state)
{
	struct tty *t = calloc(1, sizeof(*t));
	char name[64];

	t->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(t->master >= 0);
	assert_int_equal(grantpt(t->master), 0);
	assert_int_equal(unlockpt(t->master), 0);
	assert_int_equal(ptsname_r(t->master, name, sizeof(name)), 0);
	t->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(t->slave >= 0);
	*state = t;
	return 0;
}

static int close_tty(void **state)
{
	struct tty *t = *state;

	close(t->slave);
	close(t->master);
	free(t);
	return 0;
}

static bool is_raw(int fd)
{
	struct termios t;

	return tcgetattr(fd, &t) == 0 && !(t.c_lflag & (ICANON | ECHO | ISIG | IEXTEN)) &&
	       !(t.c_iflag & (IXON | ICRNL));
}

static bool output_is_processed(int fd)
{
	struct termios t;

	return tcgetattr(fd, &t) == 0 && (t.c_oflag & OPOST);
}

/* Wait up to 2 s for the terminal to be raw or not. */
static bool becomes_raw(const struct tty *t, bool raw)
{
	for (unsigned i = 0; i < 400; i++) {
		if (is_raw(t->slave) == raw)
			return true;
		usleep(5000);
	}
	return false;
}

static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE,  SIGABRT,
			       SIGSYS,  SIGHUP, SIGINT, SIGQUIT, SIGTERM };

/* Fork a session leader that owns the terminal and runs body. */
static pid_t start(const struct tty *t, void (*body)(const struct tty *t))
{
	const pid_t pid = fork();

	if (pid != 0)
		return pid;
	alarm(20);
	/* cmocka and the sanitizers have handlers of their own. */
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
	if (setsid() < 0 || ioctl(t->slave, TIOCSCTTY, 0) < 0)
		_exit(99);
	body(t);
	exit(0);
}

static int end_of(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void raw_and_wait(const struct tty *t)
{
	if (term_raw(t->slave) < 0)
		_exit(98);
	for (;;)
		pause();
}

static void raw_mode_goes_on_and_off(void **state)
{
	const struct tty *t = *state;
	struct termios before = { 0 }, after = { 0 }; /* padding too */

	assert_int_equal(tcgetattr(t->slave, &before), 0);
	assert_int_equal(term_raw(t->slave), 0);
	assert_true(is_raw(t->slave));
	assert_int_equal(term_raw(t->slave), 0); /* again: keeps the first mode */
	term_restore();
	assert_int_equal(tcgetattr(t->slave, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	term_restore();
}

static void restore_without_raw_changes_nothing(void **state)
{
	const struct tty *t = *state;

	term_restore();
	assert_false(is_raw(t->slave));
}

static void what_is_no_terminal_is_refused(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(term_raw(ends[0]), -ENOTTY);
	assert_int_equal(term_raw(-1), -ENOTTY);
	close(ends[0]);
	close(ends[1]);
}

static void output_elsewhere_leaves_output_processing_alone(void **state)
{
	const struct tty *t = *state;

	assert_int_equal(term_raw(t->slave), 0); /* our stdout is not this one */
	assert_true(output_is_processed(t->slave));
	term_restore();
}

static void raw_on_stdout(const struct tty *t)
{
	dup2(t->slave, STDOUT_FILENO);
	raw_and_wait(t);
}

static void output_to_the_same_terminal_is_raw_too(void **state)
{
	const struct tty *t = *state;
	const pid_t pid = start(t, raw_on_stdout);

	assert_true(becomes_raw(t, true));
	assert_false(output_is_processed(t->slave));
	kill(pid, SIGTERM);
	assert_int_equal(WTERMSIG(end_of(pid)), SIGTERM);
	assert_true(output_is_processed(t->slave));
}

static void raw_and_exit(const struct tty *t)
{
	if (term_raw(t->slave) < 0 || !is_raw(t->slave))
		_exit(98);
	exit(7);
}

static void exit_restores(void **state)
{
	const struct tty *t = *state;
	const int status = end_of(start(t, raw_and_exit));

	assert_int_equal(WEXITSTATUS(status), 7);
	assert_false(is_raw(t->slave));
}

static void raw_and_abort(const struct tty *t)
{
	term_raw(t->slave);
	abort();
}

static void abort_restores_and_still_aborts(void **state)
{
	const struct tty *t = *state;
	const int status = end_of(start(t, raw_and_abort));

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_false(is_raw(t->slave));
}

static void fatal_signals_restore_and_still_kill(void **state)
{
	const struct tty *t = *state;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		const pid_t pid = start(t, raw_and_wait);
		int status;

		assert_true(becomes_raw(t, true));
		kill(pid, signals[i]);
		status = end_of(pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signals[i]);
		assert_false(is_raw(t->slave));
	}
}

static void ignore_hangup_and_raw(const struct tty *t)
{
	signal(SIGHUP, SIG_IGN);
	raw_and_wait(t);
}

static void an_ignored_signal_stays_ignored(void **state)
{
	const struct tty *t = *state;
	const pid_t pid = start(t, ignore_hangup_and_raw);
	int status;

	assert_true(becomes_raw(t, true));
	kill(pid, SIGHUP);
	usleep(20000);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_true(is_raw(t->slave));
	kill(pid, SIGKILL);
	end_of(pid);
}

/* The shell: starts a job in a group of its own, in front or not. */
static pid_t start_job(const struct tty *t, bool in_front)
{
	const pid_t job = fork();

	if (job == 0) {
		alarm(20); /* a child does not inherit it */
		signal(SIGTTOU, SIG_DFL);
		raise(SIGSTOP);
		if (term_raw(t->slave) < 0 && in_front)
			_exit(98);
		if (!in_front)
			_exit(term_raw(t->slave) == -EAGAIN ? 0 : 97);
		for (;;)
			pause();
	}
	setpgid(job, job);
	waitpid(job, NULL, WUNTRACED);
	signal(SIGTTOU, SIG_IGN);
	if (in_front)
		tcsetpgrp(t->slave, job);
	kill(job, SIGCONT);
	return job;
}

static void stop_and_go(const struct tty *t)
{
	const pid_t job = start_job(t, true);
	int status;

	if (!becomes_raw(t, true))
		_exit(1);
	kill(job, SIGTSTP);
	if (waitpid(job, &status, WUNTRACED) != job || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != SIGTSTP)
		_exit(2);
	if (is_raw(t->slave))
		_exit(3);
	kill(job, SIGCONT); /* `fg` */
	if (!becomes_raw(t, true))
		_exit(4);
	kill(job, SIGTSTP); /* a second time: the handler is in place again */
	if (waitpid(job, &status, WUNTRACED) != job || !WIFSTOPPED(status))
		_exit(5);
	tcsetpgrp(t->slave, getpgrp());
	kill(job, SIGCONT); /* `bg` */
	usleep(50000);
	if (is_raw(t->slave))
		_exit(6);
	kill(job, SIGTERM);
	waitpid(job, &status, 0);
	_exit(WIFSIGNALED(status) ? 0 : 7);
}

static void stopping_restores_and_continuing_in_front_makes_raw(void **state)
{
	const struct tty *t = *state;
	const int status = end_of(start(t, stop_and_go));

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void job_in_the_background(const struct tty *t)
{
	int status;

	waitpid(start_job(t, false), &status, WUNTRACED);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 96);
}

static void in_the_background_the_terminal_is_left_alone(void **state)
{
	const struct tty *t = *state;
	const int status = end_of(start(t, job_in_the_background));

	assert_int_equal(WEXITSTATUS(status), 0);
	assert_false(is_raw(t->slave));
}

#define TERM_TEST(f) cmocka_unit_test_setup_teardown(f, open_tty, close_tty)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TERM_TEST(restore_without_raw_changes_nothing),
		TERM_TEST(what_is_no_terminal_is_refused),
		TERM_TEST(output_to_the_same_terminal_is_raw_too),
		TERM_TEST(exit_restores),
		TERM_TEST(abort_restores_and_still_aborts),
		TERM_TEST(fatal_signals_restore_and_still_kill),
		TERM_TEST(an_ignored_signal_stays_ignored),
		TERM_TEST(stopping_restores_and_continuing_in_front_makes_raw),
		TERM_TEST(in_the_background_the_terminal_is_left_alone),
		/* Last: they set this process' own handlers, which a child of
		 * the others would take for set already. */
		TERM_TEST(raw_mode_goes_on_and_off),
		TERM_TEST(output_elsewhere_leaves_output_processing_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
