#include "host/term.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"

/* Ends of the process after which a raw terminal would be left behind.  Those
 * of them that the machine takes by signalfd are blocked and never get here. */
static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE,  SIGABRT,
				     SIGSYS,  SIGHUP, SIGINT, SIGQUIT, SIGTERM };

static struct {
	int fd;
	struct termios first; /* as the user had it */
	struct termios raw;
	atomic_bool wanted; /* between term_raw() and term_restore() */
	atomic_bool is_raw;
	bool log_here; /* stderr is this terminal */
	bool hooked;
	struct sigaction old[ARRAY_LEN(fatal_signals)];
} term;

bool term_foreground(int fd)
{
	const pid_t front = tcgetpgrp(fd);

	/* ENOTTY: a terminal of another session, so no job control from it. */
	return front < 0 || front == getpgrp();
}

static int set_raw(void)
{
	atomic_store(&term.is_raw, true); /* first: a signal between restores too */
	if (tcsetattr(term.fd, TCSANOW, &term.raw) < 0) {
		atomic_store(&term.is_raw, false);
		return -errno;
	}
	log_set_crlf(term.log_here);
	return 0;
}

static void set_first(void)
{
	if (!atomic_exchange(&term.is_raw, false))
		return;
	/* From the background tcsetattr() would stop us by SIGTTOU, and the
	 * shell has set its own mode by then. */
	if (term_foreground(term.fd))
		tcsetattr(term.fd, TCSANOW, &term.first);
	log_set_crlf(false);
}

void term_restore(void)
{
	atomic_store(&term.wanted, false);
	set_first();
}

static void hook(int sig, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

	sigaction(sig, &action, NULL);
}

static void raise_now(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* taken here */
}

static void on_fatal(int sig)
{
	set_first();
	for (size_t i = 0; i < ARRAY_LEN(fatal_signals); i++)
		if (fatal_signals[i] == sig)
			sigaction(sig, &term.old[i], NULL);
	raise_now(sig);
}

static void on_stop(int sig)
{
	const int saved_errno = errno;

	set_first();
	signal(sig, SIG_DFL);
	raise_now(sig); /* stops here until SIGCONT */
	hook(sig, on_stop);
	errno = saved_errno;
}

static void on_continue(int sig)
{
	const int saved_errno = errno;

	(void)sig;
	if (atomic_load(&term.wanted) && term_foreground(term.fd))
		set_raw();
	errno = saved_errno;
}

static bool is_default(int sig, struct sigaction *old)
{
	return sigaction(sig, NULL, old) == 0 && !(old->sa_flags & SA_SIGINFO) &&
	       old->sa_handler == SIG_DFL;
}

/* Only where nobody else has a handler, and never over SIG_IGN (nohup). */
static void hook_all(void)
{
	struct sigaction old;

	if (term.hooked)
		return;
	term.hooked = true;
	atexit(term_restore);
	for (size_t i = 0; i < ARRAY_LEN(fatal_signals); i++)
		if (is_default(fatal_signals[i], &term.old[i]))
			hook(fatal_signals[i], on_fatal);
	if (is_default(SIGTSTP, &old))
		hook(SIGTSTP, on_stop);
	if (is_default(SIGCONT, &old))
		hook(SIGCONT, on_continue);
}

static bool same_terminal(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && S_ISCHR(sb.st_mode) &&
	       sa.st_rdev == sb.st_rdev;
}

int term_raw(int fd)
{
	struct termios now;

	if (tcgetattr(fd, &now) < 0)
		return -ENOTTY;
	if (!term_foreground(fd))
		return -EAGAIN;
	if (atomic_load(&term.is_raw))
		return 0;
	/* After a time in the background, what the shell has set is the mode to
	 * come back to. */
	term.fd = fd;
	term.first = now;
	term.raw = now;
	cfmakeraw(&term.raw);
	if (!same_terminal(fd, STDOUT_FILENO))
		term.raw.c_oflag = now.c_oflag;
	term.log_here = same_terminal(fd, STDERR_FILENO);
	hook_all();
	atomic_store(&term.wanted, true);
	return set_raw();
}
