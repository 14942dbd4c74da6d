/* host/thread.h: threads as Bantam wants them: small stacks, named, deaf to all
 * signals but the vCPU kick (the main thread takes signals by signalfd). */
#ifndef BANTAM_HOST_THREAD_H
#define BANTAM_HOST_THREAD_H

#include <pthread.h>

#include "base/types.h"

/* Start a thread named NAMEindex (at most 15 bytes in all).  0 or -errno. */
int thread_start(pthread_t *thread, void *(*main)(void *), void *arg, const char *name,
		 unsigned index);

#endif
