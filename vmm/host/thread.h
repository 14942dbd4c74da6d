/* host/thread.h: threads as Bantam wants them: small stacks, deaf to all
 * signals but the vCPU kick (the main thread takes signals by signalfd). */
#ifndef BANTAM_HOST_THREAD_H
#define BANTAM_HOST_THREAD_H

#include <pthread.h>

#include "base/types.h"

/* 0 or -errno. */
int thread_start(pthread_t *thread, void *(*main)(void *), void *arg);

/* Call the calling thread NAMEindex (cut at 15 bytes), for ps and gdb. */
void thread_name(const char *name, unsigned index);

#endif
