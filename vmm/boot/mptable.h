/* boot/mptable.h: the Intel MultiProcessor tables (specification 1.4) as bytes;
 * boot/tables.h has mptable_write(), which puts them into guest memory. */
#ifndef BANTAM_BOOT_MPTABLE_H
#define BANTAM_BOOT_MPTABLE_H

#include "boot/emit.h"
#include "boot/tables.h"

#define MP_POINTER_BYTES 16u

/* Build the floating pointer (section 4.1), which points to config_gpa, below 4 GiB.
 * 0 or -ENOSPC. */
int mp_pointer_build(struct emit *e, gpa_t config_gpa);

/* Build the configuration table (section 4.2) at the start of e.
 * cpu_count  1..CPUS_MAX
 * 0 or -ENOSPC. */
int mp_config_build(struct emit *e, unsigned cpu_count);

#endif
