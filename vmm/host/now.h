/* host/now.h: the host's time. */
#ifndef BANTAM_HOST_NOW_H
#define BANTAM_HOST_NOW_H

#include "base/types.h"

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t host_now_ns(void);

#endif
