/* kvm/doorbell.h: guest writes that KVM turns into counts on an eventfd
 * (KVM_IOEVENTFD), without an exit.
 *
 * The functions are what a core/doorbell.h sink wants, ctx being the struct kvm.  A
 * doorbell goes with its VM. */
#ifndef BANTAM_KVM_DOORBELL_H
#define BANTAM_KVM_DOORBELL_H

#include "base/types.h"

/* Writes to guest-physical memory at gpa, of 2 or 4 bytes at least, count on fd.
 * 0, or -errno: -EEXIST, there is one at gpa; -ENOSPC, -ENOMEM, no more; -ENOTSUP,
 * KVM has none at all. */
int kvm_doorbell_attach(void *ctx, gpa_t gpa, int fd);

/* Harmless when it is not attached. */
void kvm_doorbell_detach(void *ctx, gpa_t gpa, int fd);

#endif
