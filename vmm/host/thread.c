#include "host/thread.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#define STACK_BYTES KIB(128) /* only touched pages count */

int thread_start(pthread_t *thread, void *(*main)(void *), void *arg)
{
	/* The vCPU kick, and faults of the thread's own. */
	static const int heard[] = { SIGUSR1, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	sigset_t deaf, before;
	pthread_attr_t attr;
	int rc;

	rc = pthread_attr_init(&attr);
	if (rc != 0)
		return -rc;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	/* A new thread inherits the mask: no moment in which it hears. */
	sigfillset(&deaf);
	for (unsigned i = 0; i < ARRAY_LEN(heard); i++)
		sigdelset(&deaf, heard[i]);
	pthread_sigmask(SIG_SETMASK, &deaf, &before);
	rc = pthread_create(thread, &attr, main, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -rc;
}

void thread_name(const char *name, unsigned index)
{
	char full[16];

	snprintf(full, sizeof(full), "%s%u", name, index);
	prctl(PR_SET_NAME, full);
}
