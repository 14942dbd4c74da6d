/* core/lock.h: the device lock.
 *
 * One lock guards all chipset devices, their buses and their timers.  Whoever
 * enters the device world from outside takes it: a vCPU thread round a port or
 * MMIO access, the main thread round due timers and arrived input.  Devices
 * themselves never take it and never block under it. */
#ifndef BANTAM_CORE_LOCK_H
#define BANTAM_CORE_LOCK_H

#include <pthread.h>

struct device_lock {
	pthread_mutex_t mutex;
};

#define DEVICE_LOCK_INIT { PTHREAD_MUTEX_INITIALIZER }

static inline void device_lock(struct device_lock *l)
{
	pthread_mutex_lock(&l->mutex);
}

static inline void device_unlock(struct device_lock *l)
{
	pthread_mutex_unlock(&l->mutex);
}

#endif
