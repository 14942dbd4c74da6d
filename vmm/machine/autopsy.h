/* machine/autopsy.h: what a guest looked like when it ended unasked: registers
 * and the bytes at RIP of each vCPU, and its last console lines. */
#ifndef BANTAM_MACHINE_AUTOPSY_H
#define BANTAM_MACHINE_AUTOPSY_H

#include <stdio.h>

#include "core/mem.h"
#include "machine/vcpus.h"
#include "machine/watch.h"

#define AUTOPSY_CODE_BYTES 32

struct autopsy {
	bool taken;
	unsigned count;
	struct autopsy_vcpu {
		struct vcpu_regs regs;
		unsigned code_len; /* bytes at RIP that could be read */
		uint8_t code[AUTOPSY_CODE_BYTES];
	} *vcpus;
};

/* Read all vCPUs (they are paused).  The first autopsy stands. */
void autopsy_take(struct autopsy *a, struct vcpus *vcpus, const struct mem *mem);

/* Print it, with the console's last lines, if one was taken. */
void autopsy_print(const struct autopsy *a, const struct watch *watch, FILE *out);
void autopsy_free(struct autopsy *a);

#endif
