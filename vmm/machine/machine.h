/* machine/machine.h: one virtual machine from its configuration to its end. */
#ifndef BANTAM_MACHINE_MACHINE_H
#define BANTAM_MACHINE_MACHINE_H

#include "machine/config.h"

/* Run the machine on the calling thread until it ends; call once a process.
 * Returns the exit status of `bantam run`; what there is to say has been said on
 * stderr. */
int machine_run(const struct machine_config *config);

/* Load the images as machine_run() would, without KVM, and print the guest's
 * memory map to stdout.  Returns the exit status. */
int machine_dry_run(const struct machine_config *config);

#endif
