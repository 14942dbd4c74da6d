/* machine/vmcore.h: guest memory and registers as an ELF core file, for crash(8)
 * and gdb. */
#ifndef BANTAM_MACHINE_VMCORE_H
#define BANTAM_MACHINE_VMCORE_H

#include "base/err.h"
#include "core/mem.h"
#include "machine/vcpus.h"

/* Write path, a regular file (made or replaced): one PT_NOTE with an NT_PRSTATUS a vCPU, one
 * PT_LOAD a RAM block, its p_paddr the guest-physical address; pages of zeros
 * become holes.  The vCPUs are paused.  0, or -errno with err filled; what was
 * written of a dump that failed is removed. */
int vmcore_write(const char *path, struct vcpus *vcpus, const struct mem *mem, struct err *err);

#endif
