/* boot/madt.h: the Multiple APIC Description Table (ACPI 6.4 section 5.2.12). */
#ifndef BANTAM_BOOT_MADT_H
#define BANTAM_BOOT_MADT_H

#include "boot/emit.h"

/* Append the MADT; returns its offset in e.
 * cpu_count  1..CPUS_MAX; APIC ids and processor UIDs are 0..cpu_count-1 */
size_t madt_emit(struct emit *e, unsigned cpu_count);

#endif
