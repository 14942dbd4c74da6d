/* tools/speed.h: how fast a guest runs: tells a KVM on real hardware from one
 * that emulates instruction by instruction. */
#ifndef BANTAM_TOOLS_SPEED_H
#define BANTAM_TOOLS_SPEED_H

#include "base/err.h"
#include "base/types.h"

struct kvm;

/* Make a VM of 2 MiB on k, run a short loop in it, and destroy it again: 1 to
 * 20 ms.
 * instructions_per_s  1 or more on success
 * Returns 0, or -errno with err filled: -ETIME if the guest stands still. */
int guest_speed(struct kvm *k, uint64_t *instructions_per_s, struct err *err);

#endif
