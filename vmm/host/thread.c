#include "host/thread.h"

#include <stdio.h>

#define STACK_BYTES KIB(128) /* only touched pages count */

int thread_start(pthread_t *thread, void *(*main)(void *), void *arg, const char *name,
		 unsigned index)
{
	pthread_attr_t attr;
	char full[16];
	int rc;

	rc = pthread_attr_init(&attr);
	if (rc != 0)
		return -rc;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	rc = pthread_create(thread, &attr, main, arg);
	pthread_attr_destroy(&attr);
	if (rc != 0)
		return -rc;
	snprintf(full, sizeof(full), "%s%u", name, index);
	pthread_setname_np(*thread, full); /* for ps and gdb only */
	return 0;
}
