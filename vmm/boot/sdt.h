/* boot/sdt.h: the header that every ACPI table but the RSDP and FACS begins with
 * (ACPI 6.4 section 5.2.6). */
#ifndef BANTAM_BOOT_SDT_H
#define BANTAM_BOOT_SDT_H

#include "boot/emit.h"

#define SDT_HEADER_BYTES 36u

#define ACPI_OEM_ID	  "BANTAM"
#define ACPI_OEM_TABLE_ID "BANTAMPC"

/* Append the header of a table at a 16-byte boundary.
 * signature  four characters
 * Returns the table's offset, for sdt_end(). */
size_t sdt_begin(struct emit *e, const char *signature, uint8_t revision);

/* The table ends here: fill in its length and checksum. */
void sdt_end(struct emit *e, size_t start);

#endif
