/* boot/fadt.h: the Fixed ACPI Description Table (ACPI 6.4 section 5.2.9). */
#ifndef BANTAM_BOOT_FADT_H
#define BANTAM_BOOT_FADT_H

#include "boot/emit.h"

/* Append the FADT; returns its offset in e.
 * facs_gpa, dsdt_gpa  the tables it points to, below 4 GiB */
size_t fadt_emit(struct emit *e, gpa_t facs_gpa, gpa_t dsdt_gpa);

#endif
